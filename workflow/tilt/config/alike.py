"""Problems that are the same but for the line, told once: ``lines 2-19``."""

import re
from collections.abc import Iterable

from tilt.core.text import few

LINE = re.compile(r"^(.*?: )line (\d+)(?: \(\w+ [^)]*\))?(.*)$")
FOUND = "    found:   "
FIX = "    fix:     "
FROM = 3  # problems from which on they are told as one


def collapsed(problems: list[str]) -> list[str]:
    """The problems, those that differ only in line, sample and what was found as one."""
    groups: dict[tuple, list[int]] = {}
    for i, text in enumerate(problems):
        head, *rest = text.split("\n")
        found = LINE.match(head)
        if found:
            fixed = tuple(line for line in rest if not line.startswith((FOUND, FIX, " " * 13)))
            groups.setdefault((found[1], found[3], fixed), []).append(i)
    at = {members[0]: members for members in groups.values() if len(members) >= FROM}
    gone = {i for members in at.values() for i in members[1:]}
    return [
        _one([problems[k] for k in at[i]]) if i in at else text
        for i, text in enumerate(problems)
        if i not in gone
    ]


def _one(texts: list[str]) -> str:
    """One text for several that differ in their lines."""
    heads = [found for text in texts if (found := LINE.match(text.split("\n")[0]))]
    numbers = sorted({int(head[2]) for head in heads})
    rest = texts[0].split("\n")[1:]
    values, fixes = ([_told(text, label) for text in texts] for label in (FOUND, FIX))
    lines = [f"{heads[0][1]}lines {ranges(numbers)}{heads[0][3]}"]
    if any(values):
        lines.append(FOUND + few(list(dict.fromkeys(filter(None, values)))))
    lines += [line for line in rest if not line.startswith((FOUND, FIX, " " * 13))]
    if fixes[0]:
        same = len(set(fixes)) == 1
        lines.append(FIX + (fixes[0] if same else f"{fixes[0]}, and so on"))
    return "\n".join(lines)


def _told(text: str, label: str) -> str:
    """First line of what stands under a label of a problem, "" if nothing does."""
    return next((x[len(label) :] for x in text.split("\n") if x.startswith(label)), "")


def ranges(numbers: Iterable[int]) -> str:
    """Sorted numbers, neighbors joined: ``2-19, 25``."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
