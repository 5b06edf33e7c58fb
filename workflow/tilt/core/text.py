"""Numbers, nouns and names as they are written in tables, figures, text and paths."""

import re
import unicodedata

SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")


def number(n: float) -> str:
    """Count with thousands separated."""
    return f"{int(n):,}"


def count(n: int, thing: str) -> str:
    """Number and noun: ``1 donor``, ``2,000 donors``."""
    return f"{number(n)} {thing}" + ("" if n == 1 else "s")


def safe_name(text: str) -> str:
    """``text`` turned into a name that is safe in paths."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).strip("_.-") or "name"
