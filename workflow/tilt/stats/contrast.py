"""Tests of every donor quantity: case against control, with roles declared beforehand.

One quantity gives several rows, told apart by ``method``:

arcsine_ols_hc2   arcsine-root share, OLS with covariates, HC2 (co-primary for composition), with
                  the degrees of freedom of Bell & McCaffrey
beta_binomial     counts out of their denominator, overdispersed (co-primary)
logit_normal      E1, E2: Tph out of Tph + Th22 cells, donors' log odds normal: the mean log-ratio
                  without a pseudocount (the tie-breaker)
ols_hc2           the same of a value per donor (E1, E2, E3, signature)
paired_t          mean within-donor difference (paired designs, in place of the two above)
permutation       p of the studentized effect, labels permuted within strata
bootstrap_t       studentized (wild) bootstrap interval, donors keeping arm and stratum
mann_whitney      Hodges-Lehmann shift, rank p (van Elteren within strata)
wilcoxon          the same for pairs (signed ranks)
clr_*             centered log-ratio, the compositional sensitivity
points_*          difference in percentage points (effect and interval only)
"""

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tilt.core.contracts import TESTS
from tilt.core.terms import ESTIMATORS, MAIN_METHODS, ROLES, UNIT, UNIT_KEY, WORKING_SET
from tilt.core.text import count
from tilt.donors import composition
from tilt.stats import design, inference, overdispersed

log = logging.getLogger(__name__)

MODELS = {"beta_binomial": "beta", "logit_normal": "normal"}  # of tilt.overdispersed
POINTS = "percentage points"


@dataclass(frozen=True)
class Plan:
    """What is declared before the data are seen."""

    contrast: design.Contrast
    secondary: tuple[tuple[str, str], ...] = ()  # (quantity, denominator)
    primary: tuple[str, str] | None = None  # where no imbalance estimator leads
    permutations: int = 10_000
    bootstraps: int = 2_000
    seed: int = 0


@dataclass
class DesignCache:
    """Designs already made for a set of donors: permutations are drawn once for each."""

    donors: pd.DataFrame
    plan: Plan
    made: dict = field(default_factory=dict)

    def with_pair(self, table: pd.DataFrame) -> pd.DataFrame:
        """``table`` with the column that names its pairs."""
        pair = self.plan.contrast.pair
        if pair in table:
            return table
        key = UNIT_KEY
        return table.merge(self.donors[[*key, pair]].astype(str), on=key, how="left")

    def design(self, table: pd.DataFrame) -> tuple[design.Design, np.ndarray]:
        """Design of the units in ``table`` and the positions of its rows in ``table``."""
        key = UNIT_KEY
        have = pd.MultiIndex.from_frame(table[key].astype(str))
        units = self.donors[pd.MultiIndex.from_frame(self.donors[key].astype(str)).isin(have)]
        name = tuple(units.index)
        if name not in self.made:
            self.made[name] = design.build(units, self.plan.contrast)
        built = self.made[name]
        rows = have.get_indexer(pd.MultiIndex.from_frame(built.units[key].astype(str)))
        return built, rows


def _left_out(n: int, why: str) -> tuple[str, ...]:
    return (f"{count(n, 'donor')} left out: {why}",) if n else ()


