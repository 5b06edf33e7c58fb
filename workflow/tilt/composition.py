"""Donor composition: how many cells of each subset, out of which denominator.

A unit is a donor in a condition (a donor has one, except in paired designs). Denominators move
in lupus (lymphopenia), so every share names its own: memory_cd4, cd4, t, pbmc, or ``total`` of a
published table.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

log = logging.getLogger(__name__)

UNIT = ["cohort", "donor", "condition"]
COLUMNS = [*UNIT, "subset", "n", "denominator", "n_denominator", "kind"]
POLES = ("tph_high", "th22_high", "isg_high")
DENOMINATORS = {  # by what the cohort's cells are
    "pbmc": ("memory_cd4", "cd4", "t", "pbmc"),
    "t_cells": ("memory_cd4", "cd4", "t"),
    "cd4": ("memory_cd4", "cd4"),
}


def denominator_masks(cells: pd.DataFrame) -> dict[str, pd.Series]:
    """Boolean masks over cells: t, cd4 and memory_cd4 (the working set of the imbalance).

    Look-alike doublets are in none of them.
    """
    single = ~cells["look_alike"].astype(bool)
    cd4 = single & (cells["level1"] == "CD4")
    return {"memory_cd4": cd4 & (cells["compartment"] == "memory"), "cd4": cd4, "t": single}


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
            inside = ("t", "pbmc")
            if row.parent == "CD4":
                inside = ("cd4", *inside)
                if row.compartment == "memory":
                    inside = ("memory_cd4", *inside)
            homes[row.label] = ("subset", inside)
    if "CD4" in homes:
        homes["CD4"] = ("group", ("t", "pbmc"))
    return homes


def count(
    cells: pd.DataFrame,
    markers: pd.DataFrame,
    donors: pd.DataFrame,
    sort: str = "pbmc",
    lineages: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Count subsets per donor against every denominator the cohort's cells allow.

    Parameters
    ----------
    cells
        One row a T cell: donor, condition, level1, subset, compartment, look_alike (bool) and
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

    Returns
    -------
    Tidy table with the columns of ``COLUMNS``; ``kind`` is subset (parts that don't overlap),
    group (a level-1 label or lineage) or pole (a state within the denominator).

    Raises
    ------
    ValueError
        A cell of a donor that the donors table does not have.
    """
    key = ["donor", "condition"]
    units = pd.MultiIndex.from_frame(donors[key].astype(str))
    found = pd.MultiIndex.from_frame(cells[key].astype(str))
    strangers = found.unique().difference(units)
    if len(strangers):
        raise ValueError(f"cells of donors that are not in the donors table: {list(strangers)}")
    masks = denominator_masks(cells)
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
    allowed = [d for d in DENOMINATORS[sort] if d in totals]
    rows: list[tuple[str, str, str, np.ndarray]] = []
    for label, (kind, homes) in _homes(markers).items():
        # a look-alike is no T cell of any subset
        column = "level1" if kind == "group" else "subset"
        n = tally((cells[column] == label).to_numpy() & masks["t"].to_numpy())
        rows += [(label, home, kind, n) for home in homes if home in allowed]
    for pole in POLES:
        flag = cells[pole].astype(bool).to_numpy()
        homes = ("memory_cd4", "cd4", "t") if pole == "isg_high" else ("memory_cd4", "cd4")
        rows += [
            (pole, home, "pole", tally(flag & masks[home].to_numpy()))
            for home in homes
            if home in allowed
        ]
    if "pbmc" in allowed:
        for lineage, part in lineages.groupby("lineage", sort=True):
            n = part.groupby(by)["n"].sum()
            counts = [n.get(tuple(r) if len(by) > 1 else r[0], 0) for r in wanted.to_numpy()]
            rows.append((str(lineage), "pbmc", "group", np.array(counts, int)))
    tables = [
        donors[UNIT].assign(
            subset=label, n=n, denominator=home, n_denominator=totals[home], kind=kind
        )
        for label, home, kind, n in rows
    ]
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def _bad_counts(table: pd.DataFrame) -> list[str]:
    """Everything that keeps a donors x subsets table from being counts, in words."""
    problems = []
    numbers = table.apply(pd.to_numeric, errors="coerce")
    lost = numbers.isna()
    for donor, subset in zip(*np.nonzero(lost.to_numpy()), strict=True):
        value = table.iloc[donor, subset]
        problems.append(
            f"donor {table.index[donor]}, {table.columns[subset]}: {value!r} is not a count "
            "(write 0 where no cell was seen)"
        )
    sums = numbers.sum(axis=1)
    fractional = ((numbers % 1) != 0) & ~lost
    for whole, word in ((100, "percentages"), (1, "fractions")):
        if fractional.any().any() and np.allclose(sums, whole, rtol=0.02):
            return [
                *problems,
                f"these look like {word} (every row adds up to about {whole}), not counts: "
                "tilt needs the numbers of cells, the precision of a share depends on them",
            ]
    for flags, word in ((fractional, "is not a whole number"), (numbers < 0, "is negative")):
        for donor, subset in zip(*np.nonzero(flags.to_numpy()), strict=True):
            problems.append(
                f"donor {table.index[donor]}, {table.columns[subset]}: "
                f"{numbers.iloc[donor, subset]:g} {word}"
            )
    return problems


