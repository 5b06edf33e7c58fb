"""Characters in what users write: the harmless are made plain, the others are asked about."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tilt.config.messages import problem
from tilt.core.terms import FILE_COLUMNS
from tilt.core.text import visible

# What a spreadsheet that opens a table of the results would run.
FORMULA = re.compile(r"[=@]|[+-].*[(|!]")
LONGEST_PART = 255  # bytes of a name of a file or folder
LONGEST = 100  # characters of a name; files and figures carry it
# Controls, line and paragraph separators, marks that turn the direction of writing.
FORBIDDEN = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]")
# Letters of Cyrillic and Greek that look like Latin ones (Unicode TS 39, confusables).
LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеорсухѕіјԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABESIJKMHOPCTYXaeopcyxsijdqwABEZHIKMNOPTYXo",
)


def shown(text: str, most: int = 60) -> str:
    """Text of a name as it may be shown: what is not printed as its code, long ones cut."""
    return visible(text, most)


def unprintable(path: Path, rows: Iterable[tuple[int, dict]]) -> list[str]:
    """Problems of cells with control characters or formulas, or names too long."""
    found = []
    for number, row in rows:
        for column, value in row.items():
            where = f"line {number}, column `{shown(column)}`"
            if FORBIDDEN.search(value):
                wrong = "holds characters that control a terminal or are no text"
                fixed = shown(FORBIDDEN.sub("", value))
                found.append(problem(path, where, wrong, shown(value), fix=f"write `{fixed}`"))
            elif FORMULA.match(value):
                wrong, fix = "a formula, which a spreadsheet would run", "begin with a letter"
                found.append(problem(path, where, wrong, shown(value), fix=fix))
            elif column in FILE_COLUMNS and any(
                len(os.fsencode(part)) > LONGEST_PART for part in Path(value).parts
            ):
                wrong = f"no path: names of files have {LONGEST_PART} bytes at most"
                found.append(problem(path, where, wrong, shown(value)))
            elif column in ("sample", "donor", "condition", "batch") and len(value) > LONGEST:
                wrong = f"longer than {LONGEST} characters"
                found.append(problem(path, where, wrong, shown(value), fix="shorten it"))
    return found


def control_characters(path: Path, content: object, where: str = "") -> list[str]:
    """Problems of texts of a YAML file, at any depth, that control a terminal or are no text."""
    if isinstance(content, str):
        if not FORBIDDEN.search(content):
            return []
        wrong = "holds characters that control a terminal or are no text"
        fix = f"write `{shown(FORBIDDEN.sub('', content))}`"
        return [problem(path, where, wrong, shown(content), fix=fix)]
    inner: Iterable[tuple] = ()
    if isinstance(content, dict):
        inner = content.items()
    elif isinstance(content, list):
        inner = ((i, part) for i, part in enumerate(content, start=1))
    return [
        told
        for key, part in inner
        for told in control_characters(path, part, ": ".join(filter(None, [where, str(key)])))
    ]


def likeness(name: str) -> str:
    """What names have in common that a reader would take for one."""
    text = unicodedata.normalize("NFKC", name).translate(LOOK_ALIKE).casefold()
    text = re.sub(r"\s", "", text)
    text = re.sub(r"^(\d+)\.0+$", r"\1", text)
    return re.sub(r"(?<!\d)0+(?=\d)", "", text)


def alike(path: Path, column: str, written: Iterable[tuple[str, str]]) -> list[str]:
    """Names of one column that a reader would take for one, or that were made one by cleaning.

    ``written``: pairs of the text as it stands in the file and as it is used.
    """
    used = defaultdict(set)
    raw = defaultdict(set)
    for text, name in written:
        if name:
            used[likeness(name)].add(name)
            raw[name].add(text)
    found = []
    fix = "one person: write the name in one way; two people: make the names differ more"
    for names in used.values():
        if len(names) > 1:
            both = sorted(names)
            case = len({name.lower() for name in both}) == 1
            how = "differ only by case" if case else f"look like one ({differing(both)})"
            wrong = f"{' and '.join(map(shown, both))} {how}"
            found.append(problem(path, f"column `{column}`", wrong, fix=fix))
    for name, texts in raw.items():
        if len(texts) > 1:
            wrong = f"{shown(name)} is written in {len(texts)} ways that differ in what is not seen"
            said = "; ".join(sorted(ascii(text) for text in texts))
            found.append(problem(path, f"column `{column}`", wrong, said, fix=fix))
    return found


def differing(names: list[str]) -> str:
    """In what two names that look alike differ."""
    if any(name != name.translate(LOOK_ALIKE) for name in names):
        return "letters of another alphabet: " + ", ".join(ascii(name) for name in names)
    if len({re.sub(r"\s", "", name).casefold() for name in names}) == 1:
        return "blanks"
    return "leading zeros or decimals"