def _compare(
    designs: DesignCache,
    table: pd.DataFrame,
    method: str,
    unit: str,
    ranks: str = "",
    notes: tuple = (),
    full: bool = True,
) -> list[dict]:
    """Rows of all methods for one value per unit (column ``value``, none missing).

    ``ranks``: another column for the rank test (the share in percent), else ``value``. Without
    ``full`` only the main row is made.
    """
    plan = designs.plan
    if plan.contrast.pair:
        return _compare_paired(designs, table, unit, ranks, notes, full)
    built, rows = designs.design(table)
    base = {
        **built.donors,
        "covariates": built.label,
        "unit": unit,
        "reason": "; ".join([*notes, *built.notes]),
        "estimable": True,
    }
    if built.problem:
        return [_not_estimable(base, method, "; ".join([built.problem, *notes]))]
    y = table["value"].to_numpy(float)[rows]
    if np.ptp(y) < 1e-12:
        why = "no such cell in any donor" if ranks and not y.any() else "the same in every donor"
        return [_not_estimable(base, method, why)]
    ranked = table[ranks].to_numpy(float)[rows] if ranks else y
    base |= _medians(ranked[built.case == 1], ranked[built.case == 0])
    estimate = inference.ols(y, built.matrix)
    if not np.isfinite(estimate.p):
        return [_not_estimable(base, method, "no spread within the arms")]
    sd = float(np.sqrt(np.square(y @ built.fit.annihilator).sum() / built.fit.df))
    g, g_se = inference.standardized(estimate.effect, estimate.se, sd, built.fit.df)
    out = [_row(base, method, estimate, smd=g, smd_se=g_se)]
    if not full:
        return out
    orders, complete = built.orders(plan.permutations, plan.seed)
    p, _ = inference.permutation_p(y, built.fit, orders, complete)
    blocks = ", ".join(s for s in plan.contrast.strata if s in built.used)
    said = f"{'all ' if complete else ''}{len(orders)} permutations"
    said += f" within {blocks}" if blocks else ""
    out.append(_only(base, "permutation", estimate.effect, p=p, reason=said))
    rng = np.random.default_rng(plan.seed)
    low, high = inference.bootstrap_t(y, built.fit, plan.bootstraps, rng)
    if np.isfinite(low):
        out.append(_only(base, "bootstrap_t", estimate.effect, ci_low=low, ci_high=high))
    shift = inference.hodges_lehmann(ranked, built.case, built.strata)
    named = {"covariates": blocks or "none", "unit": POINTS if ranks else unit}
    return [*out, _row(base, "mann_whitney", shift) | named]


def _compare_paired(
    designs: DesignCache, table: pd.DataFrame, unit: str, ranks: str, notes: tuple, full: bool
) -> list[dict]:
    plan = designs.plan
    pairs, problem, more = design.pairs(designs.with_pair(table), plan.contrast)
    base = _pairs_used(len(pairs)) | {"covariates": plan.contrast.pair}
    base |= {"unit": unit, "reason": "; ".join([*notes, *more]), "estimable": True}
    if problem:
        return [_not_estimable(base, "paired_t", problem)]

    def gap(column: str) -> np.ndarray:
        values = table[column].to_numpy(float)
        return values[pairs["case"]] - values[pairs["control"]]

    difference = gap("value")
    if np.ptp(difference) < 1e-12:
        return [_not_estimable(base, "paired_t", "the same difference in every pair")]
    column = table[ranks or "value"].to_numpy(float)
    base |= _medians(column[pairs["case"]], column[pairs["control"]])
    estimate = inference.paired_t(difference)
    sd = float(np.std(difference, ddof=1))
    g, g_se = inference.standardized(estimate.effect, estimate.se, sd, len(pairs) - 1)
    out = [_row(base, "paired_t", estimate, smd=g, smd_se=g_se)]
    if not full:
        return out
    rng = np.random.default_rng(plan.seed)
    p, kind = inference.sign_flip_p(difference, plan.permutations, rng)
    out.append(_only(base, "permutation", estimate.effect, p=p, reason=kind))
    fit = inference.project(np.ones((len(pairs), 1)))
    low, high = inference.bootstrap_t(difference, fit, plan.bootstraps, rng)
    if np.isfinite(low):
        out.append(_only(base, "bootstrap_t", estimate.effect, ci_low=low, ci_high=high))
    ranked = gap(ranks) if ranks else difference
    shift = inference.walsh(ranked)
    return [*out, _row(base, "wilcoxon", shift) | {"unit": POINTS if ranks else unit}]


def _pairs_used(n: int) -> dict[str, int]:
    """Donors of each arm where ``n`` pairs are compared: each tells of the difference."""
    arms = ("n_case", "n_control", "n_case_informative", "n_control_informative")
    return dict.fromkeys(arms, n)


def _medians(case: np.ndarray, control: np.ndarray) -> dict:
    return {"median_case": float(np.median(case)), "median_control": float(np.median(control))}


def _only(base: dict, method: str, effect: float, reason: str = "", **more: Any) -> dict:
    """A row that shares the effect of the main one and adds one thing (p, or an interval)."""
    said = "; ".join(text for text in (base["reason"], reason) if text)
    return base | {"method": method, "effect": effect, "reason": said} | more


