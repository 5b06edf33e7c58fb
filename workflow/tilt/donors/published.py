"""Composition of a cohort whose counts of cells per donor are published, not its cells.

Published tables come wide (donors in rows, or in columns) or long, with a column of totals, with
columns about the donors, with spaces and slashes in the names of subsets. What is left out of
such a table is said in a warning; what is no count stops the cohort, in words.
"""

import gzip
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd

from tilt.core.contracts import COMPOSITION
from tilt.core.terms import TABLE_DENOMINATOR, UNIT
from tilt.core.text import cells_of, plain

log = logging.getLogger(__name__)

SEPARATORS = "\t,;"
MISSING = ("", "na", "nan", "none", "null", "n/a")
TOTAL = re.compile(
    r"(n[ _.]?|all[ _.])?(total|sum|all|cells|pbmcs?)([ _.]?(cells|counts?|n))?"
    r"|cells[ _.](per|of|in)[ _.]\w+"
)
OTHER = re.compile(r"other|rest|remain|unassigned|unknown|non|not ")
REST = "not listed"
SHOWN = 5  # problems of one kind that are spelled out


def read_published(path: str | Path) -> pd.DataFrame:
    """A published table of counts: tab, comma or semicolon separated (gzipped or not), as text.

    The separator is the one that gives every line the most columns. A header one column shorter
    than its rows (as R writes row names) gets an unnamed first column; blank lines are passed over.

    Raises
    ------
    ValueError
        Not UTF-8 text, no rows, two columns of one name, or a row of another length.
    """
    path = Path(path)
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8 text: save the table as CSV or TSV") from None
    lines = [line for line in lines if line.strip(SEPARATORS + " ")]
    if len(lines) < 2:
        raise ValueError(f"{path.name}: no rows below the header")
    separator = max(SEPARATORS, key=lambda s: min(line.count(s) for line in lines[:20]))
    parsed = []
    for line in lines:
        try:
            parsed.append(cells_of(line, separator))
        except ValueError as wrong:
            raise ValueError(f"{path.name}: {line.strip()[:60]}: {wrong}") from None
    header, *rows = parsed
    if all(len(row) == len(header) + 1 for row in rows):
        header = ["", *header]
    header = [name.strip() for name in header]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"{path.name}: column {', '.join(map(repr, twice))} is there twice")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(
                f"{path.name}: row {number} has {len(row)} cells, the header {len(header)}"
            )
    return pd.DataFrame([[cell.strip() for cell in row] for row in rows], columns=header)


def _named(labels: pd.Series) -> pd.Series:
    """Labels as text; cells that the authors left without a label are ``unnamed``."""
    text = labels.astype("string").str.strip()
    return text.mask(text.isna() | text.str.lower().isin(MISSING), "unnamed").astype(str)


def _from_long(table: pd.DataFrame, unit: str) -> tuple[pd.DataFrame, list[str]]:
    """Donors x subsets from the columns ``unit``, subset, n; and what was assumed."""
    if unit not in table:
        raise ValueError(
            f"composition table: the long form needs a column {unit}; it has {list(table.columns)}"
        )
    long = table.assign(subset=_named(table["subset"]))
    repeated = long.duplicated([unit, "subset"])
    if repeated.any():
        twice = long.loc[repeated, [unit, "subset"]].astype(str).agg(" / ".join, axis=1).tolist()
        raise ValueError(
            f"composition table: given twice: {_few(twice)}; a donor in several conditions or "
            "batches has rows by `sample` (composition: unit: sample)"
        )
    long["n"] = long["n"].astype(object).where(long["n"].notna(), "")
    wide = long.pivot(index=unit, columns="subset", values="n")
    absent = int(wide.isna().to_numpy().sum())
    notes = [f"{absent} pairs of {unit} and subset without a row: no cells"] if absent else []
    return wide.fillna("0"), notes


def _from_wide(
    table: pd.DataFrame, sheet: pd.DataFrame, unit: str
) -> tuple[pd.DataFrame, list[str]]:
    """Donors x subsets from a wide table, turned if donors are its columns; and what was done."""
    by_name = {str(name).lower(): name for name in table.columns}
    name = by_name.get(unit, table.columns[0])
    wide, notes = table.set_index(name), []
    units = set(sheet[unit])
    if not units & set(wide.index.astype(str)) and len(units & set(wide.columns)) > len(units) / 2:
        wide = wide.T.rename_axis(unit)
        wide.columns = _named(pd.Series(wide.columns)).to_numpy()
        notes.append(f"each column is a {unit}: table turned")
    known = {str(column).lower() for column in sheet.columns}
    about = [c for c in wide.columns if str(c).lower() in known]
    if about:
        notes.append(f"columns of the sample sheet are not subsets: {_few(about)} left out")
        wide = wide.drop(columns=about)
    return wide, notes


