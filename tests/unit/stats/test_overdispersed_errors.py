"""The standard error of the count models: influence and leverage of each donor, by hand."""

import numpy as np
import pytest
from scipy import special
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


@pytest.mark.parametrize("family", ["beta", "normal"])
def test_error_and_degrees_of_freedom_are_those_of_influence_and_leverage(family):
    k, n, age, case = cohort()
    design = np.column_stack([np.ones(len(k)), age, case])
    found, natural = overdispersed.fit(k, n, design, family)
    model = overdispersed.FAMILIES[family]
    dispersion = special.logit(natural) if family == "beta" else np.log(natural)

    def by_donor(theta):
        return model.parts(design @ theta[:-1], theta[-1], k, n)[0]

    # The optimum: Newton steps from where the fit says the effect and dispersion are.
    theta = np.r_[-2.5, 0.5, found.effect, dispersion]
    for _ in range(30):
        slope = slopes(by_donor, theta).sum(axis=0)
        curve = slopes(lambda t: slopes(by_donor, t, 1e-4).sum(axis=0), theta, 1e-4)
        theta = theta - np.linalg.solve(curve, slope)
    assert theta[2] == pytest.approx(found.effect, abs=1e-4)
    assert theta[3] == pytest.approx(dispersion, abs=1e-3)
    influence = slopes(by_donor, theta) @ np.linalg.inv(-curve)[:, 2]
    mean = special.expit(design @ theta[:-1])
    each = n * mean * (1 - mean)
    rho, sd = special.expit(theta[3]), np.exp(theta[3])
    weight = each / (1 + (n - 1) * rho) if family == "beta" else each / (1 + sd**2 * each)
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
    _, rho = overdispersed.fit(rng.binomial(n, share), n, np.column_stack([np.ones(40), case]))
    assert 0.55 < rho < 0.85
