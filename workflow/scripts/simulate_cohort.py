"""Simulate a cohort: raw files in the layout of its cohort file, and the truth beside them."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from pathlib import Path

from tilt import genes, simulate, simulate_write, tables

params = simulate.read_parameters(snakemake.input.params)
sheet = tables.read(snakemake.input.sheet)
folder = Path(snakemake.output[0])
samples = simulate.cohort(
    params,
    sheet,
    genes.read_markers(snakemake.input.markers[0]),
    genes.read_signatures(snakemake.input.signatures),
    snakemake.params.seed,
)
cells = simulate_write.write_cohort(
    samples, sheet.to_dict("records"), snakemake.params.format, folder
)
donors = simulate.donor_truth(params, sheet, snakemake.params.seed)
simulate_write.write_truth(cells, donors, simulate.planted(params), folder)
log.info("%d cells of %d samples written to %s", len(cells), len(sheet), folder)
