"""A first cohort file and sample sheet from a look at a folder or an h5ad, with what was guessed.

Nothing is decided here: what is written is completed by the user and checked like any other.
"""

import re
from pathlib import Path

from tilt.config import beside_rna
from tilt.config.discover_sheet import KNOWN, NOBODY, NoSheet, columns, joined, tidy
from tilt.core.text import count, few, safe_name
from tilt.io.layouts import BARCODES, FEATURES, MATRIX
from tilt.io.places import is_store

CONTROL = re.compile(
    r"(^|[^a-z])(hc|hd|hv|healthy|control|ctrl|normal|nc|unstim|unstimulated)(?![a-z])", re.I
)
CASE = re.compile(r"(^|[^a-z])(sle|lupus|patient|case|systemic lupus erythematosus)(?![a-z])", re.I)
# How droplets of one cell are called.
SINGLET = re.compile(r"^(singlets?|sng)$", re.I)
# Visits that come before others, and after them; the rest is sorted as numbers and letters.
BEFORE = re.compile(
    r"(^|[^a-z])(pre|before|base|baseline|untreated|screen\w*|first|flare)(?![a-z])", re.I
)
AFTER = re.compile(r"(^|[^a-z])(post|after|treated|follow\w*|remission|last)(?![a-z])", re.I)
# Columns of which a sample has one value.
ONE_EACH = (*KNOWN["donor"], "condition", "stim", "treatment", *KNOWN["visit"])
SHEET_COLUMNS = ("sample", "donor", "condition", "batch", "age", "sex")
MAX_SAMPLES = 2000


Found = tuple[dict, list[dict], list[str]]  # cohort file, rows of its sheet, what was guessed


class NothingFound(ValueError):
    """No count files of a known layout where the user pointed."""


def discover(path: Path, name: str, sheet: Path | None = None) -> Found:
    """Cohort file (dict), rows of its sample sheet, and the guesses made, in words.

    ``path`` is an h5ad of a whole cohort or a folder with the raw files of its samples; ``sheet`` a
    table of who the samples in a folder are. What cannot be guessed is left empty. Raises
    NothingFound.
    """
    path = Path(path)
    if is_store(path) or (path.is_file() and path.suffix in (".h5ad", ".loom")):
        layout, rows, guesses = _h5ad(path)
        where = {"folder": str(path.parent)}
        where |= {"file": path.name} if layout["format"] == "h5ad" else {}
    elif path.is_dir():
        layout, rows, guesses = _folder(path)
        where = {"folder": str(path)}
    else:
        raise NothingFound(f"{path} is neither a folder nor an .h5ad or .loom file")
    beside, seen = beside_rna.look(path, layout | where, rows)
    guesses += seen
    if sheet is not None:
        if layout["format"] == "h5ad":
            raise NothingFound(f"{sheet}: an h5ad says itself who its cells are. Fix: leave it out")
        try:
            rows, more_told = joined(rows, Path(sheet))
        except NoSheet as error:
            raise NothingFound(str(error)) from None
        guesses += more_told
    contrast, told = _contrast(rows)
    visits, more_told = _visits(rows)
    guesses += [*_donors(rows), *told, *more_told]
    more = {key: layout.pop(key) for key in ("genes_file", "h5ad") if key in layout}
    cohort = {
        "name": name,
        "title": name,
        "format": layout["format"],
        **where,
        **more,
        "samples": f"config/samples/{name}.tsv",
        "cells": "pbmc",
        "contrast": contrast,
        **visits,
        "covariates": [],
        "strata": [],
        "batch": "batch",
        **beside,
    }
    guesses.append("cells: pbmc, that is, unsorted blood (t_cells or cd4 if they were sorted)")
    return cohort, rows, guesses


def _folder(folder: Path) -> Found:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    names = {str(p.relative_to(folder)) for p in files}
    matrices = sorted(name for name in names if name.endswith(MATRIX))
    if matrices:
        return _matrices(folder, matrices, names)
    stores = {str(p.relative_to(folder)) for p in folder.rglob("*.zarr") if is_store(p)}
    layouts = {".h5": "10x_h5", **dict.fromkeys((".h5ad", ".loom", ".zarr"), "h5ad_per_sample")}
    for suffix, layout in layouts.items():
        found = sorted(name for name in names | stores if name.endswith(suffix))
        if found:
            rows = [_row(_stem(name), path=name) for name in found]
            return {"format": layout}, rows, [f"format {layout}: {len(found)} files *{suffix}"]
    raise NothingFound(
        f"{folder} holds no matrix.mtx, .h5, .h5ad, .loom or .zarr. Fix: point at the folder that "
        "holds the samples; dense tables need a cohort file written by hand (format table)"
    )


