"""E4, the protein axis: PD-1hi ICOS+ against CD96hi memory CD4 cells of each donor.

The phenotype of Law 2024 (PMID:38987586) as flow cytometry sees it. Cuts are quantiles of all
memory CD4 cells of a cohort with every donor weighing alike, blind to the condition, of values
less the background of each batch (:mod:`tilt.cells.proteins`). A cell inside both gates is counted
for neither.
"""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from tilt.cells import groups
from tilt.core.contracts import IMBALANCE, PROTEIN_COUNTS
from tilt.core.terms import PROTEIN_AXIS, UNIT, UNIT_KEY
from tilt.core.text import listed
from tilt.donors import imbalance

log = logging.getLogger(__name__)

# Quantile above which a memory CD4 cell is "high" (that of the score poles, E2) or "positive". In
# simulated cohorts (tests/truth) the difference shows as surely from .90 to .95, and .95 dilutes it
# less with cells that are no Tph or Th22.
HIGH, POSITIVE = 0.95, 0.75
GATES = {"tph": {"PD-1": HIGH, "ICOS": POSITIVE}, "th22": {"CD96": HIGH}}
NEEDED = tuple(protein for gate in GATES.values() for protein in gate)


Gates = Mapping[str, Mapping[str, float]]  # pole -> protein -> quantile


def gates(aligned: pd.DataFrame, donor: np.ndarray, rules: Gates = GATES) -> pd.DataFrame:
    """Cells inside the gate of each pole (bool; columns tph, th22).

    ``aligned``: memory CD4 cells x proteins, all of ``NEEDED`` among them; a cell that lacks one of
    them is in no gate and moves no cut. ``rules``: other gates than those of E4.
    """
    known = aligned[list(NEEDED)].notna().all(axis=1).to_numpy()
    out = {}
    for pole, proteins in rules.items():
        inside = known.copy()
        for protein, quantile in proteins.items():
            values = aligned[protein].to_numpy(float)
            cut = groups.donor_quantile(values[known], donor[known], quantile)
            inside &= values > cut
            log.info("%s above %.3f of %s", pole, cut, protein)
        out[pole] = inside
    return pd.DataFrame(out, index=aligned.index)


def counts(aligned: pd.DataFrame, cells: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Cells of both poles of each unit, and why there are none.

    Parameters
    ----------
    aligned
        Cells x proteins, NaN where a cell lacks the tag.
    cells
        Labels with donor and condition, in the order of ``aligned``.
    units
        UNIT columns of every donor.

    Returns
    -------
    Table of :data:`tilt.core.contracts.PROTEIN_COUNTS`; ``n_cells`` are memory CD4 cells with all
    antibodies of the axis.
    """
    table = units[UNIT].astype(str).reset_index(drop=True)
    inside = groups.working_set(cells)
    absent = [name for name in NEEDED if name not in aligned or aligned[name].isna().all()]
    if absent:
        reason = f"no antibody against {listed(absent)} in this cohort"
        zero = dict.fromkeys(("n_cells", "n_tph", "n_th22", "n_both"), 0)
        return table.assign(**zero, reason=reason)
    table = gated(aligned.loc[inside, list(NEEDED)], cells.loc[inside, UNIT_KEY], table)
    key = pd.MultiIndex.from_frame(table[UNIT_KEY])
    table["reason"] = _reasons(aligned, cells, key, table["n_cells"].to_numpy())
    return table[list(PROTEIN_COUNTS.columns)]


def gated(
    memory: pd.DataFrame, who: pd.DataFrame, table: pd.DataFrame, rules: Gates = GATES
) -> pd.DataFrame:
    """``table`` (a row a unit) with its memory CD4 cells, those of each pole, and of both.

    ``memory``: memory CD4 cells x ``NEEDED``; ``who``: donor and condition of each.
    """
    who = who.astype(str)
    found = gates(memory, who["donor"].to_numpy(), rules)
    both = found["tph"] & found["th22"]
    one = pd.DataFrame(
        {
            "n_cells": memory[list(NEEDED)].notna().all(axis=1),
            "n_tph": found["tph"] & ~both,
            "n_th22": found["th22"] & ~both,
            "n_both": both,
        }
    )
    key = pd.MultiIndex.from_frame(table[UNIT_KEY])
    sums = one.groupby([who[name].to_numpy() for name in UNIT_KEY]).sum().reindex(key)
    table = table.copy()
    table[list(one)] = sums.fillna(0).astype(int).to_numpy()
    return table


def _reasons(
    aligned: pd.DataFrame, cells: pd.DataFrame, key: pd.MultiIndex, n: np.ndarray
) -> list[str]:
    """Why a donor has no cell with all antibodies; "" where it has some."""
    has = aligned[list(NEEDED)].notna()
    has["any"] = aligned.notna().any(axis=1)
    by = [cells[name].astype(str).to_numpy() for name in UNIT_KEY]
    seen = has.groupby(by).any().reindex(key).fillna(False).astype(bool)
    out = []
    for some, (_, row) in zip(n, seen.iterrows(), strict=True):
        lost = [name for name in NEEDED if not row[name]]
        if some or not lost:
            out.append("")
        elif not row["any"]:
            out.append("no antibody tags of this donor")
        else:
            out.append(f"no antibody against {listed(lost)} in the panel of this donor")
    return out


def beside(imbalances: pd.DataFrame, counted: pd.DataFrame, min_cells: int) -> pd.DataFrame:
    """The table of imbalances with the rows of E4 below (:func:`axis_rows`); it never leads."""
    rows = axis_rows(counted, min_cells)
    lost = int((~rows["estimable"]).sum())
    log.info("%s: estimable in %d of %d donors", PROTEIN_AXIS, len(rows) - lost, len(rows))
    joined = pd.concat([imbalances, rows.assign(leads=False)], ignore_index=True)
    return joined.reindex(columns=list(IMBALANCE.columns))


def axis_rows(counted: pd.DataFrame, min_cells: int) -> pd.DataFrame:
    """E4 of every unit, with the reason where there is none.

    ``counted`` of :func:`counts`; ``min_cells``: memory CD4 cells with all antibodies that a donor
    needs.
    """
    told = counted["reason"].fillna("")
    whole = told.iloc[0] if len(counted) and (told == told.iloc[0]).all() else ""
    rows = imbalance.ratio_rows(counted, PROTEIN_AXIS, min_cells, whole)
    rows["reason"] = np.where(told != "", told, rows["reason"])
    return rows
