import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from statsmodels.stats.meta_analysis import combine_effects
from tilt.stats import inference, meta

EFFECT = np.array([0.61, 0.10, 0.95, 0.35, -0.20])
SE = np.array([0.15, 0.20, 0.30, 0.12, 0.25])
PAIR = np.array([1.59337, 0.49113]), np.array([0.60012, 0.529433])


def test_paule_mandel_and_hartung_knapp_are_those_of_statsmodels():
    check = combine_effects(EFFECT, SE**2, method_re="iterated", use_t=True)
    found = meta.knapp_hartung(EFFECT, SE)
    assert found.tau2 == pytest.approx(check.tau2, rel=1e-4)
    assert found.effect == pytest.approx(check.mean_effect_re, rel=1e-4)
    frame = check.summary_frame()
    factor = check.scale_hksj_re
    expected = frame.loc["random effect", "sd_eff"] * np.sqrt(max(1, factor))
    assert found.se == pytest.approx(expected, rel=1e-3)


def test_agreeing_studies_do_not_get_a_narrower_interval_than_their_precision_allows():
    found = meta.knapp_hartung([0.5, 0.5, 0.5], [0.2, 0.2, 0.2])
    assert found.tau2 == 0
    assert found.i2 == 0
    assert found.se == pytest.approx(0.2 / np.sqrt(3))


def test_two_studies_have_no_prediction_interval_without_a_prior():
    assert np.isnan(meta.knapp_hartung([0.5, 0.1], [0.2, 0.2]).pi_low)
    assert meta.half_normal([0.5, 0.1], [0.2, 0.2]).pi_low < 0


@pytest.mark.parametrize("model", [meta.common_effect, meta.half_normal, meta.knapp_hartung])
def test_what_cannot_be_combined_is_refused(model):
    with pytest.raises(ValueError, match="two studies"):
        model([0.5], [0.2])
    for bad in (0, np.inf, np.nan):
        with pytest.raises(ValueError, match="positive standard error"):
            model([0.5, 0.2], [0.2, bad])


@pytest.mark.parametrize("model", [meta.half_normal, meta.knapp_hartung])
def test_the_prediction_interval_is_wider_than_the_other(model):
    found = model(EFFECT, SE)
    assert found.pi_low < found.ci_low < found.effect < found.ci_high < found.pi_high


def by_quadrature(effect, se, scale):
    """Posterior mean, and the distribution functions of mean and tau, from the joint density."""

    def joint(mu, tau):
        like = np.prod(stats.norm.pdf(effect, mu, np.sqrt(se**2 + tau**2)))
        return like * stats.halfnorm.pdf(tau, scale=scale)

    low, high = effect.min() - 12 * se.max(), effect.max() + 12 * se.max()

    def over_tau(f):
        return integrate.quad(f, 0, 9 * scale, epsabs=1e-12, epsrel=1e-8, limit=200)[0]

    def marginal(tau):
        return integrate.quad(joint, low, high, args=(tau,), points=list(effect), epsabs=1e-13)[0]

    whole = over_tau(marginal)

    def below(x):
        return over_tau(lambda t: integrate.quad(joint, low, x, args=(t,), epsabs=1e-13)[0]) / whole

    mean = over_tau(lambda t: integrate.quad(lambda m: m * joint(m, t), low, high)[0]) / whole
    return mean, below, lambda tau: integrate.quad(marginal, 0, tau)[0] / whole


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0])
def test_the_posterior_is_that_of_scipys_quadrature(scale):
    effect, se = PAIR
    mean, below, tau_below = by_quadrature(effect, se, scale)
    found = meta.half_normal(effect, se, scale)
    assert found.effect == pytest.approx(mean, abs=1e-4)
    assert below(found.ci_low) == pytest.approx(0.025, abs=1e-4)
    assert below(found.ci_high) == pytest.approx(0.975, abs=1e-4)
    assert found.p == pytest.approx(2 * below(0.0), abs=1e-4)
    assert tau_below(np.sqrt(found.tau2)) == pytest.approx(0.5, abs=2e-3)


