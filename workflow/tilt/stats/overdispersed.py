"""Regression of counts out of a total when donors differ by more than chance.

:func:`quasi_binomial` compares the *mean share* of the arms (log odds ratio). Only the mean is
modeled; the variance of a beta-binomial gives each donor's weight, and the error comes from the
residuals. :func:`logit_normal` takes the donors' log odds as normal, so its effect is the mean
difference of log odds between donors, the same quantity as the mean log-ratio E1, without a
pseudocount.
"""

import numpy as np
import scipy
from scipy import special

from tilt.stats import inference

EDGE = 0.5  # an SD whose log is this near to a limit is at it
REACH = 6.0  # the normal is integrated from -6 to 6 standard deviations
SD_BOUNDS = (float(np.log(1e-3)), float(np.log(5.0)))  # log of the SD of donors' log odds
SD_STARTS = (float(np.log(0.5)), float(np.log(0.05)))
LOG_ODDS_LIMIT = 30.0
MOST_RHO = 0.99
ROUNDS, CLOSE = 200, 1e-9  # of weighted least squares: at most so many, until this still
LEAST_WEIGHT = 1e-4  # of the median donor's


def _check(k: np.ndarray, n: np.ndarray, design: np.ndarray) -> None:
    if np.any(k > n) or np.any(k < 0) or np.any(n <= 0):
        raise ValueError("counts must lie between 0 and a total above 0")
    if design.shape[0] <= design.shape[1]:
        raise ValueError("more columns than donors")
    for side in (k, n - k):
        for arm in (design[:, -1] > 0, design[:, -1] <= 0):
            if side[arm].sum() == 0:
                raise ValueError("an arm has none of these cells, or nothing else")
    if np.abs(inference.project(design).annihilator @ (k / n)).max() < 1e-12:
        raise ValueError("no spread between donors within the arms")