def _row(base: dict, method: str, e: inference.Estimate, **more: Any) -> dict:
    found = {"effect": e.effect, "se": e.se, "df": e.df, "ci_low": e.ci_low, "ci_high": e.ci_high}
    return base | found | {"p": e.p, "method": method} | more


def _not_estimable(base: dict, method: str, reason: str) -> dict:
    return base | {"method": method, "estimable": False, "reason": reason}


def _counts_model(
    designs: DesignCache, table: pd.DataFrame, method: str, unit: str, notes: tuple = ()
) -> dict:
    """Row of an overdispersed model of columns ``n`` out of ``total`` (> 0)."""
    contrast = designs.plan.contrast
    if contrast.pair:
        pairs, problem, more = design.pairs(designs.with_pair(table), contrast)
        rows = np.r_[pairs["case"], pairs["control"]]
        blocks = np.tile(np.eye(len(pairs)), (2, 1))
        matrix = np.column_stack([blocks, np.repeat([1.0, 0.0], len(pairs))])
        notes, label = (*notes, *more), contrast.pair
        used = _pairs_used(len(pairs))
    else:
        built, rows = designs.design(table)
        problem, matrix, label = built.problem, built.matrix, built.label
        notes = (*notes, *built.notes)
        used = built.donors
    base = used | {"covariates": label, "unit": unit}
    base |= {"reason": "; ".join(notes), "estimable": True}
    if problem:
        return _not_estimable(base, method, problem)
    n, total = (table[c].to_numpy(float)[rows] for c in ("n", "total"))
    try:
        estimate, _ = overdispersed.fit(n, total, matrix, MODELS[method])
    except ValueError as error:
        return _not_estimable(base, method, str(error))
    if not np.isfinite([estimate.effect, estimate.p]).all():
        return _not_estimable(base, method, "the model did not converge")
    return _row(base, method, estimate)


def share(designs: DesignCache, rows: pd.DataFrame, whole: pd.DataFrame, full: bool) -> list[dict]:
    """All tests of one subset out of one denominator.

    ``rows``: its rows of the composition; ``whole``: the composition (for the CLR). ``full``
    adds CLR, percentage points, permutation, bootstrap and ranks to the co-primary pair.
    """
    empty = rows["n_denominator"] == 0
    gone = rows.loc[empty, "donor"].tolist()
    shown = ", ".join(gone[:8]) + (" ..." if len(gone) > 8 else "")
    notes = _left_out(len(gone), f"no {rows['denominator'].iloc[0]} cells ({shown})")
    table = rows[~empty].rename(columns={"n_denominator": "total"})
    table = table.assign(value=composition.arcsine(table["n"], table["total"]))
    table["percent"] = 100 * table["n"] / table["total"]
    unit = "arcsine root"
    out = _compare(designs, table, "arcsine_ols_hc2", unit, "percent", notes)
    brief = (*MAIN_METHODS, "permutation", "mann_whitney", "wilcoxon")
    out = out if full else [r for r in out if r["method"] in brief]
    out.append(_counts_model(designs, table, "beta_binomial", "ln odds ratio", notes))
    if full and out[0]["estimable"]:
        points = table.assign(value=table["percent"])
        main = _compare(designs, points, "ols_hc2", POINTS, "", notes, full=False)[0]
        out.append(main | {"method": f"points_{main['method']}", "p": np.nan})
        subset, home = rows["subset"].iloc[0], rows["denominator"].iloc[0]
        ratio = composition.clr(whole, subset, home)
        main = _compare(designs, ratio, "ols_hc2", "CLR", "", notes, full=False)[0]
        out.append(main | {"method": f"clr_{main['method']}"})
    return out


def value(designs: DesignCache, rows: pd.DataFrame, unit: str, full: bool = True) -> list[dict]:
    """All tests of a value per unit; units that are not estimable are named by their reason."""
    usable = rows[rows["estimable"]]
    why = rows.loc[~rows["estimable"], "reason"]
    notes = _left_out(len(why), why.mode().iloc[0]) if len(why) else ()
    if usable.empty:
        base = _pairs_used(0) | {"covariates": "none", "unit": unit}
        method = "paired_t" if designs.plan.contrast.pair else "ols_hc2"
        return [_not_estimable(base, method, why.mode().iloc[0] if len(why) else "no donors")]
    return _compare(designs, usable, "ols_hc2", unit, "", notes, full)


