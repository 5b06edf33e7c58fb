"""Donors weighted by how precisely each is measured.

A donor's log-ratio has the variance ``tau2 + s2``: what donors differ by, and what its number of
cells leaves to chance. ``s2`` is *expected* from the donor's memory cells and the shares of all
donors together (:func:`tilt.donors.imbalance.ratio_values`), never from its own counts, so a
weight cannot follow the ratio. ``tau2`` is found within the linear model of the comparison.
"""

import numpy as np
import scipy

MOST = 1e6  # tau2 beyond which the search gives up: no log-ratio of cells spreads so far


def between(
    outcome: np.ndarray,
    variance: np.ndarray,
    design: np.ndarray,
    rest_sum: float | None = None,
) -> float:
    """Variance between donors (tau2) that sampling does not explain, 0 at least.

    Paule & Mandel 1982 (doi:10.6028/jres.087.022) with moderators, as ``metafor::rma(yi, vi,
    mods, method = "PM")``: the tau2 at which the weighted residual sum of squares equals donors
    minus columns.

    Parameters
    ----------
    outcome, variance
        One value a donor and its sampling variance (> 0), both (n,).
    design
        n x k, full rank.
    rest_sum
        The weighted residual sum of squares to reach; donors minus columns if None. A quantile of
        chi-square with so many degrees of freedom gives a limit of the interval of tau2 (the
        Q-profile of Viechtbauer 2007, doi:10.1002/sim.2514).
    """
    free = len(outcome) - design.shape[1]
    aim = free if rest_sum is None else rest_sum

    def excess(tau2: float) -> float:
        root = 1 / np.sqrt(variance + tau2)
        x, y = design * root[:, None], outcome * root
        rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        return float(rest @ rest) - aim

    if free < 1 or excess(0.0) <= 0:
        return 0.0
    top = 1.0
    while excess(top) > 0 and top < MOST:
        top *= 4
    return float(scipy.optimize.brentq(excess, 0.0, top, xtol=1e-8)) if top < MOST else top


def root_weights(
    outcome: np.ndarray, variance: np.ndarray, design: np.ndarray
) -> tuple[np.ndarray, float]:
    """Square roots of the precision weights, 1 on average, and the tau2 behind them.

    Outcome and design times these are what OLS with HC2 takes: the leverages and the degrees of
    freedom of Bell & McCaffrey are then those of the weighted design (``clubSandwich`` CR2 with a
    donor a cluster).
    """
    tau2 = between(outcome, variance, design)
    weight = 1 / (variance + tau2)
    return np.sqrt(weight / weight.mean()), tau2
