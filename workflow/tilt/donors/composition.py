"""Donor composition: how many cells of each subset, out of which denominator.

A unit is a donor in a condition (a donor has one, except in paired designs). Denominators move
in lupus (lymphopenia), so every share names its own: memory_cd4, cd4, t, pbmc, or ``total`` of a
published table.
"""

import numpy as np
import pandas as pd

from tilt.cells import groups
from tilt.core.contracts import COMPOSITION, EXPECTED_CONFUSION, KNOWN
from tilt.core.terms import (
    BRANCH,
    DENOMINATORS,
    FLAGS,
    GROUPS,
    ISG_HIGH,
    UNIT,
    UNIT_KEY,
    WORKING_SET,
)

SORTED = {  # by what the cohort's cells are
    "pbmc": DENOMINATORS,
    "t_cells": GROUPS,
    "cd4": GROUPS[:2],
}


def _homes(markers: pd.DataFrame) -> dict[str, tuple[str, tuple[str, ...]]]:
    """For every label of the marker table: its kind, and the denominators it is part of."""
    homes: dict[str, tuple[str, tuple[str, ...]]] = {}
    for row in markers.itertuples():
        if int(row.level) == 1 and row.parent == "T":
            homes[row.label] = (
                "group",
                ("cd4", "t", "pbmc") if row.label == "CD4" else ("t", "pbmc"),
            )
        elif int(row.level) == 2:
            inside: tuple[str, ...] = ("t", "pbmc")
            if row.parent == "CD4":
                inside = ("cd4", *inside)
                if row.compartment == "memory":
                    inside = (WORKING_SET, *inside)
            homes[row.label] = ("subset", inside)
    if "CD4" in homes:
        homes["CD4"] = ("group", ("t", "pbmc"))
    return homes


def labels_of(markers: pd.DataFrame, home: str) -> list[str]:
    """Labels of the marker table whose cells are parts of a denominator."""
    found = _homes(markers).items()
    return [label for label, (kind, homes) in found if kind == "subset" and home in homes]


