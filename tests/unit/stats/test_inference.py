import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from tilt.stats import inference, resampling


@pytest.fixture
def data(rng=None):
    rng = np.random.default_rng(4)
    case = np.repeat([1.0, 0.0], [16, 10])
    age = rng.normal(size=26)
    y = 0.8 * case + 0.3 * age + rng.normal(size=26) * (1 + case)
    return y, np.column_stack([np.ones(26), age, case])


def test_hc2_is_that_of_statsmodels(data):
    y, design = data
    fit = sm.OLS(y, design).fit(cov_type="HC2")
    found = inference.ols(y, design)
    assert found.effect == pytest.approx(fit.params[-1])
    assert found.se == pytest.approx(fit.bse[-1])
    assert found.p == pytest.approx(2 * stats.t.sf(abs(fit.tvalues[-1]), found.df))
    half = stats.t.ppf(0.975, found.df) * fit.bse[-1]
    assert (found.ci_low, found.ci_high) == pytest.approx(
        (found.effect - half, found.effect + half)
    )


def bell_mccaffrey(design):
    """Degrees of freedom as R's dfadjust has them (rho = 0): columns of G weighted by the effect.

    Imbens & Kolesar 2016: G = (I - H) diag(l'(X'X)^-1 x_i / sqrt(1 - h_i)), eigenvalues of G'G.
    """
    n, k = design.shape
    inverse = np.linalg.inv(design.T @ design)
    hat = design @ inverse @ design.T
    pick = np.eye(k)[-1]
    g = np.column_stack(
        [
            (np.eye(n) - hat)[:, i] * (design[i] @ inverse @ pick) / np.sqrt(1 - hat[i, i])
            for i in range(n)
        ]
    )
    values = np.linalg.eigvalsh(g.T @ g)
    return values.sum() ** 2 / np.square(values).sum()


def test_degrees_of_freedom_are_those_of_bell_and_mccaffrey(data):
    _, design = data
    assert inference.project(design).df_effect == pytest.approx(bell_mccaffrey(design))
    batches = np.column_stack([np.arange(26) % 4 == i for i in range(1, 4)])
    wider = np.column_stack([batches, design]).astype(float)
    assert inference.project(wider).df_effect == pytest.approx(bell_mccaffrey(wider))
    assert inference.project(wider).df_effect < inference.project(wider).df


@pytest.mark.parametrize(("n1", "n0", "known"), [(3, 27, 2.467), (14, 16, 27.473), (10, 8, 15.142)])
def test_degrees_of_freedom_of_two_arms_have_a_closed_form(n1, n0, known):
    """Imbens & Kolesar 2016; 3 against 27 is the design of their first table, 2.5 there."""
    case = np.repeat([1.0, 0.0], [n1, n0])
    found = inference.project(np.column_stack([np.ones(n1 + n0), case])).df_effect
    closed = (n1 + n0) ** 2 * (n1 - 1) * (n0 - 1)
    closed /= n1**2 * (n1 - 1) + n0**2 * (n0 - 1)
    assert found == pytest.approx(closed)
    assert found == pytest.approx(known, abs=0.005)


def test_donors_of_strata_with_one_arm_add_no_degrees_of_freedom():
    """Three against three and thirty controls in a batch of their own: df 4, not 34."""
    rng = np.random.default_rng(8)
    case = np.r_[1, 1, 1, np.zeros(33)]
    alone = (np.arange(36) >= 6).astype(float)
    y = rng.normal(size=36)
    found = inference.ols(y, np.column_stack([np.ones(36), alone, case]))
    check = stats.ttest_ind(y[:3], y[3:6])
    assert found.df == pytest.approx(4)
    assert found.p == pytest.approx(check.pvalue)


def test_a_donor_alone_in_its_stratum_does_not_break_hc2(data):
    y, design = data
    alone = np.zeros(26)
    alone[3] = 1
    found = inference.ols(y, np.column_stack([alone, design]))
    without = inference.ols(np.delete(y, 3), np.delete(design, 3, axis=0))
    assert found.effect == pytest.approx(without.effect)
    assert found.se == pytest.approx(without.se)
    assert found.df == pytest.approx(without.df)


def test_a_confounded_condition_is_refused():
    case = np.repeat([1.0, 0.0], 5)
    with pytest.raises(ValueError, match="cannot be told"):
        inference.ols(np.arange(10.0), np.column_stack([np.ones(10), 1 - case, case]))


def test_paired_t_is_that_of_scipy():
    d = np.array([0.3, -0.1, 0.5, 0.9, 0.2])
    found = inference.paired_t(d)
    assert found.p == pytest.approx(stats.ttest_1samp(d, 0).pvalue)


def test_few_arrangements_are_enumerated_once_each():
    case = np.array([1, 1, 0, 0, 0, 1, 0])
    strata = np.array([0, 0, 0, 0, 0, 1, 1])
    rng = np.random.default_rng(0)
    orders, complete = resampling.permutations(case, strata, 10_000, rng, exact=True)
    assert complete
    assert len(orders) == 10 * 2
    labels = {tuple(case[np.argsort(order)]) for order in orders}
    assert len(labels) == 20
    assert all(sorted(order) == list(range(7)) for order in orders)


