"""Inference on one number a donor: OLS with HC2, rank tests, FDR.

Everything here takes plain arrays; :mod:`tilt.stats.resampling` has permutation and bootstrap. The
effect is always the coefficient of the last column of the design matrix (case minus control).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, prod

import numpy as np
import pandas as pd
import scipy

from tilt.core import distributions

LEVEL = 0.95
ALPHA = 1 - LEVEL  # in floats a hair above 0.05, so that a p of 0.05 is below it: rejected
TINY = 1e-9  # what is left of a column, or of one minus leverage, that is nothing but rounding
ROUNDING = 1e-9  # share of the largest difference below which two are one
EXACT_SHIFTS = 400  # differences up to which the interval of the rank test is exact
# Ways to give out labels within strata up to which the stratified rank test is exact. By the normal
# approximation 9 to 14 % of p are below 0.05 with 4 against 3 donors in two strata.
EXACT_WAYS = 5_000


@dataclass(frozen=True)
class Estimate:
    """An effect with its uncertainty; ``df`` are the degrees of freedom of the t reference."""

    effect: float
    se: float
    df: float
    ci_low: float
    ci_high: float
    p: float


def from_t(effect: float, se: float, df: float) -> Estimate:
    """Two-sided p and 95% interval of ``effect`` from a t distribution with ``df``.

    Both are missing where ``se`` is nothing but rounding: no spread, no test.
    """
    if not se > 1e-10 * abs(effect) or not se > 0:
        return Estimate(effect, np.nan, df, np.nan, np.nan, np.nan)
    half = distributions.t_quantile(0.5 + LEVEL / 2, df) * se
    p = 2 * distributions.t_above(abs(effect / se), df)
    return Estimate(effect, se, df, effect - half, effect + half, float(p))


@dataclass(frozen=True)
class Projection:
    """What OLS of any outcome on one design needs: computed once, used for every outcome."""

    partial: np.ndarray  # (n,) the condition after the nuisance columns are taken out
    annihilator: np.ndarray  # (n, n) residual maker of the whole design
    nuisance: np.ndarray  # (n, n) residual maker of the nuisance columns
    one_minus_leverage: np.ndarray  # (n,) one minus leverage; 1 where a donor is fitted exactly
    df: int  # residual: donors minus columns
    df_effect: float  # Satterthwaite's, of the HC2 variance of the effect


def project(design: np.ndarray) -> Projection:
    """Prepare OLS on ``design`` (n x k, full rank, condition last).

    Raises
    ------
    ValueError
        If the design has no degrees of freedom left or the condition is confounded.
    """
    n, k = design.shape
    nuisance, condition = design[:, :-1], design[:, -1]
    residual_maker = np.eye(n) - nuisance @ np.linalg.pinv(nuisance)
    partial = residual_maker @ condition
    if n - k < 1 or partial @ partial < TINY:
        raise ValueError("the condition cannot be told from the covariates with these donors")
    annihilator = residual_maker - np.outer(partial, partial) / (partial @ partial)
    one_minus_leverage = np.diag(annihilator).copy()
    one_minus_leverage[one_minus_leverage < TINY] = (
        1.0  # such a donor has a residual of zero: it adds nothing
    )
    return Projection(
        partial,
        annihilator,
        residual_maker,
        one_minus_leverage,
        n - k,
        _df(partial, annihilator, one_minus_leverage),
    )


def _df(partial: np.ndarray, annihilator: np.ndarray, one_minus_leverage: np.ndarray) -> float:
    """Degrees of freedom of the HC2 variance of the effect (Bell & McCaffrey 2002).

    The variance is a quadratic form of the outcomes; these match its mean and variance to those
    of a chi-square when donors spread alike (Satterthwaite; Imbens & Kolesar 2016,
    doi:10.1162/REST_a_00552). Few donors that carry the comparison give few, whatever the
    number of donors in other strata.
    """
    form = (annihilator * (np.square(partial) / one_minus_leverage)) @ annihilator
    return float(np.trace(form) ** 2 / np.sum(np.square(form)))


def hc2(outcomes: np.ndarray, fit: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Effect and HC2 standard error of each row of ``outcomes`` (m x n).

    HC2 after MacKinnon & White 1985 (doi:10.1016/0304-4076(85)90158-7); agrees with
    ``statsmodels.OLS(...).fit(cov_type="HC2")`` (see the unit tests).
    """
    scale = fit.partial @ fit.partial
    effect = outcomes @ fit.partial / scale
    residual = outcomes @ fit.annihilator
    variance = (np.square(residual) / fit.one_minus_leverage) @ np.square(fit.partial) / scale**2
    return effect, np.sqrt(variance)