def _without_total(wide: pd.DataFrame, total: str | None) -> tuple[pd.DataFrame, list[str]]:
    """The table without a column of totals; what a total holds beyond the subsets is a part.

    A total is the column named ``total`` (none if that is empty text) or, where it is None, one
    that is the sum of all others, or is called so and is never below it. One that is never below
    all others together, and not called a rest of them, is asked about.
    """
    numbers = wide.apply(pd.to_numeric, errors="coerce")
    if total and total not in wide.columns:
        raise ValueError(
            f"composition table: total: no column {total}; it has {_few(wide.columns)}"
        )
    if wide.shape[1] < 2 or total == "":
        return wide, []
    for column in wide.columns:
        rest = numbers.drop(columns=column).sum(axis=1)
        name = str(column).strip().lower()
        called = TOTAL.fullmatch(name) is not None if total is None else column == total
        gap = numbers[column] - rest
        sums = total is None and wide.shape[1] > 2 and len(wide) > 2 and (gap == 0).all()
        if not rest.any() or not (sums or called):
            holds = total is None and rest.nunique() > 1 and (gap >= 0).all()
            holds = holds and not (numbers < 0).any(axis=None)
            if holds and numbers[column].nunique() == 1 and not OTHER.match(name):
                raise ValueError(
                    f"composition table: column {column} is {numbers[column].iloc[0]:g} in every "
                    "row and never below all others together: is it their total? Write "
                    f"`composition: {{total: {column}}}`, or `total: ''` if it is a subset"
                )
            continue
        if (gap < 0).any():
            who = f"{wide.index[int(np.argmin(gap))]}"
            raise ValueError(
                f"composition table: column {column} is less than the sum of the others in {who}: "
                "it is no total, or columns are part of others: take one or the other out"
            )
        kept = wide.drop(columns=column)
        if not (gap > 0).any():
            return kept, [f"column {column} is the sum of the others: left out"]
        said = f"column {column} is more than the sum of the others: the rest is `{REST}`"
        return kept.assign(**{REST: gap}), [said]
    return wide, []


def _few(words: list) -> str:
    shown = ", ".join(map(str, words[:SHOWN]))
    return shown + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")


def _bad_counts(table: pd.DataFrame) -> list[str]:
    """Everything that keeps a donors x subsets table from being counts, in words."""
    numbers = table.apply(pd.to_numeric, errors="coerce")
    lost = numbers.isna() | np.isinf(numbers)
    fractional = ((numbers % 1) != 0) & ~lost
    sums = numbers.sum(axis=1)
    sums = sums[sums > 0]
    for whole, word in ((100, "percentages"), (1, "fractions")):
        if not len(sums) or not np.allclose(sums, whole, rtol=0.03):
            continue
        if fractional.any().any() or (whole == 100 and sums.nunique() > 1):
            return [
                f"these look like {word} (every row adds up to about {whole}), not counts: "
                "tilt needs the numbers of cells, the precision of a share depends on them"
            ]
    if fractional.to_numpy().mean() > 0.2:
        at = np.argwhere(fractional.to_numpy())[0]
        return [
            f"{fractional.to_numpy().mean():.0%} of the entries are not whole numbers (for "
            f"instance {numbers.iloc[at[0], at[1]]:g} for {table.index[at[0]]}, "
            f"{table.columns[at[1]]}): percentages, or counts that were averaged or corrected; "
            "tilt needs the numbers of cells as they were counted"
        ]
    problems = []
    for flags, word in (
        (lost, "is not a count (write 0 where no cell was seen)"),
        (fractional, "is not a whole number"),
        (numbers < 0, "is negative"),
    ):
        found = np.argwhere(flags.to_numpy())
        for row, column in found[:SHOWN]:
            value = table.iloc[row, column]
            shown = f"{numbers.iloc[row, column]:g}" if flags is not lost else repr(value)
            problems.append(f"donor {table.index[row]}, {table.columns[column]}: {shown} {word}")
        if len(found) > SHOWN:
            columns = list(dict.fromkeys(table.columns[found[:, 1]]))
            problems.append(f"... and {len(found) - SHOWN} more in {_few(columns)}: {word}")
    return problems


