"""Regression of counts out of a total when donors differ by more than chance.

Two families, one machinery. ``beta``: the donor's share is beta-distributed (Williams 1975,
doi:10.2307/2529820); its effect is the log odds ratio of the mean share. ``normal``: the donor's
log odds are normal, so its effect is the mean difference of log odds between donors, the same
quantity as the mean log-ratio E1, without a pseudocount.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from tilt.stats import inference

EDGE = 0.5  # a dispersion this near to a limit (logit or log) is at it
REACH = 6.0  # the normal is integrated from -6 to 6 standard deviations


class Beta:
    """Beta-binomial; the dispersion is the intra-donor correlation rho, on the logit scale."""

    bounds = tuple(special.logit((1e-6, 0.95)))
    starts = tuple(special.logit((0.02, 0.0005)))

    @staticmethod
    def natural(dispersion: float) -> float:
        """Intra-donor correlation rho."""
        return float(special.expit(dispersion))

    def parts(
        self, eta: np.ndarray, dispersion: float, k: np.ndarray, n: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-likelihood of each donor (up to a constant), its slope by eta, by the dispersion."""
        rho = special.expit(dispersion)
        mean = np.clip(special.expit(eta), 1e-12, 1 - 1e-12)
        size = (1 - rho) / rho
        a, b = mean * size, (1 - mean) * size
        by_a = special.digamma(k + a) - special.digamma(a)
        by_b = special.digamma(n - k + b) - special.digamma(b)
        by_size = special.digamma(size) - special.digamma(n + size)
        value = special.betaln(k + a, n - k + b) - special.betaln(a, b)
        slope = -size * (mean * by_a + (1 - mean) * by_b + by_size)
        return value, (by_a - by_b) * size * mean * (1 - mean), slope

    def weights(self, eta: np.ndarray, dispersion: float, n: np.ndarray) -> np.ndarray:
        """Approximate information of each donor about its eta."""
        mean = special.expit(eta)
        return n * mean * (1 - mean) / (1 + (n - 1) * special.expit(dispersion))


