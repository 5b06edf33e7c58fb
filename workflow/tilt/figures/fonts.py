"""What of a font goes into a PDF."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont

LAYOUT = ("GDEF", "GPOS", "GSUB", "MATH")  # tables that place glyphs and put one for another


@contextmanager
def without_layout() -> Iterator[None]:
    """Leave the tables of layout out of the fonts embedded in a PDF meanwhile.

    A PDF places its glyphs itself, and no reader looks at them. matplotlib cuts the glyphs of
    each figure out of the whole font with fontTools, which takes 48 ms a font with these tables
    and 12 ms without. Where matplotlib loads its fonts otherwise, they stay whole.
    """
    load = subset.load_font

    def lean(*args: Any, **options: Any) -> TTFont:
        font = load(*args, **options)
        for table in LAYOUT:
            if table in font:
                del font[table]
        return font

    subset.load_font = lean
    try:
        yield
    finally:
        subset.load_font = load
