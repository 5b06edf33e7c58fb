import numpy as np
import pytest
import statsmodels.api as sm
from scipy import integrate, optimize, special, stats
from tilt.donors import composition
from tilt.stats import inference, overdispersed


def draw(rng, donors=60, rho=0.05, effect=0.7):
    case = (np.arange(donors) % 2).astype(float)
    mean = special.expit(-2 + effect * case)
    n = rng.integers(200, 2000, donors)
    size = (1 - rho) / rho
    return rng.binomial(n, rng.beta(mean * size, (1 - mean) * size)), n, case


def test_the_mean_share_is_that_of_a_weighted_binomial_model():
    """statsmodels' GLM with the weights of the correlation, and its sandwich with HC2 by hand."""
    k, n, case = draw(np.random.default_rng(0), donors=24)
    design = np.column_stack([np.ones(24), np.random.default_rng(5).normal(size=24), case])
    found, rho = overdispersed.quasi_binomial(k, n, design)
    weight = n / (1 + (n - 1) * rho)
    glm = sm.GLM(k / n, design, family=sm.families.Binomial(), var_weights=weight).fit()
    assert found.effect == pytest.approx(glm.params[2], abs=1e-6)
    mean = glm.fittedvalues
    bread = np.linalg.inv((design * (weight * mean * (1 - mean))[:, None]).T @ design)
    root = design * np.sqrt(weight * mean * (1 - mean))[:, None]
    leverage = np.einsum("ij,jk,ik->i", root, bread, root)
    score = design * (weight * (k / n - mean) / np.sqrt(1 - leverage))[:, None]
    assert found.se == pytest.approx(np.sqrt((bread @ score.T @ score @ bread)[2, 2]), rel=1e-6)
    assert found.df == pytest.approx(inference.project(root).df_effect)
    assert found.df < 20  # of 21: leverages count
    # Williams 1982: the correlation at which Pearson's chi-square is donors less columns
    chance = (k - n * mean) ** 2 / (n * mean * (1 - mean) * (1 + (n - 1) * rho))
    assert chance.sum() == pytest.approx(21, rel=1e-6)


def test_the_correlation_planted_is_found():
    k, n, case = draw(np.random.default_rng(10), donors=2000, rho=0.08)
    found, rho = overdispersed.quasi_binomial(k, n, np.column_stack([np.ones(2000), case]))
    assert rho == pytest.approx(0.08, abs=0.006)
    assert found.effect == pytest.approx(0.7, abs=3 * found.se) and found.se < 0.06


def test_without_overdispersion_it_is_the_binomial_model():
    n = np.full(40, 500)
    case = (np.arange(40) % 2).astype(float)
    k = np.where(case == 1, 120, 100) + np.tile([3, 3, -3, -3], 10)
    design = np.column_stack([np.ones(40), case])
    found, rho = overdispersed.quasi_binomial(k, n, design)
    glm = sm.GLM(np.column_stack([k, n - k]), design, family=sm.families.Binomial()).fit()
    assert rho == 0
    assert found.effect == pytest.approx(glm.params[1], abs=1e-8)


@pytest.mark.parametrize(("arms", "spread"), [((30, 10), (4, 1)), ((8, 32), (4, 1))])
def test_the_mean_share_keeps_its_level_where_one_arm_spreads_wider(arms, spread):
    """Same mean, intra-donor correlation .02 against .005: maximum likelihood of a beta-binomial
    with one correlation put the wide arm .31 too low and rejected in .26 and .08."""
    case, found = np.repeat([1.0, 0.0], arms), []
    size = 1 / (0.005 * np.where(case == 1, *spread)) - 1
    design = np.column_stack([np.ones(len(case)), case])
    for seed in range(400):
        rng = np.random.default_rng((401, seed))
        n = rng.lognormal(np.log(2000), 0.4, len(case)).astype(int)
        k = rng.binomial(n, rng.beta(0.02 * size, 0.98 * size))
        estimate = overdispersed.quasi_binomial(k, n, design)[0]
        found.append((estimate.p < 0.05, estimate.effect))
    rejected, effect = np.mean(found, axis=0)
    assert 0.02 <= rejected <= 0.08  # three standard errors of 400
    assert abs(effect) < 0.09


def test_the_gradients_are_right():
    k, n, case = draw(np.random.default_rng(1))
    design = np.column_stack([np.ones(60), case])
    theta = np.array([-1.7, 0.4, -0.5])

    def value(t):
        return overdispersed.log_likelihood(design @ t[:-1], t[-1], k, n)[0].sum()

    parts = overdispersed.log_likelihood(design @ theta[:-1], theta[-1], k, n)
    gradient = np.r_[design.T @ parts[1], parts[2].sum()]
    numeric = optimize.approx_fprime(theta, value, 1e-6)
    assert gradient == pytest.approx(numeric, rel=1e-3, abs=1e-2)


