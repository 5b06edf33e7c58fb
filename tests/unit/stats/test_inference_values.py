"""Every number of the inference on donors, by hand, by loops, or by scipy and statsmodels."""

from itertools import combinations, permutations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from tilt.stats import inference, resampling


def arms(n_case, n_control, seed=0, covariate=True):
    rng = np.random.default_rng(seed)
    case = np.repeat([1.0, 0.0], [n_case, n_control])
    columns = [np.ones(len(case))]
    if covariate:
        columns.append(rng.normal(size=len(case)))
    y = case + rng.normal(size=len(case)) * (1 + case)
    return y, np.column_stack([*columns, case])


def hc2_t(y, design):
    fit = sm.OLS(y, design).fit(cov_type="HC2", use_t=True)
    return fit.params[-1], fit.params[-1] / fit.bse[-1]


def test_an_estimate_from_t_by_hand():
    found = inference.from_t(-2.0, 0.5, 3)
    half = 3.182446305 * 0.5
    assert (found.ci_low, found.ci_high) == pytest.approx((-2 - half, -2 + half))
    assert found.p == pytest.approx(2 * stats.t.sf(4, 3))
    assert (found.effect, found.se, found.df) == (-2.0, 0.5, 3)
    for se in (0.0, 1e-13, np.nan):
        nothing = inference.from_t(2.0, se, 3)
        assert nothing.effect == 2 and np.isnan([nothing.se, nothing.ci_low, nothing.p]).all()
    assert np.isnan(inference.from_t(0.0, 0.0, 3).p)
    assert inference.from_t(0.0, 0.1, 3).p == 1


def bell_mccaffrey(design):
    """Satterthwaite's degrees of freedom of the HC2 variance, from its eigenvalues.

    The variance of the last coefficient is a sum over donors of squares of linear forms of the
    errors; with equal spread it is a mixture of chi-squares with these weights.
    """
    n = len(design)
    hat = design @ np.linalg.pinv(design)
    row = np.linalg.pinv(design)[-1]
    forms = np.array([row[i] * (np.eye(n) - hat)[i] / np.sqrt(1 - hat[i, i]) for i in range(n)])
    weight = np.linalg.eigvalsh(forms @ forms.T)
    return weight.sum() ** 2 / np.sum(weight**2)


def test_degrees_of_freedom_are_donors_less_columns():
    y, design = arms(6, 5)
    assert inference.project(design).df == 8
    assert inference.ols(y, design).df == pytest.approx(bell_mccaffrey(design))
    assert inference.paired_t(y).df == 10
    assert inference.paired_t(y).se == pytest.approx(stats.sem(y))
    assert inference.paired_t(y).effect == pytest.approx(y.mean())
    with pytest.raises(ValueError, match="cannot be told"):
        inference.project(design[[0, 1, 10]])
    assert inference.project(design[[0, 1, 9, 10]]).df == 1


def test_where_a_condition_or_a_residual_is_nothing_but_rounding():
    """Of a condition that covariates leave 1.2e-9 of there is a difference, of 0.8e-9 none."""
    sign = np.array([1.0, -1, 1, -1])
    design = np.column_stack([np.ones(4), np.sqrt(1.2e-9 / 4) * sign])
    assert np.isfinite(inference.project(design).df_effect)
    with pytest.raises(ValueError, match="cannot be told"):
        inference.project(np.column_stack([np.ones(4), np.sqrt(0.8e-9 / 4) * sign]))
    # one donor far off in x: one minus its leverage is about 2 / (3 x)^2
    x = np.array([-1.0, 0, 1, 1e6])
    fit = inference.project(np.column_stack([np.ones(4), x]))
    assert fit.one_minus_leverage[3] == 1  # 1 - leverage is 2e-12
    x[3] = 3.3e4
    left = inference.project(np.column_stack([np.ones(4), x])).one_minus_leverage[3]
    assert 1e-9 < left < 2e-9


