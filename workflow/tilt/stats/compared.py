"""One value per donor made ready for a comparison, and the row of the declared method."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tilt.core.terms import UNIT_KEY
from tilt.core.text import count
from tilt.donors import composition
from tilt.stats import design, inference, precision


@dataclass(frozen=True)
class Plan:
    """What is declared before the data are seen."""

    contrast: design.Contrast
    secondary: tuple[tuple[str, str], ...] = ()  # (quantity, denominator)
    primary: tuple[str, str] | None = None  # where no imbalance estimator leads
    permutations: int = 10_000
    bootstraps: int = 2_000
    seed: int = 0
    smallest: tuple[tuple[str, float], ...] = ()  # (estimator, smallest effect of interest)


@dataclass
class DesignCache:
    """Designs already made for a set of donors: permutations are drawn once for each."""

    donors: pd.DataFrame
    plan: Plan
    made: dict = field(default_factory=dict)

    @cached_property
    def keys(self) -> pd.MultiIndex:
        """What tells each donor in tables."""
        return pd.MultiIndex.from_frame(self.donors[UNIT_KEY].astype(str))

    def with_pair(self, table: pd.DataFrame) -> pd.DataFrame:
        """``table`` with the column that names its pairs."""
        pair = self.plan.contrast.pair
        if pair in table:
            return table
        key = UNIT_KEY
        return table.merge(self.donors[[*key, pair]].astype(str), on=key, how="left")

    def design(self, table: pd.DataFrame) -> tuple[design.Design, np.ndarray]:
        """Design of the units in ``table`` and the positions of its rows in ``table``."""
        have = pd.MultiIndex.from_frame(table[UNIT_KEY].astype(str))
        there = self.keys.isin(have)
        name = there.tobytes()
        if name not in self.made:
            built = design.build(self.donors[there], self.plan.contrast)
            self.made[name] = built, pd.MultiIndex.from_frame(built.units[UNIT_KEY].astype(str))
        built, order = self.made[name]
        return built, have.get_indexer(order)


@dataclass(frozen=True)
class Compared:
    """One value per donor (or per pair: the difference) ready for the model, or why it is not.

    ``base``: what every row of it tells (donors, covariates, unit, notes). ``value`` (n,) and
    ``matrix`` (n x k, condition last; of pairs one column of ones) are in donors' own units;
    ``root`` (n,) the square roots of the precision weights, ones without weights. ``pairs``: the
    positions of both members in the table, None without pairs; ``arms_design``: the design, None
    for pairs.
    """

    base: dict
    method: str
    problem: str = ""
    value: np.ndarray = field(default_factory=lambda: np.empty(0))
    matrix: np.ndarray = field(default_factory=lambda: np.empty((0, 1)))
    root: np.ndarray = field(default_factory=lambda: np.empty(0))
    arms_design: design.Design | None = None
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    pairs: pd.DataFrame | None = None

    @property
    def built(self) -> design.Design:
        """The design of a comparison that is not of pairs."""
        if self.arms_design is None:
            raise ValueError("pairs have no design of arms")
        return self.arms_design

    @property
    def fit(self) -> inference.Projection:
        """Projection of the weighted design."""
        if self.arms_design is not None and np.all(self.root == 1):
            return self.arms_design.fit  # made once for all outcomes of these donors
        return inference.project(self.matrix * self.root[:, None])

    @property
    def scaled(self) -> np.ndarray:
        """Values on the scale of ``fit``."""
        return self.value * self.root

    def of(self, values: np.ndarray) -> np.ndarray:
        """Another column of the same table, as ``value`` is of its own (of pairs: differences)."""
        if self.pairs is None:
            return values[self.rows]
        return values[self.pairs["case"]] - values[self.pairs["control"]]

    def arms(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A column of the table in cases and in controls."""
        if self.pairs is not None:
            return values[self.pairs["case"]], values[self.pairs["control"]]
        case = self.built.case == 1
        return values[self.rows][case], values[self.rows][~case]


def left_out(n: int, why: str) -> tuple[str, ...]:
    """Note of ``n`` donors left out, none for no donor."""
    return (f"{count(n, 'donor')} left out: {why}",) if n else ()


def placed(
    designs: DesignCache, table: pd.DataFrame, method: str, unit: str, notes: tuple[str, ...] = ()
) -> tuple[Compared, pd.DataFrame]:
    """Donors or pairs of one comparison, without its values, and the table they stand in.

    Of pairs the table has the column that names them; ``problem`` says why there is no comparison.
    """
    contrast = designs.plan.contrast
    pairs = built = None
    rows = np.empty(0, int)
    base: dict[str, Any]
    if contrast.pair:
        table = designs.with_pair(table)
        pairs, problem, more = design.pairs(table, contrast)
        base = pairs_used(len(pairs)) | {"covariates": contrast.pair}
        notes = (*notes, *more)
    else:
        built, rows = designs.design(table)
        base = {**built.donors, "covariates": built.label}
        problem, notes = built.problem, (*notes, *built.notes)
    base |= {"unit": unit, "reason": "; ".join(notes), "estimable": True}
    if problem and not contrast.pair:
        base["reason"] = ""
    return Compared(base, method, problem, arms_design=built, rows=rows, pairs=pairs), table


