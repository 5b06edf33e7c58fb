"""T cells of all samples into one count store, and the cohort's tables of samples and donors."""

import json
from pathlib import Path
from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import pandas as pd

    from tilt.cells import gather
    from tilt.core import tables
    from tilt.core.text import few
    from tilt.io import store, tags
    from tilt.stages import cohort

    rows = pd.DataFrame(snakemake.params.rows)
    samples = list(zip(rows["sample"], snakemake.input.samples, strict=True))
    variables: dict[str, pd.DataFrame] = {}
    for sample, path in samples:
        own, last = store.read_part(path, "var"), next(reversed(variables.values()), None)
        variables[sample] = last if last is not None and last.equals(own) else own
    var = gather.shared_genes(variables)
    read = (
        (
            store.read_part(path, "obs"),
            variables[sample],
            store.read_part(path, "X"),
            store.read_slot(path, tags.SLOT),
        )
        for sample, path in samples
    )
    n_cells = store.write_store(snakemake.output.counts, gather.t_cells(read, var), var)
    log.info("%d T cells, %d genes", n_cells, len(var))
    summaries = [json.loads(Path(path).read_text()) for path in snakemake.input.summaries]
    cells = pd.concat([tables.read(path) for path in snakemake.input.cells], ignore_index=True)
    for names in gather.same_libraries(cells):
        log.warning(
            "cohort %s: samples %s hold the same barcodes with the same counts: one library under "
            "%d names? Its cells count each time. Fix: take the copies out of the sheet",
            *(snakemake.wildcards.cohort, few(names), len(names)),
        )
    tables.write(cells, snakemake.output.cells)
    found = cohort.sample_tables(rows, summaries, cells, snakemake.wildcards.cohort)
    for name, table in found.items():
        tables.write(table, snakemake.output[name])
    if n_cells == 0:
        raise SystemExit(
            f"cohort {snakemake.wildcards.cohort}: no T cell found among {len(cells)} barcodes of "
            f"{len(rows)} samples. Fix: look at lineages.tsv and at the limits in `qc`."
        )


if __name__ == "__main__":
    main(snakemake)