def test_the_projection_is_that_of_least_squares():
    y, design = arms(8, 6)
    fit = inference.project(design)
    ols = sm.OLS(y, design).fit()
    assert y @ fit.annihilator == pytest.approx(ols.resid)
    assert fit.one_minus_leverage == pytest.approx(1 - ols.get_influence().hat_matrix_diag)
    assert fit.nuisance @ y == pytest.approx(sm.OLS(y, design[:, :-1]).fit().resid)
    assert fit.partial == pytest.approx(sm.OLS(design[:, -1], design[:, :-1]).fit().resid)


def test_hedges_g_by_hand():
    g, se = inference.standardized(1.5, 0.4, 2.0, 10)
    shrink = 1 - 3 / 39
    assert g == pytest.approx(shrink * 0.75)
    assert se == pytest.approx(np.sqrt((shrink * 0.2) ** 2 + g**2 / 20))
    assert np.isnan(inference.standardized(1.5, 0.4, 2.0, 1)).all()
    assert np.isfinite(inference.standardized(1.5, 0.4, 2.0, 2)).all()
    assert np.isnan(inference.standardized(1.5, 0.4, 0.0, 10)).all()


def test_arrangements_are_counted():
    case = np.array([1, 0, 0, 1, 1, 0, 0])
    strata = np.array([0, 0, 0, 1, 1, 1, 1])
    ways = {
        tuple(case[list(order)])
        for order in permutations(range(7))
        if all(strata[a] == strata[b] for a, b in enumerate(order))
    }
    assert resampling.arrangements(case, strata) == len(ways) == 3 * 6


@pytest.mark.parametrize(("limit", "complete"), [(18, True), (17, False)])
def test_all_arrangements_are_made_up_to_the_number_asked_for(limit, complete):
    case = np.array([1, 0, 0, 1, 1, 0, 0])
    strata = np.array([0, 0, 0, 1, 1, 1, 1])
    rng = np.random.default_rng(0)
    orders, found = resampling.permutations(case, strata, limit, rng, exact=True)
    assert found == complete and len(orders) == limit
    orders, found = resampling.permutations(case, strata, 1000, rng, exact=False)
    assert not found and len(orders) == 1000
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert (strata[orders] == strata).all()
    assert len({tuple(row) for row in orders}) == 3 * 2 * 24  # all reorderings, not labels


def test_all_arrangements_put_every_choice_of_cases_in_the_places_of_cases():
    case = np.array([0, 1, 0, 1, 1])
    strata = np.zeros(5, int)
    orders, _ = resampling.permutations(case, strata, 10, np.random.default_rng(0), exact=True)
    chosen = {tuple(sorted(row[case == 1])) for row in orders}
    assert len(chosen) == 10


@pytest.mark.parametrize("complete", [True, False])
def test_permutation_p_is_that_of_a_loop(complete):
    y, design = arms(5, 4, seed=2, covariate=not complete)
    rng = np.random.default_rng(1)
    orders, whole = resampling.permutations(
        design[:, -1], np.zeros(9, int), 300, rng, exact=complete
    )
    assert whole == complete
    p, null = resampling.permutation_p(y, inference.project(design), orders, whole)
    residual = sm.OLS(y, design[:, :-1]).fit().resid
    made = [hc2_t(residual[order], design) for order in orders]
    assert null == pytest.approx([t for _, t in made])
    observed = abs(hc2_t(y, design)[1])
    beyond = sum(abs(t) >= observed - 1e-9 for _, t in made)
    assert p == pytest.approx(beyond / len(orders) if complete else (beyond + 1) / 301)


def test_p_of_random_permutations_is_never_zero():
    y = np.r_[np.arange(8.0) + 100, np.arange(8.0)]
    design = np.column_stack([np.ones(16), np.repeat([1.0, 0.0], 8)])
    orders, whole = resampling.permutations(
        design[:, -1], np.zeros(16, int), 199, np.random.default_rng(0), exact=True
    )
    assert not whole
    p, _ = resampling.permutation_p(y, inference.project(design), orders, whole)
    assert p == pytest.approx(1 / 200)


