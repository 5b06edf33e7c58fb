"""Repeated values of donors in one model: every donor counts, also one that came once.

Donors are random effects. Variances by restricted maximum likelihood, standard error and degrees of
freedom of Kenward & Roger 1997 (doi:10.2307/2533558), as ``pbkrtest`` and ``lmerTest`` have them.
Where all donors have all visits this is the paired t test.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from tilt.stats.inference import Estimate, from_t

LEAST = 1e-8  # variance, as a share of that of the values, that stands for none


@dataclass(frozen=True)
class Fit:
    """Effect of the last column, and the variances between donors and between their visits."""

    estimate: Estimate
    between: float
    within: float


def fit(
    value: np.ndarray, design: np.ndarray, donor: np.ndarray, sampling: np.ndarray | None = None
) -> Fit:
    """Effect of the last column of ``design`` (n x k, full rank) on ``value`` (n,).

    ``donor`` (n,) codes; ``sampling`` (n,) the variance of each value that is known beforehand
    (that of its cells), on top of which the two variances are found.

    Raises
    ------
    ValueError
        If no donor has two values, too few values for the columns and two variances, or columns
        that repeat each other.
    """
    n, k = design.shape
    people = np.unique(donor, return_inverse=True)[1]
    if people.max() + 1 == n:
        raise ValueError("no donor has two values")
    if n - k < 3:
        raise ValueError(f"{n} values for {k} columns of the model")
    if np.linalg.matrix_rank(design) < k:
        raise ValueError("columns of the model repeat each other")
    scale = float(np.var(value - design @ np.linalg.lstsq(design, value, rcond=None)[0]))
    if not scale > 0:
        raise ValueError("no spread about the model")
    known = np.zeros(n) if sampling is None else sampling
    both = np.column_stack([design, value])

    def loss(logs: np.ndarray) -> float:
        """Twice the negative restricted log likelihood, but a constant; V by Woodbury."""
        between, within = scale * np.exp(logs)
        weight = 1 / (known + within)
        held = between / (1 + between * np.bincount(people, weight))
        sums = np.array([np.bincount(people, weight * column) for column in both.T])
        inside = (both.T * weight) @ both - (sums * held) @ sums.T
        spread = inside[k, k] - inside[k, :k] @ np.linalg.solve(inside[:k, :k], inside[:k, k])
        logdet = np.log1p(between * np.bincount(people, weight)).sum() - np.log(weight).sum()
        return float(logdet + np.linalg.slogdet(inside[:k, :k])[1] + spread)

    bounds = [(np.log(LEAST), np.log(100.0))] * 2
    found = scipy.optimize.minimize(loss, np.log([0.5, 0.5]), bounds=bounds)
    between, within = scale * np.exp(found.x)
    parts = ((people[:, None] == people).astype(float), np.eye(n))
    variance = np.diag(known) + between * parts[0] + within * parts[1]
    return Fit(_kenward_roger(value, design, variance, parts), float(between), float(within))


def _kenward_roger(
    value: np.ndarray, design: np.ndarray, variance: np.ndarray, parts: tuple[np.ndarray, ...]
) -> Estimate:
    """Last effect with the standard error and degrees of freedom of Kenward & Roger.

    ``variance`` is linear in the parameters whose derivatives are ``parts``: their second
    derivatives are none. Of one effect the scale of the statistic is one and the degrees of
    freedom are 2 / A (Halekoh & Hojsgaard 2014, doi:10.18637/jss.v059.i09).
    """
    inverse = np.linalg.inv(variance)
    plain = np.linalg.inv(design.T @ inverse @ design)
    turned = [inverse @ g for g in parts]
    first = [-design.T @ t @ inverse @ design for t in turned]
    second = [[design.T @ a @ b @ inverse @ design for b in turned] for a in turned]
    information = np.array(
        [
            [
                np.sum(a * b.T) / 2
                - np.trace(plain @ second[i][j])
                + np.trace(plain @ first[i] @ plain @ first[j]) / 2
                for j, b in enumerate(turned)
            ]
            for i, a in enumerate(turned)
        ]
    )
    spread = np.linalg.inv(information)
    middle = sum(
        spread[i, j] * (second[i][j] - first[i] @ plain @ first[j])
        for i in range(len(parts))
        for j in range(len(parts))
    )
    adjusted = plain + 2 * plain @ middle @ plain
    told = np.array([(plain @ p @ plain)[-1, -1] / plain[-1, -1] for p in first])
    df = 2 / float(told @ spread @ told)
    effect = float((plain @ design.T @ inverse @ value)[-1])
    return from_t(effect, float(np.sqrt(adjusted[-1, -1])), df)
