"""Variances of a table of subsets, each moderated by the others (empirical Bayes).

With eight donors a subset's own variance is a guess; those of the other subsets of the same
denominator say what is usual. As limma does (Smyth 2004, doi:10.2202/1544-6115.1027), a variance
becomes the average of its own, with its degrees of freedom, and the usual one, with ``d0``. Two
things differ, each because without it the error of single null subsets reached .10-.12 in
simulations (docs/numbers.md), with them .055-.085, and .05-.056 over all subsets of a table:

- what is usual follows the share: an angle varies by chance (1 / 4n) and by a biology in proportion
  to p (1 - p); one such line is fitted to all subsets;
- ``d0`` is not the best guess but a careful one: the spread of the variances around the line is
  taken at its upper quartile, as few subsets know it badly.

The variances moderated are HC2 ones with the degrees of freedom of Bell & McCaffrey, so an arm
that spreads wider stays told.
"""

import numpy as np
import scipy
from scipy import special

from tilt.core import distributions

FEWEST = 5  # subsets from which on variances are moderated
CAREFUL = 0.25  # quantile of the chi-square behind the upper quartile of the spread


def expected(
    variance: np.ndarray, df: np.ndarray, chance: np.ndarray, biology: np.ndarray
) -> np.ndarray:
    """Line ``chance + k * biology`` (k >= 0) through the variances, of equal mean logarithm.

    All (subsets,): variances of effects, their degrees of freedom, what chance adds to each, and
    p (1 - p) over the donors' information.
    """
    center = special.digamma(df / 2) - np.log(df / 2)

    def above(k: float) -> float:
        return float(np.mean(np.log(variance) - np.log(chance + k * biology) - center))

    if above(0.0) <= 0:
        return chance
    top = 1.0
    while above(top) > 0:
        top *= 4
    return chance + scipy.optimize.brentq(above, 0.0, top) * biology


def prior(variance: np.ndarray, df: np.ndarray, line: np.ndarray) -> tuple[float, np.ndarray]:
    """Degrees of freedom ``d0`` of the usual variance, and it (subsets,).

    ``d0`` is infinite where the variances spread no more than their own uncertainty explains.
    """
    n = len(variance)
    logs = np.log(variance / line) - special.digamma(df / 2) + np.log(df / 2)
    spread = logs.var(ddof=1) * (n - 1) / distributions.chi2_quantile(CAREFUL, n - 1)
    more = spread - float(np.mean(special.polygamma(1, df / 2)))
    if more <= special.polygamma(1, 5e5):
        return np.inf, line * np.exp(logs.mean())
    half = scipy.optimize.brentq(lambda h: special.polygamma(1, h) - more, 1e-3, 1e6)
    return 2 * half, line * np.exp(logs.mean() + special.digamma(half) - np.log(half))


def squeeze(
    variance: np.ndarray, df: np.ndarray, chance: np.ndarray, biology: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Moderated variances of the effects and their degrees of freedom, both (subsets,).

    The degrees of freedom never exceed those of all subsets together.
    """
    d0, usual = prior(variance, df, expected(variance, df, chance, biology))
    most = np.full(len(df), df.sum())
    if np.isinf(d0):
        return usual, most
    return (d0 * usual + df * variance) / (d0 + df), np.minimum(d0 + df, most)
