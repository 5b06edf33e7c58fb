"""Permutation and bootstrap of one number a donor: the checks that stand beside the declared test.

Each gives p and interval by inverting the same test, so the two never contradict each other. All
is vectorized over permutations or replicates and takes plain arrays; the effect is the coefficient
of the last column of the design (case minus control).
"""

from collections.abc import Callable
from itertools import combinations, product
from math import comb, prod

import numpy as np

from tilt.stats.inference import ALPHA, Estimate, Projection, hc2

NONE = Estimate(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan)
TIE = 1e-10  # studentized effects this near to each other (relative) are the same but for rounding
STEPS = 40  # halvings behind a limit of an inverted interval


def arrangements(case: np.ndarray, strata: np.ndarray) -> int:
    """How many distinct ways there are to give out the labels within strata."""
    return prod(
        comb(int((strata == s).sum()), int(case[strata == s].sum())) for s in np.unique(strata)
    )


def permutations(
    case: np.ndarray, strata: np.ndarray, n_random: int, rng: np.random.Generator, exact: bool
) -> tuple[np.ndarray, bool]:
    """Reorderings of donors within strata, (m x n) indices, and whether they are all there are.

    With ``exact`` and at most ``n_random`` distinct arrangements of the labels each one is
    given once (the observed one included); otherwise ``n_random`` random reorderings.
    """
    n = len(case)
    if exact and arrangements(case, strata) <= n_random:
        per_stratum = []
        for s in np.unique(strata):
            places = np.flatnonzero(strata == s)
            cases, controls = places[case[places] == 1], places[case[places] == 0]
            ways = []
            for chosen in combinations(places, len(cases)):
                rest = np.setdiff1d(places, chosen)
                ways.append((np.r_[cases, controls], np.r_[np.array(chosen, int), rest]))
            per_stratum.append(ways)
        orders = np.tile(np.arange(n), (prod(map(len, per_stratum)), 1))
        for row, way in zip(orders, product(*per_stratum), strict=True):
            for places, source in way:
                row[places] = source
        return orders, True
    return reorder(rng.random((n_random, n)), np.zeros(n, int), strata), False


