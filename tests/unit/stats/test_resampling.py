"""Intervals that invert a test of resampled donors, against loops, and what has no spread."""

import numpy as np
import pytest
import statsmodels.api as sm
from tilt.stats import inference, resampling

CASE = np.repeat([1.0, 0.0], [4, 5])
DESIGN = np.column_stack([np.ones(9), CASE])
Y = np.array([2.1, 0.4, 1.7, 3.3, 0.2, -0.6, 0.9, 0.1, 1.2])


def studentized(y, design=DESIGN):
    fit = sm.OLS(y, design).fit(cov_type="HC2", use_t=True)
    return fit.params[-1] / fit.bse[-1]


def assert_inverts(found, p_of):
    """Limits are where ``p_of`` of a shift falls to 0.05."""
    for limit, outward in ((found.ci_low, -1e-8), (found.ci_high, 1e-8)):
        assert p_of(limit + outward) < 0.05 + 1e-9 < p_of(limit - outward)
    assert found.p == pytest.approx(p_of(0.0))


@pytest.mark.parametrize("effect", [0.0, 1.5, -4.0])
def test_the_permutation_interval_holds_the_shifts_that_a_loop_does_not_reject(effect):
    y = Y + effect * CASE
    orders, complete = resampling.permutations(
        CASE, np.zeros(9), 126, np.random.default_rng(0), True
    )
    assert complete and len(orders) == 126

    def p_of(shift):
        left = y - shift * CASE
        null = np.array([abs(studentized(left[order])) for order in orders])
        return np.mean(null >= abs(studentized(left)) * (1 - 1e-9))

    found = resampling.permutation(y, inference.project(DESIGN), orders, complete)
    assert found.effect == pytest.approx(y[:4].mean() - y[4:].mean())
    assert_inverts(found, p_of)


def test_with_a_covariate_residuals_of_the_nuisance_model_are_reordered():
    age = np.array([30.0, 41, 52, 28, 35, 60, 44, 39, 50])
    design = np.column_stack([np.ones(9), age, CASE])
    orders = resampling.reorder(
        np.random.default_rng(2).random((99, 9)), np.zeros(9, int), np.zeros(9)
    )

    def p_of(shift):
        residual = sm.OLS(Y - shift * CASE, design[:, :2]).fit().resid
        observed = abs(studentized(residual, design))
        null = [abs(studentized(residual[order], design)) for order in orders]
        return (1 + np.sum(np.array(null) >= observed * (1 - 1e-9))) / 100

    assert_inverts(resampling.permutation(Y, inference.project(design), orders, False), p_of)


@pytest.mark.parametrize("effect", [0.0, 2.5, -3.0])
def test_the_interval_of_pairs_holds_the_shifts_that_a_loop_does_not_reject(effect):
    d = Y - Y.mean() + effect
    signs, complete = resampling.flips(9, 512, np.random.default_rng(0))
    assert complete and len({tuple(row) for row in signs.tolist()}) == 512

    def p_of(shift):
        null = np.abs((signs * (d - shift)).mean(axis=1))
        return np.mean(null >= abs(d.mean() - shift) * (1 - 1e-9) - 1e-12)

    fit = inference.project(np.ones((9, 1)))
    found, _ = resampling.sign_flip(d, fit, 512, np.random.default_rng(0))
    assert found.effect == pytest.approx(effect)
    assert_inverts(found, p_of)


def test_weighted_pairs_are_flipped_as_they_are_tested():
    """Its effect is the weighted mean of the paired test, not the plain one."""
    d, root = Y + 0.5, np.sqrt(np.array([4.0, 1, 1, 2, 9, 1, 3, 1, 2]))
    signs, _ = resampling.flips(9, 512, np.random.default_rng(0))

    def t_of(difference):
        return studentized(difference * root, root[:, None])

    def p_of(shift):
        null = np.abs([t_of(row * (d - shift)) for row in signs])
        return np.mean(null >= abs(t_of(d - shift)) * (1 - 1e-9))

    fit = inference.project(root[:, None])
    found, _ = resampling.sign_flip(d * root, fit, 512, np.random.default_rng(0))
    assert found.effect == pytest.approx(np.average(d, weights=root**2))
    assert found.effect != pytest.approx(d.mean(), abs=0.03)
    assert_inverts(found, p_of)


