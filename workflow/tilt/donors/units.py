"""Units of the statistics: donors (donor x condition in paired designs), and whose each cell is."""

from collections.abc import Iterable, Mapping

import pandas as pd

from tilt.core import numerals
from tilt.core.terms import FILE_COLUMNS, UNIT, UNIT_KEY


def donors_table(samples: Iterable[Mapping[str, str]], cohort: str) -> pd.DataFrame:
    """One row a donor (a donor x condition in paired designs) from the rows of a sample sheet.

    Columns: cohort, donor, condition, n_samples, then those of the sheet that are not about
    files. A donor whose samples differ gets the mean of a column of numbers (age at two visits)
    and otherwise the values joined by ``+``; missing values are missing. A batch is a name,
    whatever it looks like.
    """
    sheet = pd.DataFrame(list(samples)).replace({"": None})
    about = [c for c in sheet if c not in (*FILE_COLUMNS, *UNIT)]

    averaged = {
        c
        for c in about
        if c != "batch" and numerals.is_numeric(sheet[c]) and not numerals.strays(sheet[c])
    }

    def joined(values: pd.Series) -> str | None:
        known = [str(v) for v in values if numerals.is_known(v)]
        if values.name in averaged and len({float(v) for v in known}) > 1:
            return f"{sum(map(float, known)) / len(known):.10g}"
        return "+".join(sorted(set(known))) if known else None

    grouped = sheet.groupby(UNIT_KEY, sort=False)
    table = grouped[about].agg(joined) if about else grouped.size().to_frame()[[]]
    table.insert(0, "n_samples", grouped.size())
    table = table.reset_index()
    table.insert(0, "cohort", cohort)
    return table


def rows_of(table: pd.DataFrame, donors: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table of units (donor, condition, ...) that are about these donors."""
    key = UNIT_KEY
    known = pd.MultiIndex.from_frame(donors[key].astype(str))
    there = pd.MultiIndex.from_frame(table[key].astype(str)).isin(known)
    return table if there.all() else table[there]


def numbers(values: pd.Series) -> pd.Series:
    """A column of a donors table as numbers (float64); what is not known is NaN."""
    return values.map(lambda v: numerals.number(v) if numerals.is_known(v) else None).astype(float)


def conditions(samples: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Condition of each sample of a sheet: what annotation does not see, statistics joins here."""
    return {row["sample"]: row["condition"] for row in samples}


def labeled_cells(
    obs: pd.DataFrame, labels: pd.DataFrame, samples: Iterable[Mapping[str, str]]
) -> pd.DataFrame:
    """Labels of every cell of the store, in its order, with donor and condition.

    Parameters: ``obs`` of the store (index: cell; sample, donor), ``labels`` (column cell, any
    order), ``samples`` rows of the sheet.

    Raises
    ------
    ValueError
        If the labels are not those of the store's cells.
    """
    labels = labels.set_index("cell")
    if (
        len(labels) != len(obs)
        or not labels.index.is_unique
        or not obs.index.isin(labels.index).all()
    ):
        raise ValueError("the labels are not those of the cells in the store")
    cells = labels.reindex(obs.index)
    cells["donor"] = obs["donor"].astype(str).to_numpy()
    cells["condition"] = obs["sample"].astype(str).map(conditions(samples)).to_numpy()
    return cells