def test_the_normal_integral_is_that_of_adaptive_quadrature():
    k, n, eta, sd = np.array([7.0, 0.0]), np.array([30.0, 900.0]), np.array([-1.0, -4.0]), 0.8
    value, _, _ = overdispersed.log_likelihood(eta, np.log(sd), k, n)

    def one(k, n, eta):
        def f(z):
            p = special.expit(eta + sd * z)
            return np.exp(k * np.log(p) + (n - k) * np.log1p(-p)) * stats.norm.pdf(z)

        return np.log(integrate.quad(f, -9, 9, limit=200, points=[0])[0])

    direct = sum(one(*row) for row in zip(k, n, eta, strict=True))
    assert value.sum() - np.log(2 * np.pi) == pytest.approx(direct, abs=1e-6)


def test_one_model_recovers_the_donors_log_odds_and_the_other_the_mean_share():
    rng = np.random.default_rng(6)
    case = (np.arange(600) % 2).astype(float)
    share = special.expit(0.3 + 1.2 * case + rng.normal(0, 1.0, 600))
    n = rng.integers(20, 120, 600)
    k = rng.binomial(n, share)
    design = np.column_stack([np.ones(600), case])
    found, sd = overdispersed.logit_normal(k, n, design)
    assert found.effect == pytest.approx(1.2, abs=0.2)
    assert sd == pytest.approx(1.0, abs=0.1)
    mean, _ = overdispersed.quasi_binomial(k, n, design)
    gap = special.logit(share[case == 1].mean()) - special.logit(share[case == 0].mean())
    assert mean.effect == pytest.approx(gap, abs=0.05)
    assert mean.effect < found.effect  # averaging shares draws the odds ratio to one


@pytest.mark.parametrize("model", [overdispersed.quasi_binomial, overdispersed.logit_normal])
def test_the_other_side_is_the_mirror_image(model):
    k, n, case = draw(np.random.default_rng(2), donors=30, effect=0.5)
    design = np.column_stack([np.ones(30), case])
    found, other = model(k, n, design)[0], model(n - k, n, design)[0]
    assert other.effect == pytest.approx(-found.effect, abs=1e-3)
    assert other.ci_low == pytest.approx(-found.ci_high, abs=1e-3)
    assert other.p == pytest.approx(found.p, rel=1e-2)
    for one in (found, other):
        assert (one.p < 0.05) == (one.ci_low > 0 or one.ci_high < 0)


def test_the_covariance_is_that_of_a_direct_maximization():
    """The inverse Hessian of the likelihood at its own optimum, by differences of values."""
    k, n, case = draw(np.random.default_rng(4), donors=40)
    design = np.column_stack([np.ones(40), case])

    def loss(theta):
        parts = overdispersed.log_likelihood(design @ theta[:2], theta[2], k, n)
        return -parts[0].sum()

    options = {"maxiter": 8000, "xatol": 1e-8, "fatol": 1e-10}
    best = optimize.minimize(loss, [-2, 0.5, -1], method="Nelder-Mead", options=options).x
    assert overdispersed.maximum(k, n, design) == pytest.approx(best, abs=1e-3)
    h = 1e-3 * np.eye(3)
    hessian = [
        [loss(best + a + b) - loss(best + a - b) - loss(best - a + b) + loss(best - a - b)
         for b in h]
        for a in h
    ]  # fmt: skip
    found = overdispersed.covariance(best, k, n, design)
    assert found == pytest.approx(np.linalg.inv(np.array(hessian) / 4e-6), rel=1e-3, abs=1e-6)
    whole, _ = overdispersed.logit_normal(k, n, design)
    assert whole.se == pytest.approx(np.sqrt(found[1, 1]), rel=0.35)


def test_with_many_donors_of_the_model_the_standard_error_is_its_own():
    rng = np.random.default_rng(8)
    case = (np.arange(1500) % 2).astype(float)
    n = rng.integers(200, 2000, 1500)
    k = rng.binomial(n, special.expit(-2 + 0.4 * case + rng.normal(0, 0.6, 1500)))
    design = np.column_stack([np.ones(1500), case])
    found, _ = overdispersed.logit_normal(k, n, design)
    best = overdispersed.maximum(k, n, design)
    own = overdispersed.covariance(best, k, n, design)[1, 1]
    assert found.se == pytest.approx(np.sqrt(own), rel=0.06)


