"""Cells for the map of the report: a sample in proportion, with what it can be colored by."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core import tables
from tilt.core.terms import ISG_HIGH, UNASSIGNED
from tilt.core.text import number
from tilt.figures.names import SPARE_COLORS, CohortLabel, pretty, subset_color, subset_order

if TYPE_CHECKING:
    from tilt.io.store import Store

MOST_CELLS = 5_000
MOST_GENES = 40
SCORES = ("tph_score", "th22_score", "isg_score")
STATES = {"tph_high": "Tph-score high", "th22_high": "Th22-score high", ISG_HIGH: "ISG high"}
STATES |= {"proliferating": "proliferating"}
FULL = 255  # of a byte: the 99th percentile of a gene or score


def load(folder: Path, conditions: dict[str, str], seed: int, most: int = MOST_CELLS) -> dict:
    """Cells of a cohort that are drawn, from the files in its results folder.

    ``conditions``: of each sample. Returns ``n`` (T cells in all), ``cells`` (x, y, subset,
    donor, condition, batch, state) and ``values`` (genes and scores, columns by name).
    """
    from tilt.io import store as blocks

    places = tables.read(folder / "umap.tsv.gz", columns=["cell", "umap1", "umap2"])
    labels = tables.read(folder / "labels.tsv.gz").set_index("cell")
    rows = chosen(len(places), most, seed)
    drawn = places.iloc[rows].rename(columns={"umap1": "x", "umap2": "y"}).set_index("cell")
    labels = labels.loc[drawn.index]
    counts = blocks.open_store(folder / "counts.zarr")
    at = counts.obs.index.get_indexer(drawn.index)
    obs = counts.obs.iloc[at]
    cells = drawn.assign(subset=labels["subset"], state=states(labels))
    for column in ("donor", "batch"):
        cells[column] = obs[column].astype(str).to_numpy()
    cells["condition"] = obs["sample"].astype(str).map(conditions).to_numpy()
    scores = tables.read(folder / "scores.tsv.gz", columns=["cell", *SCORES]).set_index("cell")
    genes = genes_of(folder, counts.var["gene_symbol"])
    values = pd.concat(
        [scores.loc[drawn.index], expression(counts, at, genes).set_index(drawn.index)], axis=1
    )
    return {"n": len(places), "cells": cells, "values": values}


def chosen(n: int, most: int, seed: int) -> np.ndarray:
    """Rows of ``most`` of ``n`` cells, each with the same chance, so that shares stay (sorted)."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def states(labels: pd.DataFrame) -> pd.Series:
    """State of each cell: the flags it carries, "none" without any."""
    flags = [name for name in STATES if name in labels]
    marks = [np.where(labels[name].astype(bool), STATES[name], "") for name in flags]
    joined = [" + ".join(filter(None, row)) or "none" for row in zip(*marks, strict=True)]
    return pd.Series(joined or "none", index=labels.index)


def genes_of(folder: Path, measured: Iterable[str]) -> list[str]:
    """Genes of the question, then the first marker of every subset, those that are measured."""
    there = set(measured)
    wanted = list(tables.read(folder / "detectability.tsv")["gene"])
    markers = tables.read(folder / "markers_found.tsv")
    own = markers[(markers["sign"].isin(["+", "positive"])) & markers["found"]]
    wanted += list(own.groupby("label", sort=False)["gene"].first())
    return [gene for gene in dict.fromkeys(wanted) if gene in there][:MOST_GENES]


def expression(counts: "Store", rows: np.ndarray, genes: list[str]) -> pd.DataFrame:
    """Log-normalized expression (CP10k) of ``genes`` in the cells ``rows``, block by block."""
    from tilt.cells.normalize import log_normalized
    from tilt.io import store as blocks

    symbols = pd.Index(counts.var["gene_symbol"])
    columns = symbols.get_indexer(genes)
    depth = counts.obs["n_counts"].to_numpy()
    found = np.zeros((len(rows), len(genes)), np.float32)
    for start, block in blocks.iter_rows(counts):
        inside = np.flatnonzero((rows >= start) & (rows < start + block.shape[0]))
        if len(inside):
            part = block[rows[inside] - start][:, columns]
            found[inside] = log_normalized(part, depth[rows[inside]], 1e4).toarray()
    return pd.DataFrame(found, columns=genes)


def payload(made: dict, cohort: CohortLabel) -> str:
    """The cells as JSON for the page, "" without any.

    Places are 16-bit, categories and values 8-bit numbers in base64; categories beyond 255 are
    left out. It holds no "<", so that it can stand in a script element.
    """
    cells, values = made["cells"], made["values"]
    if cells.empty:
        return ""
    xy = cells[["x", "y"]].to_numpy(float)
    low, high = xy.min(axis=0), xy.max(axis=0)
    spots = np.round((xy - low) / max((high - low).max(), 1e-9) * 65_000).astype("<u2")
    groups = {}
    for column in ("subset", "condition", "donor", "batch", "state"):
        if column not in cells:
            continue
        text = cells[column].fillna("").astype(str)
        names = order(column, text, cohort)
        if not 0 < len(names) <= FULL or (column == "batch" and len(names) < 2):
            continue
        codes = pd.Categorical(text, names).codes.astype(np.uint8)
        sizes = text.value_counts()
        groups[column] = {
            "keys": names,
            "names": [pretty(n) if column == "subset" else n for n in names],
            "colors": [color(column, n, k, cohort) for k, n in enumerate(names)],
            "sizes": [int(sizes[n]) for n in names],
            "codes": packed(codes),
        }
    numbers = {}
    for name in values:
        column = values[name].to_numpy(float)
        bottom = 0.0 if (column >= 0).all() else float(np.quantile(column, 0.01))
        top = float(np.quantile(column, 0.99)) or float(column.max())
        scaled = np.clip((column - bottom) / max(top - bottom, 1e-9), 0, 1)
        numbers[pretty(name)] = {
            "low": round(bottom, 2),
            "high": round(top, 2),
            "codes": packed(np.round(scaled * FULL).astype(np.uint8)),
        }
    said = f"{number(len(cells))} of {number(made['n'])} cells drawn"
    if len(cells) == made["n"]:
        said = f"all {number(made['n'])} cells drawn"
    label = f"UMAP of T cells of {cohort.label}; {said}"
    found = {"n": len(cells), "said": said, "label": label, "x": packed(spots[:, 0])}
    found |= {"y": packed(spots[:, 1]), "groups": groups, "numbers": numbers}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def order(column: str, text: pd.Series, cohort: CohortLabel) -> list[str]:
    """Names of a category in the order of its legend."""
    present = set(text)
    if column == "subset":
        return subset_order(present)
    if column == "condition":
        known = [arm for arm in cohort.arms if arm in present]
        return [*known, *sorted(present - set(known))]
    if column == "state":
        return sorted(present, key=lambda name: (name != "none", name))
    return sorted(present)


def color(column: str, name: str, place: int, cohort: CohortLabel) -> str:
    """Color of a category."""
    if column == "subset":
        return subset_color(name)
    if column == "condition":
        return cohort.color(name)
    if column == "state" and name == "none":
        return subset_color(UNASSIGNED)
    if place < len(SPARE_COLORS):
        return SPARE_COLORS[place]
    return f"hsl({round(360 * (place * 0.618) % 360)} 60% {45 + 20 * (place % 2)}%)"


def packed(numbers: np.ndarray) -> str:
    """Numbers as base64 of their bytes."""
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()
