import numpy as np
import pytest
from scipy import optimize, special, stats
from tilt import betabinomial


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
    found, rho = betabinomial.fit(k, n, design)
    assert found.effect == pytest.approx(direct.x[1], abs=2e-3)
    assert rho == pytest.approx(1 / (1 + np.exp(direct.x[2])), rel=0.02)


def test_without_overdispersion_it_is_the_binomial_model():
    import statsmodels.api as sm

    n = np.full(40, 500)
    case = (np.arange(40) % 2).astype(float)
    k = np.where(case == 1, 120, 100)
    design = np.column_stack([np.ones(40), case])
    found, rho = betabinomial.fit(k, n, design)
    glm = sm.GLM(np.column_stack([k, n - k]), design, family=sm.families.Binomial()).fit()
    assert rho < 1e-5
    assert found.effect == pytest.approx(glm.params[1], abs=1e-4)
    assert found.se == pytest.approx(glm.bse[1] * np.sqrt(40 / 38), rel=1e-3)


def test_the_gradient_is_right():
    k, n, case = draw(np.random.default_rng(1))
    design = np.column_stack([np.ones(60), case])
    theta = np.array([-1.7, 0.4, -2.0])
    _, gradient = betabinomial._terms(theta, k, n, design)
    numeric = optimize.approx_fprime(theta, lambda t: betabinomial._terms(t, k, n, design)[0], 1e-6)
    assert gradient == pytest.approx(numeric, rel=1e-3, abs=1e-2)


@pytest.mark.parametrize(
    ("k", "n", "words"),
    [
        ([5, 6, 7, 8], [4, 10, 10, 10], "between 0 and their total"),
        ([0, 0, 3, 4], [9, 9, 9, 9], "without a single"),
        ([1, 1], [9, 9], "more columns than donors"),
    ],
)
def test_what_cannot_be_fitted_is_refused(k, n, words):
    design = np.column_stack([np.ones(len(k)), np.arange(len(k)) >= len(k) / 2]).astype(float)
    with pytest.raises(ValueError, match=words):
        betabinomial.fit(np.array(k), np.array(n), design)
