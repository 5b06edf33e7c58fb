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
        return model.parts(design @ t[:-1], t[-1], k, n)[0]

    parts = model.parts(design @ theta[:-1], theta[-1], k, n)
    gradient = np.r_[design.T @ parts[1], parts[2]]
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
    assert value - np.log(2 * np.pi) == pytest.approx(direct, abs=1e-6)


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


def test_the_interval_holds_what_the_test_does_not_reject():
    k, n, case = draw(np.random.default_rng(2), donors=30, effect=0.5)
    design = np.column_stack([np.ones(30), case])
    found, _ = overdispersed.fit(k, n, design)
    assert found.ci_low < found.effect < found.ci_high
    assert (found.p < 0.05) == (found.ci_low > 0 or found.ci_high < 0)
    other, _ = overdispersed.fit(n - k, n, design)  # the other side is the mirror image
    assert other.effect == pytest.approx(-found.effect, abs=1e-3)
    assert other.ci_low == pytest.approx(-found.ci_high, abs=0.01)
    assert other.p == pytest.approx(found.p, rel=1e-2)


def test_arms_far_apart_with_few_donors_still_get_finite_limits():
    k = np.array([90, 120, 80, 100, 1, 0, 2, 1])
    n = np.full(8, 300)
    case = np.repeat([1.0, 0.0], 4)
    sex = np.array([0, 1, 0, 1, 1, 0, 0, 1.0])
    found, _ = overdispersed.fit(k, n, np.column_stack([np.ones(8), sex, case]))
    assert found.p < 0.05
    assert 0 < found.ci_low < found.effect < found.ci_high < np.inf
    assert found.se > 0


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
