"""Effects of cohorts combined: models for few studies, donors counted once.

Three statements, told apart by ``model`` in meta.tsv:

common effect               the average of these cohorts, weighted by precision
half-normal <scale>         random effects: the mean of all such cohorts, with a half-normal prior
                            on tau, the SD between cohorts; in front for two to four cohorts
modified Knapp-Hartung      random effects without a prior; in front from five cohorts on
one stage                   donors of all cohorts in one regression, cohort as stratum: a check of
                            the common effect for two and three cohorts
"""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from scipy import linalg, special

from tilt.core import distributions
from tilt.stats import inference

log = logging.getLogger(__name__)

MANY = 5  # cohorts from which on Knapp-Hartung is in front
TAU_SCALE = 0.5


@dataclass(frozen=True)
class Pooled:
    """A combined effect; nan where the model or the number of studies gives no such figure.

    ``p`` of the half-normal model is twice the posterior probability of the other sign; its
    ``tau2`` is the square of the posterior median of tau.
    """

    effect: float
    se: float
    ci_low: float
    ci_high: float
    p: float
    tau2: float = np.nan
    i2: float = np.nan
    pi_low: float = np.nan
    pi_high: float = np.nan
    weights: np.ndarray | None = None


def _checked(effect: np.ndarray, se: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    effect, se = np.asarray(effect, float), np.asarray(se, float)
    if len(effect) < 2:
        raise ValueError("two studies are needed to combine effects")
    if not np.all(np.isfinite(effect) & np.isfinite(se) & (se > 0)):
        raise ValueError("every study needs an effect and a positive standard error")
    return effect, se


def _q(effect: np.ndarray, variance: np.ndarray, tau2: float) -> tuple[float, float, np.ndarray]:
    weight = 1 / (variance + tau2)
    mean = float(np.sum(weight * effect) / weight.sum())
    return float(np.sum(weight * (effect - mean) ** 2)), mean, weight


def _i2(effect: np.ndarray, variance: np.ndarray) -> float:
    """Share of the spread of effects that is more than chance (Higgins & Thompson 2002)."""
    fixed = _q(effect, variance, 0.0)[0]
    return max(0.0, 1 - (len(effect) - 1) / fixed) if fixed > 0 else 0.0


def paule_mandel(effect: np.ndarray, variance: np.ndarray) -> float:
    """Between-study variance by Paule & Mandel 1982 (doi:10.6028/jres.087.022)."""
    free = len(effect) - 1
    if _q(effect, variance, 0.0)[0] <= free:
        return 0.0
    top = max(float(np.var(effect, ddof=1)), float(variance.max())) * 10
    while _q(effect, variance, top)[0] > free:
        top *= 10
    return float(scipy.optimize.brentq(lambda t: _q(effect, variance, t)[0] - free, 0.0, top))


def common_effect(effect: np.ndarray, se: np.ndarray, df: np.ndarray | None = None) -> Pooled:
    """Average of these studies, weighted by precision; it says nothing of other cohorts.

    With the degrees of freedom ``df`` of the standard errors, their own uncertainty is carried:
    variance and t reference after Meier 1953 (doi:10.2307/3001633).

    Raises
    ------
    ValueError
        Fewer than two studies, or a standard error that is not positive.
    """
    effect, se = _checked(effect, se)
    _, mean, weight = _q(effect, se**2, 0.0)
    share = weight / weight.sum()
    free = np.full(len(effect), np.inf) if df is None else np.asarray(df, float)
    variance = (1 + 4 * np.sum(share * (1 - share) / free)) / weight.sum()
    together = 1 / np.sum(share**2 / free) if np.isfinite(free).any() else np.inf
    spread = float(np.sqrt(variance))
    half = float(distributions.t_quantile(0.975, together)) * spread
    p = float(2 * distributions.t_above(abs(mean) / spread, together))
    i2 = _i2(effect, se**2)
    return Pooled(mean, spread, mean - half, mean + half, p, 0.0, i2, weights=share)


def half_normal(effect: np.ndarray, se: np.ndarray, scale: float = TAU_SCALE) -> Pooled:
    """Random-effects mean with a half-normal prior of ``scale`` on tau and a flat one on the mean.

    The normal-normal model of Rover 2020 (bayesmeta, doi:10.18637/jss.v093.i06), its posterior
    by integration over a grid of tau: given tau the mean is normal, so every posterior is a
    mixture of normals. Half-normal priors of scale 0.5 and 1 for few studies: Friede et al. 2017
    (doi:10.1002/jrsm.1217; two studies: doi:10.1002/bimj.201500236). Interval, prediction
    interval for a new cohort, and ``p`` are central posterior ones.

    Raises
    ------
    ValueError
        Fewer than two studies, or a standard error that is not positive.
    """
    effect, se = _checked(effect, se)
    variance = se**2
    # Fine near zero, where precise studies decide, and far enough for studies that disagree.
    unit = se.min() / 2
    top = max(10 * scale, 4 * float(np.ptp(effect)))
    u = np.linspace(0, np.arcsinh(top / unit), 1001)
    tau = unit * np.sinh(u)
    weight = 1 / (variance + tau[:, None] ** 2)
    total = weight.sum(axis=1)
    mean = weight @ effect / total
    squares = np.sum(weight * (effect - mean[:, None]) ** 2, axis=1)
    log_p = 0.5 * (np.log(weight).sum(axis=1) - np.log(total) - squares - (tau / scale) ** 2)
    log_p += np.log(np.cosh(u))  # steps of u in steps of tau
    p = np.exp(log_p - log_p.max())
    p[[0, -1]] /= 2
    p /= p.sum()

    def quantile(level: float, spread: np.ndarray) -> float:
        ends = (mean - 9 * spread).min(), (mean + 9 * spread).max()
        return float(
            scipy.optimize.brentq(lambda x: p @ special.ndtr((x - mean) / spread) - level, *ends)
        )

    spread = 1 / np.sqrt(total)
    low, high = quantile(0.025, spread), quantile(0.975, spread)
    new = np.sqrt(spread**2 + tau**2)
    center = float(p @ mean)
    sides = p @ special.ndtr(-mean / spread), p @ special.ndtr(mean / spread)
    median = float(np.interp(0.5, np.cumsum(p) - p / 2, tau))  # half of a step lies before it
    return Pooled(
        center,
        float(np.sqrt(p @ (spread**2 + (mean - center) ** 2))),
        low,
        high,
        float(min(1.0, 2 * min(sides))),
        median**2,
        _i2(effect, variance),
        quantile(0.025, new),
        quantile(0.975, new),
        p @ (weight / total[:, None]),
    )


def knapp_hartung(effect: np.ndarray, se: np.ndarray) -> Pooled:
    """Random-effects mean (Paule-Mandel) with the modified Knapp-Hartung interval.

    The Hartung-Knapp variance factor is never taken below one (Rover 2015,
    doi:10.1186/s12874-015-0091-1, PMC4647507), so agreeing studies don't give a falsely narrow
    interval; t with k - 1 degrees of freedom. With two or three studies it holds every truth and
    shows nothing (see ``resources/calibration.tsv``). Prediction interval after Higgins 2009
    (doi:10.1111/j.1467-985X.2008.00552.x), t with k - 2, from three studies on. Agrees with
    ``statsmodels.stats.meta_analysis.combine_effects`` where the factor exceeds one (see the
    unit tests).

    Raises
    ------
    ValueError
        Fewer than two studies, or a standard error that is not positive.
    """
    effect, se = _checked(effect, se)
    k, variance = len(effect), se**2
    tau2 = paule_mandel(effect, variance)
    q, mean, weight = _q(effect, variance, tau2)
    factor = max(1.0, q / (k - 1))
    spread = float(np.sqrt(factor / weight.sum()))
    half = float(distributions.t_quantile(0.975, k - 1)) * spread
    p = float(2 * distributions.t_above(abs(mean) / spread, k - 1))
    low = high = np.nan
    if k >= 3:
        reach = float(distributions.t_quantile(0.975, k - 2)) * np.sqrt(tau2 + spread**2)
        low, high = mean - reach, mean + reach
    i2, share = _i2(effect, variance), weight / weight.sum()
    return Pooled(mean, spread, mean - half, mean + half, p, tau2, i2, low, high, share)


def one_stage(studies: list[tuple[np.ndarray, np.ndarray]]) -> inference.Estimate:
    """One effect in the donors of all cohorts: cohorts are strata, covariates belong to each.

    ``studies``: outcome (donors,) and design (donors x columns, condition last) of each cohort,
    outcomes in one unit. The nuisance columns of the cohorts stand side by side (their
    intercepts are the strata), the condition is one column.

    Raises
    ------
    ValueError
        If the condition cannot be told from the covariates.
    """
    outcome = np.concatenate([y for y, _ in studies])
    nuisance = linalg.block_diag(*[design[:, :-1] for _, design in studies])
    condition = np.concatenate([design[:, -1] for _, design in studies])
    return inference.ols(outcome, np.column_stack([nuisance, condition]))


def repeated_donors(donors: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Donors to leave out of each cohort so that every person counts once.

    ``donors``: cohort -> donors table. The name of a donor identifies the person over cohorts
    (the configuration refuses equal names unless cohorts are declared to share people). A
    person stays in the cohort with the most donors (then the first by name).
    """
    order = sorted(donors, key=lambda c: (-donors[c]["donor"].nunique(), c))
    seen: set[str] = set()
    out: dict[str, list[str]] = {c: [] for c in donors}
    for cohort in order:
        names = set(donors[cohort]["donor"].astype(str))
        out[cohort] = sorted(names & seen)
        seen |= names
        if out[cohort]:
            log.warning("%s: %d donors counted in another cohort", cohort, len(out[cohort]))
    return out
