"""Split the h5ad of a whole cohort into one file a sample, by blocks of rows."""

from pathlib import Path
from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.io import h5

    folder = Path(snakemake.output[0])
    folder.mkdir(parents=True, exist_ok=True)
    cells = h5.split_h5ad(
        snakemake.params.file,
        snakemake.params.h5ad["sample_column"],
        snakemake.params.h5ad["counts"],
        {sample: folder / f"{sample}.h5ad" for sample in snakemake.params.samples},
        keep=snakemake.params.keep,
        where=snakemake.params.h5ad.get("where"),
        tags_from=snakemake.params.tags_from,
    )
    log.info("cells per sample: %s", cells)


if __name__ == "__main__":
    main(snakemake)