def read_published(path: str | Path) -> pd.DataFrame:
    """A published table of counts: tab, comma or semicolon separated, everything as text.

    An unnamed first column keeps the place of the donor or sample.
    """
    table = pd.read_csv(path, sep=None, engine="python", dtype=str, encoding="utf-8-sig")
    return table.dropna(how="all").rename(columns=lambda name: str(name).strip())


def from_table(
    table: pd.DataFrame,
    donors: pd.DataFrame,
    groups: dict[str, list[str]] | None = None,
    unit: str = "donor",
    denominator: str = "total",
) -> pd.DataFrame:
    """Composition of a cohort whose per-donor counts are published, not its cells.

    Parameters
    ----------
    table
        Published counts: first column the donor or sample, one column a subset; or the long
        form with the columns donor (or sample), subset, n.
    donors
        One row a sample: cohort, donor, condition and, with ``unit="sample"``, sample.
    groups
        Sums of subsets to test as well, e.g. ``{"T": ["Cluster 0", "Cluster 3"]}``.
    unit
        Whether rows of ``table`` are named by ``donor`` or by ``sample`` of the sheet; samples
        of the same donor and condition are summed.
    denominator
        What all columns of the table together are called.

    Returns
    -------
    As :func:`count`, one denominator: the sum of all columns.

    Raises
    ------
    ValueError
        Naming every bad entry: percentages, fractions, negative or missing counts, rows twice,
        rows without a donor in the sheet, donors of the sheet without a row, unknown groups.
    """
    first = table.columns[0]
    long = {"subset", "n"} <= set(table.columns)
    name = unit if long else first
    if long:
        repeated = table.duplicated([name, "subset"])
        if repeated.any():
            twice = table.loc[repeated, [name, "subset"]].agg(" / ".join, axis=1).tolist()
            raise ValueError(f"composition table: given twice: {', '.join(twice)}")
        wide = table.pivot(index=name, columns="subset", values="n")
    else:
        wide = table.set_index(first)
    wide.index = wide.index.astype(str).str.strip()
    wide.columns = wide.columns.astype(str)
    sheet = donors.assign(**{unit: donors[unit].astype(str)})
    problems = [f"row {r} is there twice" for r in wide.index[wide.index.duplicated()].unique()]
    problems += [
        f"row {r}: no such {unit} in the sample sheet" for r in wide.index.difference(sheet[unit])
    ]
    problems += [
        f"{unit} {r} of the sample sheet has no row"
        for r in pd.Index(sheet[unit].unique()).difference(wide.index)
    ]
    problems += _bad_counts(wide)
    for group, members in (groups or {}).items():
        unknown = sorted(set(members) - set(wide.columns))
        if unknown:
            problems.append(f"group {group}: no column {unknown}; there are {list(wide.columns)}")
        if group in wide.columns:
            problems.append(f"group {group} has the name of a column")
    if problems:
        raise ValueError("composition table:\n  " + "\n  ".join(problems))
    counts = wide.apply(pd.to_numeric).astype(int)
    rows = sheet[[*UNIT, unit] if unit not in UNIT else UNIT].drop_duplicates()
    joined = rows.join(counts, on=unit).groupby(UNIT, sort=False)[list(counts.columns)].sum()
    total = joined.sum(axis=1)
    tables = []
    for subset in joined.columns:
        tables.append(joined[subset].rename("n").reset_index().assign(subset=subset, kind="subset"))
    for group, members in (groups or {}).items():
        n = joined[list(members)].sum(axis=1).rename("n")
        tables.append(n.reset_index().assign(subset=group, kind="group"))
    out = pd.concat(tables, ignore_index=True).assign(denominator=denominator)
    out["n_denominator"] = out.set_index(UNIT).index.map(total).to_numpy()
    log.info("%d donors, %d subsets, %d cells", len(joined), counts.shape[1], int(total.sum()))
    return out[COLUMNS]


def arcsine(n: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Arcsine of the square root of a share (radians): variance nearly free of the share."""
    return np.arcsin(np.sqrt(np.asarray(n, float) / np.asarray(total, float)))


def clr(composition: pd.DataFrame, subset: str, denominator: str) -> pd.DataFrame:
    """Centred log-ratio of ``subset`` among the parts of ``denominator``, per unit.

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
