"""Numbers, nouns and names as they are written in tables, figures, text and paths."""

import csv
import math
import re
import unicodedata
from decimal import Decimal

UNSEEN = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")  # characters of no width
SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")


def number(n: float) -> str:
    """Count with thousands separated."""
    return f"{int(n):,}"


def count(n: int, thing: str) -> str:
    """Number and noun: ``1 donor``, ``2,000 donors``."""
    return f"{number(n)} {thing}" + ("" if n == 1 else "s")


def figures(value: float) -> str:
    """A number to two figures, without an exponent, with a true minus."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value).replace("inf", "∞").replace("-", "−")
    short = Decimal(f"{value:.2g}")
    text = f"{short:,.0f}" if abs(short) >= 10 else f"{short.normalize():f}"
    return text.replace("-", "−")


def few(values: list, n: int = 5) -> str:
    """The first ``n`` values, and how many more there are."""
    shown = ", ".join(map(str, values[:n]))
    return shown + (f" and {len(values) - n} more" if len(values) > n else "")


def listed(words: list[str]) -> str:
    """Words of a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def at_visit(condition: str, visit: str) -> str:
    """Condition of a sample of a later visit: its cells are measured apart from the first one's."""
    return f"{condition} ({visit})"


def safe_name(text: str) -> str:
    """``text`` turned into a name that is safe in paths."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).strip("_.-") or "name"


def cells_of(line: str, separator: str) -> list[str]:
    """Cells of one line of a table.

    Raises ValueError for a quote that is opened and not closed, or closed within a cell: read
    over the end of the line it would swallow the rows that follow.
    """
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        raise ValueError('a quote (") that is not closed in its cell') from None


def visible(text: str, most: int) -> str:
    """Text as it may be shown in a terminal: what is not printed as its code, long ones cut."""
    seen = (c == "\t" or (c.isprintable() and not UNSEEN.match(c)) for c in text)
    safe = "".join(c if good else ascii(c)[1:-1] for c, good in zip(text, seen, strict=True))
    return safe if len(safe) <= most else f"{safe[:most]}... ({len(text)} characters)"


def plain(text: str) -> str:
    """The same text in composed characters, with usual blanks, and without what is not seen."""
    text = unicodedata.normalize("NFC", UNSEEN.sub("", text))
    return re.sub(r"[^\S\n\t\x0b-\x1f\x85\u2028\u2029]+", " ", text).strip(" ")
