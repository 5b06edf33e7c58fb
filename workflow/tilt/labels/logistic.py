"""Multinomial logistic regression with a ridge, on numpy and scipy.

The same optimum as scikit-learn's ``LogisticRegression`` (tests/unit/labels/test_logistic.py),
whose import takes longer than the whole work on one sample.
"""

from dataclasses import dataclass

import numpy as np
import scipy

RIDGE = 1.0  # scikit-learn's default (C = 1): weight of half the squared slopes
MAX_ROUNDS = 300


@dataclass
class LogisticMap:
    """Probabilities of classes as a softmax of a linear map of points.

    ``classes`` (k,) are the labels seen; ``weights`` (k x (dims + 1)) slopes and intercepts.
    """

    classes: np.ndarray
    weights: np.ndarray

    def probabilities(self, points: np.ndarray) -> np.ndarray:
        """Probability of each of ``classes`` (points x k)."""
        return softmax(points @ self.weights[:, :-1].T + self.weights[:, -1])


def softmax(logits: np.ndarray, axis: int = 1) -> np.ndarray:
    """``logits`` to probabilities that sum to 1 along ``axis``: each row, or each column (0)."""
    out = np.exp(logits - logits.max(axis=axis, keepdims=True))
    out /= out.sum(axis=axis, keepdims=True)
    return out


def fit(
    points: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray,
    start: LogisticMap | None = None,
    tolerance: float = 1e-4,
) -> LogisticMap:
    """Fit by L-BFGS; intercepts carry no ridge.

    Parameters
    ----------
    points
        Points x dims.
    label, weight
        Class and weight of each point.
    start
        A map over the same classes from which to start; other starts are ignored.
    tolerance
        Largest slope of the mean loss at which the search ends.
    """
    classes, where = np.unique(label, return_inverse=True)
    points = np.column_stack([points, np.ones(len(points))]).astype(float)
    ridge = np.append(np.full(points.shape[1] - 1, RIDGE / weight.sum()), 0)
    rows, weight = np.arange(len(points)), weight / weight.sum()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        slopes = flat.reshape(len(classes), -1)
        chance = softmax(slopes @ points.T, axis=0)  # a row a class: sums go over whole rows
        own = np.maximum(chance[where, rows], np.finfo(float).tiny)
        value = -weight @ np.log(own) + 0.5 * (ridge * slopes**2).sum()
        chance[where, rows] -= 1
        chance *= weight
        return value, (chance @ points + ridge * slopes).ravel()

    first = np.zeros((len(classes), points.shape[1]))
    if start is not None and np.array_equal(start.classes, classes):
        first = start.weights
    found = scipy.optimize.minimize(
        loss,
        first.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MAX_ROUNDS, "gtol": tolerance},
    )
    return LogisticMap(classes, found.x.reshape(first.shape))
