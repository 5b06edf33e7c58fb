"""Checks of the marker and signature tables, and of the names the configuration takes from them."""

import os
import re
from collections import defaultdict
from pathlib import Path

from tilt.config import author_words
from tilt.config.cohorts import few, repeats
from tilt.config.messages import nearest, problem
from tilt.config.user_files import check_cells, read_table
from tilt.core.terms import CLONE_MEASURES, FLAGS, GROUPS, MEASURED, UNASSIGNED

ROOT_LABEL = "PBMC"
RESERVED = (*GROUPS, *FLAGS, UNASSIGNED, "pbmc", "total", *MEASURED)
MOUSE = re.compile(r"^[A-Z][a-z]+[a-z0-9-]*$")
MOST_WEIGHT = 100  # times the usual weight of a gene


def markers(path: Path) -> list[str]:
    """Problems of a marker table."""
    columns, rows, found = read_table(path, "markers")
    found += check_cells(path, rows, "markers", "label")
    if not {"level", "label", "parent", "positive"} <= set(columns):
        return found
    found += repeats(path, rows, "label")
    levels = {row["label"]: row["level"] for _, row in rows}
    found += _reserved(path, rows, "label", (*RESERVED, ROOT_LABEL))
    found += of_another_species(path, [g for _, r in rows for g in r["positive"].split()])
    if rows and not any(row.get("compartment") == "memory" for _, row in rows):
        wrong = "no label has the compartment `memory`: the imbalance is measured in memory cells"
        fix = "write `memory` in column `compartment` of the memory CD4 subsets"
        found.append(problem(path, "", wrong, fix=fix))
    for number, row in rows:
        where = f"line {number} (label {row['label']})"
        if row["level"] == "2" and levels.get(row["parent"]) == "0":
            wrong = "the parent of a subset (level 2) is a kind of T cell (level 1)"
            found.append(problem(path, f"{where}, column `parent`", wrong, row["parent"]))
        genes = row["positive"].split()
        twice = sorted({gene for gene in genes if genes.count(gene) > 1})
        if twice:
            wrong = f"{', '.join(twice)} occurs twice among the positive genes"
            found.append(problem(path, where, wrong, fix="keep it once"))
        parent = row["parent"]
        upper = [label for label, level in levels.items() if level < row["level"]] + [ROOT_LABEL]
        if parent and parent not in upper:
            near = nearest(parent, upper)
            known = parent in levels
            wrong = f"parent {parent} is {'not of a higher level' if known else 'unknown'}"
            fix = f"write `{near}`" if near else ""
            allowed = ", ".join(upper)
            found.append(problem(path, f"{where}, column `parent`", wrong, parent, allowed, fix))
        both = sorted(set(row["positive"].split()) & set(row.get("negative", "").split()))
        if both:
            wrong = f"{', '.join(both)} is both positive and negative"
            found.append(problem(path, where, wrong, fix="take it out of one of the columns"))
        for column in ("positive", "negative"):
            if "," in row.get(column, "") or ";" in row.get(column, ""):
                wrong = "genes must be separated by spaces"
                fixed = row[column].replace(",", " ").replace(";", " ")
                fix = " ".join(fixed.split())
                found.append(
                    problem(path, f"{where}, column `{column}`", wrong, row[column], fix=fix)
                )
    return found


def signatures(path: Path) -> list[str]:
    """Problems of a signature table."""
    columns, rows, found = read_table(path, "signatures")
    found += check_cells(path, rows, "signatures", "gene")
    if not {"gene", "set"} <= set(columns):
        return found
    lines = defaultdict(list)
    for number, row in rows:
        lines[row["gene"].upper(), row["set"]].append(number)
    found += _reserved(path, rows, "set", RESERVED)
    found += of_another_species(path, [row["gene"] for _, row in rows])
    found += _weightless(path, rows)
    for (gene, name), numbers in lines.items():
        if gene and len(numbers) > 1:
            where = f"lines {few(numbers)}, column `gene`"
            wrong = f"gene {gene} occurs {len(numbers)} times in set {name}"
            found.append(problem(path, where, wrong, fix="keep one of the rows"))
    return found


def _reserved(path: Path, rows: list, column: str, taken: tuple) -> list[str]:
    """Names that tilt gives to other things, in whose tables they would be lost."""
    seen: dict[str, int] = {}
    for number, row in rows:
        seen.setdefault(row[column], number)
    return [
        problem(
            path,
            f"line {number}, column `{column}`",
            f"{name} has a meaning of its own",
            name,
            fix=f"name it otherwise, for instance {name}_own",
        )
        for name, number in seen.items()
        if name in taken
    ]


def of_another_species(path: Path, genes: list[str]) -> list[str]:
    """Symbols written as those of mice are (Cd3e), mostly."""
    mouse = [gene for gene in genes if MOUSE.match(gene)]
    if len(mouse) <= len(genes) / 2:
        return []
    wrong = f"{len(mouse)} of {len(genes)} genes are written as those of mice"
    return [problem(path, "", wrong, few(mouse), fix="write the symbols of human genes (CD3E)")]


