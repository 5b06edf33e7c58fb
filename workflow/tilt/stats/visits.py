"""Repeated samples of a donor: how the imbalance changes from the first visit to later ones.

The donor is the unit: a change is a later value less that of the first visit of the same donor
(paired t test, ratios weighted by precision), and the change by arm is the difference of these
changes between cases and controls (least squares, HC2, with the cohort's covariates as they were at
the first visit). With one value a donor and visit this is what a mixed model with a random donor
estimates from complete pairs, without its large-sample reference; donors who lack a visit are
counted.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from tilt.core.contracts import CHANGES
from tilt.core.terms import MEASURED, UNIT_KEY
from tilt.core.text import at_visit
from tilt.donors import units
from tilt.stats import contrast, readable, slopes
from tilt.stats.compared import DesignCache, Plan


def compare(
    donors: pd.DataFrame, plan: Plan, imbalances: pd.DataFrame, order: Sequence[str]
) -> pd.DataFrame:
    """Change of every estimator from the first to each later visit, by arm and between them.

    Parameters
    ----------
    donors
        One row a donor and visit: cohort, donor, condition (:func:`tilt.core.text.at_visit` for
        later visits), covariates, strata.
    imbalances
        imbalance.tsv.
    order
        Names of the visits, the first one first.

    Returns
    -------
    Table of :data:`tilt.core.contracts.CHANGES`; ``p_holm`` is over the later visits of one
    question and estimator. An arm of which nobody came again has no rows; what else is not
    estimable has its reason.
    """
    arms = [plan.contrast.case, plan.contrast.control]
    first = donors[donors["condition"].isin(arms)].reset_index(drop=True)
    leads = set(imbalances.loc[imbalances["leads"], "estimator"])
    rows = []
    for estimator, values in imbalances.groupby("estimator", sort=True):
        unit = MEASURED[estimator].unit
        for visit in order[1:]:
            again = [arm for arm in arms if (donors["condition"] == at_visit(arm, visit)).any()]
            found = [change(donors, plan, values, arm, visit, unit) for arm in again]
            if len(again) == len(arms):
                found.append(between(first, plan, values, visit, unit))
            key = {"visit": visit, "since": order[0], "estimator": estimator}
            key["leads"] = estimator in leads
            rows += [row | key | readable.folds(row) for row in found]
    table = pd.DataFrame(rows).reindex(columns=list(CHANGES.columns))
    table["cohort"] = str(donors["cohort"].iloc[0])
    for _, same in table.groupby(["estimator", "among"]):
        table.loc[same.index, "p_holm"] = slopes.holm(same["p"])
    return table


def change(
    donors: pd.DataFrame, plan: Plan, values: pd.DataFrame, arm: str, visit: str, unit: str
) -> dict:
    """Mean change of the donors of an arm who were measured at both visits."""
    bare = replace(plan.contrast, control=arm, pair="donor", covariates=(), strata=())
    made = replace(bare, case=at_visit(arm, visit))
    mine = donors[donors["condition"].isin([made.case, arm])].reset_index(drop=True)
    designs = DesignCache(mine, replace(plan, contrast=made))
    row = contrast.main_effect(designs, units.rows_of(values, mine), unit)
    return row | {"among": arm, "n": row["n_case"], "covariates": "none"}


def between(first: pd.DataFrame, plan: Plan, values: pd.DataFrame, visit: str, unit: str) -> dict:
    """Change of cases minus change of controls; ``first``: donors at the first visit."""
    keys = [*UNIT_KEY, "value", "variance"]
    good = values[values["estimable"]].astype(dict.fromkeys(UNIT_KEY, str))[keys]
    people = first[["cohort", *UNIT_KEY]].astype(str)
    people = people.assign(later=[at_visit(arm, visit) for arm in people["condition"]])
    table = people.merge(good, on=UNIT_KEY)
    table = table.merge(
        good.rename(columns={"condition": "later"}), on=["donor", "later"], suffixes=("", "_later")
    )
    table = table.assign(
        value=table["value_later"] - table["value"],
        variance=table["variance_later"] + table["variance"],
        estimable=True,
        reason="",
    )
    made = replace(plan.contrast, pair="")
    designs = DesignCache(first, replace(plan, contrast=made))
    row = contrast.main_effect(designs, table, unit)
    alone = len(first) - len(table)
    said = [row["reason"], f"{alone} without both visits" if alone else ""]
    row |= {
        "among": f"{made.case} minus {made.control}",
        "n": len(table),
        "reason": "; ".join(filter(None, said)),
    }
    return row