def count(
    cells: pd.DataFrame,
    markers: pd.DataFrame,
    donors: pd.DataFrame,
    sort: str = "pbmc",
    lineages: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Count subsets per donor against every denominator the cohort's cells allow.

    Parameters
    ----------
    cells
        One row a T cell: donor, condition, branch, subset, compartment, look_alike (bool) and
        the flags tph_high, th22_high, isg_high.
    markers
        The marker table: level, label, parent, compartment.
    donors
        One row a unit: cohort, donor, condition. Donors without a single cell keep their
        rows, with zero counts.
    sort
        pbmc, t_cells or cd4: what was loaded. Only ``pbmc`` gives that denominator.
    lineages
        cohort, sample, donor, lineage, n of all kept cells (pbmc cohorts), with condition
        where donors have several.
    scores
        Probability of each label that could be called, a column each, in the order of ``cells``;
        None where the labels are not tilt's own.

    Returns
    -------
    Table of :data:`tilt.core.contracts.COMPOSITION`; ``kind`` is subset (parts that don't overlap),
    group (a branch or lineage) or pole (a state within the denominator). With ``scores``
    also n_expected: the sum of the probabilities of the subset, or of the subsets of a branch,
    over the cells of the denominator that are T cells; NaN for lineages, poles and labels that
    could not be called.

    Raises
    ------
    ValueError
        A cell of a donor that the donors table does not have.
    """
    key = UNIT_KEY
    units = pd.MultiIndex.from_frame(donors[key].astype(str))
    found = pd.MultiIndex.from_frame(cells[key].astype(str))
    strangers = found.unique().difference(units)
    if len(strangers):
        raise ValueError(f"cells of donors that are not in the donors table: {list(strangers)}")
    masks = groups.masks(cells)
    at = units.get_indexer(found)

    def tally(mask: pd.Series | np.ndarray) -> np.ndarray:
        return np.bincount(at[np.asarray(mask)], minlength=len(units))

    totals = {name: tally(mask) for name, mask in masks.items()}
    if sort == "pbmc" and lineages is not None:
        by = [c for c in key if c in lineages]
        kept = lineages.groupby(by)["n"].sum()
        wanted = donors[by].astype(str)
        totals["pbmc"] = np.array(
            [kept.get(tuple(r) if len(by) > 1 else r[0], 0) for r in wanted.to_numpy()], int
        )
    allowed = [d for d in SORTED[sort] if d in totals]
    chance = _chances(scores, markers)

    def expect(label: str, home: str) -> np.ndarray | float:
        if label not in chance:
            return np.nan
        inside = masks["t" if home == "pbmc" else home].to_numpy(bool)
        return np.bincount(at[inside], chance[label].to_numpy()[inside], minlength=len(units))

    rows: list[tuple[str, str, str, np.ndarray]] = []
    for label, (kind, homes) in _homes(markers).items():
        # a look-alike is no T cell of any subset
        column = BRANCH if kind == "group" else "subset"
        n = tally((cells[column] == label).to_numpy() & masks["t"].to_numpy())
        rows += [(label, home, kind, n) for home in homes if home in allowed]
    for pole in FLAGS:
        flag = cells[pole].to_numpy(bool)
        homes = GROUPS if pole == ISG_HIGH else GROUPS[:2]
        rows += [
            (pole, home, "pole", tally(flag & masks[home].to_numpy()))
            for home in homes
            if home in allowed
        ]
    if "pbmc" in allowed and lineages is not None:
        for lineage, part in lineages.groupby("lineage", sort=True):
            n = part.groupby(by)["n"].sum()
            counts = [n.get(tuple(r) if len(by) > 1 else r[0], 0) for r in wanted.to_numpy()]
            rows.append((str(lineage), "pbmc", "group", np.array(counts, int)))
    tables = [
        donors[UNIT].assign(
            subset=label,
            n=n,
            denominator=home,
            n_denominator=totals[home],
            kind=kind,
            n_expected=expect(label, home),
        )
        for label, home, kind, n in rows
    ]
    columns = COMPOSITION.required if scores is None else list(COMPOSITION.columns)
    return pd.concat(tables, ignore_index=True)[columns]


def count_known(cells: pd.DataFrame, donors: pd.DataFrame) -> pd.DataFrame:
    """T cells per unit by the deepest label that is known of them (:mod:`tilt.labels.known`).

    Parameters: ``cells`` as for :func:`count`, with known, known_level and known_score; ``donors``
    one row a unit. Look-alikes are left out.

    Returns the table of :data:`tilt.core.contracts.KNOWN`: every label of the cohort in every unit,
    of n_t T cells; n_expected is the sum of the probabilities of these n cells.
    """
    cells = cells[groups.masks(cells)["t"]]
    units = pd.MultiIndex.from_frame(donors[UNIT_KEY].astype(str))
    at = units.get_indexer(pd.MultiIndex.from_frame(cells[UNIT_KEY].astype(str)))
    n_t = np.bincount(at, minlength=len(units))
    tables = [pd.DataFrame(columns=list(KNOWN.columns))]
    for (level, label), rows in cells.groupby(["known_level", "known"], sort=True).indices.items():
        n = np.bincount(at[rows], minlength=len(units))
        score = cells["known_score"].to_numpy()[rows]
        told = donors[UNIT].assign(known=label, known_level=level, n=n, n_t=n_t)
        tables.append(told.assign(n_expected=np.bincount(at[rows], score, minlength=len(units))))
    return pd.concat(tables[1:] or tables, ignore_index=True)[list(KNOWN.columns)]


def _chances(scores: pd.DataFrame | None, markers: pd.DataFrame) -> pd.DataFrame:
    """Probability of each subset that could be called, and of each branch (cells x names).

    A branch has the sum of its subsets, or its own where none of them could be called.
    """
    if scores is None:
        return pd.DataFrame()
    out = scores[[name for name in markers["label"] if name in scores]].copy()
    parent = markers.set_index("label")["parent"]
    for name in markers.loc[(markers["level"] == 1) & (markers["parent"] == "T"), "label"]:
        parts = [x for x in out if parent[x] == name]
        if parts:
            out[name] = out[parts].sum(axis=1)
    return out


def confusion(
    cells: pd.DataFrame, markers: pd.DataFrame, scores: pd.DataFrame | None = None
) -> pd.DataFrame:
    """How many cells of the working set are one subset and would count as another.

    The sum over cells of the product of two probabilities: a cell of which a tenth counts as
    Th22-like is nine times in ten something else. Blind to donors and conditions.

    Parameters
    ----------
    cells, markers, scores
        As for :func:`count`.

    Returns
    -------
    Table of :data:`tilt.core.contracts.EXPECTED_CONFUSION`, symmetric; the rows of a subset add up
    to its expected cells. Without rows where ``scores`` is None.
    """
    if scores is None:
        return pd.DataFrame(columns=list(EXPECTED_CONFUSION.columns))
    names = [name for name in markers["label"] if name in scores]
    chance = scores.loc[groups.working_set(cells), names].to_numpy()
    return confusion_table(chance.T @ chance, names)


def confusion_table(joint: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Table of :func:`confusion` from an array of subsets x subsets."""
    rows = [(a, b, float(joint[i, j])) for i, a in enumerate(names) for j, b in enumerate(names)]
    return pd.DataFrame(rows, columns=list(EXPECTED_CONFUSION.columns))


ANGLE = "arcsine root"  # unit of a share after :func:`arcsine`


def arcsine(n: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Arcsine of the square root of a share (radians): variance nearly free of the share.

    The transform of propeller (Phipson 2022, doi:10.1093/bioinformatics/btac582), whose authors
    found it robust to outlying donors and conservative for rare subsets; so does the calibration
    table.
    """
    return np.arcsin(np.sqrt(np.asarray(n, float) / np.asarray(total, float)))


def share_of_angle(angle: np.ndarray) -> np.ndarray:
    """Share (0 to 1) of an arcsine root; angles beyond the ends are taken as the ends."""
    return np.square(np.sin(np.clip(angle, 0, np.pi / 2)))


def clr(composition: pd.DataFrame, subset: str, denominator: str) -> pd.DataFrame:
    """Centered log-ratio of ``subset`` among the parts of ``denominator``, per unit.

    Parts are all rows of kind subset of that denominator and the rest of it; 0.5 is added to
    every part (SCIENCE: Simmons 2022, doi:10.1101/2022.02.04.479123 compares transforms). A pole
    or group is set against the rest of its denominator only. Returns UNIT columns + value;
    units with an empty denominator are left out.
    """
    rows = composition[composition["denominator"] == denominator]
    parts = rows[rows["kind"] == "subset"]
    if not (parts["subset"] == subset).any():
        parts = rows[rows["subset"] == subset]
    wide = parts.pivot_table(index=UNIT, columns="subset", values="n", aggfunc="sum")
    total = rows.groupby(UNIT)["n_denominator"].first().reindex(wide.index)
    rest = total - wide.sum(axis=1)
    if (rest > 0).any():
        wide = wide.assign(**{"(rest)": rest.clip(lower=0)})
    wide = wide[total > 0]
    logs = np.log(wide + 0.5)
    value = logs[subset] - logs.mean(axis=1)
    return value.rename("value").reset_index()


def count_poles(composition: pd.DataFrame, poles: dict) -> pd.DataFrame:
    """Percent of memory CD4 T cells at each pole, one row a donor.

    ``poles``: the subsets of ``tph`` and of ``th22`` (labels for E1, score flags for E2).
    Zeros are moved to half a cell, as in the log-ratio (0.5 added to every count).
    """
    rows = composition[composition["denominator"] == WORKING_SET]
    key = UNIT_KEY
    total = rows.groupby(key)["n_denominator"].max()
    table = total[total > 0].rename("n_memory_cd4").reset_index()
    for name, subsets in poles.items():
        part = rows[rows["subset"].isin(subsets)].groupby(key)["n"].sum()
        n = part.reindex(pd.MultiIndex.from_frame(table[key])).fillna(0).to_numpy()
        table[f"n_{name}"] = n.astype(int)
        table[f"pct_{name}"] = 100 * (n + 0.5) / (table["n_memory_cd4"] + 1)
    return table
