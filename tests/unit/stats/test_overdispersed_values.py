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
        return model.parts(eta, dispersion, k.astype(float), n.astype(float))[0].sum() - exact

    first = gap(design @ [-1.5, 0.2, 0.5], -2.0)
    assert gap(design @ [-0.5, 0.0, -0.5], -4.0) == pytest.approx(first)


def maximum(family, k, n, design, held=None):
    """Largest likelihood over all but a held effect, by a search without gradients."""
    model = overdispersed.FAMILIES[family]

    def loss(theta):
        beta = theta[:-1] if held is None else np.r_[theta[:-1], held]
        return -model.parts(design @ beta, theta[-1], k, n)[0].sum()

    size = design.shape[1] + (held is None)
    start = np.r_[-1.5, np.zeros(size - 2), -2.0 if family == "beta" else -1.0]
    options = {"maxiter": 8000, "maxfev": 8000, "xatol": 1e-7, "fatol": 1e-9}
    return optimize.minimize(loss, start, method="Nelder-Mead", options=options).x


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
