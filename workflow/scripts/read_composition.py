"""Take a published table of cells per donor and subset as the composition of a cohort."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    logs.begin(snakemake.log[0])  # before numpy is imported
    import pandas as pd

    from tilt.core import tables
    from tilt.donors import published
    from tilt.donors import units

    options = dict(snakemake.params.options)
    sheet = pd.DataFrame(snakemake.params.samples).assign(cohort=snakemake.wildcards.cohort)
    table = published.read_published(snakemake.input[0])
    counted = published.from_table(
        table,
        sheet,
        groups=options.get("groups") or {},
        unit=options.get("unit") or "donor",
        denominator=options.get("denominator") or "total",
        total=options.get("total"),
    )
    tables.write(counted, snakemake.output.composition)
    donors = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    tables.write(donors, snakemake.output.donors)


if __name__ == "__main__":
    main(snakemake)
