"""The standard error of the count models: influence and leverage of each donor, by hand."""

import numpy as np
import pytest
from scipy import integrate, optimize, special
from tilt.stats import inference, overdispersed


def cohort(n=16):
    """Donors of very unequal depth and share, so that their weights differ manyfold."""
    rng = np.random.default_rng(3)
    case = (np.arange(n) % 2).astype(float)
    age = rng.normal(size=n)
    total = np.round(np.exp(rng.uniform(3, 8, n)))
    share = special.expit(-2.5 + 1.2 * case + 0.5 * age + rng.normal(0, 0.5, n))
    return rng.binomial(total.astype(int), share).astype(float), total, age, case


def slopes(values, at, step=1e-5):
    """Derivatives of a function with one value a donor by each coordinate: donors x coordinates."""
    out = []
    for axis in np.eye(len(at)) * step:
        out.append((values(at + axis) - values(at - axis)) / (2 * step))
    return np.stack(out, axis=-1)


def test_error_and_degrees_of_freedom_are_those_of_influence_and_leverage():
    k, n, age, case = cohort()
    design = np.column_stack([np.ones(len(k)), age, case])
    found, sd = overdispersed.logit_normal(k, n, design)

    def by_donor(theta):
        return overdispersed.log_likelihood(design @ theta[:-1], theta[-1], k, n)[0]

    # The optimum: Newton steps from where the fit says the effect and dispersion are.
    theta = np.r_[-2.5, 0.5, found.effect, np.log(sd)]
    for _ in range(30):
        slope = slopes(by_donor, theta).sum(axis=0)
        curve = slopes(lambda t: slopes(by_donor, t, 1e-4).sum(axis=0), theta, 1e-4)
        theta = theta - np.linalg.solve(curve, slope)
    assert theta[2] == pytest.approx(found.effect, abs=1e-4)
    assert theta[3] == pytest.approx(np.log(sd), abs=1e-3)
    influence = slopes(by_donor, theta) @ np.linalg.inv(-curve)[:, 2]
    mean = special.expit(design @ theta[:-1])
    each = n * mean * (1 - mean)
    weight = each / (1 + sd**2 * each)
    root = np.sqrt(weight)[:, None] * design
    leverage = np.einsum("ij,jk,ik->i", root, np.linalg.inv(root.T @ root), root)
    se = np.sqrt(np.sum(influence**2 / (1 - leverage)))
    assert found.se == pytest.approx(se, rel=2e-3)
    assert found.df == pytest.approx(inference.project(root).df_effect, rel=2e-3)
    # A wrong weight would be seen: leverages and degrees of freedom are far from the plain ones.
    plain = inference.project(design)
    assert abs(plain.df_effect - found.df) > 0.5
    assert np.abs(plain.one_minus_leverage - (1 - leverage)).max() > 0.05


def test_donors_of_nearly_all_or_none_have_a_rho_beyond_a_half():
    rng = np.random.default_rng(8)
    share = rng.beta(0.12, 0.28, 40)  # rho = 1 / (1 + 0.4)
    n = np.full(40, 300)
    case = np.repeat([1.0, 0.0], 20)
    _, rho = overdispersed.quasi_binomial(
        rng.binomial(n, share), n, np.column_stack([np.ones(40), case])
    )
    assert 0.55 < rho < 0.85


@pytest.mark.parametrize(("k", "n"), [(3.0, 10.0), (900.0, 4000.0), (30_000.0, 120_000.0)])
def test_the_normal_is_integrated_exactly_also_over_narrow_donors(k, n):
    eta, sd = -1.3, 0.8

    def log(z):
        return k * (eta + sd * z) - n * np.logaddexp(0, eta + sd * z) - z**2 / 2

    top = optimize.minimize_scalar(lambda z: -log(z), bounds=(-6, 6), method="bounded").x
    wide = min(6.0, 40 / np.sqrt(1 + sd**2 * k * (n - k) / n))
    area = integrate.quad(
        lambda z: np.exp(log(z) - log(top)), top - wide, top + wide, epsabs=0, epsrel=1e-11
    )[0]
    found = overdispersed.log_likelihood(np.array([eta]), np.log(sd), np.array([k]), np.array([n]))
    assert found[0][0] == pytest.approx(log(top) + np.log(area), abs=1e-7)
