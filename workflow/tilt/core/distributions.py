"""Tails and quantiles of the t, normal and chi-square distributions.

By the functions of scipy.special that scipy.stats itself calls: the same numbers to the last bit.
Loading scipy.stats takes a third of a second, which nearly every job would pay for these alone.
"""

from typing import Any

from scipy import special

# Any: of numbers a number, of an array or a Series one of its kind.


def t_above(t: Any, df: Any) -> Any:
    """Probability of more than ``t`` under a t distribution with ``df`` (inf: the normal)."""
    return special.stdtr(df, -t)


def t_quantile(p: Any, df: Any) -> Any:
    """Value below which a t distribution with ``df`` has the probability ``p`` (above 0)."""
    return special.stdtrit(df, p)


def normal_above(z: Any) -> Any:
    """Probability of more than ``z`` standard deviations above the mean."""
    return special.ndtr(-z)


def normal_quantile(p: Any) -> Any:
    """Standard deviations above the mean below which a normal has the probability ``p``."""
    return special.ndtri(p)


def chi2_quantile(p: Any, df: Any) -> Any:
    """Value below which a chi-square distribution with ``df`` has the probability ``p``."""
    return 2 * special.gammaincinv(df / 2, p)