def test_the_eight_schools_of_bayesmeta():
    """Rubin 1981 with flat priors, as printed in the package's vignette (schools.example.2)."""
    effect = np.array([28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16])
    se = np.array([14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6])
    found = meta.half_normal(effect, se, 1e3)  # as good as flat: tau is below 30
    assert found.effect == pytest.approx(8.092138, abs=2e-3)
    assert found.se == pytest.approx(5.246683, abs=5e-3)
    assert np.sqrt(found.tau2) == pytest.approx(5.227732, abs=5e-3)
    # of a new school: its SD is 10.148; the central interval about as wide as the shortest
    assert found.pi_high - found.pi_low == pytest.approx(29.014749 + 12.511817, rel=2e-3)


def test_two_discordant_cohorts_get_an_interval_that_can_be_used():
    """Cohorts of g 1.59 and 0.49: half as wide as tau 0.5 allows, not 14 units."""
    effect, se = PAIR
    found = meta.half_normal(effect, se)
    assert (found.ci_low, found.ci_high) == pytest.approx((-0.047, 2.059), abs=2e-3)
    assert (found.pi_low, found.pi_high) == pytest.approx((-0.473, 2.498), abs=2e-3)
    wide = meta.knapp_hartung(effect, se)
    assert wide.ci_high - wide.ci_low > 13


def test_draws_of_the_predictive_distribution_have_its_limits():
    rng = np.random.default_rng(5)
    tau = np.abs(rng.normal(0, 0.5, 2_000_000))
    effect, se = EFFECT[:2], SE[:2]
    variance = se**2 + tau[:, None] ** 2
    weight = 1 / variance
    total = weight.sum(axis=1)
    mean = weight @ effect / total
    like = np.sqrt(weight.prod(axis=1) / total) * np.exp(
        -0.5 * np.sum(weight * (effect - mean[:, None]) ** 2, axis=1)
    )
    kept = rng.choice(len(tau), 400_000, p=like / like.sum())
    new = rng.normal(mean[kept], np.sqrt(1 / total[kept] + tau[kept] ** 2))
    found = meta.half_normal(effect, se)
    assert np.quantile(new, [0.025, 0.975]) == pytest.approx(
        [found.pi_low, found.pi_high], abs=0.02
    )
    assert np.median(tau[kept]) ** 2 == pytest.approx(found.tau2, rel=0.02)


def test_a_prior_near_zero_gives_the_common_effect():
    none = meta.half_normal(EFFECT, SE, 1e-4)
    common = meta.common_effect(EFFECT, SE)
    assert none.effect == pytest.approx(common.effect, abs=1e-4)
    assert none.ci_low == pytest.approx(common.ci_low, abs=1e-3)
    assert none.p == pytest.approx(common.p, rel=1e-3)
    assert none.weights == pytest.approx(common.weights, abs=1e-4)


@pytest.mark.parametrize("gap", [0.0, 1e-3, 5.0, 80.0])
@pytest.mark.parametrize("se", [1e-4, 0.1, 30.0])
def test_the_grid_holds_for_precise_vague_and_contradicting_studies(gap, se):
    found = meta.half_normal([0.0, gap], [se, se])
    assert found.effect == pytest.approx(gap / 2, abs=1e-6 * max(1, gap))
    assert found.weights == pytest.approx([0.5, 0.5])
    assert found.ci_low < gap / 2 < found.ci_high
    around = found.ci_high - gap / 2, gap / 2 - found.ci_low
    assert around[0] == pytest.approx(around[1], rel=1e-3)
    assert found.ci_high - found.ci_low > 2 * 1.95 * se / np.sqrt(2)


def test_the_average_carries_the_uncertainty_of_its_standard_errors():
    effect, se = EFFECT[:2], SE[:2]
    weight = 1 / se**2
    known = meta.common_effect(effect, se)
    assert known.effect == pytest.approx(np.average(effect, weights=weight))
    assert known.se == pytest.approx(1 / np.sqrt(weight.sum()))
    assert known.p == pytest.approx(2 * stats.norm.sf(known.effect / known.se))
    few = meta.common_effect(effect, se, np.array([6.0, 8.0]))
    share = weight / weight.sum()
    more = 1 + 4 * np.sum(share * (1 - share) / [6, 8])  # Meier 1953
    assert few.se == pytest.approx(known.se * np.sqrt(more))
    free = 1 / np.sum(share**2 / [6, 8])
    assert few.ci_high - few.effect == pytest.approx(stats.t.ppf(0.975, free) * few.se)


