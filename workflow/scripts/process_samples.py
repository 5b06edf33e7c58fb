"""Raw counts to sample objects, one by one: quality control, doublets, lineages."""

import json
from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.genes import tables as gene_tables
    from tilt.io import store
    from tilt.stages import sample

    params = snakemake.params
    markers = gene_tables.read_markers(*snakemake.input.markers)
    aliases = gene_tables.read_aliases(snakemake.input.aliases)
    stopped = []
    outputs = zip(
        params.rows,
        snakemake.output.samples,
        snakemake.output.cells,
        snakemake.output.summaries,
        strict=True,
    )
    for row, sample_file, cells_file, summary_file in outputs:
        about = sample.about(row, params.cohort, params.batch)
        try:
            made = sample.run(row, about, params.source, params.qc, markers, aliases, params.seed)
        except ValueError as wrong:  # BadSample, TooFewCells, or names that are no genes
            error = sample.named(wrong, row["sample"])
            if snakemake.config.get("on_bad_sample") != "skip":
                stopped.append(error)
                continue
            log.warning("skipped: %s", error)
            made = sample.skipped(about, str(error))
        kept, cells, summary = made
        with tables.atomic(sample_file) as part:
            store.write_sample(part, kept)
        tables.write(cells, cells_file)
        with tables.atomic(summary_file) as part:
            part.write_text(json.dumps({"sample": row["sample"], **summary}, indent=1))
    for error in stopped[:-1]:
        log.error("%s", error)
    if stopped:
        raise stopped[-1]


if __name__ == "__main__":
    main(snakemake)
