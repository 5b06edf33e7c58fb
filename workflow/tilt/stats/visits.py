"""Repeated samples of a donor: how the imbalance changes from the first visit to later ones.

The donor is the unit: a change is a later value less that of the first visit of the same donor
(paired t test, ratios weighted by precision), and the change by arm is the difference of these
changes between cases and controls (least squares, HC2, with the cohort's covariates as they were at
the first visit). Donors who lack a visit are counted and stay out of it; beside it stand a mixed
model with a random donor, in which they count (:mod:`tilt.stats.mixed`), and a permutation of whole
donors: signs of their changes flipped, or labels of the arms reordered.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tilt.core.contracts import CHANGES
from tilt.core.terms import MEASURED, UNIT_KEY
from tilt.core.text import at_visit
from tilt.donors import units
from tilt.stats import contrast, design, mixed, readable, resampling, slopes
from tilt.stats.compared import Compared, DesignCache, Plan, main_row


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
    leads = set(imbalances.loc[imbalances["leads"], "estimator"])
    rows = []
    for estimator, values in imbalances.groupby("estimator", sort=True):
        unit = MEASURED[estimator].unit
        for visit in order[1:]:
            again = [arm for arm in arms if (donors["condition"] == at_visit(arm, visit)).any()]
            found = [change(donors, plan, values, arm, visit, unit) for arm in again]
            if len(again) == len(arms):
                found.append(between(donors, plan, values, visit, unit))
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
    found = contrast.of_values(designs, units.rows_of(values, mine), unit)
    row = main_row(found)
    row |= whole_donors(found, plan) | in_one_model(mine, made, values, visit)
    said = row["reason"].replace("without a partner left out", "without both visits left out")
    return row | {"among": arm, "n": row["n_case"], "covariates": "none", "reason": said}


def between(donors: pd.DataFrame, plan: Plan, values: pd.DataFrame, visit: str, unit: str) -> dict:
    """Change of cases minus change of controls."""
    made = replace(plan.contrast, pair="")
    arms = [made.case, made.control]
    first = donors[donors["condition"].isin(arms)].reset_index(drop=True)
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
    found = contrast.of_values(DesignCache(first, replace(plan, contrast=made)), table, unit)
    row = main_row(found)
    mine = donors[donors["condition"].isin([*arms, *(at_visit(arm, visit) for arm in arms)])]
    row |= whole_donors(found, plan) | in_one_model(mine, made, values, visit)
    alone = len(first) - len(table)
    said = [row["reason"], f"{alone} without both visits" if alone else ""]
    row |= {
        "among": f"{made.case} minus {made.control}",
        "n": len(table),
        "reason": "; ".join(filter(None, said)),
    }
    return row


def whole_donors(found: Compared, plan: Plan) -> dict:
    """``p_permuted``: the studentized change when whole donors are permuted."""
    if found.problem:
        return {}
    if found.pairs is None:
        orders, complete = found.built.orders(plan.permutations, plan.seed)
        p, _ = resampling.permutation_p(found.scaled, found.fit, orders, complete)
        return {"p_permuted": p}
    rng = np.random.default_rng(plan.seed)
    signs, complete = resampling.flips(len(found.value), plan.permutations, rng)
    observed, *null = resampling.studentized(
        np.vstack([found.scaled, found.scaled * signs]), found.fit
    )
    return {"p_permuted": resampling.tail(observed, np.array(null), complete)}


def in_one_model(
    mine: pd.DataFrame, made: design.Contrast, values: pd.DataFrame, visit: str
) -> dict:
    """The same change by a model with a random donor, of all who have either visit.

    ``mine``: their units. ``made.control`` of one arm alone is its condition, ``made.case`` that of
    its later visit; of two arms the change by arm is taken.
    """
    arms = [made.control] if made.pair else [made.case, made.control]
    later = {at_visit(arm, visit): arm for arm in arms}
    good = values[values["estimable"]].astype(dict.fromkeys(UNIT_KEY, str))
    table = mine.astype(dict.fromkeys(UNIT_KEY, str)).merge(
        good[[*UNIT_KEY, "value", "variance"]], on=UNIT_KEY
    )
    late = table["condition"].isin(list(later)).to_numpy(float)
    table = table.assign(condition=table["condition"].replace(later))
    people = table.assign(late=late).sort_values("late", kind="stable").drop_duplicates("donor")
    base = np.ones((len(people), 1))
    if len(arms) > 1:
        built = design.build(people.drop(columns=["late", "value", "variance"]), made)
        people, base = built.units, built.matrix
        if built.problem:
            return {}
    row = people["donor"].reset_index(drop=True)
    at = pd.Index(row).get_indexer(pd.Index(table["donor"]))
    table, late, at = table[at >= 0], late[at >= 0], at[at >= 0]
    matrix = np.column_stack([base[at], base[at] * late[:, None]])
    known = bool(table["variance"].notna().all())
    sampling = table["variance"].to_numpy(float) if known else None
    try:
        one = mixed.fit(table["value"].to_numpy(float), matrix, at, sampling).estimate
    except (ValueError, np.linalg.LinAlgError):
        return {}
    keys = ("effect", "ci_low", "ci_high", "p", "df")
    return {"n_any": len(row)} | {f"mixed_{key}": getattr(one, key) for key in keys}
