"""The authors' labels in a file that is here, held against the cohort's ``label_map``."""

import os
from pathlib import Path

from tilt.config.messages import as_yaml, problem
from tilt.core.terms import UNASSIGNED
from tilt.core.text import count, few


def unmapped(cohort: dict, known: set[str]) -> list[str]:
    """Labels of the cells of the cohort that ``label_map`` does not translate.

    Only files that are here are looked at. Reading them imports h5py, so this is done where a
    map is given and not at every start. ``known``: labels of the marker table.
    """
    given, column = cohort.get("label_map"), cohort.get("author_labels")
    if not isinstance(given, dict) or not given or not isinstance(column, str):
        return []
    found: dict[str, int] = {}
    for path in _files(cohort):
        try:
            for label, n in _labels(path, cohort, column).items():
                found[label] = found.get(label, 0) + n
        except (OSError, KeyError, ValueError):
            continue  # told when the sample is read, with its name
    lost = sorted(set(found) - {str(label) for label in given} - {""})
    if not lost:
        return []
    n = sum(found[label] for label in lost)
    wrong = f"{count(len(lost), 'label')} of {count(n, 'cell')} in `{column}` is not in the map"
    wrong = wrong if len(lost) == 1 else wrong.replace(" is not ", " are not ")
    same = {name.lower(): name for name in known}
    fix = "\n".join(
        as_yaml([], {label: same.get(label.lower(), UNASSIGNED)})[1:-1] for label in lost[:20]
    )
    return [problem(cohort["path"], "label_map", wrong, few(lost, 20), fix=f"add\n{fix}")]


def _files(cohort: dict) -> list[Path]:
    from tilt.io import layouts

    if cohort.get("format") not in ("h5ad", "h5ad_per_sample"):
        return []
    try:
        paths = [Path(path) for path in layouts.raw_files(cohort)]
    except layouts.LayoutError:
        return []
    return [path for path in paths if os.path.isfile(path)]


def _labels(path: Path, cohort: dict, column: str) -> dict[str, int]:
    """Labels of the wanted cells of an h5ad, and how many cells have each."""
    from collections import Counter

    from tilt.io import h5_parts

    own = cohort.get("h5ad") or {}
    with h5_parts.opened(path, "") as file:
        labels = h5_parts.column(file, column, "", path)
        wanted = h5_parts.chosen(file, own.get("where") or {}, len(labels), "", path)
        if cohort["format"] == "h5ad":
            samples = h5_parts.column(file, own.get("sample_column", "sample"), "", path)
            ours = h5_parts.of_samples(samples, [r["sample"] for r in cohort["samples"]], path)
            wanted &= [value in ours for value in samples]
    return Counter(label for label, take in zip(labels, wanted, strict=True) if take)
