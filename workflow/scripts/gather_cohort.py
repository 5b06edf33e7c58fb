"""T cells of all samples into one count store, and the cohort's tables of samples and donors."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import json
from pathlib import Path

import anndata as ad
import h5py
import pandas as pd

from tilt.cells import gather
from tilt.core import tables
from tilt.donors import units
from tilt.io import store

rows = pd.DataFrame(snakemake.params.rows)
about = rows.assign(cohort=snakemake.wildcards.cohort)[["cohort", "sample", "donor", "condition"]]
variables = {}
for sample, path in zip(rows["sample"], snakemake.input.samples, strict=True):
    with h5py.File(path) as file:
        variables[sample] = ad.io.read_elem(file["var"])
var = gather.shared_genes(variables)


def read(sample, path):
    with h5py.File(path) as file:
        return ad.io.read_elem(file["obs"]), variables[sample], ad.io.read_elem(file["X"])


parts = gather.t_cells(map(read, rows["sample"], snakemake.input.samples), var)
n_cells = store.write_store(snakemake.output.counts, parts, var)
log.info("%d T cells, %d genes", n_cells, len(var))

summaries = [json.loads(Path(path).read_text()) for path in snakemake.input.summaries]
cells = pd.concat([tables.read(path) for path in snakemake.input.cells], ignore_index=True)
usable = rows["sample"].isin([s["sample"] for s in summaries if s["status"] == "ok"])
tables.write(cells, snakemake.output.cells)
tables.write(gather.waterfall(summaries, about), snakemake.output.waterfall)
tables.write(gather.lineage_counts(cells), snakemake.output.lineages)
tables.write(gather.sample_table(summaries, about), snakemake.output.samples)
inputs = [{"sample": s["sample"], **file} for s in summaries for file in s.get("inputs", [])]
tables.write(pd.DataFrame(inputs), snakemake.output.inputs)
donors = units.donors_table(rows[usable].to_dict("records"), snakemake.wildcards.cohort)
tables.write(donors, snakemake.output.donors)
if n_cells == 0:
    raise SystemExit(
        f"cohort {snakemake.wildcards.cohort}: no T cell found among {len(cells)} barcodes of "
        f"{len(rows)} samples. Mend: look at lineages.tsv and at the limits in `qc`."
    )