def test_permutation_of_an_outcome_without_spread_has_no_p():
    design = np.column_stack([np.ones(8), np.repeat([1.0, 0.0], 4)])
    orders = np.tile(np.arange(8), (3, 1))
    p, _ = resampling.permutation_p(np.zeros(8), inference.project(design), orders, True)
    assert np.isnan(p)


def test_a_permutation_that_parts_the_arms_without_spread_counts_as_extreme():
    y = np.array([1.0, 1, 0, 1, 0, 0])
    design = np.column_stack([np.ones(6), np.repeat([1.0, 0.0], 3)])
    orders, whole = resampling.permutations(
        design[:, -1], np.zeros(6, int), 20, np.random.default_rng(0), exact=True
    )
    p, _ = resampling.permutation_p(y, inference.project(design), orders, whole)
    # 2 of 20 arrangements part the ones from the zeros; 9 + 9 are as far apart as the observed
    assert whole and p == pytest.approx(1.0)


def test_sign_flips_by_hand():
    signs, complete = resampling.flips(3, 8, np.random.default_rng(0))
    assert complete
    assert sorted(signs @ [1, 2, 4]) == [-7, -5, -3, -1, 1, 3, 5, 7]
    signs, complete = resampling.flips(3, 7, np.random.default_rng(0))
    assert not complete and signs.shape == (7, 3) and set(signs.ravel()) == {-1, 1}

    def flip(difference, n):
        fit = inference.project(np.ones((len(difference), 1)))
        return resampling.sign_flip(difference, fit, n, np.random.default_rng(0))

    found, said = flip(np.array([1.0, 2.0, -4.0]), 8)
    assert found.p == pytest.approx(1.0) and said == "all 8 sign flips of the pairs"
    found, said = flip(np.arange(1.0, 21), 499)
    assert found.p == pytest.approx(1 / 500) and said == "499 sign flips of the pairs"


def test_random_sign_flips_are_even():
    signs, _ = resampling.flips(20, 4000, np.random.default_rng(0))
    assert np.mean(signs > 0, axis=0) == pytest.approx(np.full(20, 0.5), abs=0.03)


def test_the_bootstrap_interval_is_that_of_a_loop():
    y, design = arms(9, 7, seed=3)
    found = resampling.bootstrap_t(y, inference.project(design), 400, np.random.default_rng(5))
    ols = sm.OLS(y, design).fit()
    leverage = ols.get_influence().hat_matrix_diag
    residual = ols.resid / np.sqrt(1 - leverage)
    signs = np.random.default_rng(5).choice([-1.0, 1.0], (400, 16))
    t = [abs(hc2_t(residual * row, design)[1]) for row in signs]
    effect, observed = hc2_t(y, design)
    half = np.sort(t)[-20] * effect / observed  # p is at most 20 / 401 beyond it
    assert (found.ci_low, found.ci_high) == pytest.approx((effect - half, effect + half))
    assert found.p == pytest.approx((1 + np.sum(np.array(t) >= abs(observed))) / 401)


@pytest.mark.parametrize("replicates", [18, 19])
def test_the_fewest_replicates_that_have_an_interval(replicates):
    y, design = arms(9, 7, seed=3)
    fit = inference.project(design)
    found = resampling.bootstrap_t(y, fit, replicates, np.random.default_rng(5))
    assert found.p >= 1 / (replicates + 1)
    assert np.isfinite([found.ci_low, found.ci_high]).all() == (replicates == 19)
    if replicates == 19:
        ols = sm.OLS(y, design).fit()
        residual = ols.resid / np.sqrt(1 - ols.get_influence().hat_matrix_diag)
        signs = np.random.default_rng(5).choice([-1.0, 1.0], (19, 16))
        t = max(abs(hc2_t(residual * row, design)[1]) for row in signs)
        effect, observed = hc2_t(y, design)
        assert found.ci_high - effect == pytest.approx(t * effect / observed)


