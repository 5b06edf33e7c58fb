"""More than two groups: named contrasts of two groups each, and the trend over ordered groups.

The condition, or another column of the sheet (``activity``), names the group of each donor. A
contrast is a difference of two groups in one model with all groups that are named, so that the
covariates are learned from all of them (HC2, degrees of freedom of Bell & McCaffrey). The trend is
the slope (:mod:`tilt.stats.slopes`) on the place of a donor's group in the order: one step up is
taken to be worth the same everywhere.
"""

from collections.abc import Sequence

import pandas as pd

from tilt.core.contracts import CONTRASTS
from tilt.core.terms import MEASURED, UNIT_KEY
from tilt.core.text import listed
from tilt.stats import equivalence, readable, slopes
from tilt.stats.compared import Plan

PAIR, TREND = "contrast", "trend"


def compare(
    donors: pd.DataFrame,
    plan: Plan,
    imbalances: pd.DataFrame,
    column: str,
    contrasts: Sequence[tuple[str, str]],
    order: Sequence[str],
) -> pd.DataFrame:
    """Every contrast of two groups and the trend, of every estimator.

    Parameters
    ----------
    donors
        One row a donor: cohort, donor, condition, ``column``, covariates, strata.
    plan
        Its contrast gives covariates, strata and the least number of donors of a group.
    imbalances
        imbalance.tsv.
    contrasts, order
        Pairs (case, control) of values of ``column``; groups from least to most, or none.

    Returns
    -------
    Table of :data:`tilt.core.contracts.CONTRASTS`; ``p_holm`` is over the contrasts, estimator by
    estimator, and the trend, which is one test, stays outside. What is not estimable has a reason.
    """
    named = list(dict.fromkeys([*order, *(name for pair in contrasts for name in pair)]))
    people = donors[donors[column].isin(named)].astype(dict.fromkeys(UNIT_KEY, str))
    people = people.assign(group=people[column].astype(str))
    leads = set(imbalances.loc[imbalances["leads"], "estimator"])
    rows = []
    for estimator, values in imbalances.groupby("estimator", sort=True):
        unit, margin = MEASURED[estimator].unit, dict(plan.smallest).get(estimator)
        good = values[values["estimable"]].astype(dict.fromkeys(UNIT_KEY, str))
        units = people.merge(good[[*UNIT_KEY, "value", "variance"]], on=UNIT_KEY)
        found = [difference(units, plan, case, control, unit) for case, control in contrasts]
        found = [row | equivalence.columns(row, margin) for row in found]
        found += [trend(units, plan, order, unit)] if order else []
        rows += [
            row | {"estimator": estimator, "leads": estimator in leads} | readable.folds(row)
            for row in found
        ]
    table = pd.DataFrame(rows).reindex(columns=list(CONTRASTS.columns))
    table["cohort"] = str(donors["cohort"].iloc[0])
    for _, same in table[table["kind"] == PAIR].groupby("estimator"):
        table.loc[same.index, "p_holm"] = slopes.holm(same["p"])
    return table


def difference(units: pd.DataFrame, plan: Plan, case: str, control: str, unit: str) -> dict:
    """Group ``case`` minus ``control``, the other groups each with a mean of their own."""
    pair = [case, control]
    others = units["group"].where(~units["group"].isin(pair), "")
    units = units.assign(x=(units["group"] == case).astype(float), others=others)
    found, _ = slopes.slope(
        units, plan.contrast, "the difference", unit, "others", plan.permutations, plan.seed
    )
    row = {"contrast": f"{case} vs {control}", "kind": PAIR, "unit": unit}
    return found | row | sizes(units, found, plan, pair)


def trend(units: pd.DataFrame, plan: Plan, order: Sequence[str], unit: str) -> dict:
    """Slope on the place of a donor's group in the order."""
    step = {name: float(place) for place, name in enumerate(order)}
    units = units[units["group"].isin(step)]
    units = units.assign(x=units["group"].map(step))
    found, _ = slopes.slope(
        units, plan.contrast, "the trend", unit, "", plan.permutations, plan.seed
    )
    row = {"contrast": " < ".join(order), "kind": TREND, "unit": f"{unit} per step"}
    return found | row | sizes(units, found, plan, order)


def sizes(units: pd.DataFrame, found: dict, plan: Plan, groups: Sequence[str]) -> dict:
    """Donors of each group that were used; not estimable where a group has too few.

    The first two groups of a contrast are its cases and controls.
    """
    used = units.loc[units["donor"].isin(found["donors"]), "group"].value_counts()
    n = {name: int(used.get(name, 0)) for name in groups}
    covariates = found["covariates"].removeprefix("others, ").replace("others", "none")
    row: dict = {"groups": ", ".join(f"{k} {name}" for name, k in n.items())}
    row |= {"covariates": covariates}
    if len(groups) == 2:
        row |= dict(zip(("n_case", "n_control"), n.values(), strict=True))
    least = plan.contrast.min_donors
    few = [name for name, k in n.items() if k < least]
    if few:
        said = f"fewer than {least} donors of {listed(few)}"
        gone = dict.fromkeys(("effect", "se", "df", "ci_low", "ci_high", "p"), float("nan"))
        return row | gone | {"estimable": False, "reason": said}
    return row
