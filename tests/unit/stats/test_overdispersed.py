import numpy as np
import pytest
from scipy import integrate, optimize, special, stats
from tilt.stats import overdispersed


def draw(rng, donors=60, rho=0.05, effect=0.7):
    case = (np.arange(donors) % 2).astype(float)
    mean = special.expit(-2 + effect * case)
    n = rng.integers(200, 2000, donors)
    size = (1 - rho) / rho
    return rng.binomial(n, rng.beta(mean * size, (1 - mean) * size)), n, case


def test_the_maximum_is_that_of_scipys_beta_binomial():
    k, n, case = draw(np.random.default_rng(0))
    design = np.column_stack([np.ones(60), case])

    def loss(theta):
        mean, size = special.expit(design @ theta[:2]), np.exp(theta[2])
        return -stats.betabinom.logpmf(k, n, mean * size, (1 - mean) * size).sum()

    direct = optimize.minimize(loss, [-2, 0.0, 2], method="Nelder-Mead", options={"maxiter": 4000})
    found, rho = overdispersed.fit(k, n, design)
    assert found.effect == pytest.approx(direct.x[1], abs=2e-3)
    assert rho == pytest.approx(1 / (1 + np.exp(direct.x[2])), rel=0.02)


def test_without_overdispersion_it_is_the_binomial_model():
    import statsmodels.api as sm

    n = np.full(40, 500)
    case = (np.arange(40) % 2).astype(float)
    k = np.where(case == 1, 120, 100) + np.tile([3, 3, -3, -3], 10)
    design = np.column_stack([np.ones(40), case])
    found, rho = overdispersed.fit(k, n, design)
    glm = sm.GLM(np.column_stack([k, n - k]), design, family=sm.families.Binomial()).fit()
    assert rho < 1e-5
    assert found.effect == pytest.approx(glm.params[1], abs=1e-4)


@pytest.mark.parametrize(("family", "dispersion"), [("beta", -2.0), ("normal", -0.5)])
def test_the_gradients_are_right(family, dispersion):
    k, n, case = draw(np.random.default_rng(1))
    design = np.column_stack([np.ones(60), case])
    theta, model = np.array([-1.7, 0.4, dispersion]), overdispersed.FAMILIES[family]

    def value(t):
        return model.parts(design @ t[:-1], t[-1], k, n)[0].sum()

    parts = model.parts(design @ theta[:-1], theta[-1], k, n)
    gradient = np.r_[design.T @ parts[1], parts[2].sum()]
    numeric = optimize.approx_fprime(theta, value, 1e-6)
    assert gradient == pytest.approx(numeric, rel=1e-3, abs=1e-2)


def test_the_normal_integral_is_that_of_adaptive_quadrature():
    k, n, eta, sd = np.array([7.0, 0.0]), np.array([30.0, 900.0]), np.array([-1.0, -4.0]), 0.8
    value, _, _ = overdispersed.Normal().parts(eta, np.log(sd), k, n)

    def one(k, n, eta):
        def f(z):
            p = special.expit(eta + sd * z)
            return np.exp(k * np.log(p) + (n - k) * np.log1p(-p)) * stats.norm.pdf(z)

        return np.log(integrate.quad(f, -9, 9, limit=200, points=[0])[0])

    direct = sum(one(*row) for row in zip(k, n, eta, strict=True))
    assert value.sum() - np.log(2 * np.pi) == pytest.approx(direct, abs=1e-6)


def test_the_normal_family_recovers_the_donors_log_odds_and_beta_the_mean_share():
    rng = np.random.default_rng(6)
    case = (np.arange(600) % 2).astype(float)
    eta = 0.3 + 1.2 * case + rng.normal(0, 1.0, 600)
    n = rng.integers(20, 120, 600)
    k = rng.binomial(n, special.expit(eta))
    design = np.column_stack([np.ones(600), case])
    found, sd = overdispersed.fit(k, n, design, "normal")
    assert found.effect == pytest.approx(1.2, abs=0.2)
    assert sd == pytest.approx(1.0, abs=0.1)
    mean, _ = overdispersed.fit(k, n, design, "beta")
    assert mean.effect < found.effect  # averaging shares draws the odds ratio to one


def test_the_other_side_is_the_mirror_image():
    k, n, case = draw(np.random.default_rng(2), donors=30, effect=0.5)
    design = np.column_stack([np.ones(30), case])
    found, _ = overdispersed.fit(k, n, design)
    other, _ = overdispersed.fit(n - k, n, design)
    assert other.effect == pytest.approx(-found.effect, abs=1e-3)
    assert other.ci_low == pytest.approx(-found.ci_high, abs=1e-3)
    assert other.p == pytest.approx(found.p, rel=1e-2)
    for one in (found, other):
        assert (one.p < 0.05) == (one.ci_low > 0 or one.ci_high < 0)


