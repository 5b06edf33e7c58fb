"""Numbers and nouns as they are written in tables, figures and text."""


def number(n: float) -> str:
    """Count with thousands separated."""
    return f"{int(n):,}"


def count(n: int, thing: str) -> str:
    """Number and noun: ``1 donor``, ``2,000 donors``."""
    return f"{number(n)} {thing}" + ("" if n == 1 else "s")
