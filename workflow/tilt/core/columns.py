"""What columns may hold, and the contract of one kind of table (:mod:`tilt.core.contracts`)."""

from collections.abc import Mapping
from dataclasses import dataclass

TEXT = "text"  # names and sentences; "" is an empty text, NA is missing
COUNT = "count"  # whole numbers, none missing
COUNT_OR_NA = "count_or_na"  # whole numbers, some missing: float64 where one is
NUMBER = "number"  # float64, missing is NaN
FLAG = "flag"  # True or False, none missing
ANY = "any"  # what a user's table holds: numbers where all are
KINDS = (TEXT, COUNT, COUNT_OR_NA, NUMBER, FLAG, ANY)


@dataclass(frozen=True)
class Table:
    """Contract of one kind of table.

    ``file``: where it lies below the folder of a cohort (or of the results), with ``*`` for a name.
    ``columns``: name -> kind, in order; ``optional``: columns that may be absent; ``others``:
    kind of all further columns, "" when there must be none.
    """

    file: str
    columns: Mapping[str, str]
    optional: frozenset[str] = frozenset()
    others: str = ""

    @property
    def required(self) -> list[str]:
        """Columns that every such table has, in order."""
        return [name for name in self.columns if name not in self.optional]

    def kind(self, column: str) -> str:
        """Kind of a column; "" for one that the table must not have."""
        return self.columns.get(column, self.others)


def table(file: str, columns: str, optional: str = "", others: str = "") -> Table:
    """Contract from a text: in each line (or up to a ``;``) a kind, and columns of that kind."""
    kinds: dict[str, str] = {}
    for part in columns.replace("\n", ";").split(";"):
        kind, *names = part.split() or [TEXT]
        if kind not in KINDS:
            raise ValueError(f"{file}: no kind of column {kind!r}")
        kinds |= dict.fromkeys(names, kind)
    return Table(file, kinds, frozenset(optional.split()), others)