def test_the_covariance_is_that_of_a_direct_maximization():
    """VGAM's summary: the inverse Hessian of scipy's beta-binomial at its own optimum."""
    k, n, case = draw(np.random.default_rng(4), donors=40)
    design = np.column_stack([np.ones(40), case])

    def loss(theta):
        mean, rho = special.expit(design @ theta[:2]), special.expit(theta[2])
        size = (1 - rho) / rho
        return -stats.betabinom.logpmf(k, n, mean * size, (1 - mean) * size).sum()

    options = {"maxiter": 8000, "xatol": 1e-8, "fatol": 1e-10}
    best = optimize.minimize(loss, [-2, 0.5, -3], method="Nelder-Mead", options=options).x
    h = 1e-3 * np.eye(3)
    hessian = np.array(
        [
            [
                (loss(best + a + b) - loss(best + a - b) - loss(best - a + b) + loss(best - a - b))
                / 4e-6
                for b in h
            ]
            for a in h
        ]
    )
    model = overdispersed._Model(overdispersed.FAMILIES["beta"], k.astype(float), n.astype(float))
    found = model.covariance(best, design)
    assert found == pytest.approx(np.linalg.inv(hessian), rel=1e-3, abs=1e-6)
    whole, _ = overdispersed.fit(k, n, design)
    assert whole.se == pytest.approx(np.sqrt(found[1, 1]), rel=0.35)


def test_with_many_donors_of_the_family_the_standard_error_is_the_models_own():
    for family in ("beta", "normal"):
        rng = np.random.default_rng(8)
        case = (np.arange(1500) % 2).astype(float)
        n, eta = rng.integers(200, 2000, 1500), -2 + 0.4 * case
        if family == "beta":
            mean = special.expit(eta)
            k = rng.binomial(n, rng.beta(mean * 19, (1 - mean) * 19))
        else:
            k = rng.binomial(n, special.expit(eta + rng.normal(0, 0.6, 1500)))
        design = np.column_stack([np.ones(1500), case])
        found, dispersion = overdispersed.fit(k, n, design, family)
        model = overdispersed._Model(
            overdispersed.FAMILIES[family], k.astype(float), n.astype(float)
        )
        inner = special.logit(dispersion) if family == "beta" else np.log(dispersion)
        start = np.r_[-2, found.effect, inner]
        own = model.covariance(model.maximize(design, start)[1], design)[1, 1]
        assert found.se == pytest.approx(np.sqrt(own), rel=0.06)


def test_a_rare_subset_gets_a_standard_error_and_limits_that_can_weigh():
    """One arm with next to no cells: an inverted test ran to an odds ratio of 2,448."""
    k = np.array([3, 0, 2, 4, 1, 3, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    n = np.array([230, 180, 250, 300, 210, 190, 260, 240] * 2)
    case = np.repeat([1.0, 0.0], 8)
    found, _ = overdispersed.fit(k, n, np.column_stack([np.ones(16), case]))
    assert found.effect == pytest.approx(np.log((15 / 1860) / (1 / 1860)), abs=0.25)
    assert 0.8 < found.se < 1.3  # the binomial's is sqrt(1 / 15 + 1 / 1) = 1.03
    assert found.ci_high < found.effect + 3.5


def test_arms_far_apart_with_few_donors_still_get_finite_limits():
    k = np.array([90, 120, 80, 100, 1, 0, 2, 1])
    n = np.full(8, 300)
    case = np.repeat([1.0, 0.0], 4)
    sex = np.array([0, 1, 0, 1, 1, 0, 0, 1.0])
    found, _ = overdispersed.fit(k, n, np.column_stack([np.ones(8), sex, case]))
    assert found.p < 0.05
    assert 0 < found.ci_low < found.effect < found.ci_high < 10
    assert found.se > 0


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
        rejected.append(overdispersed.fit(tph, tph + th22, design, "normal")[0].p < 0.05)
    assert 0.02 <= np.mean(rejected) <= 0.08


def test_p_is_near_the_likelihood_ratio_of_scipys_beta_binomial_with_many_donors():
    k, n, case = draw(np.random.default_rng(3), donors=200, effect=0.25)
    found, _ = overdispersed.fit(k, n, np.column_stack([np.ones(200), case]))

    def loss(theta, width):
        mean = special.expit(theta[0] + (theta[1] * case if width == 3 else 0))
        size = np.exp(theta[-1])
        return -stats.betabinom.logpmf(k, n, mean * size, (1 - mean) * size).sum()

    ends = [
        optimize.minimize(
            loss,
            [-2, 0.0, 2][-w:] if w == 2 else [-2, 0, 2],
            args=(w,),
            method="Nelder-Mead",
            options={"maxiter": 4000, "xatol": 1e-6},
        ).fun
        for w in (2, 3)
    ]
    ratio = stats.chi2.sf(2 * (ends[0] - ends[1]), 1)
    assert np.log10(found.p) == pytest.approx(np.log10(ratio), abs=0.35)


@pytest.mark.parametrize(
    ("k", "n", "words"),
    [
        ([5, 6, 7, 8], [4, 10, 10, 10], "between 0 and a total"),
        ([0, 0, 3, 4], [9, 9, 9, 9], "an arm has none"),
        ([1, 1], [9, 9], "more columns than donors"),
    ],
)
def test_what_cannot_be_fitted_is_refused(k, n, words):
    design = np.column_stack([np.ones(len(k)), np.arange(len(k)) >= len(k) / 2]).astype(float)
    with pytest.raises(ValueError, match=words):
        overdispersed.fit(np.array(k), np.array(n), design)