def _weightless(path: Path, rows: list) -> list[str]:
    """Weights that are endless or absurd, and sets whose weights are all zero."""
    found, sets = [], defaultdict(list)
    for number, row in rows:
        try:
            weight = float(row.get("weight", ""))
        except ValueError:
            continue  # told by the schema
        sets[row["set"]].append(weight)
        if abs(weight) > MOST_WEIGHT:
            where, wrong = f"line {number}, column `weight`", f"beyond {MOST_WEIGHT}"
            found.append(problem(path, where, wrong, row["weight"]))
    for name, weights in sets.items():
        if not any(weights):
            found.append(problem(path, f"set {name}", "all weights are zero"))
    return found


def names_used(settings: dict, source: str) -> list[str]:
    """Labels and signatures named in the configuration that no table defines."""
    labels, sets = (
        {row.get(column, "") for row in _rows(settings["resources"], kind)}
        for kind, column in (("markers", "label"), ("signatures", "set"))
    )
    imbalance, stats = settings["imbalance"], settings["stats"]
    pairs = [entry.get("quantity") for entry in stats["secondary"] if isinstance(entry, dict)]
    wanted = [
        ("imbalance: poles: tph", imbalance["poles"].get("tph"), labels, "markers"),
        ("imbalance: poles: th22", imbalance["poles"].get("th22"), labels, "markers"),
        ("imbalance: tph_set", [imbalance["tph_set"]], sets, "signatures"),
        ("imbalance: th22_set", [imbalance["th22_set"]], sets, "signatures"),
        ("stats: activity_sets", stats["activity_sets"], sets, "signatures"),
        ("stats: mediators", stats["mediators"], sets, "signatures"),
        ("stats: handling_sets", stats["handling_sets"], sets, "signatures"),
        ("stats: activity_subsets", stats["activity_subsets"], labels | {*GROUPS}, "markers"),
        ("stats: de_subsets", stats["de_subsets"], labels | {*GROUPS}, "markers"),
        (
            "stats: secondary",
            pairs,
            labels | sets | {*FLAGS, *CLONE_MEASURES},
            "markers or signatures",
        ),
    ]
    found = []
    for where, names, known, table in wanted:
        for name in names or []:
            found += _undefined(
                source, where, name, known, table, "add it to the table, or take it out"
            )
    found += [
        problem(source, "resources", f"{name} is a label and a signature", fix="rename one of them")
        for name in sorted(labels & sets - {""})
    ]
    return found + _no_poles(settings, source)


def _no_poles(settings: dict, source: str) -> list[str]:
    """Poles of the imbalance whose cells are not among memory CD4 T cells: none would be counted.

    A label that no table defines is told elsewhere.
    """
    rows = {row.get("label"): row for row in _rows(settings["resources"], "markers")}
    found = []
    for pole, names in settings["imbalance"]["poles"].items():
        for name in names:
            row = rows.get(name)
            if not row or (row.get("compartment") == "memory" and row.get("parent") == "CD4"):
                continue
            wrong = f"{name} is no memory CD4 subset: none of its cells would be counted"
            fix = "name labels of the table of markers with parent CD4 and compartment memory"
            found.append(problem(source, f"imbalance: poles: {pole}", wrong, name, fix=fix))
    return found


def _undefined(
    source: str | Path, where: str, name: object, known: set, table: str, else_: str
) -> list[str]:
    """That ``name`` is not among ``known``; fixed by the nearest that is, or as ``else_`` says."""
    if not isinstance(name, str) or name in known:
        return []
    near = nearest(name, known)
    fix = f"write `{near}`" if near else else_
    wrong = f"{name} is not defined in the table of {table}"
    return [problem(source, where, wrong, name, fix=fix)]


def label_map(cohort: dict, resources: dict) -> list[str]:
    """A map of the authors' labels without labels, or to labels that no table defines."""
    path, given = cohort.get("path", ""), cohort.get("label_map")
    if not isinstance(given, dict):
        return []
    found = []
    if not cohort.get("author_labels"):
        wrong, fix = "there are no labels to map", "name their column as `author_labels`"
        found.append(problem(path, "label_map", wrong, fix=fix))
    known = {row.get("label", "") for row in _rows(resources, "markers")} | {UNASSIGNED}
    for theirs, ours in given.items():
        where, fix = f"label_map: {theirs}", f"write a label of the table, or {UNASSIGNED}"
        found += _undefined(path, where, ours, known, "markers", fix)
    return found or author_words.unmapped(cohort, known)


def _rows(resources: dict, kind: str) -> list[dict]:
    path = resources.get(kind)
    if not isinstance(path, str) or not os.path.isfile(path):
        return []
    return [row for _, row in read_table(Path(path), kind)[1]]
