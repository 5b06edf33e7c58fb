"""UMAP of a cohort's T cells."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad
    import pandas as pd

    from tilt.cells import embed, embed_gpu, mixing
    from tilt.core import tables

    cells = ad.read_h5ad(snakemake.input[0])
    log.info("UMAP of %d cells", cells.n_obs)
    umap = embed_gpu.umap if snakemake.params.device == "gpu" else embed.umap
    places = umap(cells, snakemake.params.min_dist, snakemake.params.seed, snakemake.threads)
    table = pd.DataFrame(places, columns=["umap1", "umap2"])
    table.insert(0, "cell", cells.obs_names)
    table["donors_near"] = mixing.groups_near(cells.obsp["distances"], cells.obs["donor"])
    tables.write(table, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