def test_studentized_labels_keep_their_level_where_the_arms_spread_differently():
    """8 against 32, the eight spreading twice as wide: the plain effect is called in a fifth."""
    case = np.repeat([1.0, 0.0], [8, 32])
    fit = inference.project(np.column_stack([np.ones(40), case]))
    called = []
    for seed in range(400):
        rng = np.random.default_rng((14, seed))
        y = rng.normal(size=40) * np.where(case, 2, 1)
        orders, whole = resampling.permutations(case, np.zeros(40, int), 199, rng, exact=False)
        p, _ = resampling.permutation_p(y, fit, orders, whole)
        plain = np.abs(y[orders][:, case == 1].mean(1) - y[orders][:, case == 0].mean(1))
        gap = abs(y[case == 1].mean() - y[case == 0].mean())
        called.append((p < 0.05, (1 + np.sum(plain >= gap)) / 200 < 0.05))
    kept, lost = np.mean(called, axis=0)
    assert 0.02 < kept < 0.09
    assert lost > 0.15


@pytest.mark.parametrize("unit", [1e-4, 1e4])
def test_intervals_follow_the_unit_of_the_outcome(unit):
    orders, _ = resampling.permutations(CASE, np.zeros(9), 126, np.random.default_rng(0), True)
    fit = inference.project(DESIGN)
    one, other = (resampling.permutation(y, fit, orders, True) for y in (Y, unit * Y))
    alone = inference.project(np.ones((9, 1)))
    draws = (np.random.default_rng(0) for _ in range(2))
    pairs = [
        resampling.sign_flip(y, alone, 512, rng)[0]
        for y, rng in zip((Y, unit * Y), draws, strict=True)
    ]
    for small, large in ((one, other), pairs):
        limits = unit * np.array([small.ci_low, small.ci_high])
        assert np.isfinite(limits).all()
        assert (large.ci_low, large.ci_high) == pytest.approx(limits, rel=1e-6)


def test_the_bootstrap_is_that_of_a_loop_over_random_signs():
    """Residuals over the root of one minus leverage, each with a sign: half of them turned."""
    found = resampling.bootstrap_t(Y, inference.project(DESIGN), 199, np.random.default_rng(4))
    ols = sm.OLS(Y, DESIGN).fit(cov_type="HC2")
    residual = ols.resid / np.sqrt(1 - ols.get_influence().hat_matrix_diag)
    signs = np.random.default_rng(4).choice([-1.0, 1.0], (199, 9))
    t = np.sort([abs(studentized(residual * sign)) for sign in signs])[::-1]
    own = ols.params[1] / ols.bse[1]
    assert found.effect == pytest.approx(ols.params[1])
    assert found.p == pytest.approx((1 + np.sum(t >= abs(own))) / 200)
    half = t[9] * ols.bse[1]  # the tenth of 199: 5 % of 200
    assert (found.ci_low, found.ci_high) == pytest.approx(
        (found.effect - half, found.effect + half)
    )


def test_effects_without_spread_are_beyond_all_others_and_nothing_is_zero():
    fit = inference.project(DESIGN)
    rows = np.array([CASE, -CASE, np.zeros(9), Y])
    found = resampling.studentized(rows, fit)
    assert (np.abs(found[:2]) > 1e9).all() and found[2] == 0
    assert found[3] == pytest.approx(studentized(Y))
    nothing = resampling.permutation(np.zeros(9), fit, np.arange(9)[None, :], True)
    assert np.isnan([nothing.effect, nothing.p, nothing.ci_low, nothing.ci_high]).all()
    assert np.isnan(resampling.permutation_p(np.zeros(9), fit, np.arange(9)[None, :], True)[0])
