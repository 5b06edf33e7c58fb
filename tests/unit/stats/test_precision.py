"""Weights of precision against R: metafor 3.8-1 and clubSandwich 0.5.8."""

import numpy as np
import pytest
from tilt.stats import inference, precision

VALUE = np.array([1.2, 0.4, 2.1, 0.9, 1.7, 0.2, -0.3, 0.6, -1.1, 0.1])
VARIANCE = np.array([0.10, 0.40, 0.05, 0.90, 0.20, 0.15, 0.60, 0.08, 0.30, 1.5])
CASE = np.repeat([1.0, 0.0], 5)
AGE = np.array([-1, 0.5, 1.5, 0, 0.2, -0.7, 1.1, 0.3, -0.4, 0.9])
DESIGN = np.column_stack([np.ones(10), AGE, CASE])


def test_variance_between_donors_is_that_of_metafor():
    # rma(y, v, mods = ~ age + case, method = "PM")$tau2
    assert precision.between(VALUE, VARIANCE, DESIGN) == pytest.approx(0.1794206014, abs=1e-5)


def test_weighted_effect_error_and_p_are_those_of_clubsandwich():
    # m <- lm(y ~ age + case, weights = 1 / (v + tau2))
    # coef_test(m, vcov = "CR2", cluster = 1:10, inverse_var = TRUE)
    root, tau2 = precision.root_weights(VALUE, VARIANCE, DESIGN)
    assert np.square(root).mean() == pytest.approx(1)
    assert tau2 == pytest.approx(0.1794206014, abs=1e-5)
    found = inference.ols(VALUE * root, DESIGN * root[:, None])
    assert found.effect == pytest.approx(1.34692901154, abs=1e-5)
    assert found.se == pytest.approx(0.4068088722, abs=1e-5)
    assert found.df == pytest.approx(5.010044755, abs=1e-4)
    assert found.p == pytest.approx(0.02115445126, abs=1e-5)


def test_without_weights_error_and_p_are_those_of_sandwich_and_clubsandwich():
    # vcovHC(lm(y ~ age + case), type = "HC2"); coef_test(..., vcov = "CR2", cluster = 1:10)
    found = inference.ols(VALUE, DESIGN)
    assert found.se == pytest.approx(0.4174320769)
    assert found.df == pytest.approx(6.912057440)
    assert found.p == pytest.approx(0.01415070086)


def test_donors_that_spread_less_than_sampling_have_no_variance_between_them():
    assert precision.between(VALUE * 1e-3, VARIANCE, DESIGN) == 0
    assert precision.between(VALUE[:3], VARIANCE[:3], DESIGN[:3]) == 0  # nothing left to tell


def test_alike_donors_weigh_alike():
    root, tau2 = precision.root_weights(VALUE, np.full(10, 0.2), DESIGN)
    assert root == pytest.approx(np.ones(10))
    residual = VALUE - DESIGN @ np.linalg.lstsq(DESIGN, VALUE)[0]
    assert tau2 == pytest.approx(residual @ residual / 7 - 0.2, abs=1e-6)


@pytest.mark.parametrize("squares", [4.0, 9.5, 36.5, 1000.0])
def test_alike_variances_leave_the_rest_of_the_mean_square(squares):
    """Ten donors, nine degrees of freedom: squares / 9 less the variance of sampling."""
    outcome = np.sqrt(squares / 10) * np.tile([1.0, -1.0], 5)
    found = precision.between(outcome, np.full(10, 0.01), np.ones((10, 1)))
    assert found == pytest.approx(squares / 9 - 0.01, rel=1e-6)


def test_the_search_gives_up_where_no_ratio_of_cells_can_be():
    outcome = 1e4 * np.tile([1.0, -1.0], 5)
    assert precision.between(outcome, np.ones(10), np.ones((10, 1))) == 4**10


def test_another_sum_of_squares_can_be_asked_for():
    outcome = np.tile([1.0, -1.0], 5)
    found = precision.between(outcome, np.full(10, 0.5), np.ones((10, 1)), rest_sum=4.0)
    assert found == pytest.approx(10 / 4 - 0.5, rel=1e-6)
    assert precision.between(outcome, np.full(10, 0.5), np.ones((10, 1)), rest_sum=20.0) == 0
