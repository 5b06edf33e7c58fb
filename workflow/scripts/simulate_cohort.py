"""Simulate a cohort: raw files in the layout of its cohort file, and the truth beside them."""

from pathlib import Path
from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import contracts, tables
    from tilt.genes import tables as gene_tables
    from tilt.simulate import cohort as simulate, write

    params = simulate.read_parameters(snakemake.input.params)
    sheet = tables.read(snakemake.input.sheet, contracts.FREE).sort_values("sample")
    folder = Path(snakemake.output[0])
    samples = simulate.cohort(
        params,
        sheet,
        gene_tables.read_markers(*snakemake.input.markers),
        gene_tables.read_signatures(snakemake.input.signatures),
        snakemake.params.seed,
    )
    cells = write.write_cohort(samples, sheet.to_dict("records"), snakemake.params.format, folder)
    donors = simulate.donor_truth(params, sheet, snakemake.params.seed)
    write.write_truth(cells, donors, simulate.planted(params), folder)
    log.info("%d cells of %d samples written to %s", len(cells), len(sheet), folder)


if __name__ == "__main__":
    main(snakemake)