def reorder(keys: np.ndarray, case: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Reorderings within strata, (m x n) indices, that follow random ``keys`` (m x n).

    Places are filled cases first, so that two sets of donors which share most of their keys give
    nearly the same donors to the cases (:mod:`tilt.stats.family`).
    """
    codes = np.unique(strata, return_inverse=True)[1]
    places = np.lexsort((np.arange(len(case)), -np.asarray(case), codes))
    orders = np.empty(keys.shape, int)
    orders[:, places] = np.argsort(keys + codes, axis=1)
    return orders


def tail(observed: float, null: np.ndarray, complete: bool) -> float:
    """Two-sided p of ``observed`` among ``null`` (m,), of which it is one where all are there.

    Both studentized.
    """
    extreme = int(np.sum(np.abs(null) >= abs(observed) * (1 - TIE) - TIE / 100))
    return extreme / len(null) if complete else (extreme + 1) / (len(null) + 1)


def _inverted(p_of: Callable[[float], float], effect: float, step: float) -> tuple[float, float]:
    """Shifts next to ``effect`` that a test does not reject; nan where it never rejects.

    A shift with a p of 0.05 is rejected; zero is inside just where ``p_of(0)`` is above that.
    """
    if not step > 0:
        return np.nan, np.nan
    rejects_zero = p_of(0.0) < ALPHA
    limits = []
    for sign in (-1.0, 1.0):
        toward = sign * (0.0 - effect) > 0  # zero lies on this side
        inner, outer = effect, effect + sign * step
        if toward and rejects_zero:
            outer = 0.0
        else:
            if toward:
                inner, outer = 0.0, sign * max(step, abs(effect))
            for _ in range(12):
                if p_of(outer) < ALPHA:
                    break
                inner, outer = outer, effect + 2 * (outer - effect)
            else:
                return np.nan, np.nan
        for _ in range(STEPS):
            middle = (inner + outer) / 2
            inner, outer = (inner, middle) if p_of(middle) < ALPHA else (middle, outer)
        limits.append(inner)
    return float(limits[0]), float(limits[1])


def permutation_p(
    outcome: np.ndarray, fit: Projection, orders: np.ndarray, complete: bool
) -> tuple[float, np.ndarray]:
    """Permutation p of the HC2-studentized effect and the studentized permuted effects (m,).

    Residuals of the nuisance model are reordered (Freedman & Lane 1983,
    doi:10.1080/07350015.1983.10509354); with strata as the only covariates this is exactly
    the permutation of labels within strata. The studentized statistic keeps the level when
    the arms differ in size and variance (Janssen 1997, doi:10.1016/S0167-7152(97)00043-6; Chung &
    Romano 2013, doi:10.1214/13-AOS1090), which the plain effect does not.
    """
    residual = fit.nuisance @ np.asarray(outcome, float)
    observed, observed_se = (float(v[0]) for v in hc2(residual[None, :], fit))
    null = studentized(residual[orders], fit)
    if not observed_se > 0:
        return np.nan, null
    return tail(observed / observed_se, null, complete), null


def studentized(residuals: np.ndarray, fit: Projection) -> np.ndarray:
    """Effect over its HC2 standard error of each row (m x n); infinite where there is no spread."""
    effect, se = hc2(residuals, fit)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(se > 0, effect / se, np.where(effect == 0, 0, np.inf))


def permutation(
    outcome: np.ndarray, fit: Projection, orders: np.ndarray, complete: bool
) -> Estimate:
    """Studentized permutation test (:func:`permutation_p`) with the interval that inverts it.

    The interval holds the shifts of the cases that the test does not reject; it is missing where
    so few arrangements exist that none is.
    """
    residual = fit.nuisance @ np.asarray(outcome, float)
    return _inverting(outcome, fit, residual[orders], fit.partial[orders], complete)


def _inverting(
    outcome: np.ndarray, fit: Projection, start: np.ndarray, slope: np.ndarray, complete: bool
) -> Estimate:
    """Test and interval from residuals under every relabeling: ``start`` - shift * ``slope``."""
    scale = fit.partial @ fit.partial
    effect, se = (float(v[0]) for v in hc2(np.asarray(outcome, float)[None, :], fit))
    if not se > 0:
        return NONE
    # numerator and variance are polynomials of the shift
    weight = np.square(fit.partial) / fit.one_minus_leverage / scale**2
    by = start @ fit.partial / scale, slope @ fit.partial / scale
    left, right = start @ fit.annihilator, slope @ fit.annihilator
    square = np.square(left) @ weight, (left * right) @ weight, np.square(right) @ weight

    def p_of(shift: float) -> float:
        variance = square[0] - 2 * shift * square[1] + shift**2 * square[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            null = (by[0] - shift * by[1]) / np.sqrt(np.maximum(variance, 0))
        null = np.where(np.isnan(null), 0, null)
        return tail((effect - shift) / se, null, complete)

    low, high = _inverted(p_of, effect, se)
    return Estimate(effect, np.nan, np.nan, low, high, p_of(0.0))


def flips(n: int, n_random: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Signs (m x n) for ``n`` pairs, and whether they are all there are."""
    complete = 2**n <= n_random
    if complete:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits = rng.integers(0, 2, (n_random, n))
    return 1 - 2 * bits, complete


def sign_flip(
    difference: np.ndarray, fit: Projection, n_random: int, rng: np.random.Generator
) -> tuple[Estimate, str]:
    """Studentized permutation test of pairs (signs are flipped, exact if few), and how it was made.

    ``difference`` (n,) and ``fit`` (one column) may both be weighted: the effect is the mean that
    the paired t test has. The interval holds the shifts that the test does not reject.
    """
    signs, complete = flips(len(difference), n_random, rng)
    found = _inverting(difference, fit, signs * difference, signs * fit.partial, complete)
    return found, f"{'all ' if complete else ''}{len(signs)} sign flips of the pairs"


def bootstrap_t(
    outcome: np.ndarray, fit: Projection, replicates: int, rng: np.random.Generator
) -> Estimate:
    """Studentized bootstrap: p, and an interval symmetric around the effect.

    Wild bootstrap: each donor keeps its place in arm and stratum, its HC2 residual gets a random
    sign, and the HC2-studentized effects give the quantile (Davidson & Flachaire 2008,
    doi:10.1016/j.jeconom.2008.08.003). Drawing donors anew within arm x stratum covers only
    88 % where strata hold two or three donors of an arm; this covers 94 to 97 %.
    All is missing where residuals have no spread.
    """
    effect, se = (float(v[0]) for v in hc2(np.asarray(outcome, float)[None, :], fit))
    if not se > 0:
        return NONE
    residual = outcome @ fit.annihilator / np.sqrt(fit.one_minus_leverage)
    signs = rng.choice([-1.0, 1.0], (replicates, len(outcome)))
    drawn, errors = hc2(residual * signs, fit)
    t = np.sort(np.abs(drawn[errors > 0] / errors[errors > 0]))[::-1]
    p = (1 + int(np.sum(t >= abs(effect / se)))) / (len(t) + 1)
    last = int(ALPHA * (len(t) + 1)) - 1  # p is above 0.05 just where t is at most this one
    half = float(t[last] * se) if last >= 0 else np.nan
    return Estimate(effect, np.nan, np.nan, effect - half, effect + half, p)