def ols(outcome: np.ndarray, design: np.ndarray) -> Estimate:
    """OLS of ``outcome`` (n,) on ``design`` (n x k, condition last).

    Standard error HC2, t with the degrees of freedom of Bell & McCaffrey (:func:`project`).
    """
    fit = project(design)
    effect, se = hc2(np.asarray(outcome, float)[None, :], fit)
    return from_t(float(effect[0]), float(se[0]), fit.df_effect)


def paired_t(difference: np.ndarray) -> Estimate:
    """One-sample t test of within-donor differences (n,), case minus control."""
    n = len(difference)
    se = float(np.std(difference, ddof=1) / np.sqrt(n))
    return from_t(float(np.mean(difference)), se, n - 1)


def standardized(effect: float, se: float, residual_sd: float, df: float) -> tuple[float, float]:
    """Hedges' g of a (covariate-adjusted) mean difference, and its standard error.

    Small-sample factor and variance after Hedges 1981 (doi:10.3102/10769986006002107), the
    variance of the mean difference being the HC2 one; ``df`` are those of the residual SD.
    """
    if not residual_sd > 0 or df < 2:
        return np.nan, np.nan
    shrink = 1 - 3 / (4 * df - 1)
    g = shrink * effect / residual_sd
    return g, float(np.sqrt((shrink * se / residual_sd) ** 2 + g**2 / (2 * df)))


# --- ranks ------------------------------------------------------------------------------------


def _van_elteren(outcome: np.ndarray, case: np.ndarray, strata: np.ndarray) -> tuple[float, float]:
    """Score of the stratified Wilcoxon test (above 0: cases higher), and its two-sided p.

    Exact over all ways to give out the labels within strata where these are few, else by the
    normal approximation with tie correction.
    """
    score = variance = 0.0
    parts, exact = [], _ways(case, strata) <= EXACT_WAYS
    for s in np.unique(strata):
        inside = strata == s
        y, g = outcome[inside], case[inside]
        n, m = len(y), int(g.sum())
        if m == 0 or m == n:
            continue
        ranks = (pd.Series(y).rank().to_numpy() - (n + 1) / 2) / (n + 1)
        score += ranks[g == 1].sum()
        variance += m * (n - m) / (n * (n - 1)) * np.sum(np.square(ranks))
        parts.append((ranks, m))
    if not variance > 0:
        return 0.0, 1.0
    if not exact:
        return score, float(2 * distributions.normal_above(abs(score) / np.sqrt(variance)))
    null = np.zeros(1)
    for ranks, m in parts:
        null = np.add.outer(null, ranks[_chosen(len(ranks), m)].sum(axis=1)).ravel()
    return score, float(np.mean(np.abs(null) >= abs(score) - TINY))


def _ways(case: np.ndarray, strata: np.ndarray) -> int:
    """How many ways there are to give out the labels within strata."""
    alike = [case[strata == s] for s in np.unique(strata)]
    return prod(comb(len(g), int(g.sum())) for g in alike)


@lru_cache(maxsize=256)
def _chosen(n: int, m: int) -> np.ndarray:
    """All choices of ``m`` of ``n`` places, a row each."""
    return np.array(list(combinations(range(n), m)))


@lru_cache(maxsize=256)
def _rank_limit(m: int, n: int) -> int:
    """Which ordered difference of ``m`` x ``n`` bounds the exact 95 % interval; 0 = none does.

    From the null distribution of the Mann-Whitney U (coefficients of the Gaussian binomial).
    """
    ways = np.zeros(m * n + 1)
    ways[0] = 1
    for i in range(1, m + 1):
        ways[n + i :] -= ways[: max(m * n + 1 - n - i, 0)].copy()
        for j in range(i, m * n + 1):
            ways[j] += ways[j - i]
    tail = np.cumsum(ways) / ways.sum()
    return int(np.searchsorted(tail, ALPHA / 2, side="right"))