def main_effect(designs: DesignCache, rows: pd.DataFrame, unit: str) -> dict:
    """Only the main row of :func:`value` (OLS with HC2, or the paired t)."""
    return value(designs, rows, unit, full=False)[0]


def ratio(designs: DesignCache, counts: pd.DataFrame) -> dict:
    """Pseudocount-free test of the ratio: ``n_tph`` out of ``n_tph + n_th22`` per unit."""
    table = counts.assign(n=counts["n_tph"], total=counts["n_tph"] + counts["n_th22"])
    gone = int((table["total"] == 0).sum())
    notes = _left_out(gone, "not a cell of either pole")
    return _counts_model(designs, table[table["total"] > 0], "logit_normal", "ln ratio", notes)


def _role(
    quantity: str, denominator: str, method: str, plan: Plan, primary: tuple[str, str] | None
) -> str:
    main = method in MAIN_METHODS or method in MODELS
    if primary == (quantity, denominator):
        return "primary" if method in MAIN_METHODS else "sensitivity"
    if (quantity, denominator) in plan.secondary:
        return "secondary" if main else "sensitivity"
    return "exploratory"


def run(
    donors: pd.DataFrame,
    plan: Plan,
    compositions: pd.DataFrame,
    imbalances: pd.DataFrame | None = None,
    activities: pd.DataFrame | None = None,
    pole_counts: dict[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Test everything a cohort has; the only step that reads which donor is a case.

    Parameters
    ----------
    donors
        One row a unit: cohort, donor, condition, covariates, strata.
    compositions, imbalances, activities
        composition.tsv, imbalance.tsv and activity.tsv.
    pole_counts
        For E1 and E2: units with n_tph and n_th22, for the pseudocount-free ratio.

    Returns
    -------
    Table of :data:`tilt.core.contracts.TESTS`. Exactly one row has the role primary where there is
    a pre-declared endpoint, even when it is not estimable (the reason says why); q is
    Benjamini-Hochberg within the secondary family of the same method class.
    """
    design.check_donors(donors, plan.contrast)
    cohort = str(donors["cohort"].iloc[0])
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
        for estimator, rows in imbalances.groupby("estimator", sort=True):
            key = (estimator, WORKING_SET)
            role = "" if key == primary else "sensitivity"
            keep(value(designs, rows, ESTIMATORS[estimator].unit), *key, role)
            if pole_counts and estimator in pole_counts and rows["estimable"].any():
                inside = rows.loc[rows["estimable"], UNIT].astype(str)
                counts = inside.merge(
                    pole_counts[estimator].astype(dict.fromkeys(UNIT, str)), on=UNIT
                )
                keep([ratio(designs, counts)], *key, role)
    for (denominator, subset), rows in compositions.groupby(["denominator", "subset"], sort=True):
        declared = (subset, denominator) in plan.secondary or (subset, denominator) == primary
        keep(share(designs, rows, compositions, declared), subset, denominator)
    if activities is not None:
        for (subset, name), rows in activities.groupby(["subset", "signature"], sort=True):
            keep(value(designs, rows, "log2 CPM"), name, subset)
    found = {(r["quantity"], r["denominator"]) for r in out}
    for quantity, denominator in [*plan.secondary, *([primary] if primary else [])]:
        if (quantity, denominator) not in found:
            absent = _not_estimable({}, "not_tested", "no such quantity in this cohort")
            role = "primary" if (quantity, denominator) == primary else "secondary"
            keep([absent], quantity, denominator, role)
    table = pd.DataFrame(out).reindex(columns=list(TESTS.columns))
    table["cohort"], table["contrast"] = cohort, plan.contrast.name
    table["covariates"] = table["covariates"].fillna("none")
    secondary = table["role"] == "secondary"
    for family in (table["method"].isin(MAIN_METHODS), table["method"] == "beta_binomial"):
        rows = secondary & family
        table.loc[rows, "q"] = inference.benjamini_hochberg(table.loc[rows, "p"].to_numpy(float))
    return table.sort_values("role", key=lambda r: r.map(ROLES.index), kind="stable").reset_index(
        drop=True
    )