def _start(k: np.ndarray, n: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Coefficients of the same log odds in every donor."""
    level = special.logit(np.clip(k.sum() / n.sum(), 1e-6, 1 - 1e-6))
    return np.r_[np.linalg.lstsq(design[:, :-1], np.full(len(k), level), rcond=None)[0], 0.0]


def _floored(weight: np.ndarray) -> np.ndarray:
    """Donors of a stratum without such cells tell next to nothing; they keep the design's rank."""
    return np.maximum(weight / np.median(weight), LEAST_WEIGHT)


# --- the mean share ---------------------------------------------------------------------------


def moment_rho(k: np.ndarray, n: np.ndarray, mean: np.ndarray, df: int) -> float:
    """Intra-donor correlation at which Pearson's chi-square is its ``df``; 0 without excess."""
    chance = np.square(k - n * mean) / (n * mean * (1 - mean))

    def excess(rho: float) -> float:
        return float(np.sum(chance / (1 + (n - 1) * rho))) - df

    if excess(0.0) <= 0:
        return 0.0
    return (
        MOST_RHO if excess(MOST_RHO) >= 0 else float(scipy.optimize.brentq(excess, 0.0, MOST_RHO))
    )


def quasi_binomial(
    k: np.ndarray, n: np.ndarray, design: np.ndarray
) -> tuple[inference.Estimate, float]:
    """Log odds ratio of the mean share between the arms, by quasi-likelihood.

    Extra-binomial variation after Williams 1982 (doi:10.2307/2347977): logistic regression whose
    donors weigh as a beta-binomial of one intra-donor correlation says, the correlation by moments.
    The weights need not be right: the effect is that of the means whatever the spread (a
    beta-binomial's maximum likelihood is not, where one arm spreads wider), and standard error
    (HC2) and degrees of freedom (Bell & McCaffrey) are those of :func:`inference.ols` on the last
    round of weighted least squares.

    Parameters
    ----------
    k, n
        Counts and totals of each donor (donors,), integers, ``0 <= k <= n``, ``n > 0``.
    design
        Donors x columns, full rank, condition last.

    Returns
    -------
    The estimate, and the intra-donor correlation.

    Raises
    ------
    ValueError
        Counts above their total, nothing counted in an arm, too few donors, donors that do not
        differ within the arms, or no end of the search.
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    _check(k, n, design)
    theta, rho = _start(k, n, design), 0.0
    for _ in range(ROUNDS):
        eta = np.clip(design @ theta, -LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
        mean = special.expit(eta)
        rho = moment_rho(k, n, mean, len(k) - design.shape[1])
        chance = n * mean * (1 - mean)
        root = np.sqrt(_floored(chance / (1 + (n - 1) * rho)))
        outcome = eta + (k - n * mean) / chance
        before, theta = theta, np.linalg.lstsq(design * root[:, None], outcome * root, None)[0]
        if abs(theta[-1] - before[-1]) < CLOSE:
            return inference.ols(outcome * root, design * root[:, None]), rho
    raise ValueError("the model did not converge")


# --- the mean of donors' log odds -------------------------------------------------------------


def log_likelihood(
    eta: np.ndarray, log_sd: float, k: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each donor (up to a constant) where log odds are normal around ``eta``, and its slopes.

    Returns value, slope by eta and slope by ``log_sd`` (log of the SD between donors), each
    (donors,). Trapezoids on a grid finer than the narrowest donor: exact to machine precision.
    """
    steps = int(np.clip(REACH * 2 * np.sqrt(1 + n.max() / 3), 120, 2000))
    z = np.linspace(-REACH, REACH, steps)
    sd = np.exp(log_sd)
    logit = eta[:, None] + sd * z
    log_joint = k[:, None] * logit - n[:, None] * np.logaddexp(0, logit) - z**2 / 2
    top = log_joint.max(axis=1, keepdims=True)
    share = np.exp(log_joint - top)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    residual = k[:, None] - n[:, None] * special.expit(logit)
    value = (top + np.log(total * (z[1] - z[0])))[:, 0]
    by_eta = np.sum(share * residual, axis=1)
    return value, by_eta, sd * np.sum(share * residual * z, axis=1)


def information(eta: np.ndarray, log_sd: float, n: np.ndarray) -> np.ndarray:
    """Approximate information of each donor about its eta."""
    mean = special.expit(eta)
    each = n * mean * (1 - mean)
    return each / (1 + np.exp(2 * log_sd) * each)


def _scores(
    theta: np.ndarray, k: np.ndarray, n: np.ndarray, design: np.ndarray
) -> tuple[float, np.ndarray]:
    """Log-likelihood at ``theta`` (coefficients, log SD) and each donor's slopes by it."""
    value, by_eta, by_sd = log_likelihood(design @ theta[:-1], theta[-1], k, n)
    return float(value.sum()), np.column_stack([design * by_eta[:, None], by_sd])


def maximum(k: np.ndarray, n: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Coefficients and log SD (columns + 1,) of the largest likelihood."""

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = _scores(theta, k, n, design)
        return -value, -slopes.sum(axis=0)

    best = None
    for start in SD_STARTS:
        found = scipy.optimize.minimize(
            loss,
            np.r_[_start(k, n, design), start],
            jac=True,
            bounds=[(-LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)] * design.shape[1] + [SD_BOUNDS],
            method="L-BFGS-B",
            options={"ftol": 1e-12, "gtol": 1e-6, "maxiter": 500},
        )
        best = found if best is None or found.fun < best.fun else best
        if best.x[-1] > SD_BOUNDS[0] + 1:
            break  # a search that starts too high can stop at the binomial: try again lower
    assert best is not None  # there are several starts
    return best.x


def covariance(theta: np.ndarray, k: np.ndarray, n: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Inverse of the observed information at ``theta``, by differences of the slopes.

    An SD at its limit is held there: its row is zero.
    """
    low, high = SD_BOUNDS
    free = np.full(len(theta), True)
    free[-1] = low + EDGE < theta[-1] < high - EDGE
    steps = np.eye(len(theta))[free] * 1e-4
    ahead = [_scores(theta + step, k, n, design)[1].sum(axis=0) for step in steps]
    behind = [_scores(theta - step, k, n, design)[1].sum(axis=0) for step in steps]
    curve = -((np.array(ahead) - np.array(behind)) / 2e-4)[:, free]
    out = np.zeros((len(theta), len(theta)))
    out[np.ix_(free, free)] = np.linalg.pinv((curve + curve.T) / 2)
    return out


def logit_normal(
    k: np.ndarray, n: np.ndarray, design: np.ndarray
) -> tuple[inference.Estimate, float]:
    """Effect of the condition on donors' log odds, by maximum likelihood.

    Parameters and errors as :func:`quasi_binomial`; returns the estimate and the SD between donors.
    The point estimate is that of any direct maximization (R's ``lme4::glmer``). The standard error
    is taken at the optimum, so it is finite wherever the estimate is: the observed information
    gives each donor's influence on the effect, and the squared influences, each over one minus the
    donor's leverage, add up to the variance (HC2). Where donors spread as supposed this is the
    model's own; where one arm spreads wider the effect keeps its level (size .04 to .06). Interval
    and p: t with the degrees of freedom of Bell & McCaffrey (:func:`inference.project`) of the
    weighted design.
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    _check(k, n, design)
    theta = maximum(k, n, design)
    influence = _scores(theta, k, n, design)[1] @ covariance(theta, k, n, design)[:, -2]
    weight = _floored(information(design @ theta[:-1], theta[-1], n))
    projection = inference.project(design * np.sqrt(weight)[:, None])
    se = float(np.sqrt(np.sum(np.square(influence) / projection.one_minus_leverage)))
    estimate = inference.from_t(float(theta[-2]), se, projection.df_effect)
    return estimate, float(np.exp(theta[-1]))