def _matrices(folder: Path, matrices: list[str], names: set[str]) -> Found:
    alone = len({str(Path(name).parent) for name in matrices}) == len(matrices)
    if alone and all(Path(name).name in MATRIX for name in matrices):
        rows = [_row(_folder_name(folder, name), path=str(Path(name).parent)) for name in matrices]
        return {"format": "10x_dir"}, rows, [f"format 10x_dir: {len(rows)} folders with a matrix"]
    rows, lacking = [], []
    for name in matrices:
        prefix = next(name.removesuffix(end) for end in MATRIX if name.endswith(end))
        if not any(prefix + end in names for end in BARCODES):
            continue
        lacking += [] if any(prefix + end in names for end in FEATURES) else [prefix]
        rows.append(_row(Path(prefix).name.rstrip("_.-"), prefix=prefix))
    if not rows:
        raise NothingFound(f"{folder} holds matrices but no barcodes file beside any of them")
    layout, guesses = {"format": "triplets"}, [f"format triplets: {len(rows)} prefixes"]
    if lacking:
        shared = sorted(n for n in names if re.search(r"(genes|features)\.tsv(\.gz)?$", n))
        layout["genes_file"] = shared[0] if shared else ""
        told = shared[0] if shared else "not found: name it in the cohort file"
        guesses.append(
            f"{len(lacking)} samples have no genes file of their own; genes_file: {told}"
        )
    return layout, rows, guesses


def _folder_name(folder: Path, name: str) -> str:
    """A telling name of a 10x folder: the usual names of Cell Ranger's own folders are not."""
    dull = {"outs", "filtered_feature_bc_matrix", "raw_feature_bc_matrix", "GRCh38", "hg19"}
    dull |= {"filtered_gene_bc_matrices"}
    parts = [part for part in Path(name).parent.parts if part not in dull]
    return parts[-1] if parts else folder.name


def _stem(name: str) -> str:
    stem = Path(name).stem
    dull = re.sub(r"[_.-]?(filtered|raw)_(feature|gene)_bc_matri(x|ces)(_h5)?$", "", stem)
    return dull or Path(name).parent.name or stem


def _row(found: str, **files: str) -> dict:
    sample = safe_name(found)
    condition = "control" if CONTROL.search(found) else "SLE" if CASE.search(found) else ""
    row = {"sample": sample, "donor": sample, "condition": condition, "batch": "one"}
    return {**row, "age": "", "sex": "", **files}


def _h5ad(path: Path) -> Found:
    from tilt.io import h5_parts

    with h5_parts.opened(path, "") as file:
        counts = h5_parts.places_of_counts(file)
        names = [name for name in file["obs"] if not name.startswith("_")]
        wanted = {name.lower() for known in KNOWN.values() for name in known}
        obs = {n: h5_parts.column(file, n, "", path) for n in names if n.lower() in wanted}
    if not counts:
        raise NothingFound(f"{path} holds no whole-number counts in X, raw/X or a layer")
    guesses = [f"counts: {counts[0]}"]
    what = columns(obs)
    key = what["sample"] or what["donor"]
    if not key:
        have = f"no column of obs looks like samples or donors: {', '.join(names)}"
        row = _row(path.stem, path=path.name)
        layout = {"format": "h5ad_per_sample", "h5ad": {"counts": counts[0]}}
        return layout, [row], [*guesses, f"one sample ({have}); name its column if there is one"]
    what["donor"] = what["donor"] or key
    told = ", ".join(f"{name} = {column}" for name, column in what.items() if column)
    guesses.append(f"columns of obs: sample = {key}; {told}")
    kept, singlets = _droplets(obs, what["droplet"])
    nobody = [i for i in kept if NOBODY.match(obs[key][i]) or NOBODY.match(obs[what["donor"]][i])]
    if nobody:
        said = sorted({obs[key][i] or "empty" for i in nobody})
        many = count(len(nobody), "cell")
        guesses.append(f"{many} of no donor ({few(said)}) left out: not in the sheet")
    gone = set(nobody)
    values: dict[str, dict[str, set]] = {}
    for i in kept:
        if i in gone:
            continue
        mine = values.setdefault(obs[key][i], {name: set() for name in KNOWN})
        for name, column in what.items():
            if column:
                mine[name].add(obs[column][i])
        if len(values) > MAX_SAMPLES:
            raise NothingFound(f"{key} has more than {MAX_SAMPLES} values: not a column of samples")
    _mixed(path, key, obs, [i for i in kept if i not in gone], what["condition"])
    rows = []
    shown = [*SHEET_COLUMNS, *(["visit"] if what["visit"] else [])]
    for sample, mine in sorted(values.items()):
        rows.append(
            tidy({name: _only(mine[name]) for name in shown} | {"sample": safe_name(sample)})
        )
    about = {"counts": counts[0], "sample_column": key, **singlets}
    guesses += [f"only cells that are {v[0]} in {c}" for c, v in singlets.get("where", {}).items()]
    return {"format": "h5ad", "h5ad": about}, rows, guesses