def test_one_stage_is_the_regression_with_a_stratum_and_own_covariates_for_each_cohort():
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "cohort": np.repeat(["a", "b"], [24, 16]),
            "case": np.tile([0.0, 1.0], 20),
            "age": rng.normal(size=40),
        }
    )
    rows["y"] = 0.7 * rows["case"] + rng.normal(size=40) + 2 * (rows["cohort"] == "b")
    model = smf.ols("y ~ C(cohort) * age + case", rows).fit(cov_type="HC2", use_t=True)
    studies = []
    for _, part in rows.groupby("cohort"):
        design = np.column_stack([np.ones(len(part)), part["age"], part["case"]])
        studies.append((part["y"].to_numpy(), design))
    found = meta.one_stage(studies)
    assert found.effect == pytest.approx(model.params["case"])
    assert found.se == pytest.approx(model.bse["case"])
    at = model.model.exog_names.index("case")
    design = np.column_stack([np.delete(model.model.exog, at, axis=1), rows["case"]])
    df = inference.project(design).df_effect
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.effect / found.se), df))


def test_every_person_counts_once():
    donors = {
        "small": pd.DataFrame({"donor": ["a", "b", "c"]}),
        "large": pd.DataFrame({"donor": ["b", "d", "e", "f"]}),
        "other": pd.DataFrame({"donor": ["c", "x"]}),
    }
    assert meta.repeated_donors(donors) == {"small": ["b"], "large": [], "other": ["c"]}


# cohorts, SD between them, and the shares of intervals that must hold the truth: of the average,
# of the half-normal model, of Knapp-Hartung. Both ends can fail. No interval that allows for
# differences can cover less than nearly all where there are none, so at tau 0 only the average
# is held to 95 %.
COVERAGE = [
    (2, 0.0, (0.92, 0.98), (0.985, 1.0), (0.99, 1.0)),
    (2, 0.3, (0.80, 0.92), (0.96, 0.999), (0.99, 1.0)),
    (2, 0.5, (0.70, 0.85), (0.92, 0.985), (0.98, 1.0)),
    (3, 0.0, (0.92, 0.98), (0.98, 1.0), (0.985, 1.0)),
    (3, 0.3, (0.78, 0.92), (0.945, 0.995), (0.97, 1.0)),
    (3, 0.5, (0.64, 0.82), (0.90, 0.975), (0.95, 1.0)),
    (5, 0.0, (0.92, 0.98), (0.97, 1.0), (0.97, 1.0)),
    (5, 0.3, (0.76, 0.90), (0.925, 0.985), (0.94, 0.99)),
    (5, 0.5, (0.60, 0.80), (0.91, 0.975), (0.93, 0.985)),
]


@pytest.mark.parametrize(("k", "tau", "average", "half_normal", "knapp_hartung"), COVERAGE)
def test_intervals_of_few_cohorts_cover(k, tau, average, half_normal, knapp_hartung):
    rng = np.random.default_rng((k, int(10 * tau)))
    targets = {
        meta.common_effect: average,
        meta.half_normal: half_normal,
        meta.knapp_hartung: knapp_hartung,
    }
    held = {model: [] for model in targets}
    for _ in range(500):
        se = rng.uniform(0.25, 0.6, k)
        drawn = rng.normal(rng.normal(0.8, tau, k), se)
        for model in targets:
            found = model(drawn, se)
            held[model].append(found.ci_low <= 0.8 <= found.ci_high)
    for model, (low, high) in targets.items():
        assert low <= np.mean(held[model]) <= high, model.__name__


def test_over_the_prior_the_half_normal_interval_covers_as_it_says():
    rng = np.random.default_rng(11)
    held = {2: [], 3: []}
    for k, found in held.items():
        for tau in np.abs(rng.normal(0, 0.5, 1500)):
            se = rng.uniform(0.25, 0.6, k)
            one = meta.half_normal(rng.normal(rng.normal(0.8, tau, k), se), se)
            found.append(one.ci_low <= 0.8 <= one.ci_high)
    for found in held.values():
        assert np.mean(found) == pytest.approx(0.95, abs=0.015)
