"""Parts of the count models by hand, and the counts that they take."""

import numpy as np
import pytest
from scipy import special
from tilt.stats import overdispersed


def test_information_of_a_donor():
    eta, n = np.array([-2.0, 0.5]), np.array([100.0, 40.0])
    mean = special.expit(eta)
    each = n * mean * (1 - mean)
    found = overdispersed.information(eta, -1.0, n)
    assert found == pytest.approx(1 / (1 / each + np.exp(-1.0) ** 2))


@pytest.mark.parametrize(
    ("k", "n", "good"),
    [
        ([1, 2, 1, 3, 2, 1], [9] * 6, True),
        ([1, 2, 1, 3, 2, 10], [9] * 6, False),
        ([1, 2, 1, 3, 2, -1], [9] * 6, False),
        ([0, 2, 1, 3, 2, 0], [9, 9, 9, 9, 9, 0], False),
        ([0, 0, 0, 3, 2, 1], [9] * 6, False),
        ([1, 2, 1, 9, 9, 9], [9] * 6, False),
        ([0, 0, 1, 9, 9, 8], [9] * 6, True),
    ],
)
def test_counts_that_can_be_fitted(k, n, good):
    design = np.column_stack([np.ones(6), [0.0, 0, 0, 1, 1, 1]])
    if good:
        overdispersed._check(np.array(k), np.array(n), design)
    else:
        with pytest.raises(ValueError):
            overdispersed._check(np.array(k), np.array(n), design)


def test_as_many_donors_as_columns_are_too_few():
    design = np.column_stack([np.ones(3), [0.0, 1, 2], [0.0, 1, 1]])
    with pytest.raises(ValueError, match="more columns than donors"):
        overdispersed._check(np.array([1, 2, 3]), np.array([9, 9, 9]), design)
