"""Rank tests of few donors in strata, which no normal distribution describes."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from tilt.stats import inference


def test_few_donors_in_strata_are_ranked_exactly():
    """The normal approximation gives p below 0.05 where the least of all ways is 2 of 18."""
    strata, case = np.repeat([0, 1], [4, 3]), np.array([1, 1, 0, 0, 1, 1, 0])
    y = np.array([3.0, 4, 1, 2, 6, 7, 5])  # cases above controls in both strata
    found = inference.hodges_lehmann(y, case, strata)
    assert found.p == pytest.approx(2 / 18)
    assert np.isnan([found.ci_low, found.ci_high]).all()


def test_the_exact_stratified_rank_test_and_its_interval_are_those_of_all_ways():
    strata, case = np.repeat([0, 1], [6, 5]), np.array([1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0])
    y = np.random.default_rng(3).normal(size=11).round(1) + 1.5 * case  # with ties

    def p_of(shift):
        moved = y - shift * case
        parts = [
            stats.rankdata(moved[strata == s]) / (k + 1) for s, k in ((0, 6), (1, 5))
        ]  # ranks over n + 1, the weights of van Elteren
        sums = [[sum(c) for c in combinations(part, 3)] for part in parts]
        null = np.add.outer(*map(np.array, sums)).ravel()
        seen = sum(part[case[strata == s] == 1].sum() for s, part in enumerate(parts))
        return np.mean(np.abs(null - null.mean()) >= abs(seen - null.mean()) - 1e-9)

    found = inference.hodges_lehmann(y, case, strata)
    assert found.p == pytest.approx(p_of(0))
    for limit, out in ((found.ci_low, -1), (found.ci_high, 1)):
        assert p_of(limit + out * 1e-6) <= 0.05 < p_of(limit - out * 1e-6)
