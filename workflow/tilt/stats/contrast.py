"""Tests of every donor quantity: case against control, with roles declared beforehand.

A quantity out of a denominator has one main row. Its effect, interval, p and verdict come from one
method: least squares with HC2 standard errors and the degrees of freedom of Bell & McCaffrey. In
simulations (docs/numbers.md) it holds its level where the studentized permutation does not (arms
of 3 against 8 or 4 against 8 where the small arm spreads wider: .04-.07 against .08-.10), can speak
with three donors an arm, where no permutation can, and has the same power. ``method`` tells what
goes in:

arcsine_ols_hc2   arcsine-root share; where five or more subsets of a denominator can be compared,
                  with moderated variances (``*_moderated``, :mod:`tilt.stats.moderate`)
wls_hc2           a ratio of cells per donor (E1, E2, E4), donors weighted by precision
ols_hc2           any other value per donor (E3, signature)
paired_t          within-donor differences (paired designs), weighted where they are ratios

Estimators of the imbalance, primary and secondary quantities get the same comparison by other
methods, as sensitivity (:mod:`tilt.stats.methods`).
"""

import logging

import numpy as np
import pandas as pd

from tilt.core.contracts import TESTS
from tilt.core.terms import (
    CLONE_GINI,
    EXPLORATORY,
    MAIN_METHODS,
    MEASURED,
    MODERATED,
    PRIMARY,
    ROLES,
    SECONDARY,
    SENSITIVITY,
    UNIT,
    WORKING_SET,
)
from tilt.donors import units
from tilt.donors.composition import ANGLE
from tilt.stats import (
    calibration,
    compared,
    corrected,
    design,
    equivalence,
    family,
    inference,
    methods,
    moderate,
    readable,
)
from tilt.stats.compared import Compared, DesignCache, Plan
from tilt.stats.methods import LOG_ODDS
from tilt.stats.readable import LOG2, POINTS, RATIO

log = logging.getLogger(__name__)

GINI = "Gini index"  # unit of the inequality of clones
LABELED = "E1"  # the estimator that counts labels
NOT_TESTED = "not_tested"  # method of a declared quantity that the cohort does not have


def share(designs: DesignCache, rows: pd.DataFrame, whole: pd.DataFrame, full: bool) -> list[dict]:
    """Main row of one subset out of one denominator; with ``full`` also the other methods'.

    ``rows``: its rows of the composition; ``whole``: the composition (for the CLR).
    """
    table, notes = compared.share_table(rows)
    found = compared.prepare(designs, table, "arcsine_ols_hc2", ANGLE, "percent", notes)
    main = compared.main_row(found)
    if main["estimable"]:
        main["chance"], main["biology"] = compared.chance_and_biology(found, table)
    if not full:
        return [main]
    if not main["estimable"]:
        return [main, methods.counts_model(designs, table, "quasi_binomial", LOG_ODDS, notes)]
    return [main, *methods.of_share(designs, found, table, rows, whole, notes)]


def value(designs: DesignCache, rows: pd.DataFrame, unit: str, full: bool = True) -> list[dict]:
    """Main row of a value per unit, and with ``full`` the other methods'.

    Units that are not estimable are named by their reason. With a column ``variance`` donors are
    weighted by precision.
    """
    found = of_values(designs, rows, unit)
    main = compared.main_row(found)
    if not full or not main["estimable"]:
        return [main]
    return [main, *methods.resampled(designs, found), methods.ranked(designs, found)]


def of_values(designs: DesignCache, rows: pd.DataFrame, unit: str) -> Compared:
    """Values per unit ready for comparison; those not estimable are counted with their reason."""
    rows = units.rows_of(rows, designs.donors)
    usable = rows[rows["estimable"]]
    why = rows.loc[~rows["estimable"], "reason"]
    notes = compared.left_out(len(why), why.mode().iloc[0]) if len(why) else ()
    weighted = "variance" in usable and bool(usable["variance"].notna().all()) and len(usable) > 0
    method = "wls_hc2" if weighted else "ols_hc2"
    if usable.empty:
        base = compared.pairs_used(0) | {"covariates": "none", "unit": unit, "reason": ""}
        method = "paired_t" if designs.plan.contrast.pair else method
        return Compared(base, method, (why.mode().iloc[0] if len(why) else "") or "no donors")
    usable = usable if weighted else usable.drop(columns="variance", errors="ignore")
    return compared.prepare(designs, usable, method, unit, "", notes)