def from_table(
    table: pd.DataFrame,
    donors: pd.DataFrame,
    groups: dict[str, list[str]] | None = None,
    unit: str = "donor",
    denominator: str = TABLE_DENOMINATOR,
    total: str | None = None,
) -> pd.DataFrame:
    """Composition of a cohort from its published counts.

    Parameters
    ----------
    table
        One row a donor or sample, named by the column ``unit`` or else by the first, and one
        column a subset (or turned); or the long form with the columns donor (or sample),
        subset, n, where a pair without a row has no cells. Columns that the sheet has too, a
        column that is the sum of the others, and rows that are not in the sheet are left out
        with a warning.
    donors
        One row a sample: cohort, donor, condition and, with ``unit="sample"``, sample.
    groups
        Sums of subsets to test as well, e.g. ``{"T": ["Cluster 0", "Cluster 3"]}``.
    unit
        Whether rows of ``table`` are named by ``donor`` or by ``sample`` of the sheet; samples
        of the same donor and condition are summed.
    denominator
        What all columns of the table together are called.
    total
        Column that holds the total of a row; empty if none does, None if that is to be seen from
        names and sums.

    Returns
    -------
    As :func:`tilt.donors.composition.count`, one denominator: the sum of all columns.

    Raises
    ------
    ValueError
        Naming what is wrong: percentages, fractions, negative or missing counts, rows twice,
        donors of the sheet without a row, unknown groups, rows by donor in a paired design.
    """
    sheet = donors.assign(**{unit: donors[unit].astype(str).str.strip()})
    if {"subset", "n"} <= set(table.columns):
        wide, notes = _from_long(table, unit)
    else:
        wide, notes = _from_wide(table, sheet, unit)
    wide.index = wide.index.astype(str).map(plain)
    wide.columns = wide.columns.astype(str)
    wide, more = _without_total(wide, total)
    notes += more
    wanted = pd.Index(sheet[unit].unique())
    strangers, absent = wide.index.difference(wanted), wanted.difference(wide.index)
    problems = [f"row {r} is there twice" for r in wide.index[wide.index.duplicated()].unique()]
    if len(absent):
        problems += [f"row {r}: no such {unit} in the sample sheet" for r in strangers[:SHOWN]]
        problems += [f"{unit} {r} of the sample sheet has no row" for r in absent[:SHOWN]]
        if len(absent) > SHOWN:
            problems.append(f"... and {len(absent) - SHOWN} more without a row")
        other = "sample" if unit == "donor" else "donor"
        if len(strangers) and other in sheet and set(strangers) <= set(sheet[other].astype(str)):
            problems.append(f"the rows are named by {other}: write `unit: {other}` (composition)")
    elif len(strangers):
        notes.append(
            f"{len(strangers)} rows are not in the sample sheet: {_few(list(strangers))} left out"
        )
        wide = wide[wide.index.isin(wanted)]
    if unit == "donor" and sheet.groupby("donor")["condition"].nunique().max() > 1:
        problems.append(
            "donors have several conditions: name the rows by `sample` (composition: unit: sample)"
        )
    problems += _bad_counts(wide)
    for group, members in (groups or {}).items():
        unknown = sorted(set(members) - set(wide.columns))
        if unknown:
            problems.append(f"group {group}: no column {unknown}; there are {list(wide.columns)}")
        if group in wide.columns:
            problems.append(f"group {group} has the name of a column")
    if problems:
        raise ValueError("composition table:\n  " + "\n  ".join(problems))
    for note in notes:
        log.warning("composition table: %s", note)
    counts = wide.apply(pd.to_numeric).astype(int)
    rows = sheet[[*UNIT, unit] if unit not in UNIT else UNIT].drop_duplicates()
    joined = rows.join(counts, on=unit).groupby(UNIT, sort=False)[list(counts.columns)].sum()
    whole = joined.sum(axis=1)
    for donor in whole.index[whole == 0].get_level_values("donor"):
        log.warning("composition table: donor %s has no cells: left out of every share", donor)
    tables = []
    for subset in joined.columns:
        tables.append(joined[subset].rename("n").reset_index().assign(subset=subset, kind="subset"))
    for group, members in (groups or {}).items():
        n = joined[list(members)].sum(axis=1).rename("n")
        tables.append(n.reset_index().assign(subset=group, kind="group"))
    out = pd.concat(tables, ignore_index=True).assign(denominator=denominator)
    out["n_denominator"] = out.set_index(UNIT).index.map(whole).to_numpy()
    log.info("%d donors, %d subsets, %d cells", len(joined), counts.shape[1], int(whole.sum()))
    return out[COMPOSITION.required]
