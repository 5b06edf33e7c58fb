"""The log-ratio E1 as it would be without mistakes of the labels.

A cell of another subset that is taken for a Th22-like one adds to that pole in every donor,
whatever the donor has of it, and pulls differences toward none. The probabilities of the labels say
how many such cells there are (:func:`tilt.donors.composition.confusion`): of the expected cells of
a pole a part is its own, a part comes from the other pole, the rest from other subsets, in each arm
as many as it has of them. Two equations solved for each arm give what it truly has of either pole,
relative to the cohort (adjusted counts after Bella 2010, doi:10.1109/ICDM.2010.75).

The probabilities are not exact. How far the odds of a mistake are from what they say was measured
in simulated cohorts whose cells are known (``ODDS``; tests/benchmark/mislabeled.py), as one
distribution for all poles. Effect and interval take in both, what donors differ by and what is not
known of the mistakes: both are drawn, and draws in which an arm would have less than no cells of a
pole are impossible. Labels without mistakes give the interval of the primary effect. Where most
draws are impossible the effect is not estimable.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tilt.core.terms import CORRECTED, POLES, UNIT_KEY, WORKING_SET
from tilt.donors import imbalance
from tilt.stats import inference
from tilt.stats.compared import Compared, not_estimable, row_of

# Mean and SD of the log of true over said odds that a cell counted at a pole is a mistake.
ODDS = (0.6, 0.6)
DRAWS = 20_000
LEAST_POSSIBLE = 0.5  # share of draws in which both arms have cells of both poles
SIGN = np.array([1.0, -1.0])  # of the poles in the ratio


@dataclass(frozen=True)
class Mistakes:
    """What the expected cells of both poles are made of, by the probabilities of the labels.

    ``own`` (2,): share that is of the pole itself; ``crossed`` (2, 2): share of the row's pole that
    is of the column's pole (diagonal 0); ``level`` (2,): expected cells of the pole in a cell of
    the working set, over the cohort; ``others``: share of each pole (columns) that is of each other
    label (index), and ``other_level``: expected cells of these labels, as ``level``.
    """

    own: np.ndarray
    crossed: np.ndarray
    level: np.ndarray
    others: pd.DataFrame
    other_level: pd.Series

    def solve(self, logs: np.ndarray, rest: np.ndarray, odds: np.ndarray) -> np.ndarray:
        """True log shares of an arm relative to the cohort (m x 2) behind apparent ones.

        ``logs`` and ``odds`` (m x 2): log shares of the poles, and factors on the odds that a cell
        of the pole is a mistake; ``rest`` (2,): share of the cohort's cells of the poles that
        other subsets make in this arm. Missing where mistakes alone make more cells than there are.
        """
        own = self.own / (self.own + odds * (1 - self.own))
        wrong = (1 - own) / np.maximum(1 - self.own, 1e-12)
        crossed = wrong * self.crossed.sum(axis=1)
        seen = np.exp(logs) / self.level - wrong * rest
        both = own.prod(axis=1) - crossed.prod(axis=1)
        true = (own[:, ::-1] * seen - crossed * seen[:, ::-1]) / both[:, None]
        possible = (true > 0) & (both > 0)[:, None]
        return np.log(np.where(possible, true, np.nan))


def mistakes(confusion: pd.DataFrame, poles: dict[str, tuple[str, ...]]) -> Mistakes | None:
    """Mistakes at the poles from expected_confusion.tsv; None where a pole has no cells in it."""
    wide = confusion.pivot_table(index="subset", columns="other", values="n", aggfunc="sum")
    names = [[x for x in poles[pole] if x in wide.index] for pole in POLES]
    total = np.array([wide.loc[a].to_numpy().sum() for a in names])
    if not (total > 0).all():
        return None
    cells = wide.to_numpy().sum()
    parts = zip(POLES, names, total, strict=True)
    of_pole = pd.DataFrame({pole: wide.loc[own].sum() / n for pole, own, n in parts})
    between = np.array([of_pole.loc[b].sum().to_numpy() for b in names]).T
    rest = of_pole.drop(index=[x for a in names for x in a])
    level = wide.sum(axis=1).loc[rest.index] / cells
    return Mistakes(np.diag(between), between * (1 - np.eye(2)), total / cells, rest, level)


def row(
    found: Compared,
    table: pd.DataFrame,
    counts: pd.DataFrame,
    compositions: pd.DataFrame,
    made: Mistakes,
    seed: int,
) -> dict:
    """Row of E1 corrected for mislabeling.

    Parameters
    ----------
    found, table
        The comparison of E1, which is estimable, and the rows that it was made of.
    counts
        Of :func:`tilt.donors.imbalance.pole_counts`.
    compositions
        composition.tsv.
    made
        Of :func:`mistakes`.
    """
    method = CORRECTED + found.method
    key = pd.MultiIndex.from_frame(table[UNIT_KEY].astype(str))
    logs = _pole_logs(counts, key)
    arms, spread = arm_means(found, logs), _spread(found, logs)
    rest = arm_means(found, _others(compositions, made, key)) @ made.others.to_numpy()
    rng = np.random.default_rng(seed)
    df = found.fit.df_effect
    scale = np.sqrt(df / rng.chisquare(df, DRAWS))[:, None]
    root = np.linalg.cholesky(spread + 1e-9 * np.trace(spread) * np.eye(4))  # few pairs: singular
    far = scale * rng.normal(size=(DRAWS, 4)) @ root.T
    odds = np.exp(ODDS[0] + ODDS[1] * rng.normal(size=(DRAWS, 2)))
    parts = [made.solve(arms[a] + far[:, 2 * a : 2 * a + 2], rest[a], odds) for a in (0, 1)]
    drawn = (parts[0] - parts[1]) @ SIGN
    drawn = np.sort(drawn[np.isfinite(drawn)])
    right = made.own / (made.own + np.exp(ODDS[0]) * (1 - made.own))
    said = f"{right[0]:.0%} of Tph/Tfh and {right[1]:.0%} of Th22-like cells are taken as right"
    if len(drawn) < LEAST_POSSIBLE * DRAWS:
        return not_estimable(found.base, method, f"mistakes may be all of a pole in an arm; {said}")
    last = int((len(drawn) + 1) * (1 - inference.LEVEL) / 2) - 1
    effect, low, high = float(np.median(drawn)), float(drawn[last]), float(drawn[-1 - last])
    tail = min(int(np.sum(drawn <= 0)), int(np.sum(drawn >= 0)))
    p = min(1.0, 2 * (tail + 1) / (len(drawn) + 1))
    reason = "; ".join(text for text in (found.base["reason"], said) if text)
    estimate = inference.Estimate(effect, np.nan, np.nan, low, high, p)
    return row_of(found.base | {"reason": reason}, method, estimate)


def _pole_logs(counts: pd.DataFrame, key: pd.MultiIndex) -> np.ndarray:
    """Log shares of both poles in the donors of ``key`` (n x 2), as they stand in E1."""
    some = counts[counts["n_cells"] > 0]
    logs = imbalance.pole_logs(*(some[c].to_numpy(float) for c in ("n_cells", "n_tph", "n_th22")))
    return logs[pd.MultiIndex.from_frame(some[UNIT_KEY].astype(str)).get_indexer(key)]


def _others(compositions: pd.DataFrame, made: Mistakes, key: pd.MultiIndex) -> np.ndarray:
    """Expected cells of other labels relative to the cohort's (n x labels).

    One for labels that are not counted in the working set.
    """
    rows = compositions[
        (compositions["denominator"] == WORKING_SET)
        & compositions["subset"].isin(made.others.index)
        & (compositions["n_denominator"] > 0)
    ]
    share = (rows["n_expected"] / rows["n_denominator"]).rename("share")
    units = rows[UNIT_KEY].astype(str).assign(subset=rows["subset"], share=share)
    wide = units.pivot(index=UNIT_KEY, columns="subset", values="share")
    wide = wide.reindex(index=key, columns=made.others.index)
    return (wide / made.other_level).fillna(1.0).to_numpy()


def arm_means(found: Compared, columns: np.ndarray) -> np.ndarray:
    """Means of cases and of controls (2 x columns), weighted and adjusted as the effect is."""
    weight = np.square(found.root)
    if found.pairs is not None:
        return np.array([np.average(a, axis=0, weights=weight) for a in found.arms(columns)])
    y, case, fit = columns[found.rows], found.built.case == 1, found.fit
    gap = fit.partial @ (y * found.root[:, None]) / (fit.partial @ fit.partial)
    middle = sum(np.average(y[a], axis=0, weights=weight[a]) for a in (case, ~case)) / 2
    return middle + np.outer([0.5, -0.5], gap)


def _spread(found: Compared, logs: np.ndarray) -> np.ndarray:
    """Covariance (4 x 4) of the means of :func:`arm_means`: both poles of cases, of controls.

    That of their difference is the HC2 variance of the effect.
    """
    fit = found.fit
    reach = fit.partial / (fit.partial @ fit.partial) / np.sqrt(fit.one_minus_leverage)
    if found.pairs is not None:
        both = np.hstack(found.arms(logs)) * found.root[:, None]
        rest = fit.annihilator @ both * reach[:, None]
    else:
        case = (found.built.case == 1)[:, None]
        rest = fit.annihilator @ (logs[found.rows] * found.root[:, None]) * reach[:, None]
        rest = np.hstack([rest * case, rest * ~case])
    return rest.T @ rest
