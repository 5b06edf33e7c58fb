"""Leiden clusters at the resolutions of the config."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.cells import embed, embed_gpu
    from tilt.core import tables

    cells = ad.read_h5ad(snakemake.input[0])
    log.info("%d cells at resolutions %s", cells.n_obs, snakemake.params.resolutions)
    leiden = embed_gpu.leiden if snakemake.params.device == "gpu" else embed.leiden
    found = leiden(
        cells.obsp["connectivities"],
        cells.obs_names,
        snakemake.params.resolutions,
        snakemake.params.seed,
        snakemake.params.package,
    )
    log.info("clusters: %s", found.nunique().to_dict())
    found.insert(0, "cell", cells.obs_names)
    tables.write(found, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
