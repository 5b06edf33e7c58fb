"""Unfiltered matrices that a sample sheet names for antibody tags, checked before any work."""

from collections.abc import Mapping
from pathlib import Path

from tilt.config.messages import problem, shared_files
from tilt.core.terms import DROPLETS_COLUMN
from tilt.core.text import few
from tilt.io import layouts


def check(cohort: Mapping, path: Path, rows: list) -> list[str]:
    """Problems of the column ``raw`` of a sheet."""
    files = [(number, row, layouts.droplet_file(cohort, row)) for number, row in rows]
    named = [one for one in files if one[2]]
    where = f"column `{DROPLETS_COLUMN}`"
    if not named:
        return []
    if not cohort.get("protein"):
        wrong = "unfiltered matrices serve antibody tags alone, and the cohort has no `protein`"
        return [problem(path, where, wrong, fix="take the column out, or add `protein`")]
    found = []
    apart = cohort["protein"].get("from") == "folder"  # then a sample may have no tags
    without = [
        str(row.get("sample"))
        for _, row, file in files
        if not file and (row.get("tags") or not apart)
    ]
    if without:
        wrong = f"{len(named)} of {len(files)} samples have an unfiltered matrix: their values "
        wrong += "would be in other units than those of the rest"
        fix = "give it for all samples, or for none"
        found.append(problem(path, where, wrong, f"none for {few(without)}", fix=fix))
    for number, row, file in named:
        if file.endswith(".h5"):
            continue
        place = f"line {number} (sample {row.get('sample')}), {where}"
        fix = "name raw_feature_bc_matrix.h5 of Cell Ranger"
        found.append(problem(path, place, "no HDF5 file", row[DROPLETS_COLUMN], fix=fix))
    if cohort.get("cell_table") or cohort.get("format") in layouts.WHOLE_COHORT:
        return found  # samples of one lane share its droplets
    fix = "give each sample the matrix of its own library"
    same = [(number, str(row.get("sample")), file) for number, row, file in named]
    return found + shared_files(path, same, DROPLETS_COLUMN, "name the same matrix", fix)