class Normal:
    """Logistic-normal binomial; the dispersion is the log of the SD of donors' log odds."""

    bounds = (np.log(1e-3), np.log(5.0))
    starts = (np.log(0.5), np.log(0.05))

    @staticmethod
    def natural(dispersion: float) -> float:
        """SD of donors' log odds."""
        return float(np.exp(dispersion))

    def parts(
        self, eta: np.ndarray, dispersion: float, k: np.ndarray, n: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-likelihood of each donor (up to a constant), its slope by eta, by the dispersion.

        Trapezoids on a grid finer than the narrowest donor: exact to machine precision.
        """
        steps = int(np.clip(REACH * 2 * np.sqrt(1 + n.max() / 3), 120, 2000))
        z = np.linspace(-REACH, REACH, steps)
        sd = np.exp(dispersion)
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

    def weights(self, eta: np.ndarray, dispersion: float, n: np.ndarray) -> np.ndarray:
        """Approximate information of each donor about its eta."""
        mean = special.expit(eta)
        each = n * mean * (1 - mean)
        return each / (1 + np.exp(2 * dispersion) * each)


FAMILIES: dict[str, Beta | Normal] = {"beta": Beta(), "normal": Normal()}


@dataclass
class _Model:
    """Counts and a family."""

    family: Beta | Normal
    k: np.ndarray
    n: np.ndarray

    def scores(self, theta: np.ndarray, design: np.ndarray) -> tuple[float, np.ndarray]:
        """Log-likelihood at ``theta`` (coefficients, dispersion) and each donor's slopes by it."""
        parts = self.family.parts(design @ theta[:-1], theta[-1], self.k, self.n)
        return float(parts[0].sum()), np.column_stack([design * parts[1][:, None], parts[2]])

    def maximize(self, design: np.ndarray, start: np.ndarray) -> tuple[float, np.ndarray]:
        """Largest log-likelihood and its (beta, dispersion), searched from ``start``."""

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            value, slopes = self.scores(theta, design)
            return -value, -slopes.sum(axis=0)

        found = optimize.minimize(
            loss,
            start,
            jac=True,
            bounds=[(-30.0, 30.0)] * design.shape[1] + [self.family.bounds],
            method="L-BFGS-B",
            options={"ftol": 1e-12, "gtol": 1e-6, "maxiter": 500},
        )
        return -float(found.fun), found.x

    def covariance(self, theta: np.ndarray, design: np.ndarray) -> np.ndarray:
        """Inverse of the observed information at ``theta``, by differences of the slopes.

        A dispersion at its limit is held there: its row is zero.
        """
        low, high = self.family.bounds
        free = np.full(len(theta), True)
        free[-1] = low + EDGE < theta[-1] < high - EDGE
        steps = np.eye(len(theta))[free] * 1e-4
        ahead = [self.scores(theta + step, design)[1].sum(axis=0) for step in steps]
        behind = [self.scores(theta - step, design)[1].sum(axis=0) for step in steps]
        information = -((np.array(ahead) - np.array(behind)) / 2e-4)[:, free]
        out = np.zeros((len(theta), len(theta)))
        out[np.ix_(free, free)] = np.linalg.pinv((information + information.T) / 2)
        return out


def _check(k: np.ndarray, n: np.ndarray, design: np.ndarray) -> None:
    if np.any(k > n) or np.any(k < 0) or np.any(n <= 0):
        raise ValueError("counts must lie between 0 and a total above 0")
    if design.shape[0] <= design.shape[1]:
        raise ValueError("more columns than donors")
    for side in (k, n - k):
        for arm in (design[:, -1] > 0, design[:, -1] <= 0):
            if side[arm].sum() == 0:
                raise ValueError("an arm has none of these cells, or nothing else")


def fit(
    k: np.ndarray, n: np.ndarray, design: np.ndarray, family: str = "beta"
) -> tuple[inference.Estimate, float]:
    """Effect of the condition on the log odds, by maximum likelihood.

    Parameters
    ----------
    k, n
        Counts and totals of each donor (donors,), integers, ``0 <= k <= n``, ``n > 0``.
    design
        Donors x columns, full rank, condition last.
    family
        ``beta`` or ``normal``; see the module.

    Returns
    -------
    The estimate, and the dispersion (rho, or the SD between donors). The point estimate is
    that of any direct maximization (R's ``VGAM::vglm(family = betabinomial)``,
    ``lme4::glmer``). The standard error is taken at the optimum, so it is finite wherever the
    estimate is: the observed information gives each donor's influence on the effect, and the
    squared influences, each over one minus the donor's leverage, add up to the variance (HC2).
    Where donors spread as the family says this is the model's own standard error; where one
    arm spreads wider than the other the effect of ``normal`` keeps its level (size .04 to .06),
    while that of ``beta`` does not (.13 to .21 at an SD of twice the other's: its mean share is
    bent by the common rho). Interval and p: t with the
    degrees of freedom of Bell & McCaffrey (:func:`inference.project`) of the weighted design.

    Raises
    ------
    ValueError
        Counts above their total, nothing counted in an arm, too few donors, or donors that do
        not differ within the arms.
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    _check(k, n, design)
    if np.abs(inference.project(design).annihilator @ (k / n)).max() < 1e-12:
        raise ValueError("no spread between donors within the arms")
    model = _Model(FAMILIES[family], k, n)
    level = special.logit(np.clip(k.sum() / n.sum(), 1e-6, 1 - 1e-6))
    begin = np.linalg.lstsq(design[:, :-1], np.full(len(k), level), rcond=None)[0]
    best = None
    for start in model.family.starts:
        found = model.maximize(design, np.r_[begin, 0.0, start])
        best = found if best is None or found[0] > best[0] else best
        if best[1][-1] > model.family.bounds[0] + 1:
            break  # a search that starts too high can stop at the binomial: try again lower
    assert best is not None  # a family has several starts
    theta = best[1]
    influence = model.scores(theta, design)[1] @ model.covariance(theta, design)[:, -2]
    weight = model.family.weights(design @ theta[:-1], theta[-1], n)
    # Donors of a stratum without such cells tell next to nothing; they keep the rank of the design.
    weight = np.maximum(weight / np.median(weight), 1e-4)
    projection = inference.project(design * np.sqrt(weight)[:, None])
    se = float(np.sqrt(np.sum(np.square(influence) / projection.one_minus_leverage)))
    estimate = inference.from_t(float(theta[-2]), se, projection.df_effect)
    return estimate, model.family.natural(float(theta[-1]))
