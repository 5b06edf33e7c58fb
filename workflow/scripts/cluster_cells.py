"""Leiden clusters at the resolutions of the config."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import pandas as pd

    from tilt.cells import embed, embed_gpu
    from tilt.core import tables
    from tilt.io import store

    weights = store.read_part(snakemake.input[0], "obsp/connectivities")
    log.info("%d cells at resolutions %s", weights.shape[0], snakemake.params.resolutions)
    leiden = embed_gpu.leiden if snakemake.params.device == "gpu" else embed.leiden
    found = leiden(
        weights,
        pd.RangeIndex(weights.shape[0]),
        snakemake.params.resolutions,
        snakemake.params.seed,
        snakemake.params.package,
    )
    log.info("clusters: %s", found.nunique().to_dict())
    names = store.read_part(snakemake.input[0], "obs").index  # large, so not before
    found.insert(0, "cell", names)
    tables.write(found, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
