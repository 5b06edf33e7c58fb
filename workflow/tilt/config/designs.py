"""Checks of designs beyond two arms: exposures, groups, visits."""

from collections.abc import Mapping
from pathlib import Path

from tilt.config.covariates import names
from tilt.config.jobs import EXPOSURES
from tilt.config.messages import nearest, no_column, problem
from tilt.core import numerals
from tilt.core.text import at_visit, count, few

PARTS = {
    "sample": "the library",
    "donor": "the unit",
    "condition": "what is compared: its groups are named under `groups`",
}


def exposures(cohort: Mapping, path: Path, rows: list[tuple[int, dict]]) -> list[str]:
    """Exposures that are no numbers, or that no donor in question has.

    ``rows``: of the sheet with their line numbers.
    """
    found = []
    contrast = cohort.get("contrast")
    contrast = contrast if isinstance(contrast, dict) else {}
    asked = [(key, name) for key in EXPOSURES for name in names(cohort.get(key))]
    both = sorted(set(names(cohort.get(EXPOSURES[0]))) & set(names(cohort.get(EXPOSURES[1]))))
    if both:
        wrong, fix = "is an exposure of cases and of all donors", "take it out of one of the two"
        found.append(problem(cohort["path"], "exposures_all", wrong, few(both), fix=fix))
    if names(cohort.get("exposures_all")) and contrast.get("paired"):
        wrong = "paired: each donor would count twice"
        fix = "name them under `exposures`, which is about the samples of the cases"
        found.append(problem(cohort["path"], "exposures_all", wrong, fix=fix))
    for key, name in asked:
        if name in PARTS:
            wrong = f"`{name}` is {PARTS[name]}"
            fix = f"take it out of `{key}`"
            found.append(problem(cohort["path"], key, wrong, name, fix=fix))
            continue
        if not rows or name not in rows[0][1]:
            continue  # told
        values = [row[name] for _, row in rows]
        known = [v for v in values if numerals.is_known(v)]
        if known and not numerals.is_numeric(values) and not numerals.strays(values):
            wrong = "an exposure is a number, and most values of this column are none"
            fix = f"take it out of `{key}`; groups are compared with `groups` and `contrasts`"
            shown = few(sorted(set(known)))
            found.append(problem(cohort["path"], key, wrong, f"{name}: {shown}", fix=fix))
            continue
        arms = {contrast.get("case")} | ({contrast.get("control")} if key != "exposures" else set())
        if not any(numerals.is_known(row[name]) for _, row in rows if row["condition"] in arms):
            who = f"{contrast.get('case')} sample" if key == "exposures" else "sample"
            wrong = f"no {who} has a value of `{name}`"
            fix = f"fill the column in, or take it out of `{key}`"
            found.append(problem(path, f"column `{name}`", wrong, fix=fix))
    return found


def _asked(cohort: Mapping) -> tuple[str, list[tuple[str, str]], list[str]]:
    """Column of the groups, the contrasts of two groups each, and the order, as written."""
    about = cohort.get("groups")
    about = about if isinstance(about, dict) else {}
    column = about.get("column", "condition")
    pairs = cohort.get("contrasts")
    pairs = [e for e in pairs if isinstance(e, dict)] if isinstance(pairs, list) else []
    written = [(e.get("case"), e.get("control")) for e in pairs]
    return (
        column if isinstance(column, str) else "condition",
        [(a, b) for a, b in written if isinstance(a, str) and isinstance(b, str)],
        names(about.get("order")),
    )


def _named(cohort: Mapping) -> list[str]:
    """Groups that are named in contrasts and in the order."""
    _, pairs, order = _asked(cohort)
    return list(dict.fromkeys([*(name for pair in pairs for name in pair), *order]))


def conditions(cohort: Mapping) -> list[str]:
    """Conditions that may be in the sheet beside those of the contrast."""
    contrast = cohort.get("contrast")
    arms = list(contrast.values()) if isinstance(contrast, dict) else []
    named = _named(cohort) if _asked(cohort)[0] == "condition" else []
    return [name for name in named if name not in arms]


def group_columns(cohort: Mapping) -> list[str]:
    """Column of the groups where it is not the condition: a donor has one value."""
    column = _asked(cohort)[0]
    return [] if column == "condition" else [column]


def groups(
    cohort: Mapping, path: Path, rows: list[tuple[int, dict]]
) -> tuple[list[str], list[str]]:
    """Groups and contrasts that cannot be compared, and notes on samples of no named group."""
    column, pairs, order = _asked(cohort)
    source, named = cohort["path"], _named(cohort)
    if not named:
        if column == "condition":
            return [], []
        wrong, fix = "names groups, but nothing is asked of them", "add `contrasts` or `order`"
        return [problem(source, "groups", wrong, column, fix=fix)], []
    columns = list(rows[0][1]) if rows else []
    if rows and column not in columns:
        return [no_column(source, "groups: column", column, columns, path)], []
    found = _of_contrasts(cohort, pairs, column)
    if order and len(order) < 3:
        wrong, fix = "a trend needs three groups", "add the others, or name both under `contrasts`"
        found.append(problem(source, "groups: order", wrong, ", ".join(order), fix=fix))
    contrast = cohort.get("contrast")
    if isinstance(contrast, dict) and contrast.get("paired"):
        wrong = "paired: a donor is in both conditions and in no group of its own"
        fix = "take `groups` and `contrasts` out"
        found.append(problem(source, "contrasts", wrong, fix=fix))
    there = sorted({row[column] for _, row in rows if numerals.is_known(row[column])})
    for name in named if rows else []:
        if name not in there:
            near = nearest(name, there)
            fix = f"write `{near}`" if near else "correct the name, or take it out"
            wrong = f"no sample is of this group (column `{column}`)"
            found.append(problem(source, "contrasts", wrong, name, few(there, 12), fix))
    others = [row for _, row in rows if row[column] not in named]
    notes = []
    if others and column != "condition":
        said = sorted({row[column] or "empty" for row in others})
        notes = [
            f"cohort {cohort.get('name')}: {count(len(others), 'sample')} of no group that is "
            f"named in `contrasts` or `order` ({column}: {few(said)}): not in these comparisons"
        ]
    return found, notes


