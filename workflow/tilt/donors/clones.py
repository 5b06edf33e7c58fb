"""Clones of each donor: how far they are expanded in each subset, and which subsets share them.

All values are those of a common number of cells (rarefaction): a donor of whom more cells were
sequenced shows more of every clone. The number is the smallest of the donors that have at least
``LEAST`` cells with a receptor; blind to the condition.
"""

import logging
import zlib

import numpy as np
import pandas as pd
from scipy.special import gammaln

from tilt.cells import groups
from tilt.cells.receptors import MAIT, NKT
from tilt.core.contracts import CLONES
from tilt.core.terms import (
    CLONE_D50,
    CLONE_EXPANDED,
    CLONE_GINI,
    MAIT_CHAIN,
    NKT_CHAIN,
    SHARED_CLONES,
    UNIT,
    UNIT_KEY,
)

log = logging.getLogger(__name__)

LEAST = 20  # cells with both chains of a donor in a subset
DIGITS = 8  # of percents from logarithms: what is zero is zero
DRAWS = 100  # of cells at the common number, for Gini and D50
# Subsets whose clones are looked for in each other: help to B cells inside and outside of follicles
# (Rao 2017, PMID:28150777), and cytotoxic CD4 T cells, the most expanded ones of blood.
PAIRS = (
    ("CD4_Tph_like", "CD4_Tfh_circ"),
    ("CD4_Tph_like", "CD4_CTL"),
    ("CD4_Tfh_circ", "CD4_CTL"),
)


def _log_choose(n: np.ndarray, k: np.ndarray | int) -> np.ndarray:
    return gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - k + 1)


def unseen(sizes: np.ndarray, total: int, depth: int) -> np.ndarray:
    """Chance that ``depth`` of ``total`` cells hold none of a clone, for clones of these sizes.

    Hurlbert 1971 (doi:10.2307/1934145).
    """
    sizes = np.asarray(sizes, int)
    rest = total - sizes
    out = np.zeros(len(sizes))
    able = rest >= depth
    out[able] = np.exp(_log_choose(rest[able], depth) - _log_choose(np.array(total), depth))
    return out


def expanded(sizes: np.ndarray, depth: int) -> float:
    """Expected percent of ``depth`` cells whose clone is there at least twice."""
    sizes = np.asarray(sizes, int)
    total = int(sizes.sum())
    rest = total - sizes
    able = rest >= depth - 1
    logs = np.log(sizes[able]) + _log_choose(rest[able], depth - 1)
    alone = np.exp(logs - _log_choose(np.array(total), depth)).sum()
    return round(float(100 * (1 - alone / depth)), DIGITS)


def gini(sizes: np.ndarray) -> float:
    """Gini index of the sizes of clones: 0 where all are as large."""
    ordered = np.sort(np.asarray(sizes, float))
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))


def d50(sizes: np.ndarray) -> float:
    """Percent of the clones, the largest first, that hold half of the cells."""
    ordered = np.sort(np.asarray(sizes))[::-1]
    needed = np.searchsorted(np.cumsum(ordered), ordered.sum() / 2) + 1
    return float(100 * needed / len(ordered))