def prepare(
    designs: DesignCache,
    table: pd.DataFrame,
    method: str,
    unit: str,
    ranks: str = "",
    notes: tuple[str, ...] = (),
) -> Compared:
    """Outcome, design and weights of one value per unit (column ``value``, none missing).

    ``ranks``: another column of which medians are told (the share in percent), else ``value``. A
    column ``variance`` (sampling variance of each value) makes weights of precision.
    """
    method = "paired_t" if designs.plan.contrast.pair else method
    found, table = placed(designs, table, method, unit, notes)
    if found.problem:
        return found
    built, base = found.arms_design, found.base
    column = table["value"].to_numpy(float)
    shown = table[ranks].to_numpy(float) if ranks else column
    value = found.of(column)
    if np.ptp(value) < 1e-12:
        why = "the same in every donor" if built else "the same difference in every pair"
        none = bool(ranks) and not found.of(shown).any() and built is not None
        return replace(found, problem="no such cell in any donor" if none else why)
    case, control = found.arms(shown)
    base |= {"median_case": float(np.median(case)), "median_control": float(np.median(control))}
    case, control = found.arms(column)
    base |= {"middle": float(case.mean() + control.mean()) / 2}
    matrix = built.matrix if built else np.ones((len(value), 1))
    root = np.ones(len(value))
    if "variance" in table:
        spread = table["variance"].to_numpy(float)
        spread = spread[found.rows] if built else np.add(*found.arms(spread))
        root, tau2 = precision.root_weights(value, spread, matrix)
        said = f"donors weighted by precision, SD between donors {np.sqrt(tau2):.2g}"
        base["reason"] = "; ".join(text for text in (base["reason"], said) if text)
    return replace(found, base=base, value=value, matrix=matrix, root=root)


def main_row(found: Compared) -> dict:
    """The row of the declared method."""
    if found.problem:
        return refused(found)
    fit, scaled = found.fit, found.scaled
    effect, se = (float(v[0]) for v in inference.hc2(scaled[None, :], fit))
    estimate = inference.from_t(effect, se, fit.df_effect)
    if not np.isfinite(estimate.p):
        return not_estimable(found.base, found.method, "no spread within the arms")
    sd = float(np.sqrt(np.square(scaled @ fit.annihilator).sum() / fit.df))
    g, g_se = inference.standardized(effect, se, sd, fit.df)
    return row_of(found.base, found.method, estimate, smd=g, smd_se=g_se)


def pairs_used(n: int) -> dict[str, int]:
    """Donors of each arm where ``n`` pairs are compared: each tells of the difference."""
    arms = ("n_case", "n_control", "n_case_informative", "n_control_informative")
    return dict.fromkeys(arms, n)


def chance_and_biology(found: Compared, table: pd.DataFrame) -> tuple[float, float]:
    """What sampling cells adds to the variance of the effect on a share, and p (1 - p) in it.

    ``table``: of :func:`share_table`; for :mod:`tilt.stats.moderate`.
    """
    fit, each = found.fit, 1 / (4 * table["total"].to_numpy(float))
    each = each[found.rows] if found.pairs is None else np.add(*found.arms(each))
    influence = np.square(fit.partial / (fit.partial @ fit.partial))
    share = table["percent"].mean() / 100
    both = 1 if found.pairs is None else 2
    return float(influence @ each), float(both * share * (1 - share) * influence.sum())


def row_of(base: dict, method: str, e: inference.Estimate, **more: Any) -> dict:
    """Row of an estimate."""
    found = {"effect": e.effect, "se": e.se, "df": e.df, "ci_low": e.ci_low, "ci_high": e.ci_high}
    return base | found | {"p": e.p, "method": method} | more


def refused(found: Compared) -> dict:
    """Row of a comparison that has a problem."""
    said = "; ".join(text for text in (found.problem, found.base["reason"]) if text)
    return not_estimable(found.base, found.method, said)


def not_estimable(base: dict, method: str, reason: str) -> dict:
    """Row that says why there is nothing."""
    return base | {"method": method, "estimable": False, "reason": reason}


def share_table(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Value (arcsine root), percent, n and total of one subset per donor, and what is left out."""
    empty = rows["n_denominator"] == 0
    gone = rows.loc[empty, "donor"].tolist()
    shown = ", ".join(gone[:8]) + (" ..." if len(gone) > 8 else "")
    notes = left_out(len(gone), f"no {rows['denominator'].iloc[0]} cells ({shown})")
    table = rows[~empty].rename(columns={"n_denominator": "total"})
    table = table.assign(value=composition.arcsine(table["n"], table["total"]))
    return table.assign(percent=100 * table["n"] / table["total"]), notes