def _shifts(outcome: np.ndarray, case: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """All differences case minus control within strata, sorted."""
    gaps = [
        np.subtract.outer(
            outcome[(strata == s) & (case == 1)], outcome[(strata == s) & (case == 0)]
        ).ravel()
        for s in np.unique(strata)
    ]
    return np.sort(np.concatenate(gaps))


def _upper(outcome: np.ndarray, case: np.ndarray, strata: np.ndarray) -> float:
    """Largest shift that the (stratified) rank test does not reject; NaN where it rejects none.

    Ranks change at the differences alone. The test is asked between them, where no two values are
    tied: at a difference itself rounding would decide.
    """
    gaps = _shifts(outcome, case, strata)
    apart = np.diff(gaps) > ROUNDING * np.abs(gaps).max()
    gaps = gaps[np.append(apart, True)]
    between = np.append((gaps[:-1] + gaps[1:]) / 2, gaps[-1] + 1)
    low, high = 0, len(gaps)
    while low < high:  # the score falls as the shift grows
        middle = (low + high) // 2
        score, p = _van_elteren(outcome - between[middle] * case, case, strata)
        low, high = (low, middle) if score < 0 and p < ALPHA else (middle + 1, high)
    return float(gaps[low]) if low < len(gaps) else np.nan


def _agreeing(shifts: np.ndarray, low: float, high: float, p: float) -> tuple[float, float]:
    """Interval of a rank test, zero inside just where p is above 0.05 (0.05 itself is rejected).

    Ranks change at the ``shifts`` (sorted) only, so that the interval known to the last shift can
    stop short of a zero that is not rejected, and ties or a normal approximation can let it reach
    over a zero that is.
    """
    if not np.isfinite([low, high, p]).all():
        return low, high
    if p >= ALPHA:
        return min(low, 0.0), max(high, 0.0)
    if low <= 0 <= high:
        above, below = shifts[shifts > 0], shifts[shifts < 0]
        if np.median(shifts) > 0 and len(above):
            return float(above[0]), max(high, float(above[0]))
        if len(below):
            return min(low, float(below[-1])), float(below[-1])
    return low, high


def hodges_lehmann(
    outcome: np.ndarray, case: np.ndarray, strata: np.ndarray | None = None
) -> Estimate:
    """Hodges-Lehmann shift (case minus control), interval and rank-test p.

    One stratum: p is ``scipy.stats.mannwhitneyu`` (exact for small samples without ties).
    Several strata: differences are taken and ranked within strata (van Elteren 1960), so a
    batch effect cannot make a difference; donors of strata of one arm tell nothing, and one stratum
    that is left is tested as one. The interval inverts the rank test: exactly for one stratum of
    up to 400 differences and for several with up to ``EXACT_WAYS`` ways to give out the labels
    (missing where so few donors allow no 95 % interval, as three against three), else by the
    normal approximation.
    """
    outcome = np.asarray(outcome, float)
    strata = np.zeros(len(outcome), int) if strata is None else strata
    both = np.isin(strata, np.intersect1d(strata[case == 1], strata[case == 0]))
    if not both.any():
        return Estimate(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan)
    outcome, case, strata = outcome[both], case[both], strata[both]
    gaps = _shifts(outcome, case, strata)
    alone = len(np.unique(strata)) == 1
    if alone:
        p = scipy.stats.mannwhitneyu(outcome[case == 1], outcome[case == 0]).pvalue
    else:
        p = _van_elteren(outcome, case, strata)[1]
    if alone and len(gaps) <= EXACT_SHIFTS:
        arms = int(np.sum(case == 1)), int(np.sum(case == 0))
        k = _rank_limit(min(arms), max(arms))
        low, high = (gaps[k - 1], gaps[-k]) if k > 0 else (np.nan, np.nan)
    else:
        low, high = -_upper(-outcome, case, strata), _upper(outcome, case, strata)
    low, high = _agreeing(gaps, low, high, float(p))
    return Estimate(float(np.median(gaps)), np.nan, np.nan, float(low), float(high), float(p))


def walsh(difference: np.ndarray) -> Estimate:
    """Hodges-Lehmann center of paired differences, its interval, and Wilcoxon's signed-rank p."""
    n = len(difference)
    i, j = np.triu_indices(n)
    means = np.sort((difference[i] + difference[j]) / 2)
    p = float(scipy.stats.wilcoxon(difference).pvalue) if np.any(difference) else 1.0
    if n <= 20:  # exact distribution of the signed-rank sum
        ways = np.ones(1)
        for rank in range(1, n + 1):
            ways = np.convolve(ways, np.r_[1.0, np.zeros(rank - 1), 1.0])
        k = int(np.searchsorted(np.cumsum(ways) / 2**n, ALPHA / 2, side="right"))
    else:
        spread = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        k = int(np.floor(n * (n + 1) / 4 - distributions.normal_quantile(0.5 + LEVEL / 2) * spread))
    low, high = (means[k - 1], means[-k]) if k > 0 else (np.nan, np.nan)
    low, high = _agreeing(means, float(low), float(high), p)
    return Estimate(float(np.median(means)), np.nan, np.nan, float(low), float(high), p)


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p (Benjamini & Hochberg 1995); missing p stay missing and don't count.

    The same as ``scipy.stats.false_discovery_control``, whose loading takes a third of a second.
    """
    p = np.asarray(p, float)
    q = np.full(len(p), np.nan)
    known = ~np.isnan(p)
    order = np.argsort(p[known], kind="stable")
    n = len(order)
    raised = p[known][order] * (n / np.arange(1, n + 1))
    lowest = np.minimum.accumulate(raised[::-1])[::-1]  # none above that of a larger p
    q[np.flatnonzero(known)[order]] = np.clip(lowest, 0, 1)
    return q
