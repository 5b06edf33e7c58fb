"""Tables of T-cell receptors that a sample sheet names, checked before any work."""

import zlib
from collections.abc import Mapping
from pathlib import Path

from tilt.config.messages import problem, shared_files
from tilt.core.terms import RECEPTORS_COLUMN
from tilt.core.text import count, few
from tilt.io import layouts, receptor_columns


def check(cohort: Mapping, path: Path, rows: list) -> tuple[list[str], list[str]]:
    """Problems of the column ``vdj`` of a sheet, and notes that stop nothing.

    Files that are not there are told with the others of their sample; those that the run brings are
    looked at when they are read.
    """
    files = [(n, row, layouts.receptor_file(cohort, row)) for n, row in rows]
    named = [one for one in files if one[2]]
    if not named:
        return [], []
    if cohort.get("format") == "composition_table":
        wrong, fix = "a table of counts has no cells with receptors", "take the column `vdj` out"
        return [problem(path, "column `vdj`", wrong, fix=fix)], []
    found = [] if cohort.get("cell_table") else _shared(path, named)
    for number, row, file in named:
        if "simulated" in cohort or "retrieve" in cohort or not Path(file).is_file():
            continue
        where = f"line {number} (sample {row.get('sample')}), column `vdj`"
        try:
            names, _ = receptor_columns.head(file)
        except (OSError, EOFError, zlib.error) as error:
            fix = "fetch it again"
            found.append(problem(path, where, f"cannot be read ({error})", file, fix=fix))
            continue
        _, lost = receptor_columns.columns(names)
        if lost:
            wrong = f"{file} {receptor_columns.lacking(names, lost)}"
            found.append(
                problem(path, where, wrong, row[RECEPTORS_COLUMN], fix=receptor_columns.GIVE)
            )
    without = [row.get("sample") for _, row, file in files if not file]
    notes = []
    if without:
        notes = [
            f"cohort {cohort.get('name')}: {count(len(without), 'sample')} of {len(rows)} without "
            f"receptors (column `vdj` is empty): {few(without)}"
        ]
    return found, notes


def _shared(path: Path, named: list) -> list[str]:
    """Samples that name the same table."""
    fix = (
        "give each sample its own contigs: barcodes are unique within a library only. A lane "
        "of several samples needs `cell_table`"
    )
    files = [(number, str(row.get("sample")), file) for number, row, file in named]
    return shared_files(path, files, RECEPTORS_COLUMN, "name the same table", fix)
