"""Raw counts of one sample to the sample object: quality control, doublets, lineages."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import json

import pandas as pd

from tilt import genes, layouts, provenance, readers, samples, tables

row, source, batch = snakemake.params.row, snakemake.params.source, snakemake.params.batch
about = {name: row[name] for name in ("sample", "donor", "condition")}
about = {"cohort": snakemake.wildcards.cohort, **about, "batch": row.get(batch) or "one"}
try:
    files = layouts.sample_files(source, row)
    raw = readers.read_sample(source["format"], files, **layouts.read_options(source, row))
    raw.obs = raw.obs.rename(columns={source.get("author_labels"): "author_label"})
    markers = genes.read_markers(snakemake.input.markers[0])
    aliases = genes.read_aliases(snakemake.input.aliases)
    sample, cells, summary = samples.process(
        raw, about, snakemake.params.qc, markers, aliases, snakemake.params.seed
    )
    summary = {"sample": row["sample"], "status": "ok", "message": "", **summary}
    summary["inputs"] = [provenance.file_record(path) for path in files.values()]
except ValueError as error:  # BadSample, TooFewCells, or names that are no genes
    named = str(error).startswith(f"sample {row['sample']}:")
    told = str(error) if named else f"sample {row['sample']}: {error}"
    if snakemake.params.on_bad_sample != "skip":
        if named:
            raise
        raise ValueError(told) from error
    log.warning("skipped: %s", told)
    sample, cells = samples.empty(about), pd.DataFrame({"cell": []})
    summary = {"sample": row["sample"], "status": "skipped", "message": told, "steps": []}

for name, value in about.items():
    if name not in cells:
        cells[name] = value
with tables.atomic(snakemake.output.sample) as part:
    sample.write_h5ad(part, compression="lzf")
tables.write(cells, snakemake.output.cells)
with tables.atomic(snakemake.output.summary) as part:
    part.write_text(json.dumps(summary, indent=1))
