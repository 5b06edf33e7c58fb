"""What lies beside the RNA of a cohort that is looked at: antibody tags and receptors."""

import gzip
import os
import re
from collections.abc import Iterable
from pathlib import Path

from tilt.core.terms import RECEPTORS_COLUMN
from tilt.core.text import count
from tilt.io import layouts

TABLES = ("filtered_contig_annotations.csv", "airr_rearrangement.tsv", "contig_annotations.csv")
TAGS = "antibody capture"  # type of features, in 10x files
SLOT = re.compile(r"prot|adt|citeseq|cite_seq", re.I)  # names of slots and modalities


def look(path: Path, layout: dict, rows: list[dict]) -> tuple[dict, list[str]]:
    """Further keys of the cohort file, and guesses; receptors become a column of ``rows``."""
    place = _tags(path, layout, rows)
    more = {"protein": {"from": place}} if place else {}
    told = [f"protein: antibody tags in {place}, as a first look says"] if place else []
    if os.path.isdir(path):
        told += _receptors(path, rows)
    return more, told


def _tags(path: Path, layout: dict, rows: list[dict]) -> str:
    """Where the first sample has antibody tags (``protein: from``), "" if none are seen."""
    try:
        files = layouts.sample_files(layout | {"folder": str(path)}, rows[0])
        if "features" in files:
            return "features" if _named(_lines(Path(files["features"]))) else ""
        if "h5" in files:
            return "features" if _in_10x(files["h5"]) else ""
        return _in_h5ad(path if os.path.isfile(path) else Path(files["h5ad"]))
    except (OSError, EOFError, KeyError, UnicodeDecodeError, layouts.LayoutError):
        return ""  # told when it is read


def _lines(path: Path) -> Iterable[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", errors="replace") as handle:
        yield from handle


def _named(types: Iterable[str]) -> bool:
    return any(TAGS in line.lower() for line in types)


def _in_10x(path: str) -> bool:
    import h5py

    with h5py.File(path) as file:
        features = file.get("matrix/features")
        found = features["feature_type"][:] if features and "feature_type" in features else ()
        return _named({value.decode() for value in found})


def _in_h5ad(path: Path) -> str:
    import h5py

    with h5py.File(path) as file:
        for kind in ("obsm", "mod"):
            for name in file.get(kind, {}):
                if SLOT.search(name):
                    return f"{kind}/{name}"
        types = file.get("var/feature_types")
        if isinstance(types, h5py.Group) and "categories" in types:  # a categorical
            types = types["categories"]
        if isinstance(types, h5py.Group) and "values" in types:  # text with a mask
            types = types["values"]
        found = types[:] if isinstance(types, h5py.Dataset) else ()
        return "features" if _named({bytes(v).decode() for v in found}) else ""


def _receptors(folder: Path, rows: list[dict]) -> list[str]:
    """Fill the column of receptors where tables carry the names of samples."""
    there = {p for p in folder.rglob("*") if p.name.removesuffix(".gz").endswith(TABLES)}
    names = sorted(str(p.relative_to(folder)) for p in there)
    names.sort(key=lambda name: next(i for i, end in enumerate(TABLES) if end in name))
    found = {}
    for row in rows:
        whole = re.compile(rf"(?<![A-Za-z0-9]){re.escape(row['sample'])}(?![A-Za-z0-9])")
        mine = [name for name in names if whole.search(re.sub(r"[^\w./-]", "_", name))]
        found[row["sample"]] = mine[0] if mine else ""
    if not any(found.values()):
        return [f"{count(len(names), 'table')} of receptors, of no sample by name"] if names else []
    for row in rows:
        row[RECEPTORS_COLUMN] = found[row["sample"]]
    n = sum(map(bool, found.values()))
    return [
        f"{RECEPTORS_COLUMN}: tables of receptors of {n} of {len(rows)} samples, by their names"
    ]
