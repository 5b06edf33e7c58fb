"""What a user has written or put there that would be passed over without a word."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from tilt.config.messages import problem
from tilt.core.terms import GROUPS
from tilt.core.text import count, few
from tilt.io import layouts

# Keys of a cohort file and columns of a sheet that one format or a few alone read.
H5AD = ("h5ad", "h5ad_per_sample")
KEYS = {
    "genes_file": ("triplets",),
    "genome": ("10x_h5",),
    "file": ("h5ad", "composition_table"),
    "h5ad": H5AD,
    "cell_table": ("triplets",),
    "composition": ("composition_table",),
    "author_labels": (*H5AD, "triplets"),
    "label_map": (*H5AD, "triplets"),
}
COLUMNS = {
    "path": ("10x_dir", "10x_h5", "h5ad_per_sample", "table"),
    **dict.fromkeys(("prefix", "matrix", "barcodes", "features"), ("triplets",)),
}
BLOCK = 1 << 20


def notes(cohort: Mapping, written: Mapping, settings: Mapping) -> list[str]:
    """Keys and columns that the format does not read, and quantities that cannot be counted.

    ``written``: the cohort file as it stands there, without defaults.
    """
    who, layout = f"cohort {cohort.get('name')}", cohort.get("format")
    if layout not in (*layouts.FORMATS, *layouts.WHOLE_COHORT):
        return []
    told = []
    keys = [key for key, formats in KEYS.items() if key in written and layout not in formats]
    if keys:
        told.append(f"{who}: format {layout} does not use {few([f'`{key}`' for key in keys], 8)}")
    columns = cohort["samples"][0] if cohort["samples"] else {}
    idle = [
        name
        for name, formats in COLUMNS.items()
        if name in columns
        and layout not in formats
        and any(row.get(name) for row in cohort["samples"])
    ]
    if idle:
        told.append(
            f"{who}: format {layout} does not use {count(len(idle), 'column')} of the sample "
            f"sheet: {few([f'`{name}`' for name in idle])}"
        )
    return told + _uncounted(who, cohort, settings)


def _uncounted(who: str, cohort: Mapping, settings: Mapping) -> list[str]:
    """Secondary quantities that have no denominator in sorted CD4 T cells."""
    if cohort.get("cells") != "cd4" or cohort["format"] == "composition_table":
        return []
    stats = settings.get("stats")
    declared = stats.get("secondary") if isinstance(stats, dict) else None
    declared = declared if isinstance(declared, list) else []
    pairs = [(e.get("quantity"), e.get("denominator")) for e in declared if isinstance(e, dict)]
    gone = [(quantity, whole) for quantity, whole in pairs if whole not in GROUPS[:2]]
    if not gone:
        return []
    said = few([f"{quantity} in {whole}" for quantity, whole in gone])
    return [
        f"{who}: {len(gone)} of {len(declared)} secondary quantities cannot be counted among "
        f"sorted CD4 T cells and are not tested here: {said}"
    ]


def matrices(cohort: Mapping, path: Path, rows: list[tuple[int, dict]]) -> list[str]:
    """Folders of samples with several matrices, of which one would be read."""
    if cohort.get("format") != "10x_dir" or not cohort.get("folder"):
        return []
    found = []
    for number, row in rows:
        folder = Path(cohort["folder"]) / row.get("path", "")
        if not row.get("path") or not os.path.isdir(folder):
            continue
        names = os.listdir(folder) if os.access(folder, os.R_OK | os.X_OK) else []
        there = sorted(name for name in names if name.endswith(layouts.MATRIX))
        if len({name.removesuffix(".gz") for name in there}) < 2:
            continue  # one, or the same once more unpacked
        where = f"line {number} (sample {row.get('sample')})"
        wrong = f"its folder holds {len(there)} matrices, and one of them would be read"
        fix = "leave one there, or use format: triplets and name the file in the column `matrix`"
        found.append(problem(path, where, wrong, "\n".join(there), fix=fix))
    return found


def copies(cohort: Mapping, path: Path, rows: list[tuple[int, dict]]) -> list[str]:
    """Samples whose counts are the same bytes under two names: cells would be counted twice.

    Only files of one size are read.
    """
    layout = cohort.get("format")
    if layout not in layouts.FORMATS or layout == "h5ad" or cohort.get("cell_table"):
        return []
    sizes = defaultdict(list)
    for number, row in rows:
        try:
            file = Path(next(iter(layouts.sample_files(cohort, row).values())))
        except (layouts.LayoutError, ValueError):
            continue
        if os.path.isfile(file) and file.stat().st_size:
            sizes[file.stat().st_size].append((file.resolve(), number, row.get("sample", ""), file))
    found = []
    for same_size in sizes.values():
        if len({real for real, *_ in same_size}) < 2:
            continue  # alone, or one file named twice, which is told of itself
        same = defaultdict(list)
        for _, number, sample, file in same_size:
            same[_digest(file)].append((number, sample, file))
        for group in same.values():
            if len(group) < 2:
                continue
            where = "lines " + ", ".join(str(number) for number, *_ in group)
            wrong = f"samples {' and '.join(name for _, name, _ in group)} have the same counts"
            shown = "\n".join(str(file) for *_, file in group)
            fix = "give each sample its own files, or take the copy out"
            found.append(problem(path, where, wrong, shown, fix=fix))
    return found


def _digest(file: Path) -> str:
    try:
        with open(file, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        return str(file)  # told when it is read
