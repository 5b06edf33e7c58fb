"""The table of donors, from the sheet and from which of its samples could be used."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import units

    samples = tables.read(snakemake.input[0])
    usable = set(samples.loc[samples["status"] == "ok", "sample"])
    rows = [row for row in snakemake.params.rows if row["sample"] in usable]
    tables.write(units.donors_table(rows, snakemake.wildcards.cohort), snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
