"""UMAP of a cohort's T cells."""

from tilt.core import logs


def main(snakemake) -> None:
    log = logs.begin(snakemake.log[0], snakemake.threads)  # before numpy is imported
    import anndata as ad
    import pandas as pd

    from tilt.cells import embed
    from tilt.core import tables

    cells = ad.read_h5ad(snakemake.input[0])
    log.info("UMAP of %d cells", cells.n_obs)
    embed.umap(cells, snakemake.params.min_dist, snakemake.params.seed, snakemake.threads)
    table = pd.DataFrame(cells.obsm["X_umap"], columns=["umap1", "umap2"])
    table.insert(0, "cell", cells.obs_names)
    tables.write(table, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
