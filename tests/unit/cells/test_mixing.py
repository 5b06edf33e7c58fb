"""The number of groups nearby is that of hand-made neighborhoods, and of draws without a place."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.cells import mixing


def graph(neighbors):
    n, k = len(neighbors), len(neighbors[0])
    rows = np.repeat(np.arange(n), k)
    return sparse.csr_matrix((np.full(n * k, 0.7), (rows, np.ravel(neighbors))), (n, n))


def test_by_hand():
    donors = pd.Series(["a", "a", "b", "b", "c"])
    near = graph([[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4], [0, 1, 2, 3]])
    found = mixing.groups_near(near, donors)
    # cell 0: a b b c -> 1 / (1/16 + 4/16 + 1/16); cell 4: a a b b -> 2
    assert found == pytest.approx([16 / 6, 16 / 6, 16 / 6, 16 / 6, 2])
    assert mixing.groups_near(graph([[1], [0]]), pd.Series(["a", "a"])) == pytest.approx([1, 1])


def test_random_neighbors_are_as_expected():
    rng = np.random.default_rng(1)
    donors = pd.Series(rng.choice(list("abcdefgh"), 3000, p=[0.3, 0.2, *[0.5 / 6] * 6]))
    near = graph(rng.integers(0, 3000, (3000, 14)))
    same = 1 / mixing.groups_near(near, donors)
    assert 1 / same.mean() == pytest.approx(mixing.expected(donors, 14), rel=0.02)
    apart = graph(np.stack([rng.permutation(np.flatnonzero(donors == d))[:14] for d in donors]))
    assert mixing.groups_near(apart, donors) == pytest.approx(np.ones(3000))
