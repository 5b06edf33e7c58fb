"""Donors and cells that a study needs, from how far the donors of a finished one lie apart.

Two arms of independent donors, compared by a two-sided t test. A donor's value has the variance
``tau2 + unit / cells``: what donors differ by (:func:`tilt.stats.precision.between`, within arms)
and what its memory CD4 cells leave to chance. Of an estimator without a sampling variance (E3) the
two cannot be told apart: it is planned with the cells of the cohort as they are. Covariates narrow
what donors differ by, if they are columns of the cohort, and cost a degree of freedom each.

Donors who are measured twice (:func:`spread_of_changes`) have a change in place of a value, with
what both samples leave to chance: of pairs, or of visits in one arm, it is tested against zero
(paired t test); of visits in both arms the changes are compared like values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from tilt.core import distributions, numerals
from tilt.core.terms import ESTIMATORS, RATIOS, UNIT_KEY
from tilt.core.text import count
from tilt.stats import design
from tilt.stats.inference import LEVEL
from tilt.stats.precision import between

CELLS = (100, 200, 500, 1000, 3000)  # memory CD4 cells a donor
LEAST_SPREAD = 4  # donors an arm below which their spread is not estimable
LEAST_DONORS = 3  # donors an arm below which tilt compares nothing
SURE = 100.0  # noncentrality whose power is 1 at every alpha and df that are allowed
MOST_DONORS = 100_000  # an arm, beyond which the search gives up


class NoPlan(ValueError):
    """The cohort or the question cannot be planned with; the message says why and the fix."""


@dataclass(frozen=True)
class Spread:
    """How far donors of an arm lie apart beyond sampling, and what their cells add."""

    estimator: str
    arms: tuple[str, ...]  # case, control; one name where a change is tested against zero
    n: tuple[int, ...]  # donors
    sd: tuple[float, float, float]  # between donors: estimate, lower and upper limit (95%)
    variance: np.ndarray  # of sampling, a donor (n,); zero where unknown
    matrix: np.ndarray  # n x k: ones, covariates, case; ones alone in one arm
    unit: float  # sampling variance of a donor with one cell a sample; NaN where unknown
    cells: float  # of the median donor
    covariates: tuple[str, ...] = ()  # that were taken out
    notes: tuple[str, ...] = ()  # what could not be
    change: str = ""  # from what to what, where every donor is measured twice

    @property
    def columns(self) -> int:
        """Columns of the covariates that were taken out."""
        return self.matrix.shape[1] - len(self.arms)

    @property
    def df(self) -> int:
        """Degrees of freedom of the comparison."""
        return len(self.matrix) - self.matrix.shape[1]


def power(shift: float, df: float, alpha: float) -> float:
    """Power of the two-sided t test whose noncentrality is ``shift`` (effect over its SE)."""
    shift = min(abs(shift), SURE)
    limit = distributions.t_quantile(1 - alpha / 2, df)
    # the far tail is below 1e-9 from a shift of 5 on, where scipy's may be missing
    far = scipy.stats.nct.cdf(-limit, df, shift) if shift < 5 else 0.0
    return float(scipy.stats.nct.sf(limit, df, shift) + far)


def donors_needed(
    effect: float, sd: float, alpha: float, aim: float, columns: int = 0, arms: int = 2
) -> float:
    """Donors per arm (of two alike) for the power ``aim``; infinite beyond MOST_DONORS.

    ``effect`` and ``sd`` (of a donor's value, sampling included) in the same unit; ``columns`` of
    covariates, alike in both arms. One arm: donors whose change is tested against zero.
    """

    def reached(n: int) -> bool:
        shift, df = effect / sd * np.sqrt(n / arms), arms * (n - 1) - columns
        return df > 0 and power(shift, df, alpha) >= aim

    low, high = LEAST_DONORS - 1, LEAST_DONORS
    while not reached(high):
        low, high = high, 2 * high
        if high > MOST_DONORS:
            return np.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return float(high)


def spread(
    imbalance: pd.DataFrame,
    estimator: str,
    arms: tuple[str, str],
    donors: pd.DataFrame | None = None,
    covariates: tuple[str, ...] = (),
) -> Spread:
    """Spread of the donors of ``arms`` (case, control) in a table of imbalance.

    ``covariates``: columns of ``donors`` (donor, condition, ...) that are taken out of it.

    Raises
    ------
    NoPlan
        The estimator has fewer than four donors an arm, the donors are pairs, all are equal, or a
        covariate is no column of the donors.
    """
    rows = imbalance[(imbalance["estimator"] == estimator) & imbalance["estimable"]]
    parts = [rows[rows["condition"] == arm] for arm in arms]
    both = sorted(set(parts[0]["donor"]) & set(parts[1]["donor"]))
    if both:
        raise NoPlan(
            f"{len(both)} donors are in both arms ({', '.join(both[:3])}): pairs, not arms of "
            "different donors. Fix: plan their change"
        )
    rows, matrix, notes, used = adjusted(pd.concat(parts), arms, donors, covariates)
    return _spread(rows, matrix, estimator, arms, used, notes)


def spread_of_changes(
    imbalance: pd.DataFrame, estimator: str, steps: dict[str, tuple[str, str]], change: str
) -> Spread:
    """Spread of the changes of donors who are measured twice.

    ``steps``: name of an arm -> the conditions that it goes from and to in ``imbalance``; one arm
    (pairs, or visits within an arm), or case and control. ``change``: from what to what, in words.
    Donors who lack a sample are left out and counted. Raises NoPlan as :func:`spread`.
    """
    rows = imbalance[(imbalance["estimator"] == estimator) & imbalance["estimable"]]
    parts, notes = [], []
    for arm, step in steps.items():
        first, later = (
            rows[rows["condition"] == name].set_index("donor").add_suffix(end)
            for name, end in zip(step, ("", "_later"), strict=True)
        )
        both = first.join(later, how="inner").reset_index()
        alone = len(first) + len(later) - 2 * len(both)
        if alone:
            notes.append(f"{count(alone, 'donor')} of {arm} without both samples left out")
        part = both[["donor"]].assign(condition=arm, value=both["value_later"] - both["value"])
        part["variance"] = both["variance"] + both["variance_later"]
        # cells a sample, of which both together leave as much to chance as these two
        part["n_cells"] = 2 / (1 / both["n_cells"] + 1 / both["n_cells_later"])
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    arms = tuple(steps)
    case = (table["condition"] == arms[0]).to_numpy(float)
    matrix = np.column_stack([np.ones(len(table)), *([case] if len(arms) > 1 else [])])
    return _spread(table, matrix, estimator, arms, (), tuple(notes), change)


def _spread(
    rows: pd.DataFrame,
    matrix: np.ndarray,
    estimator: str,
    arms: tuple[str, ...],
    used: tuple[str, ...],
    notes: tuple[str, ...],
    change: str = "",
) -> Spread:
    """Spread of values (or changes) within the model ``matrix``."""
    n = tuple(int((rows["condition"] == arm).sum()) for arm in arms)
    if min(n) < LEAST_SPREAD:
        twice = " measured twice" if change else ""
        have = " and ".join(f"{k} donors in {arm}" for k, arm in zip(n, arms, strict=True))
        raise NoPlan(
            f"not estimable: {estimator} has {have}{twice}; the spread needs {LEAST_SPREAD} an "
            "arm. Fix: plan from a cohort with more donors, or with another --estimator"
        )
    outcome, cells = rows["value"].to_numpy(float), rows["n_cells"].to_numpy(float)
    variance, unit = np.zeros(len(rows)), np.nan
    if estimator in RATIOS:
        variance = rows["variance"].to_numpy(float)
        unit = float(np.median(variance * cells))
        if not (np.isfinite(variance) & (variance > 0)).all():
            raise NoPlan(
                f"imbalance.tsv: {estimator} has a variance that is missing or not above zero. "
                "Fix: run the cohort again with this version"
            )
    free = len(rows) - matrix.shape[1]
    tail = (1 - LEVEL) / 2
    sums = (float(free), *(float(distributions.chi2_quantile(q, free)) for q in (1 - tail, tail)))
    if estimator in RATIOS:
        tau2 = [between(outcome, variance, matrix, aim) for aim in sums]
    else:
        rest = outcome - matrix @ np.linalg.lstsq(matrix, outcome, rcond=None)[0]
        tau2 = [float(rest @ rest) / aim for aim in sums]
        if tau2[0] < 1e-18:
            raise NoPlan(
                f"all donors of an arm have the same {estimator}: no spread. Fix: check the cohort"
            )
    sd, low, high = np.sqrt(tau2).tolist()
    return Spread(
        estimator,
        arms,
        n,
        (sd, low, high),
        variance,
        matrix,
        unit,
        float(np.median(cells)),
        used,
        notes,
        change,
    )


def adjusted(
    rows: pd.DataFrame,
    arms: tuple[str, str],
    donors: pd.DataFrame | None,
    covariates: tuple[str, ...],
) -> tuple[pd.DataFrame, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Rows with every covariate, the model (case last), what was left out, and what is in it."""
    if donors is None or not covariates:
        case = (rows["condition"] == arms[0]).to_numpy(float)
        return rows, np.column_stack([np.ones(len(rows)), case]), (), ()
    absent = [name for name in covariates if name not in donors or name in UNIT_KEY]
    if absent:
        known = ", ".join(c for c in donors if c not in ("cohort", *UNIT_KEY))
        raise NoPlan(
            f"--covariates {absent[0]}: no column of the donors. Fix: take a number, or of {known}"
        )
    about = donors[[*UNIT_KEY, *covariates]].astype(dict.fromkeys(UNIT_KEY, str))
    table = rows.astype(dict.fromkeys(UNIT_KEY, str)).merge(about, on=UNIT_KEY)
    words = tuple(name for name in covariates if not numerals.is_numeric(table[name]))
    built = design.build(table, design.Contrast(*arms, covariates, words))
    if built.problem:
        raise NoPlan(f"{built.problem}. Fix: plan with other --covariates")
    return built.units, built.matrix, built.notes, built.used


def own_se(found: Spread, sd: float) -> float:
    """Standard error of the effect in the cohort itself, its donors weighted by precision."""
    weighted = found.matrix.T / (sd**2 + found.variance)
    return float(np.sqrt(np.linalg.inv(weighted @ found.matrix)[-1, -1]))


def smallest(found: Spread, sd: float, alpha: float, aim: float) -> float:
    """Smallest effect that the cohort's own donors and cells find with the power ``aim``."""
    shift = scipy.optimize.brentq(lambda x: power(x, found.df, alpha) - aim, 0, SURE, xtol=1e-9)
    return float(shift) * own_se(found, sd)


def effect_of(estimator: str, effect: float | None, fold: float | None) -> float:
    """The effect in the unit of the estimator, from itself or (ratios alone) from a fold."""
    if estimator not in ESTIMATORS:
        raise NoPlan(f"--estimator {estimator}: allowed are {', '.join(ESTIMATORS)}. Fix: take one")
    if (effect is None) == (fold is None):
        raise NoPlan("one of --effect and --fold is needed. Fix: give for instance --effect 0.7")
    if fold is not None:
        if estimator not in RATIOS:
            raise NoPlan(
                f"--fold {fold:g}: {estimator} is in {ESTIMATORS[estimator].unit}, no ratio; folds "
                f"are of {', '.join(RATIOS)}. Fix: give --effect in {ESTIMATORS[estimator].unit}"
            )
        if not (0 < fold < np.inf) or fold == 1:
            raise NoPlan(
                f"--fold {fold:g}: allowed are numbers above 0 other than 1. Fix: for instance 2"
            )
        return float(np.log(fold))
    assert effect is not None
    if not np.isfinite(effect) or effect == 0:
        raise NoPlan(
            f"--effect {effect:g}: allowed are numbers other than 0. Fix: for instance 0.7"
        )
    return effect


def planned_cells(text: str) -> tuple[float, ...]:
    """Cells a donor from ``--cells``: numbers with commas between, or NoPlan."""
    found = [numerals.number(part) for part in text.split(",")]
    if not all(n is not None and n >= 1 for n in found):
        raise NoPlan(f"--cells {text}: allowed are numbers from 1 on. Fix: for instance 200,1000")
    return tuple(sorted({float(n) for n in found if n is not None}))


def planned_covariates(text: str) -> tuple[int | None, tuple[str, ...]]:
    """Columns and names from ``--covariates``: a number of columns, or names with commas."""
    if text.strip().isdecimal():
        return int(text), ()
    return None, tuple(name.strip() for name in text.split(",") if name.strip())


def check(alpha: float, aim: float) -> None:
    """Raise NoPlan unless 0.0001 <= alpha < 0.5 and alpha < power < 1."""
    if not 0.0001 <= alpha < 0.5:
        raise NoPlan(f"--alpha {alpha:g}: allowed is 0.0001 to below 0.5. Fix: for instance 0.05")
    if not alpha < aim <= 0.999:
        raise NoPlan(
            f"--power {aim:g}: allowed is above alpha ({alpha:g}) and up to 0.999. "
            "Fix: for instance 0.8"
        )


def plan(
    found: Spread,
    effect: float,
    alpha: float = 0.05,
    aim: float = 0.8,
    cells: Sequence[float] = CELLS,
    columns: int | None = None,
) -> pd.DataFrame:
    """What a study needs: a row a number of cells, and a last one for the cohort itself.

    ``cells``: memory CD4 cells a donor that are planned; ``columns`` of the covariates, those of
    the cohort that were taken out if None.

    Returns
    -------
    cells (memory CD4 cells a donor), sd_sampling, then each at the estimate and at the limits of
    the SD between donors (``_low``, ``_high``): sd (of a donor's value), donors_per_arm, and in
    the row ``own cohort`` power and smallest_effect with the cohort's own donors and cells. Where
    donors are measured twice (``change``), value and effect are changes, cells those of a sample.
    """
    check(alpha, aim)
    ends = dict(zip(("", "_low", "_high"), found.sd, strict=True))
    rows = []
    own = float(np.mean(found.variance))
    columns = found.columns if columns is None else columns
    grid = [] if np.isnan(found.unit) else [("planned", c, found.unit / c) for c in cells]
    for study, each, sampling in [*grid, ("own cohort", found.cells, own)]:
        row = {
            "study": study,
            "cells": each,
            "sd_sampling": np.nan if np.isnan(found.unit) else np.sqrt(sampling),
        }
        for end, sd in ends.items():
            row[f"sd{end}"] = total = float(np.sqrt(sd**2 + sampling))
            row[f"donors_per_arm{end}"] = donors_needed(
                effect, total, alpha, aim, columns, len(found.arms)
            )
        if study == "own cohort":
            for end, sd in ends.items():
                shift = effect / own_se(found, sd)
                row[f"power{end}"] = power(shift, found.df, alpha)
                row[f"smallest_effect{end}"] = smallest(found, sd, alpha, aim)
        rows.append(row)
    head = {"estimator": found.estimator, "effect": effect, "alpha": alpha, "aim": aim}
    head |= {"covariates": columns, "arms": len(found.arms), "change": found.change}
    return pd.DataFrame(rows).assign(**head)
