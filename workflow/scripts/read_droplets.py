"""Antibody tags in the empty droplets of each sample of a cohort."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import pandas as pd

    from tilt.core import tables
    from tilt.io import droplets

    parts = []
    for sample, path in snakemake.params.files.items():
        found = droplets.background(path, snakemake.params.names, sample)
        log.info(
            "sample %s: %d empty droplets", sample, found["n_droplets"].max() if len(found) else 0
        )
        found.insert(0, "sample", sample)
        parts.append(found)
    made = pd.concat(parts, ignore_index=True)
    made.insert(0, "cohort", snakemake.wildcards.cohort)
    tables.write(made, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