def main_effect(designs: DesignCache, rows: pd.DataFrame, unit: str) -> dict:
    """Only the main row of :func:`value`."""
    return value(designs, rows, unit, full=False)[0]


def _role(
    quantity: str, denominator: str, method: str, plan: Plan, primary: tuple[str, str] | None
) -> str:
    declared = (quantity, denominator)
    if declared != primary and declared not in plan.secondary:
        return EXPLORATORY
    if method not in MAIN_METHODS:
        return SENSITIVITY
    return PRIMARY if declared == primary else SECONDARY


def run(
    donors: pd.DataFrame,
    plan: Plan,
    compositions: pd.DataFrame,
    imbalances: pd.DataFrame | None = None,
    activities: pd.DataFrame | None = None,
    pole_counts: dict[str, pd.DataFrame] | None = None,
    mistakes: corrected.Mistakes | None = None,
    clones: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Test everything a cohort has; the only step that reads which donor is a case.

    Parameters
    ----------
    donors
        One row a unit: cohort, donor, condition, covariates, strata.
    compositions, imbalances, activities
        composition.tsv, imbalance.tsv and activity.tsv.
    pole_counts
        For E1, E2 and E4: units with n_tph and n_th22, for the pseudocount-free ratio.
    mistakes
        Of the labels, for E1 corrected for them; None where they are not known.
    clones
        clones.tsv of a cohort with receptors.

    Returns
    -------
    Table of :data:`tilt.core.contracts.TESTS`, main rows and those of other methods
    (:func:`main_rows` tells them apart). Exactly one row has the role primary where there is a
    pre-declared endpoint, even when it is not estimable (the reason says why); the other
    estimators and all other methods are sensitivity. q is Benjamini-Hochberg within the secondary
    family; fold and points are the same effect on other scales (:mod:`tilt.stats.readable`);
    ``p_family`` of the estimators is joint (:mod:`tilt.stats.family`).
    """
    design.check_donors(donors, plan.contrast)
    cohort = str(donors["cohort"].iloc[0])
    compositions = units.rows_of(compositions, donors)
    imbalances = None if imbalances is None else units.rows_of(imbalances, donors)
    activities = None if activities is None else units.rows_of(activities, donors)
    designs = DesignCache(donors.reset_index(drop=True), plan)
    primary = plan.primary
    if imbalances is not None and primary is None:
        lead = imbalances.loc[imbalances["leads"], "estimator"]
        primary = (lead.iloc[0] if len(lead) else "E1", WORKING_SET)
    out: list[dict] = []

    def keep(rows: list[dict], quantity: str, denominator: str, role: str = "") -> None:
        for row in rows:
            named = {"quantity": quantity, "denominator": denominator}
            got = role or _role(quantity, denominator, row["method"], plan, primary)
            out.append(row | named | {"role": got})

    if imbalances is not None:
        for estimator, rows in estimators(designs, imbalances, pole_counts or {}).items():
            key = (estimator, WORKING_SET)
            if estimator == LABELED and mistakes is not None and rows[0]["estimable"]:
                mine = imbalances[imbalances["estimator"] == estimator]
                mine = mine[mine["estimable"]]
                ready, counts = of_values(designs, mine, RATIO), (pole_counts or {})[estimator]
                given = (ready, mine, counts, compositions, mistakes)
                rows.append(corrected.row(*given, plan.seed))
            keep(rows, *key, "" if key == primary else SENSITIVITY)
    for (denominator, subset), rows in compositions.groupby(["denominator", "subset"], sort=True):
        declared = (subset, denominator) in (*plan.secondary, primary)
        keep(share(designs, rows, compositions, declared), subset, denominator)
    if activities is not None:
        for (subset, name), rows in activities.groupby(["subset", "signature"], sort=True):
            declared = (name, subset) in (*plan.secondary, primary)
            keep(value(designs, rows, LOG2, declared), name, subset)
    if clones is not None:
        mine = units.rows_of(clones, donors)
        for (subset, name), rows in mine.groupby(["subset", "measure"], sort=True):
            unit = GINI if name == CLONE_GINI else POINTS
            declared = (name, subset) in (*plan.secondary, primary)
            keep(value(designs, rows, unit, declared), name, subset)
    found = {(r["quantity"], r["denominator"]) for r in out}
    for quantity, denominator in [*plan.secondary, *([primary] if primary else [])]:
        if (quantity, denominator) not in found:
            absent = compared.not_estimable({}, NOT_TESTED, "no such quantity in this cohort")
            role = PRIMARY if (quantity, denominator) == primary else SECONDARY
            keep([absent], quantity, denominator, role)
    moderated(out, compositions)
    for row in out:
        if row["estimable"] and row["method"] in MAIN_METHODS:
            case, control = row["n_case_informative"], row["n_control_informative"]
            mark = calibration.outside(case, control, row["df"])
            row["reason"] = "; ".join(text for text in (mark, row["reason"]) if text)
        if row["estimable"]:
            row |= readable.columns(row)
    table = pd.DataFrame(out).reindex(columns=list(TESTS.columns))
    table["cohort"], table["contrast"] = cohort, plan.contrast.name
    table["covariates"] = table["covariates"].fillna("none")
    secondary = table["role"] == SECONDARY
    p = table.loc[secondary, "p"].to_numpy(float)
    table.loc[secondary, "q"] = inference.benjamini_hochberg(p)
    return table.sort_values("role", key=lambda r: r.map(ROLES.index), kind="stable").reset_index(
        drop=True
    )


def estimators(
    designs: DesignCache, imbalances: pd.DataFrame, pole_counts: dict[str, pd.DataFrame]
) -> dict[str, list[dict]]:
    """Rows of every estimator: the main one, with its p in the family, and other methods'."""
    out, ready = {}, {}
    for estimator, rows in imbalances.groupby("estimator", sort=True):
        unit = MEASURED[estimator].unit
        ready[estimator] = of_values(designs, rows, unit)
        out[estimator] = value(designs, rows, unit)
        if not rows["estimable"].any():
            continue
        if out[estimator][0]["method"] == "wls_hc2":
            out[estimator].append(methods.unweighted(designs, rows, unit))
        if estimator in pole_counts:
            inside = rows.loc[rows["estimable"], UNIT].astype(str)
            counts = inside.merge(pole_counts[estimator].astype(dict.fromkeys(UNIT, str)), on=UNIT)
            out[estimator].append(methods.ratio(designs, counts))
    good = {name: ready[name] for name, rows in out.items() if rows[0]["estimable"]}
    joint = family.joint_p(designs, good, {name: out[name][0]["p"] for name in good})
    smallest = dict(designs.plan.smallest)
    for name, p in joint.items():
        row = out[name][0]
        row |= {"p_family": p} | equivalence.columns(row, smallest.get(name))
    return out


def moderated(rows: list[dict], compositions: pd.DataFrame) -> None:
    """Moderate the variances of the main rows of subsets, in place, denominator by denominator.

    Subsets are the parts of a denominator (kind subset); groups and poles, which overlap them, and
    denominators with fewer than ``moderate.FEWEST`` estimable ones keep their own variances.
    """
    parts = compositions[compositions["kind"] == "subset"]
    for home, names in parts.groupby("denominator")["subset"]:
        mine = [
            row
            for row in rows
            if row["denominator"] == home and row["quantity"] in set(names) and "chance" in row
        ]
        if len(mine) < moderate.FEWEST:
            continue
        se, df, chance, biology = (
            np.array([row[k] for row in mine], float) for k in ("se", "df", "chance", "biology")
        )
        variance, free = moderate.squeeze(se**2, df, chance, biology)
        for row, v, d in zip(mine, variance, free, strict=True):
            estimate = inference.from_t(row["effect"], float(np.sqrt(v)), float(d))
            row |= compared.row_of({}, row["method"] + MODERATED, estimate)


def main_rows(table: pd.DataFrame) -> pd.Series:
    """Rows (bool) of the declared method, one a quantity and denominator; the others check it."""
    return table["method"].isin((*MAIN_METHODS, NOT_TESTED))
