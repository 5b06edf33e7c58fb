"""Beta-binomial regression: counts out of a total, with overdispersion between donors."""

import numpy as np
from scipy import optimize, special

from tilt.inference import Estimate, from_t

RHO_LIMITS = (1e-6, 0.95)  # intra-donor correlation; the lower end is the binomial


def _terms(
    theta: np.ndarray, k: np.ndarray, n: np.ndarray, design: np.ndarray
) -> tuple[float, np.ndarray]:
    """Log-likelihood (up to a constant) and its gradient at ``theta`` = (beta, logit rho)."""
    beta, rho = theta[:-1], special.expit(theta[-1])
    mean = np.clip(special.expit(design @ beta), 1e-12, 1 - 1e-12)
    size = (1 - rho) / rho
    a, b = mean * size, (1 - mean) * size
    loglik = np.sum(
        special.gammaln(k + a)
        + special.gammaln(n - k + b)
        - special.gammaln(n + size)
        - special.gammaln(a)
        - special.gammaln(b)
        + special.gammaln(size)
    )
    by_a = special.digamma(k + a) - special.digamma(a)
    by_b = special.digamma(n - k + b) - special.digamma(b)
    by_size = special.digamma(size) - special.digamma(n + size)
    for_beta = design.T @ ((by_a - by_b) * size * mean * (1 - mean))
    for_size = np.sum(mean * by_a + (1 - mean) * by_b + by_size)
    return loglik, np.r_[for_beta, for_size * -size]  # d size / d logit rho = -size


def _information(theta: np.ndarray, k: np.ndarray, n: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Observed information at ``theta`` from central differences of the gradient."""
    width = len(theta)
    hessian = np.empty((width, width))
    for i in range(width):
        step = np.zeros(width)
        step[i] = 1e-4
        ahead, behind = (_terms(theta + s, k, n, design)[1] for s in (step, -step))
        hessian[i] = (ahead - behind) / 2e-4
    return -(hessian + hessian.T) / 2


def fit(k: np.ndarray, n: np.ndarray, design: np.ndarray) -> tuple[Estimate, float]:
    """Maximum-likelihood beta-binomial regression with a logit link and one overdispersion.

    Parameters
    ----------
    k, n
        Successes and totals of each donor (donors,), integers, ``0 <= k <= n``, ``n > 0``.
    design
        Donors x columns, full rank, condition last.

    Returns
    -------
    The log odds ratio of the condition (Wald interval) and the intra-donor correlation rho.
    The point estimate is that of R's ``aod::betabin`` and of any direct maximisation. Maximum
    likelihood understates the spread with few donors, so the covariance is multiplied by
    n/(n - columns) and referred to t with n - columns degrees of freedom; the calibration
    table shows the resulting error rates. Model: Williams 1975 (doi:10.2307/2529820).

    Raises
    ------
    ValueError
        Counts above their total, nothing counted, or no spread to estimate from.
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    donors, columns = design.shape
    if np.any(k > n) or np.any(k < 0) or np.any(n <= 0):
        raise ValueError("beta-binomial: counts must lie between 0 and their total")
    if donors <= columns:
        raise ValueError("beta-binomial: more columns than donors")
    for side in (k, n - k):
        for arm in (design[:, -1] > 0, design[:, -1] <= 0):
            if side[arm].sum() == 0:
                raise ValueError("beta-binomial: an arm without a single (or with every) cell")
    share = k.sum() / n.sum()
    start = np.linalg.lstsq(design, np.full(donors, special.logit(share)), rcond=None)[0]
    low, high = special.logit(RHO_LIMITS)
    limits = [(-30.0, 30.0)] * columns + [(low, high)]

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _terms(theta, k, n, design)
        return -value, -gradient

    best = None
    for rho in (0.02, 0.0005):
        found = optimize.minimize(
            loss,
            np.r_[start, special.logit(rho)],
            jac=True,
            bounds=limits,
            method="L-BFGS-B",
            options={"ftol": 1e-13, "gtol": 1e-6, "maxiter": 500},
        )
        if best is None or found.fun < best.fun:
            best = found
    information = _information(best.x, k, n, design)
    if best.x[-1] <= low + 1e-3:  # binomial: the overdispersion is at its bound
        information = information[:-1, :-1]
    covariance = np.linalg.pinv(information)
    variance = covariance[columns - 1, columns - 1] * donors / (donors - columns)
    se = float(np.sqrt(variance)) if variance > 0 else np.nan
    estimate = from_t(float(best.x[columns - 1]), se, donors - columns)
    return estimate, float(special.expit(best.x[-1]))
