"""Raw counts to the sample object, one sample after the other: quality control, doublets,
lineages."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import json

import pandas as pd

from tilt.core import provenance, tables
from tilt.genes import tables as gene_tables
from tilt.io import layouts, read, store
from tilt.stages import sample as samples

source, batch = snakemake.params.source, snakemake.params.batch
markers = gene_tables.read_markers(*snakemake.input.markers)
aliases = gene_tables.read_aliases(snakemake.input.aliases)


def process(row, about):
    """Sample object, table of barcodes and summary of one row of the sheet."""
    files = layouts.sample_files(source, row)
    raw = read.read_sample(source["format"], files, **layouts.read_options(source, row))
    raw.obs = raw.obs.rename(columns={source.get("author_labels"): "author_label"})
    sample, cells, summary = samples.process(
        raw, about, snakemake.params.qc, markers, aliases, snakemake.params.seed
    )
    inputs = [provenance.file_record(path) for path in files.values()]
    return sample, cells, {"status": "ok", "message": "", **summary, "inputs": inputs}


stopped = []
outputs = zip(
    snakemake.params.rows,
    snakemake.output.samples,
    snakemake.output.cells,
    snakemake.output.summaries,
    strict=True,
)
for row, sample_file, cells_file, summary_file in outputs:
    about = {name: row[name] for name in ("sample", "donor", "condition")}
    about = {"cohort": snakemake.params.cohort, **about, "batch": row.get(batch) or "one"}
    try:
        sample, cells, summary = process(row, about)
    except ValueError as wrong:  # BadSample, TooFewCells, or names that are no genes
        error = wrong
        if not str(wrong).startswith(f"sample {row['sample']}:"):
            error = ValueError(f"sample {row['sample']}: {wrong}")
            error.__cause__ = wrong
        if snakemake.params.on_bad_sample != "skip":
            stopped.append(error)
            continue
        log.warning("skipped: %s", error)
        sample, cells = samples.empty(about), pd.DataFrame({"cell": []})
        summary = {"status": "skipped", "message": str(error), "steps": []}
    for name, value in about.items():
        if name not in cells:
            cells[name] = value
    with tables.atomic(sample_file) as part:
        store.write_sample(part, sample)
    tables.write(cells, cells_file)
    with tables.atomic(summary_file) as part:
        part.write_text(json.dumps({"sample": row["sample"], **summary}, indent=1))

for error in stopped[:-1]:
    log.error("%s", error)
if stopped:
    raise stopped[-1]
