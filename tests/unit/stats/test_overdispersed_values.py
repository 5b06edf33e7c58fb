"""Parts of the count models by hand, and the test from the scores they give."""

import numpy as np
import pytest
from scipy import optimize, special, stats
from tilt.stats import inference, overdispersed


def data(seed=0, n=14):
    rng = np.random.default_rng(seed)
    case = (np.arange(n) % 2).astype(float)
    age = rng.normal(size=n)
    total = rng.integers(60, 600, n)
    share = special.expit(-1.5 + 0.6 * case + 0.2 * age + rng.normal(0, 0.4, n))
    return rng.binomial(total, share), total, np.column_stack([np.ones(n), age, case])


def test_information_of_a_donor():
    eta, n = np.array([-2.0, 0.5]), np.array([100.0, 40.0])
    mean = special.expit(eta)
    rho, sd = special.expit(-1.0), np.exp(-1.0)
    each = n * mean * (1 - mean)
    beta = overdispersed.Beta().weights(eta, -1.0, n)
    assert beta == pytest.approx(each / (1 + (n - 1) * rho))
    normal = overdispersed.Normal().weights(eta, -1.0, n)
    assert normal == pytest.approx(1 / (1 / each + sd**2))
    assert overdispersed.Beta.natural(-1.0) == pytest.approx(rho)
    assert overdispersed.Normal.natural(-1.0) == pytest.approx(sd)


def test_the_beta_binomial_likelihood_is_that_of_scipy_up_to_a_constant():
    k, n, design = data()
    model = overdispersed.Beta()

    def gap(eta, dispersion):
        rho = special.expit(dispersion)
        mean, size = special.expit(eta), (1 - rho) / rho
        exact = stats.betabinom.logpmf(k, n, mean * size, (1 - mean) * size).sum()
        return model.parts(eta, dispersion, k.astype(float), n.astype(float))[0] - exact

    first = gap(design @ [-1.5, 0.2, 0.5], -2.0)
    assert gap(design @ [-0.5, 0.0, -0.5], -4.0) == pytest.approx(first)


def maximum(family, k, n, design, held=None):
    """Largest likelihood over all but a held effect, by a search without gradients."""
    model = overdispersed.FAMILIES[family]

    def loss(theta):
        beta = theta[:-1] if held is None else np.r_[theta[:-1], held]
        return -model.parts(design @ beta, theta[-1], k, n)[0]

    size = design.shape[1] + (held is None)
    start = np.r_[-1.5, np.zeros(size - 2), -2.0 if family == "beta" else -1.0]
    options = {"maxiter": 8000, "maxfev": 8000, "xatol": 1e-7, "fatol": 1e-9}
    return optimize.minimize(loss, start, method="Nelder-Mead", options=options).x


def scores_t(family, k, n, design, value, dispersion):
    """t of the donors' scores when the effect is held and the dispersion is that of the fit."""
    model, nuisance, case = overdispersed.FAMILIES[family], design[:, :-1], design[:, -1]

    def loss(beta):
        return -model.parts(nuisance @ beta + value * case, dispersion, k, n)[0]

    options = {"maxiter": 8000, "xatol": 1e-8, "fatol": 1e-10}
    start = np.r_[-1.5, np.zeros(nuisance.shape[1] - 1)]
    beta = optimize.minimize(loss, start, method="Nelder-Mead", options=options).x
    s = model.parts(nuisance @ beta + value * case, dispersion, k, n)[1]
    partial = case - nuisance @ np.linalg.lstsq(nuisance, case)[0]
    residual = s - design @ np.linalg.lstsq(design, s)[0]
    if family == "normal":
        variance = residual @ residual / (len(k) - 3) * (partial @ partial)
    else:
        leverage = np.diag(design @ np.linalg.pinv(design))
        variance = residual**2 / (1 - leverage) @ partial**2
    return s @ partial / np.sqrt(variance)


@pytest.mark.parametrize("family", ["beta", "normal"])
def test_effect_p_and_interval_are_those_of_the_scores(family):
    k, n, design = data()
    found, spread = overdispersed.fit(k, n, design, family)
    best = maximum(family, k, n, design)
    assert found.effect == pytest.approx(best[2], abs=2e-3)
    natural = special.expit(best[-1]) if family == "beta" else np.exp(best[-1])
    assert spread == pytest.approx(natural, rel=0.01)
    dispersion = special.logit(spread) if family == "beta" else np.log(spread)
    t = scores_t(family, k, n, design, 0.0, dispersion)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 11), rel=0.01)
    critical = stats.t.ppf(0.975, 11)
    for limit, sign in ((found.ci_low, 1), (found.ci_high, -1)):
        at = scores_t(family, k, n, design, limit, dispersion)
        assert at == pytest.approx(sign * critical, rel=0.01)
    assert found.df == 11
    assert found.se == pytest.approx((found.ci_high - found.ci_low) / (2 * critical))


def test_what_has_no_spread_within_the_arms_is_refused():
    case = np.repeat([1.0, 0.0], 4)
    design = np.column_stack([np.ones(8), case])
    with pytest.raises(ValueError, match="no spread between donors"):
        overdispersed.fit(np.where(case == 1, 30, 10), np.full(8, 100), design)


@pytest.mark.parametrize(
    ("k", "n", "good"),
    [
        ([1, 2, 1, 3, 2, 1], [9] * 6, True),
        ([1, 2, 1, 3, 2, 10], [9] * 6, False),
        ([1, 2, 1, 3, 2, -1], [9] * 6, False),
        ([0, 2, 1, 3, 2, 0], [9, 9, 9, 9, 9, 0], False),
        ([0, 0, 0, 3, 2, 1], [9] * 6, False),
        ([1, 2, 1, 9, 9, 9], [9] * 6, False),
        ([0, 0, 1, 9, 9, 8], [9] * 6, True),
    ],
)
def test_counts_that_can_be_fitted(k, n, good):
    design = np.column_stack([np.ones(6), [0.0, 0, 0, 1, 1, 1]])
    if good:
        overdispersed._check(np.array(k), np.array(n), design)
    else:
        with pytest.raises(ValueError):
            overdispersed._check(np.array(k), np.array(n), design)


def test_as_many_donors_as_columns_are_too_few():
    design = np.column_stack([np.ones(3), [0.0, 1, 2], [0.0, 1, 1]])
    with pytest.raises(ValueError, match="more columns than donors"):
        overdispersed._check(np.array([1, 2, 3]), np.array([9, 9, 9]), design)


def test_an_interval_open_on_one_side_is_mirrored():
    k = np.array([90, 120, 80, 100, 1, 0, 2, 1])
    case = np.repeat([1.0, 0.0], 4)
    found, _ = overdispersed.fit(k, np.full(8, 300), np.column_stack([np.ones(8), case]))
    assert (
        isinstance(found, inference.Estimate) and np.isfinite([found.ci_low, found.ci_high]).all()
    )
    assert found.ci_low < found.effect < found.ci_high
