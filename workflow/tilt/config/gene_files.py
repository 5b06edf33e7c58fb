"""Checks of the plain tables of genes: aliases, excluded genes, regulons and perturbations."""

import re
from pathlib import Path

from tilt.config.messages import nearest, problem
from tilt.config.names import FORBIDDEN, shown
from tilt.config.resources import of_another_species
from tilt.config.user_files import read_text
from tilt.core import numerals
from tilt.core.text import cells_of

COLUMNS = {
    "gene_aliases": ("old", "current"),
    "excluded_genes": ("list", "kind", "value"),
    "regulon": ("source", "target", "weight"),
    "perturbations": ("perturbation", "gene", "log2_fold_change"),
}
NUMBERS = {"weight": "weight", "log2_fold_change": "change"}  # columns of numbers other than 0
# What two rows must not share.
ONCE: dict[str, tuple[str, ...]]
ONCE = {"regulon": ("source", "target"), "perturbations": ("perturbation", "gene")}
ONCE |= {"gene_aliases": ("old",)}
MOST_CHANGE = 50  # log2, beyond which a number is no change of a gene
KINDS = ("gene", "regex")
SHOWN = 5  # rows of one kind of problem that are spelled out


def check(path: Path, kind: str) -> list[str]:
    """Problems of a table of genes of a ``kind`` in :data:`COLUMNS`; lines with # are comments."""
    text, found = read_text(path)
    if found:
        return found
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    lines = [(n, line) for n, line in lines if not line.startswith("#")]
    needed = COLUMNS[kind]
    if not lines:
        fix = "begin with the line: " + "  ".join(needed)
        return [problem(path, "", "the table is empty", fix=fix)]
    header = [name.strip() for name in lines[0][1].split("\t")]
    for name in needed:
        if name not in header:
            near = nearest(name, header)
            fix = f"rename column `{near}` to `{name}`" if near else f"add a column `{name}`"
            wrong = f"column `{name}` is missing"
            found.append(problem(path, f"line {lines[0][0]}", wrong, ", ".join(header), fix=fix))
    for name in sorted({name for name in header if name and header.count(name) > 1}):
        wrong = f"column `{name}` occurs {header.count(name)} times"
        found.append(problem(path, f"line {lines[0][0]}", wrong))
    if found:
        return found
    problems, seen, genes = [], dict[tuple, int](), list[str]()
    for number, line in lines[1:]:
        try:
            cells = [cell.strip() for cell in cells_of(line, "\t")]
        except ValueError as error:
            problems.append(problem(path, f"line {number}", str(error), line.strip()))
            continue
        row = dict(zip(header, cells, strict=False))
        if len(cells) > len(header):
            wrong = f"{len(cells)} cells for {len(header)} columns"
            problems.append(problem(path, f"line {number}", wrong, "  ".join(map(shown, cells))))
        if FORBIDDEN.search(line):
            wrong = "holds characters that control a terminal or are no text"
            problems.append(problem(path, f"line {number}", wrong, shown(line)))
        for name in needed:
            said = _wrong(kind, name, row.get(name, ""), row)
            if said:
                where = f"line {number}, column `{name}`"
                problems.append(problem(path, where, said, row.get(name) or "nothing"))
        if kind in ONCE:
            genes += filter(None, [row.get(ONCE[kind][-1], "")])
            pair = tuple(row.get(name, "") for name in ONCE[kind])
            first = seen.setdefault(pair, number)
            if first != number and all(pair):
                where = f"line {number}, column `{ONCE[kind][-1]}`"
                under = f" under {pair[0]}" if len(pair) > 1 else ""
                said = f"{pair[-1]} stands twice{under}, first in line {first}"
                problems.append(problem(path, where, said, pair[-1], fix="keep one of the rows"))
    if len(problems) > SHOWN:
        more = f"and {len(problems) - SHOWN} more like these"
        problems = [*problems[:SHOWN], problem(path, "", more)]
    if len(lines) == 1 and kind in ONCE:
        problems.append(problem(path, "", "the table has a header but no rows"))
    return problems + of_another_species(path, genes)


def _wrong(kind: str, column: str, value: str, row: dict) -> str:
    """What is wrong with a cell, in words; empty when nothing is."""
    if not value:
        return "empty"
    if kind == "excluded_genes" and column == "kind" and value not in KINDS:
        return f"must be one of {', '.join(KINDS)}"
    if kind == "excluded_genes" and column == "value" and row.get("kind") == "regex":
        try:
            if re.search(value, ""):
                return "this regular expression fits every gene"
        except re.error as error:
            return f"not a regular expression ({error})"
    if column in NUMBERS and kind in ONCE:
        try:
            float(value)
        except ValueError:
            return "not a number"
        number = numerals.number(value)
        if not number:
            return f"not a {NUMBERS[column]}"
        if column == "log2_fold_change" and abs(number) > MOST_CHANGE:
            return f"beyond {MOST_CHANGE}: is it a log2 fold change?"
    return ""
