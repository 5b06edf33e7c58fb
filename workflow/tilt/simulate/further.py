"""What is planted beside the difference of the arms, by columns of the sample sheet.

The key ``further`` of a parameter file names columns; in a sheet without one nothing is planted.
Of a column of numbers (SLEDAI) each unit above ``center`` shifts the log abundance of cell types,
or the log activity of states of expression; of a column of names (visit, condition) each value
does, in every sample that has it:

    further:
      sledai: {center: 5, per_unit: {CD4_Tph_like: 0.12, interferon: 0.1}}
      visit: {values: {after: {CD4_Tph_like: -1}}}
"""

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from tilt.core import numerals
from tilt.simulate.states import STATES

NUMBERS, NAMES = {"center", "per_unit"}, {"values"}


def check(further: Mapping, abundance: Mapping) -> None:
    """Raise ValueError for a column planted in another way, or what is no cell type or state."""
    for column, about in further.items():
        if set(about) not in (NUMBERS, NAMES):
            raise ValueError(
                f"further: {column}: has {sorted(about)}. Fix: give center and per_unit (a column "
                "of numbers) or values (a column of names)"
            )
        for _, types in parts(about):
            bad = sorted(set(types) - {*abundance, *STATES})
            if bad:
                raise ValueError(
                    f"further: {column}: neither cell types with abundance nor states: {bad}"
                )


def parts(about: Mapping) -> Iterator[tuple[str, Mapping]]:
    """What a column plants: (value of the column, shift by cell type); of numbers ("", a unit)."""
    yield from [("", about["per_unit"])] if "per_unit" in about else about["values"].items()


def shift(further: Mapping, row: Mapping, labels: Iterable[str]) -> pd.Series:
    """Shift of the log of each of ``labels`` (types, states) in the sample of this row.

    A number that is not known shifts nothing.
    """
    total = pd.Series(0.0, index=list(labels))
    for column, about in further.items():
        value = row.get(column)
        if "values" in about:
            types, times = about["values"].get(str(value), {}), 1.0
        else:
            number = numerals.number(value) if numerals.is_known(value) else None
            types = about["per_unit"]
            times = 0.0 if number is None else number - about["center"]
        if not types or not times:
            continue
        total += times * pd.Series(types, dtype=float).reindex(total.index).fillna(0.0)
    return total


def planted(further: Mapping) -> Iterator[tuple[str, float, str]]:
    """(quantity, effect, meaning) of every shift, for the table of what is planted."""
    for column, about in further.items():
        for value, types in parts(about):
            what = f"in samples with {column} {value}" if value else f"a unit of {column}"
            for label, effect in types.items():
                name = f"{column}:{value}:{label}" if value else f"{column}:{label}"
                of = f"{label} activity" if label in STATES else "abundance"
                yield name, float(effect), f"shift of the log {of}, {what}"