def test_random_permutations_stay_within_strata():
    strata = np.repeat([0, 1, 2], [4, 9, 7])
    case = np.arange(20) % 2
    rng = np.random.default_rng(0)
    orders, complete = resampling.permutations(case, strata, 500, rng, exact=True)
    assert not complete
    assert (strata[orders] == strata).all()
    assert np.abs((orders[:, 4:13] == 4).mean(axis=0) - 1 / 9).max() < 0.06


def test_exact_permutation_p_agrees_with_scipy():
    y = np.array([3.1, 2.2, 4.0, 3.7, 1.1, 0.4, 2.0, 1.9])
    case = np.repeat([1, 0], 4)
    design = np.column_stack([np.ones(8), case])
    orders, complete = resampling.permutations(
        case, np.zeros(8, int), 10_000, np.random.default_rng(0), exact=True
    )
    p, null = resampling.permutation_p(y, inference.project(design), orders, complete)

    def welch(a, b):
        out = inference.ols(np.r_[a, b], design)
        return abs(out.effect / out.se)

    check = stats.permutation_test(
        (y[:4], y[4:]), welch, alternative="greater", n_resamples=np.inf, vectorized=False
    )
    assert complete and len(null) == 70
    assert p == pytest.approx(check.pvalue)


def test_random_permutations_beside_a_covariate_are_those_of_statsmodels():
    """Residuals of the covariates reordered, each time a whole fit with HC2 (Freedman & Lane)."""
    rng = np.random.default_rng(0)
    case = np.repeat([1, 0], [33, 11])
    design = np.column_stack([np.ones(44), rng.normal(size=44), case])
    y = rng.normal(size=44) + 0.9 * design[:, 1] + 0.8 * case
    orders, complete = resampling.permutations(case, np.zeros(44, int), 299, rng, exact=False)
    p, null = resampling.permutation_p(y, inference.project(design), orders, complete)
    left = np.asarray(sm.OLS(y, design[:, :-1]).fit().resid)
    fits = [sm.OLS(left[order], design).fit(cov_type="HC2") for order in orders]
    seen = abs(sm.OLS(left, design).fit(cov_type="HC2").tvalues[-1])
    extreme = sum(abs(fit.tvalues[-1]) >= seen for fit in fits)
    assert not complete and 3 <= extreme < 60
    assert p == pytest.approx((extreme + 1) / 300)
    assert null == pytest.approx([fit.tvalues[-1] for fit in fits])


def test_sign_flips_are_exact_for_few_pairs():
    d = np.array([0.5, 0.2, 0.9, 0.4, 0.7, 0.1, 0.3, 0.6])
    found, kind = resampling.sign_flip(
        d, inference.project(np.ones((8, 1))), 10_000, np.random.default_rng(0)
    )
    assert found.p == pytest.approx(2 / 256)
    assert kind.startswith("all 256")


def test_bootstrap_interval_holds_the_effect_and_is_near_the_t_interval():
    rng = np.random.default_rng(1)
    case = np.repeat([1.0, 0.0], 30)
    y = case + rng.normal(size=60)
    design = np.column_stack([np.ones(60), case])
    fit = inference.project(design)
    found = resampling.bootstrap_t(y, fit, 4000, np.random.default_rng(0))
    t = inference.ols(y, design)
    assert found.ci_low == pytest.approx(t.ci_low, abs=0.08)
    assert found.ci_high == pytest.approx(t.ci_high, abs=0.08)
    assert found.p == pytest.approx(t.p, abs=0.01)
    again = resampling.bootstrap_t(y, fit, 4000, np.random.default_rng(0))
    assert found.ci_low == again.ci_low and found.p == again.p


def test_the_interval_by_ranks_does_not_hang_on_the_last_digits():
    """Each bound makes a tie, which the same values a little further on would break."""
    case, strata = np.tile([1.0, 0.0], 9), np.repeat([0, 1], 9)
    for seed in range(60):
        y = np.random.default_rng(seed).normal(size=18)
        one, other = (inference.hodges_lehmann(y + far, case, strata) for far in (0.0, 1 / 3))
        bounds = (other.ci_low, other.ci_high)
        assert bounds == pytest.approx((one.ci_low, one.ci_high), abs=1e-9)


def test_hodges_lehmann_and_rank_p():
    rng = np.random.default_rng(2)
    y = rng.normal(size=21)
    case = np.repeat([1, 0], [9, 12])
    found = inference.hodges_lehmann(y, case)
    gaps = np.subtract.outer(y[:9], y[9:])
    assert found.effect == pytest.approx(np.median(gaps))
    assert found.p == pytest.approx(stats.mannwhitneyu(y[:9], y[9:]).pvalue)
    assert found.ci_low < found.effect < found.ci_high
    moved = inference.hodges_lehmann(y + 2 * case, case)
    assert moved.effect == pytest.approx(found.effect + 2)
    assert moved.ci_low == pytest.approx(found.ci_low + 2)


