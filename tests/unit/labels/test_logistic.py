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


def test_the_search_ends_where_it_is_told_to(monkeypatch):
    rng = np.random.default_rng(1)
    points, label = rng.normal(size=(60, 3)), np.arange(60) % 3
    best = logistic.fit(points, label, np.ones(60), tolerance=1e-8)
    assert np.abs(best.weights).max() > 0.05
    assert not logistic.fit(points, label, np.ones(60), tolerance=1e3).weights.any()
    there = logistic.fit(points, label, np.ones(60), best, tolerance=1e-2)
    assert there.weights.tolist() == best.weights.tolist()  # begun at the end
    other = logistic.LogisticMap(np.array([0, 1, 5]), best.weights)
    begun = logistic.fit(points, label, np.ones(60), other, tolerance=1e3)
    assert not begun.weights.any()  # a map over other classes is no start
    monkeypatch.setattr(logistic, "MAX_ROUNDS", 1)
    short = logistic.fit(points, label, np.ones(60), tolerance=1e-8)
    assert np.abs(short.weights - best.weights).max() > 1e-3


def test_probabilities_are_a_softmax_of_a_linear_map():
    made = logistic.LogisticMap(np.array([0, 1]), np.array([[1.0, 0.0, 0.5], [0.0, 2.0, -0.5]]))
    score = np.array([3.0 + 0.5, 2.0 - 0.5])
    expected = np.exp(score) / np.exp(score).sum()
    assert made.probabilities(np.array([[3.0, 1.0]]))[0] == pytest.approx(expected)
    assert logistic.softmax(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]


def test_weights_and_ridge_are_those_of_the_loss():
    """The optimum has no slope: weighted residuals against the ridge of each slope."""
    rng = np.random.default_rng(2)
    points, label, weight = rng.normal(size=(50, 2)), np.arange(50) % 3, rng.uniform(0.2, 3, 50)
    found = logistic.fit(points, label, weight, tolerance=1e-9)
    residual = (found.probabilities(points) - np.eye(3)[label]) * weight[:, None]
    assert residual.T @ points + found.weights[:, :-1] == pytest.approx(np.zeros((3, 2)), abs=1e-3)
    assert residual.sum(0) == pytest.approx(np.zeros(3), abs=1e-3)