@pytest.mark.parametrize("values", [(0.1, 0.3), (1.1, 7.3), (0.7, 0.9), (2.3, 2.9)])
def test_an_order_that_parts_the_arms_wholly_is_the_most_extreme(values):
    low, high = values
    y = np.array([high, high, low, low, low, high])
    case = np.repeat([1.0, 0.0], 3)
    fit = inference.project(np.column_stack([np.ones(6), case]))
    orders, complete = resampling.permutations(
        case, np.zeros(6), 20, np.random.default_rng(0), True
    )
    assert complete and len(orders) == 20
    # 18 orders have two of three on one side, as observed; two have three and no spread
    assert resampling.permutation(y, fit, orders, complete).p == 1
    assert resampling.permutation_p(y, fit, orders, complete)[0] == 1


def test_no_spread_no_bootstrap():
    design = np.column_stack([np.ones(8), np.repeat([1.0, 0.0], 4)])
    fit = inference.project(design)
    found = resampling.bootstrap_t(np.zeros(8), fit, 50, np.random.default_rng(0))
    assert np.isnan([found.ci_low, found.ci_high, found.p]).all()


def stratified_z(y, case, strata):
    """van Elteren's statistic from scipy's tie-corrected normal approximation of each stratum."""
    score = variance = 0.0
    for s in np.unique(strata):
        a, b = y[(strata == s) & (case == 1)], y[(strata == s) & (case == 0)]
        if not len(a) or not len(b):
            continue
        n = len(a) + len(b)
        test = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False)
        away = test.statistic - len(a) * len(b) / 2
        spread = abs(away) / stats.norm.isf(test.pvalue / 2) if away else None
        if spread is None:
            _, ties = np.unique(np.r_[a, b], return_counts=True)
            tied = (ties**3 - ties).sum() / (n * (n - 1))
            spread = np.sqrt(len(a) * len(b) / 12 * (n + 1 - tied))
        score += away / (n + 1)
        variance += (spread / (n + 1)) ** 2
    return score / np.sqrt(variance)


def assert_inverted(found, gaps, z):
    """The limits are differences; the test rejects shifts just beyond them and none just inside."""
    for limit, out in ((found.ci_low, -1e-7), (found.ci_high, 1e-7)):
        assert limit in gaps
        assert abs(z(limit + out)) >= 1.959964 > abs(z(limit - out))


def test_the_stratified_rank_test_adds_up_strata_of_unequal_size():
    rng = np.random.default_rng(7)
    strata = np.repeat([0, 1, 2, 3], [9, 14, 5, 3])
    case = np.r_[rng.integers(0, 2, 28), [1, 1, 1]]  # the last stratum has one arm
    y = np.round(rng.normal(size=31) + 0.7 * case, 1)  # with ties
    z = stratified_z(y, case, strata)
    found = inference.hodges_lehmann(y, case, strata)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)))
    gaps = np.concatenate(
        [
            np.subtract.outer(
                y[(strata == s) & (case == 1)], y[(strata == s) & (case == 0)]
            ).ravel()
            for s in range(4)
        ]
    )
    assert found.effect == pytest.approx(np.median(gaps))
    assert_inverted(
        found, np.sort(gaps), lambda gap: stratified_z(np.round(y - gap * case, 9), case, strata)
    )


@pytest.mark.parametrize(("m", "n"), [(3, 6), (6, 3), (8, 2), (8, 3), (4, 4), (1, 9), (5, 7)])
def test_the_exact_limit_is_that_of_all_ways_to_give_out_the_ranks(m, n):
    ranks = np.array(list(combinations(range(1, m + n + 1), m))).sum(axis=1)
    u = ranks - m * (m + 1) // 2
    below = [np.mean(u <= k) for k in range(m * n + 1)]
    assert inference._rank_limit(m, n) == sum(share <= 0.025 for share in below)


def test_many_donors_of_one_stratum_have_the_normal_interval():
    rng = np.random.default_rng(8)
    case = np.repeat([1, 0], [21, 20])  # 420 differences
    y = rng.normal(size=41) + 0.4 * case
    found = inference.hodges_lehmann(y, case)
    zero, gaps = np.zeros(41), np.sort(np.subtract.outer(y[:21], y[21:]).ravel())
    assert_inverted(found, gaps, lambda gap: stratified_z(np.round(y - gap * case, 9), case, zero))
    exact = inference.hodges_lehmann(y[1:], case[1:])  # 400 differences: exact
    u = stats.mannwhitneyu
    for limit, sign in ((exact.ci_low, 1), (exact.ci_high, -1)):
        moved = [y[1:] - (limit + s * 1e-9) * case[1:] for s in (sign, -sign)]
        kept, lost = (u(m[:20], m[20:], method="exact").pvalue for m in moved)
        assert lost <= 0.05 < kept