def _of_contrasts(cohort: Mapping, pairs: list[tuple[str, str]], column: str) -> list[str]:
    """Contrasts of a group with itself, and contrasts that are asked twice."""
    contrast = cohort.get("contrast")
    seen = {}
    if isinstance(contrast, dict) and column == "condition":
        seen[frozenset([contrast.get("case"), contrast.get("control")])] = "`contrast`"
    found = []
    for number, (case, control) in enumerate(pairs, start=1):
        where, both = f"contrasts: entry {number}", frozenset([case, control])
        said, fix = f"{case} vs {control}", "take it out"
        if case == control:
            wrong = "case and control are the same group"
            found.append(problem(cohort["path"], where, wrong, case))
        elif both in seen:
            wrong = f"is the same as {seen[both]}"
            found.append(problem(cohort["path"], where, wrong, said, fix=fix))
        seen.setdefault(both, f"entry {number}")
    return found


def _visits(cohort: Mapping) -> tuple[str, list[str]]:
    """Column and names of the visits, "" and none where they are not declared as they must be."""
    about = cohort.get("visits")
    about = about if isinstance(about, dict) else {}
    column, order = about.get("column"), names(about.get("order"))
    return (column, order) if isinstance(column, str) and len(order) > 1 else ("", [])


def who(cohort: Mapping, row: Mapping, column: str) -> str:
    """Who has one value of a column of the sheet: a donor, or a donor at a visit."""
    visit = row.get(_visits(cohort)[0], "")
    return f"{row['donor']} at {visit}" if visit and column != "condition" else row["donor"]


def visits(
    cohort: Mapping, path: Path, rows: list[tuple[int, dict]]
) -> tuple[list[str], list[str]]:
    """Visits that cannot be told apart or that nobody has twice.

    Notes on samples that are added up, and on donors with a late visit alone.
    """
    column, order = _visits(cohort)
    if not column or not rows:
        return [], repeats(cohort, rows)
    source = cohort["path"]
    columns = list(rows[0][1])
    if column not in columns:
        return [no_column(source, "visits: column", column, columns, path)], []
    found = []
    contrast = cohort.get("contrast")
    if isinstance(contrast, dict) and contrast.get("paired"):
        wrong = "paired: a donor is in both conditions already"
        fix = "keep one of the two: `paired`, or `visits`"
        found.append(problem(source, "visits", wrong, fix=fix))
    match = (cohort.get("cell_table") or {}).get("match")
    if isinstance(match, dict) and "condition" in match.values():
        wrong = "cells are matched by `condition`, which differs by visit"
        fix = "match them by a column of their own"
        found.append(problem(source, "cell_table: match", wrong, fix=fix))
    wrong_rows: dict[str, list[int]] = {}
    seen: dict[str, set[str]] = {}
    for number, row in rows:
        if row[column] in order:
            seen.setdefault(row["donor"], set()).add(row[column])
        else:
            wrong_rows.setdefault(row[column], []).append(number)
    for value, lines in wrong_rows.items():
        near = nearest(value, order)
        fix = f"write `{near or order[0]}`" + ("" if near else " for donors who came once")
        where = f"line{'s' * (len(lines) > 1)} {few(lines)}, column `{column}`"
        found.append(
            problem(path, where, "no visit named in `visits`", value, ", ".join(order), fix)
        )
    if not wrong_rows and all(order[0] not in s or len(s) < 2 for s in seen.values()):
        wrong = f"no donor has a sample of {order[0]} and of a later visit"
        fix = "give the samples of one person one donor name, or take `visits` out"
        found.append(problem(source, "visits", wrong, f"{len(seen)} donors", fix=fix))
    late = sorted(donor for donor, own in seen.items() if order[0] not in own)
    notes = repeats(cohort, by_visit(cohort, rows))
    if late and not found:
        notes += [
            f"cohort {cohort.get('name')}: {count(len(late), 'donor')} without a sample of "
            f"{order[0]} ({few(late)}): not in the comparison of the arms"
        ]
    return found, notes


def repeats(cohort: Mapping, rows: list[tuple[int, dict]]) -> list[str]:
    """A note on samples of one donor in one condition, whose cells are added up."""
    seen: dict[tuple[str, str], list[str]] = {}
    for _, row in rows:
        seen.setdefault((row["donor"], row["condition"]), []).append(row["sample"])
    several = {key: own for key, own in seen.items() if len(own) > 1}
    if not several:
        return []
    n = sum(len(own) for own in several.values())
    (donor, _), own = next(iter(several.items()))
    people = count(len({who for who, _ in several}), "donor")
    return [
        f"cohort {cohort.get('name')}: cells of {n} samples of {people} are added up "
        f"({donor}: {few(own)}): technical repeats. Samples of different days are named by a "
        "column under `visits`"
    ]


def by_visit(cohort: Mapping, rows: list[tuple[int, dict]]) -> list[tuple[int, dict]]:
    """Rows in which the condition of later visits names the visit: units of their own."""
    column, order = _visits(cohort)
    return [
        (number, row | {"condition": at_visit(row["condition"], row[column])})
        if row.get(column) in order[1:]
        else (number, row)
        for number, row in rows
    ]