def test_a_rare_subset_gets_a_standard_error_and_limits_that_can_weigh():
    """One arm with next to no cells: an inverted test ran to an odds ratio of 2,448."""
    k = np.array([3, 0, 2, 4, 1, 3, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    n = np.array([230, 180, 250, 300, 210, 190, 260, 240] * 2)
    case = np.repeat([1.0, 0.0], 8)
    found, _ = overdispersed.quasi_binomial(k, n, np.column_stack([np.ones(16), case]))
    assert found.effect == pytest.approx(np.log((15 / 1845) / (1 / 1859)), abs=1e-6)
    assert 0.8 < found.se < 1.3  # the binomial's is sqrt(1 / 15 + 1 / 1) = 1.03
    assert found.ci_high < found.effect + 3.5


def test_arms_far_apart_with_few_donors_still_get_finite_limits():
    k = np.array([90, 120, 80, 100, 1, 0, 2, 1])
    n = np.full(8, 300)
    case = np.repeat([1.0, 0.0], 4)
    sex = np.array([0, 1, 0, 1, 1, 0, 0, 1.0])
    found, _ = overdispersed.quasi_binomial(k, n, np.column_stack([np.ones(8), sex, case]))
    assert found.p < 0.05
    assert 0 < found.ci_low < found.effect < found.ci_high < 10
    assert found.se > 0


def test_a_stratum_without_such_cells_tells_nothing():
    k = np.array([12, 20, 9, 30, 0, 0, 8, 15, 11, 6, 0, 0])
    n = np.full(12, 900)
    case, stratum = np.repeat([1.0, 0.0], 6), np.tile([0.0, 0, 0, 0, 1, 1], 2)
    whole, _ = overdispersed.quasi_binomial(k, n, np.column_stack([np.ones(12), stratum, case]))
    some = stratum == 0
    part, _ = overdispersed.quasi_binomial(
        k[some], n[some], np.column_stack([np.ones(8), case[some]])
    )
    assert whole.effect == pytest.approx(part.effect, abs=1e-3)
    assert whole.se == pytest.approx(part.se, rel=0.01)


@pytest.mark.parametrize(("arms", "ratio"), [((8, 32), 2.0), ((30, 10), 2.0), ((10, 8), 1.0)])
def test_the_ratio_keeps_its_level_where_one_arm_spreads_wider(arms, ratio):
    """With variances pooled over the arms the size was .172 at 8 against 32, and .005 turned."""
    rejected = []
    for seed in range(300):
        rng = np.random.default_rng((400, seed))
        case = np.repeat([1.0, 0.0], arms)
        cells = rng.lognormal(np.log(3000), 0.4, sum(arms)).astype(int) + 60
        spread = rng.normal(0, 0.5, (sum(arms), 2)) * np.where(case, ratio, 1)[:, None]
        share = np.minimum(np.exp(np.log([0.015, 0.010]) + spread), 0.35)
        tph, th22 = (rng.binomial(cells, share[:, i]) for i in (0, 1))
        design = np.column_stack([np.ones(sum(arms)), case])
        rejected.append(overdispersed.logit_normal(tph, tph + th22, design)[0].p < 0.05)
    assert 0.02 <= np.mean(rejected) <= 0.08


def test_p_is_near_that_of_the_angles_with_many_donors():
    k, n, case = draw(np.random.default_rng(3), donors=200, effect=0.25)
    design = np.column_stack([np.ones(200), case])
    found, _ = overdispersed.quasi_binomial(k, n, design)
    angle = inference.ols(composition.arcsine(k, n), design)
    assert np.log10(found.p) == pytest.approx(np.log10(angle.p), abs=0.5)


@pytest.mark.parametrize("model", [overdispersed.quasi_binomial, overdispersed.logit_normal])
@pytest.mark.parametrize(
    ("k", "n", "words"),
    [
        ([5, 6, 7, 8], [4, 10, 10, 10], "between 0 and a total"),
        ([0, 0, 3, 4], [9, 9, 9, 9], "an arm has none"),
        ([1, 1], [9, 9], "more columns than donors"),
        ([1, 1, 3, 3], [9, 9, 9, 9], "no spread between donors"),
    ],
)
def test_what_cannot_be_fitted_is_refused(model, k, n, words):
    design = np.column_stack([np.ones(len(k)), np.arange(len(k)) >= len(k) / 2]).astype(float)
    with pytest.raises(ValueError, match=words):
        model(np.array(k), np.array(n), design)
