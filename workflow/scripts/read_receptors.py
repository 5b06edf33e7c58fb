"""Receptors of a cohort's T cells, and what became of the contigs of each sample."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.io import store
    from tilt.stages import receptors

    wanted = ["cell", "sample", "is_doublet", "kept"]
    found, samples = receptors.of_cohort(
        snakemake.params.files,
        snakemake.params.samples,
        tables.read(snakemake.input.cells, columns=wanted),
        store.open_store(snakemake.input.counts).obs,
        snakemake.wildcards.cohort,
    )
    tables.write(found, snakemake.output.receptors)
    tables.write(samples, snakemake.output.samples)


if __name__ == "__main__":
    main(snakemake)
