"""Models of counts against R 4.2.2: sandwich 3.0.2, clubSandwich 0.5.8, VGAM 1.1-7, lme4 1.1-31."""

import numpy as np
import pytest
from tilt.stats import overdispersed

# k <- c(12, 70, ...); n <- c(310, 820, ...); age <- c(-1.2, 0.4, ...); case <- rep(1:0, each = 6)
K = np.array([12, 70, 5, 90, 12, 4, 6, 7, 40, 9, 3, 11])
N = np.array([310, 820, 150, 1400, 600, 95, 520, 410, 900, 700, 120, 640])
AGE = np.array([-1.2, 0.4, 0.9, -0.3, 1.5, 0.1, -0.8, 1.1, -0.5, 0.6, 0.2, -1.0])
DESIGN = np.column_stack([np.ones(12), AGE, np.repeat([1.0, 0.0], 6)])


def test_the_mean_share_is_that_of_glm_sandwich_and_clubsandwich():
    # rho <- 0
    # for (i in 1:50) {
    #   m <- glm(cbind(k, n - k) ~ age + case, family = quasibinomial,
    #            weights = 1 / (1 + (n - 1) * rho), control = list(epsilon = 1e-14))
    #   p <- fitted(m)
    #   rest <- function(r) sum((k - n * p)^2 / (n * p * (1 - p) * (1 + (n - 1) * r))) - 9
    #   rho <- uniroot(rest, c(0, 0.99), tol = 1e-15)$root
    # }
    # rho; coef(m); sqrt(diag(vcovHC(m, type = "HC2"))); summary(m)$dispersion  # 1
    # coef_test(m, vcov = "CR2", cluster = 1:12)
    found, rho = overdispersed.quasi_binomial(K, N, DESIGN)
    assert rho == pytest.approx(0.0083419439279, rel=1e-6)
    assert found.effect == pytest.approx(0.922121890256, abs=1e-8)
    assert found.se == pytest.approx(0.358713032654, abs=1e-7)
    assert found.df == pytest.approx(7.26170460264, abs=1e-5)
    assert found.p == pytest.approx(0.0358442209027, abs=1e-7)


def test_of_alike_totals_it_is_glm_without_weights():
    # m <- glm(cbind(k, 500 - k) ~ age + case, family = quasibinomial)
    # coef(m); vcovHC(m, type = "HC2"); coef_test(m, vcov = "CR2", cluster = 1:12)
    # (summary(m)$dispersion - 1) / 499
    found, rho = overdispersed.quasi_binomial(K, np.full(12, 500), DESIGN)
    assert rho == pytest.approx(0.061276171926, rel=1e-6)
    assert found.effect == pytest.approx(1.057290924721, abs=1e-8)
    assert found.se == pytest.approx(0.759320554976, abs=1e-7)
    assert found.df == pytest.approx(7.30536374407, abs=1e-5)
    assert found.p == pytest.approx(0.204710502174, abs=1e-7)


def test_donors_that_spread_alike_have_the_odds_ratio_of_a_beta_binomial():
    """Another model of the same mean: a quarter of its standard error away at most."""
    # vglm(cbind(k, n - k) ~ age + case, betabinomial(zero = 2)): coefficient of case, its error
    found, _ = overdispersed.quasi_binomial(K, N, DESIGN)
    assert found.effect == pytest.approx(0.873176483566, abs=0.307064447454 / 4)


def test_mean_log_odds_and_their_spread_are_those_of_lme4():
    # glmer(cbind(k, n - k) ~ age + case + (1 | donor), family = binomial, nAGQ = 50)
    found, sd = overdispersed.logit_normal(K, N, DESIGN)
    assert found.effect == pytest.approx(0.9375898824, abs=1e-4)
    assert sd == pytest.approx(0.4377515373, abs=1e-4)