def at_depth(sizes: np.ndarray, depth: int, seed: int) -> tuple[float, float]:
    """Mean Gini index and D50 of draws of ``depth`` cells without replacement."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    found = []
    for _ in range(DRAWS if depth < len(owner) else 1):
        drawn = np.bincount(rng.choice(owner, depth, replace=False))
        drawn = drawn[drawn > 0]
        found.append((gini(drawn), d50(drawn)))
    return tuple(map(float, np.mean(found, axis=0)))  # type: ignore[return-value]


def shared(sizes: pd.Series, other: pd.Series, depth: int) -> float:
    """Expected percent of cells whose clone is also among ``depth`` cells of the other subset.

    ``sizes``, ``other``: cells of each clone of a donor in both subsets (index: clone).
    """
    there = other.reindex(sizes.index).fillna(0).to_numpy(int)
    seen = 1 - unseen(there, int(other.sum()), depth)
    return round(float(100 * (sizes.to_numpy() @ seen) / sizes.sum()), DIGITS)


def measure(
    cells: pd.DataFrame, receptors: pd.DataFrame, units: pd.DataFrame, subsets: list[str], seed: int
) -> pd.DataFrame:
    """Every measure of every unit and subset.

    Parameters
    ----------
    cells
        Labels with donor and condition, one row a T cell.
    receptors
        Table of :data:`tilt.core.contracts.RECEPTORS`, in the order of ``cells``.
    units
        UNIT columns of every donor.
    subsets
        Subsets to measure, beside the groups of :mod:`tilt.cells.groups`.
    seed
        Of the draws; a donor's hang on its own name alone.

    Returns
    -------
    Table of :data:`tilt.core.contracts.CLONES`: expanded, D50 and shared in percent; of invariant
    chains the percent of the T cells with an alpha chain.
    """
    masks = {name: mask.to_numpy() for name, mask in groups.masks(cells).items()}
    every = masks["t"]
    masks |= {name: every & (cells["subset"] == name).to_numpy() for name in subsets}
    clone = receptors["clone"].to_numpy()
    who = cells[UNIT_KEY].astype(str).reset_index(drop=True).assign(clone=clone)
    sizes = {
        name: who[mask & (clone != "")].groupby([*UNIT_KEY, "clone"]).size()
        for name, mask in masks.items()
    }
    table = units[UNIT].astype(str).reset_index(drop=True)
    rows: list[dict] = []
    depths = {}
    for name, found in sizes.items():
        by_unit = _of_units(found, table)
        depths[name] = _depth(by_unit)
        for unit, mine in zip(table.to_dict("records"), by_unit, strict=True):
            about = unit | {"subset": name, "n_cells": int(mine.sum()), "n_clones": len(mine)}
            rows += _of_subset(about, mine, depths[name], seed)
    for name, other in PAIRS:
        if name not in sizes or other not in sizes:
            continue
        both = [_of_units(sizes[one], table) for one in (name, other)]
        for unit, mine, theirs in zip(table.to_dict("records"), *both, strict=True):
            about = unit | {"subset": name, "measure": f"{SHARED_CLONES}{other}"}
            about |= {
                "n_cells": int(mine.sum()),
                "n_clones": len(mine.index.intersection(theirs.index)),
            }
            why = _short(mine, name) or _short(theirs, other)
            value = np.nan if why else shared(mine, theirs, depths[other])
            rows.append(about | {"value": value, "depth": depths[other], "reason": why})
    rows += _invariant(cells, receptors, table, every)
    out = pd.DataFrame(rows, columns=list(CLONES.columns))
    out["estimable"] = out["value"].notna()
    log.info("clones: %d of %d values estimable", int(out["estimable"].sum()), len(out))
    return out


def _of_units(sizes: pd.Series, table: pd.DataFrame) -> list[pd.Series]:
    """Cells of each clone of every unit (index: clone)."""
    found = {key: part.droplevel(UNIT_KEY) for key, part in sizes.groupby(level=UNIT_KEY)}
    none = pd.Series([], index=pd.Index([], dtype=object), dtype=int)
    return [found.get(key, none) for key in table[UNIT_KEY].itertuples(index=False, name=None)]


def _depth(by_unit: list[pd.Series]) -> int:
    """Common number of cells of a subset; 0 where no donor has enough."""
    return min((int(mine.sum()) for mine in by_unit if mine.sum() >= LEAST), default=0)


def _short(mine: pd.Series, name: str) -> str:
    """Why the clones of a donor in a subset are not measured; "" where they are."""
    return f"fewer than {LEAST} cells of {name} with both chains" if mine.sum() < LEAST else ""


def _of_subset(about: dict, mine: pd.Series, depth: int, seed: int) -> list[dict]:
    why = _short(mine, about["subset"])
    values = dict.fromkeys((CLONE_EXPANDED, CLONE_GINI, CLONE_D50), np.nan)
    if not why:
        own = "|".join(str(about[k]) for k in (*UNIT_KEY, "subset"))
        sizes = np.sort(mine.to_numpy())
        index, half = at_depth(sizes, depth, zlib.crc32(f"{seed}|{own}".encode()))
        values[CLONE_EXPANDED] = expanded(sizes, depth)
        values |= {CLONE_GINI: index, CLONE_D50: half}
    return [
        about | {"measure": name, "value": value, "depth": depth, "reason": why}
        for name, value in values.items()
    ]


def _invariant(
    cells: pd.DataFrame, receptors: pd.DataFrame, table: pd.DataFrame, inside: np.ndarray
) -> list[dict]:
    """Percent of the T cells with an alpha chain that have an invariant one, by unit."""
    who = [cells[name].astype(str).to_numpy() for name in UNIT_KEY]
    has = receptors["n_tra"].to_numpy() > 0
    key = pd.MultiIndex.from_frame(table[UNIT_KEY])

    def tally(mask: np.ndarray) -> np.ndarray:
        sums = pd.Series(mask.astype(int)).groupby(who).sum()
        return sums.reindex(key).fillna(0).to_numpy(int)

    total = tally(inside & has)
    rows = []
    for kind, name in ((MAIT, MAIT_CHAIN), (NKT, NKT_CHAIN)):
        n = tally(inside & has & (receptors["invariant"] == kind).to_numpy())
        for unit, mine, whole in zip(table.to_dict("records"), n, total, strict=True):
            short = whole < LEAST
            why = f"fewer than {LEAST} cells with an alpha chain"
            about = {
                "subset": "t",
                "measure": name,
                "n_cells": int(whole),
                "n_clones": int(mine),
            }
            value = np.nan if short else 100 * mine / whole
            rows.append(unit | about | {"value": value, "depth": 0, "reason": why if short else ""})
    return rows
