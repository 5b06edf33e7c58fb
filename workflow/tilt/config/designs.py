"""Checks of designs beyond two arms: exposures, groups, visits."""

from collections.abc import Mapping
from pathlib import Path

from tilt.config.covariates import names
from tilt.config.messages import problem
from tilt.core import numerals
from tilt.core.text import few

EXPOSURES = ("exposures", "exposures_all")
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
