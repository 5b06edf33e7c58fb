"""Which genes every two signatures share: a predictor must not hold genes of the outcome."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import activity
    from tilt.genes import tables as gene_tables

    shared = activity.overlaps(gene_tables.read_signatures(snakemake.input[0]))
    pairs = shared[(shared["set_a"] != shared["set_b"]) & (shared["n_shared"] > 0)]
    log.info("%d pairs of sets share genes", len(pairs))
    tables.write(shared, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
