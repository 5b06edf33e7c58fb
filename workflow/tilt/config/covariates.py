"""Checks of the columns that the comparison is adjusted for: their roles and their numbers."""

from collections import defaultdict
from pathlib import Path

from tilt.config.messages import problem, schema
from tilt.core import numerals
from tilt.core.terms import FILE_COLUMNS
from tilt.core.text import count, few

SHOWN = 5  # cells of a column that are named one by one


def names(value: object) -> list[str]:
    """Entries of a list of names, whatever was written."""
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def declared(cohort: dict) -> list[str]:
    """Declared covariates that are not strata as well: a stratum is counted once, as categories."""
    strata = names(cohort.get("strata"))
    return [c for c in dict.fromkeys(names(cohort.get("covariates"))) if c not in strata]


def roles(cohort: dict) -> list[str]:
    """Columns that have a part of their own in the comparison and cannot be adjusted for."""
    found = []
    parts = dict.fromkeys(FILE_COLUMNS, "where files are")
    parts |= {"condition": "what is compared", "donor": "the unit", "sample": "the library"}
    for key in ("covariates", "strata"):
        for name in names(cohort.get(key)):
            if name in parts:
                wrong = f"`{name}` is {parts[name]} and cannot be adjusted for"
                fix = f"take `{name}` out of `{key}`"
                if name == "donor":
                    fix += "; donors measured in both conditions: `contrast: {paired: true}`"
                found.append(problem(cohort["path"], key, wrong, name, fix=fix))
    return found


def numbers(cohort: dict, path: Path, rows: list) -> tuple[list[str], list[str]]:
    """Cells of the covariates that are no numbers where the others are; notes on what is done."""
    found, notes = [], []
    who = f"cohort {cohort.get('name')}"
    strata = names(cohort.get("strata"))
    for name in dict.fromkeys(names(cohort.get("covariates"))):
        if name in strata:
            notes.append(f"{who}: `{name}` is a stratum and a covariate: counted once, as stratum")
    exposures = [v for key in ("exposures", "exposures_all") for v in names(cohort.get(key))]
    for name in dict.fromkeys([*declared(cohort), *exposures]):
        if not rows or name not in rows[0][1] or name in ("condition", "donor", "sample"):
            continue
        values = [row[name] for _, row in rows]
        codes, far = numerals.doubtful(values)
        told = name in schema("samples")["properties"]  # by the rules of its column
        for positions, wrong, fix in (
            (
                [] if told else numerals.strays(values),
                "not a number, where the other values are",
                "write one number with a decimal point and nothing else, or leave the cell empty; "
                f"if `{name}` names groups, list it under `strata` in {cohort['path']}",
            ),
            (
                codes,
                "looks like a code for a missing value",
                "leave the cell empty, or write NA",
            ),
        ):
            for i in positions[:SHOWN]:
                number, row = rows[i]
                where = f"line {number} (donor {row['donor']}), column `{name}`"
                found.append(problem(path, where, wrong, values[i], fix=fix))
            if len(positions) > SHOWN:
                lines = few([rows[i][0] for i in positions[SHOWN:]])
                found.append(problem(path, f"column `{name}`", f"the same on lines {lines}"))
        for i in far:
            notes.append(
                f"{who}: {name} {values[i]} of donor {rows[i][1]['donor']} (line {rows[i][0]}) is "
                "far from all others: is it right?"
            )
        notes += _averaged(who, name, rows)
    return found, notes


def _averaged(who: str, name: str, rows: list) -> list[str]:
    """Donors whose samples give several numbers: their mean is used."""
    values = defaultdict(set)
    for _, row in rows:
        number = numerals.number(row[name])
        if number is not None:
            values[row["donor"], row["condition"]].add(number)
    several = [
        f"{donor} ({', '.join(f'{v:g}' for v in sorted(seen))})"
        for (donor, _), seen in values.items()
        if len(seen) > 1
    ]
    if not several or not numerals.is_numeric([row[name] for _, row in rows]):
        return []
    text = f"{who}: `{name}` differs between the samples of {count(len(several), 'donor')}"
    return [f"{text}: the mean is used: {few(several)}"]
