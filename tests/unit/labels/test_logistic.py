"""The logistic map has the optimum of scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tilt.labels import logistic


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 4, 500)
    label[label == 1] = 7  # labels need not be consecutive
    points = rng.normal(size=(500, 3)) + np.eye(8)[label, :3] * 2
    return points, label, rng.uniform(0.2, 1, 500)


def test_optimum_is_that_of_scikit_learn(made):
    points, label, weight = made
    ours = logistic.fit(points, label, weight, tolerance=1e-7)
    theirs = LogisticRegression(tol=1e-7, max_iter=2000).fit(points, label, sample_weight=weight)
    assert ours.classes.tolist() == theirs.classes_.tolist() == [0, 2, 3, 7]
    assert np.allclose(ours.probabilities(points), theirs.predict_proba(points), atol=1e-4)


def test_start_at_the_optimum_stays_there(made):
    first = logistic.fit(*made)
    again = logistic.fit(*made, start=first)
    assert np.allclose(first.weights, again.weights, atol=1e-3)
    fewer = logistic.LogisticMap(first.classes[:2], first.weights[:2])
    assert np.allclose(logistic.fit(*made, start=fewer).weights, first.weights, atol=0.02)


def test_softmax_bears_large_logits():
    assert np.allclose(logistic.softmax(np.array([[1e4, 1e4, -1e4]])), [[0.5, 0.5, 0]])
