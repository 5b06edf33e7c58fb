"""Combined effects by hand: weights, heterogeneity, degrees of freedom of every interval."""

import numpy as np
import pytest
from scipy import stats
from tilt.stats import meta

EFFECT = np.array([0.2, 1.4, 0.9, -0.1])
SE = np.array([0.3, 0.4, 0.25, 0.5])


def by_hand(tau2: float):
    weight = 1 / (SE**2 + tau2)
    mean = np.sum(weight * EFFECT) / weight.sum()
    return weight, mean, np.sum(weight * (EFFECT - mean) ** 2)


def test_the_common_effect_is_the_weighted_mean():
    weight, mean, _ = by_hand(0)
    found = meta.common_effect(EFFECT, SE)
    assert found.effect == pytest.approx(mean)
    assert found.se == pytest.approx(1 / np.sqrt(weight.sum()))
    assert found.weights == pytest.approx(weight / weight.sum())
    assert found.ci_high - found.effect == pytest.approx(1.959964 * found.se, rel=1e-6)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(mean) / found.se))


def test_standard_errors_of_few_donors_widen_the_common_effect():
    df = np.array([6.0, 9.0, 30.0, 5.0])
    weight, _, _ = by_hand(0)
    share = weight / weight.sum()
    variance = (1 + 4 * np.sum(share * (1 - share) / df)) / weight.sum()
    free = 1 / np.sum(share**2 / df)
    found = meta.common_effect(EFFECT, SE, df)
    assert found.se == pytest.approx(np.sqrt(variance))
    assert found.ci_high - found.effect == pytest.approx(stats.t.ppf(0.975, free) * found.se)


def test_heterogeneity_has_one_degree_of_freedom_less_than_cohorts():
    _, _, q = by_hand(0)
    assert q > 3
    assert meta.common_effect(EFFECT, SE).i2 == pytest.approx((q - 3) / q)


def test_knapp_hartung_by_hand():
    found = meta.knapp_hartung(EFFECT, SE)
    weight, mean, q = by_hand(found.tau2)
    assert q == pytest.approx(3, abs=1e-6)  # what Paule and Mandel ask of tau
    spread = np.sqrt(max(1, q / 3) / weight.sum())
    assert (found.effect, found.se) == pytest.approx((mean, spread))
    assert found.ci_high - mean == pytest.approx(stats.t.ppf(0.975, 3) * spread)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(mean) / spread, 3))


def test_the_prediction_interval_has_two_degrees_of_freedom_less_than_cohorts():
    found = meta.knapp_hartung(EFFECT, SE)
    reach = stats.t.ppf(0.975, 2) * np.sqrt(found.tau2 + found.se**2)
    assert found.pi_high - found.effect == pytest.approx(reach)
    assert found.effect - found.pi_low == pytest.approx(reach)
    assert np.isnan(meta.knapp_hartung(EFFECT[:2], SE[:2]).pi_low)


def test_agreeing_cohorts_are_not_narrower_than_their_common_effect():
    same = np.full(4, 0.5)
    found = meta.knapp_hartung(same, SE)
    assert found.tau2 == 0 and found.i2 == 0
    assert found.se == pytest.approx(meta.common_effect(same, SE).se)


@pytest.mark.parametrize("model", [meta.common_effect, meta.half_normal, meta.knapp_hartung])
def test_one_cohort_or_a_broken_standard_error_is_refused(model):
    with pytest.raises(ValueError, match="two studies"):
        model(EFFECT[:1], SE[:1])
    for broken in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="positive standard error"):
            model(EFFECT, np.array([0.3, 0.4, 0.25, broken]))
