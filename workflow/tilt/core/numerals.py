"""What is a number in a table that people wrote: one rule for checks and for statistics."""

import math
import re
from collections.abc import Iterable

UNKNOWN = ("", "na", "nan", "nd", "unknown", "none", "n/a", ".", "<na>")
NUMBER = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")
DECORATED = re.compile(r"[<>=~≤≥+-]*\s*[0-9]")
CODES = (-9, -99, -999, -9999, 99, 999, 9999, 99999)  # often written for "missing"
FAR = 20  # spreads (quartiles) beyond the rest from which on a number is questioned


def is_known(value: object) -> bool:
    """Whether a cell holds anything: not empty, and no word for "not known"."""
    return value is not None and str(value).strip().lower() not in UNKNOWN


def number(value: object) -> float | None:
    """A finite decimal number (point, no units, no thousands separators), else None."""
    text = str(value).strip()
    found = float(text) if NUMBER.fullmatch(text) else math.inf
    return found if math.isfinite(found) else None


def is_numeric(values: Iterable) -> bool:
    """Whether a column is one of numbers: more than half of its known cells are."""
    known = [v for v in values if is_known(v)]
    return 2 * sum(number(v) is not None for v in known) > len(known)


def strays(values: Iterable) -> list[int]:
    """Positions of known cells that are no numbers, in a column of numbers.

    A column that has none, but holds mostly different texts that begin like numbers (``34 y``,
    ``36,5``, a date), is one of numbers written wrongly: all its cells are strays.
    """
    values = list(values)
    known = [i for i, v in enumerate(values) if is_known(v)]
    wrong = [i for i in known if number(values[i]) is None]
    if is_numeric(values):
        return wrong
    alike = [i for i in known if DECORATED.match(str(values[i]).strip())]
    different = len({str(values[i]).strip() for i in alike})
    written_wrongly = len(known) > 5 and 2 * len(alike) > len(known) and 2 * different > len(known)
    return wrong if written_wrongly else []


def doubtful(values: Iterable) -> tuple[list[int], list[int]]:
    """Positions of numbers that look like codes for "missing", and of others far off the rest.

    Far: further than ``FAR`` interquartile ranges beyond the quartiles of the column.
    """
    found = {i: x for i, v in enumerate(values) if is_known(v) and (x := number(v)) is not None}
    if len(found) < 4:
        return [], []
    ordered = sorted(found.values())
    low, high = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    reach = max(high - low, 0.05 * max(abs(low), abs(high)), 1e-9)
    outside = {i for i, x in found.items() if not low - 1.5 * reach <= x <= high + 1.5 * reach}
    rest = [x for i, x in found.items() if i not in outside]
    codes = [
        i
        for i in sorted(outside)
        if found[i] in CODES and (found[i] > 0 or min(rest, default=-1) >= 0)
    ]
    far = [
        i
        for i in sorted(outside)
        if i not in codes and not low - FAR * reach <= found[i] <= high + FAR * reach
    ]
    return codes, far