def test_strata_keep_a_batch_effect_out_of_the_rank_test():
    rng = np.random.default_rng(3)
    strata = np.repeat([0, 1], 20)
    case = np.r_[np.repeat([1, 0], [4, 16]), np.repeat([1, 0], [16, 4])]
    y = 10 * strata + rng.normal(size=40)
    assert inference.hodges_lehmann(y, case).p < 0.01
    assert inference.hodges_lehmann(y, case, strata).p > 0.05
    assert abs(inference.hodges_lehmann(y, case, strata).effect) < 1


def test_paired_ranks():
    d = np.array([0.5, 0.2, 0.9, 0.4, 0.7, 0.1, 0.3, 0.6])
    found = inference.walsh(d)
    assert found.p == pytest.approx(stats.wilcoxon(d).pvalue)
    # the exact 95 % interval of 8 pairs leaves out the 3 smallest and largest Walsh averages
    means = np.sort([(a + b) / 2 for i, a in enumerate(d) for b in d[i:]])
    assert (found.ci_low, found.ci_high) == pytest.approx((means[3], means[-4]))


def test_benjamini_hochberg_passes_over_missing():
    q = inference.benjamini_hochberg([0.01, np.nan, 0.04, 0.03])
    assert q[[0, 2, 3]] == pytest.approx([0.03, 0.04, 0.04])
    assert np.isnan(q[1])


def test_hedges_g_of_two_arms():
    rng = np.random.default_rng(5)
    a, b = rng.normal(1, 1, 15), rng.normal(0, 1, 12)
    y, case = np.r_[a, b], np.repeat([1.0, 0.0], [15, 12])
    design = np.column_stack([np.ones(27), case])
    fit = inference.project(design)
    est = inference.ols(y, design)
    sd = np.sqrt(np.square(y @ fit.annihilator).sum() / fit.df)
    g, se = inference.standardized(est.effect, est.se, sd, fit.df)
    pooled = np.sqrt((14 * a.var(ddof=1) + 11 * b.var(ddof=1)) / 25)
    assert g == pytest.approx((a.mean() - b.mean()) / pooled * (1 - 3 / (4 * 25 - 1)))
    assert se == pytest.approx(np.sqrt(1 / 15 + 1 / 12 + g**2 / 50), rel=0.15)


@pytest.mark.parametrize(("m", "n"), [(4, 4), (5, 3), (7, 5), (12, 12), (16, 10)])
def test_the_rank_interval_leaves_out_the_shifts_that_the_exact_test_rejects(m, n):
    rng = np.random.default_rng(m)
    case = np.repeat([1, 0], [m, n])
    y = rng.normal(size=m + n)
    found = inference.hodges_lehmann(y, case)
    for limit, inside in ((found.ci_low, 1e-9), (found.ci_high, -1e-9)):
        for step, kept in ((inside, True), (-inside, False)):
            moved = y - (limit + step) * case
            p = stats.mannwhitneyu(moved[:m], moved[m:], method="exact").pvalue
            assert (p > 0.05) == kept


def test_three_against_three_have_no_rank_interval():
    found = inference.hodges_lehmann(np.arange(6.0), np.array([1, 1, 1, 0, 0, 0]))
    assert found.p == pytest.approx(0.1)
    assert np.isnan(found.ci_low)


@pytest.mark.parametrize("strata", [None, np.tile([0, 1, 2], 20)])
def test_the_rank_interval_turns_with_the_sign(strata):
    rng = np.random.default_rng(5)
    case = np.repeat([1, 0], 30)
    y = rng.normal(size=60)
    one, other = (inference.hodges_lehmann(sign * y, case, strata) for sign in (1, -1))
    assert one.ci_low == pytest.approx(-other.ci_high)
    assert one.ci_high == pytest.approx(-other.ci_low)


def test_no_spread_gives_no_p():
    case = np.repeat([1.0, 0.0], 5)
    found = inference.ols(0.3 * case, np.column_stack([np.ones(10), case]))
    assert found.effect == pytest.approx(0.3)
    assert np.isnan(found.p)


def test_rank_intervals_do_not_hang_on_the_last_bit():
    """At a difference itself two values are tied or not by rounding, which other machines do
    otherwise."""
    rng = np.random.default_rng(3)
    strata, case = np.repeat([0, 1], 9), np.tile([1, 0, 1], 6)
    for _ in range(40):
        y = rng.normal(size=18).round(2)
        found = inference.hodges_lehmann(y, case, strata)
        again = inference.hodges_lehmann(y + rng.choice([0, 3e-16], 18), case, strata)
        assert found.ci_low == pytest.approx(again.ci_low, abs=1e-9)
        assert found.ci_high == pytest.approx(again.ci_high, abs=1e-9)


def test_strata_too_small_to_reject_anything_have_no_interval():
    y, case, strata = np.array([1.0, 0, 3, 0, 9, 0]), np.tile([1, 0], 3), np.repeat([0, 1, 2], 2)
    found = inference.hodges_lehmann(y, case, strata)
    assert found.p > 0.05 and found.effect == 3
    assert np.isnan([found.ci_low, found.ci_high]).all()