def _droplets(obs: dict[str, list[str]], column: str) -> tuple[list[int], dict]:
    """Positions of cells that are one cell, and the part of the cohort file that takes them."""
    n = len(next(iter(obs.values())))
    names = sorted({v for v in obs[column] if SINGLET.match(v)}) if column else []
    if not names:
        return list(range(n)), {}
    return [i for i in range(n) if obs[column][i] in names], {"where": {column: names}}


def _mixed(
    path: Path, key: str, obs: dict[str, list[str]], cells: list[int], condition: str
) -> None:
    """Stop where a sample holds cells of two donors, conditions or visits: they would be pooled."""
    for column, found in obs.items():
        if column == key or not (column == condition or column.lower() in ONE_EACH):
            continue
        seen: dict[str, set[str]] = {}
        for i in cells:
            seen.setdefault(obs[key][i], set()).add(found[i])
        mixed = {sample: both for sample, both in seen.items() if len(both) > 1}
        if not mixed:
            continue
        first, both = next(iter(sorted(mixed.items())))
        raise NothingFound(
            f"{path}: {len(mixed)} of {len(seen)} values of {key} hold cells of several values of "
            f"{column} ({first}: {few(sorted(both))}), which would be pooled. Fix: give each "
            "sample a name of its own in the file, and start again:\n"
            f'  adata.obs["sample"] = adata.obs["{key}"].astype(str) + "_" + '
            f'adata.obs["{column}"].astype(str)'
        )


def _visits(rows: list[dict]) -> tuple[dict, list[str]]:
    """Visits, where donors have several samples in one condition that differ in it."""
    seen: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        seen.setdefault((row["donor"], row["condition"]), set()).add(row.get("visit", ""))
    if all(len(visits) < 2 for visits in seen.values()):
        return {}, []
    order = sorted({row["visit"] for row in rows if row["visit"]}, key=_natural)
    order = sorted(
        order, key=lambda name: 0 if BEFORE.search(name) else 1 + bool(AFTER.search(name))
    )
    told = f"visits: {', '.join(order)}, the first one compared between the arms: check the order"
    return {"visits": {"column": "visit", "order": order}}, [told]


def _natural(text: str) -> list:
    """Key that sorts ``week 2`` before ``week 10``."""
    return [(p.isdigit(), int(p) if p.isdigit() else p) for p in re.findall(r"\d+|\D+", text)]


def _donors(rows: list[dict]) -> list[str]:
    """What was taken for granted about people and batches."""
    people, batches = {row["donor"] for row in rows}, {row["batch"] for row in rows}
    told = []
    if len(people) == len(rows) > 1:
        told.append("donor: every sample a person of its own (samples of one person share it)")
    if batches == {"one"}:
        told.append("batch: one for all samples (else name what was processed together)")
    return told


def _only(values: set) -> str:
    """The one value that all cells of a sample share; empty if they differ."""
    return next(iter(values)) if len(values) == 1 else ""


def _contrast(rows: list[dict]) -> tuple[dict, list[str]]:
    values = sorted({row["condition"] for row in rows} - {""})
    control = next((v for v in values if CONTROL.search(v)), "")
    others = [v for v in values if v != control]
    case = next((v for v in others if CASE.search(v)), others[0] if len(others) == 1 else "")
    n_open = sum(row["condition"] == "" for row in rows)
    guesses = [f"contrast: case {case or '?'}, control {control or '?'}"]
    if n_open:
        guesses.append(f"condition of {n_open} of {len(rows)} samples is not known: fill it in")
    found: dict = {"case": case or "SLE", "control": control or "control"}
    further = [v for v in others if v != case]
    if case and control and further:
        guesses.append(
            f"{count(len(further), 'further condition')} ({few(further)}): name them under "
            "`groups` and `contrasts`, or take their rows out"
        )
    arms: dict[str, set[str]] = {}
    for row in rows:
        arms.setdefault(row["donor"], set()).add(row["condition"])
    both = sum({case, control} <= mine for mine in arms.values()) if case and control else 0
    if 2 * both > len(arms):
        found["paired"] = True
        guesses.append(f"paired: {both} of {len(arms)} donors have both conditions")
    return found, guesses
