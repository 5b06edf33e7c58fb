"""Tails and quantiles are those of scipy.stats, which no job of the statistics loads for them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tilt.core import distributions

WORKFLOW = Path(distributions.__file__).parents[2]
FREEDOM = [*range(1, 40), 0.5, 3.37, 161.2, 1e6, np.inf]
VALUES = np.r_[np.random.default_rng(1).normal(0, 5, 500), 0, 1e-12, 40, -40, np.inf, np.nan]
P = np.r_[np.random.default_rng(2).uniform(size=500), 0.975, 1e-9, 1 - 1e-9, np.nan]


@pytest.mark.parametrize("df", FREEDOM)
def test_t_to_the_last_bit(df):
    assert np.array_equal(distributions.t_above(VALUES, df), stats.t.sf(VALUES, df), True)
    assert np.array_equal(distributions.t_above(-VALUES, df), stats.t.cdf(VALUES, df), True)
    assert np.array_equal(distributions.t_quantile(P, df), stats.t.ppf(P, df), True)


def test_normal_and_chi_square_to_the_last_bit():
    assert np.array_equal(distributions.normal_above(VALUES), stats.norm.sf(VALUES), True)
    assert np.array_equal(distributions.normal_quantile(P), stats.norm.ppf(P), True)
    for df in range(1, 40):
        assert np.array_equal(distributions.chi2_quantile(P, df), stats.chi2.ppf(P, df), True)


def test_statistics_start_without_what_is_slow_to_load():
    """Half of the time of a small job; loaded by the tests that need it, when they need it."""
    code = (
        "import sys; from tilt.stages import across, comparison\n"
        "from tilt.donors import factors\n"
        "from tilt.stats import exposures, groups, mediators, perturbations, visits\n"
        "print(sorted({'scipy.stats', 'scipy.optimize', 'anndata', 'zarr'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=WORKFLOW, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