def test_an_arm_without_donors_has_no_shift():
    found = inference.hodges_lehmann(np.arange(4.0), np.ones(4, int))
    assert np.isnan([found.effect, found.p, found.ci_low, found.ci_high]).all()


@pytest.mark.parametrize("n", [6, 7, 12, 20])
def test_signed_rank_intervals_are_exact_up_to_twenty_pairs(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    found = inference.walsh(d)
    means = np.sort([(a + b) / 2 for i, a in enumerate(d) for b in d[i:]])
    assert found.effect == pytest.approx(np.median(means))
    assert found.p == pytest.approx(stats.wilcoxon(d).pvalue)
    for limit, sign in ((found.ci_low, 1), (found.ci_high, -1)):
        kept = stats.wilcoxon(d - limit - sign * 1e-9, method="exact").pvalue
        lost = stats.wilcoxon(d - limit + sign * 1e-9, method="exact").pvalue
        assert lost <= 0.05 < kept


def test_signed_rank_intervals_of_more_pairs_are_normal():
    d = np.random.default_rng(3).normal(0.3, 1, 21)
    found = inference.walsh(d)
    means = np.sort([(a + b) / 2 for i, a in enumerate(d) for b in d[i:]])
    # 21 * 22 / 4 - 1.96 * sqrt(21 * 22 * 43 / 24) = 59.1
    assert (found.ci_low, found.ci_high) == pytest.approx((means[58], means[-59]))


def test_few_or_equal_pairs_have_no_signed_rank_interval():
    found = inference.walsh(np.array([1.0, 2, 3, 4, 5]))
    assert np.isnan([found.ci_low, found.ci_high]).all() and found.effect == 3
    assert inference.walsh(np.zeros(8)).p == 1.0


def test_false_discovery_of_nothing_is_nothing():
    assert np.isnan(inference.benjamini_hochberg([np.nan, np.nan])).all()
    assert inference.benjamini_hochberg([0.04, 0.5, 0.01]) == pytest.approx([0.06, 0.5, 0.03])


def test_an_interval_without_end_stays_so():
    shifts = np.array([-1.0, 0.5, 2.0])
    for p in (0.01, 0.6):
        assert inference._agreeing(shifts, -np.inf, np.inf, p) == (-np.inf, np.inf)
    assert inference._agreeing(shifts, -0.5, 2.0, 0.01) == (0.5, 2.0)
    assert inference._agreeing(shifts, 0.5, 2.0, 0.6) == (0.0, 2.0)


def test_a_p_of_005_is_rejected_by_the_interval_of_ranks_too():
    shifts = np.array([-1.0, 0.5, 2.0])
    assert inference._agreeing(shifts, -0.5, 2.0, 0.05) == (0.5, 2.0)
    assert inference._agreeing(shifts, 0.5, 2.0, 0.05001) == (0.0, 2.0)


def test_donors_of_strata_of_one_arm_do_not_count_among_the_ranks():
    """Three against three beside thirty others: a normal approximation called a tenth of nulls."""
    rng = np.random.default_rng(6)
    outcome = np.r_[[5.0, 6, 7], [1.0, 2, 3], rng.normal(size=30)]
    case = np.r_[1, 1, 1, 0, 0, 0, np.ones(30)]
    strata = np.r_[np.zeros(6, int), np.ones(30, int)]
    found = inference.hodges_lehmann(outcome, case, strata)
    assert found.p == pytest.approx(0.1)  # 2 of 20 arrangements
    assert found.effect == 4 and np.isnan(found.ci_low)
    assert np.isnan(inference.hodges_lehmann(outcome, case, np.arange(36)).p)
