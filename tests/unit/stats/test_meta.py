import numpy as np
import pandas as pd
import pytest
from scipy import optimize
from statsmodels.stats.meta_analysis import combine_effects
from tilt.stats import meta

EFFECT = np.array([0.61, 0.10, 0.95, 0.35, -0.20])
SE = np.array([0.15, 0.20, 0.30, 0.12, 0.25])


# cohorts, tau, and the share of intervals that must hold the truth: at and above 95 %, close to
# all for two or three cohorts that agree (as published; see tilt.meta.combine)
COVERAGE = [
    *((2, 0.0, 0.99, 1.0), (2, 0.3, 0.99, 1.0), (3, 0.0, 0.985, 1.0), (3, 0.3, 0.975, 1.0)),
    *((5, 0.0, 0.98, 1.0), (5, 0.3, 0.94, 0.99), (8, 0.0, 0.965, 1.0), (8, 0.3, 0.92, 0.975)),
]


def test_paule_mandel_and_hartung_knapp_are_those_of_statsmodels():
    check = combine_effects(EFFECT, SE**2, method_re="iterated", use_t=True)
    found = meta.combine(EFFECT, SE)
    assert found.tau2 == pytest.approx(check.tau2, rel=1e-4)
    assert found.effect == pytest.approx(check.mean_effect_re, rel=1e-4)
    frame = check.summary_frame()
    factor = check.scale_hksj_re
    expected = frame.loc["random effect", "sd_eff"] * np.sqrt(max(1, factor))
    assert found.se == pytest.approx(expected, rel=1e-3)


def test_reml_is_the_maximum_of_the_restricted_likelihood():
    def loss(tau2):
        w = 1 / (SE**2 + tau2)
        mean = np.sum(w * EFFECT) / w.sum()
        return 0.5 * (np.sum(w * (EFFECT - mean) ** 2) - np.log(w).sum() + np.log(w.sum()))

    grid = np.linspace(0, 2, 200_001)
    best = grid[np.argmin([loss(t) for t in grid[::100]]) * 100]
    assert meta.reml(EFFECT, SE**2) == pytest.approx(best, abs=2e-3)
    assert optimize.approx_fprime([meta.reml(EFFECT, SE**2)], lambda t: loss(t[0]))[0] == (
        pytest.approx(0, abs=1e-2)
    )


def test_agreeing_studies_do_not_get_a_narrower_interval_than_their_precision_allows():
    found = meta.combine([0.5, 0.5, 0.5], [0.2, 0.2, 0.2])
    assert found.tau2 == 0
    assert found.i2 == 0
    assert found.se == pytest.approx(0.2 / np.sqrt(3))


def test_two_studies_have_no_prediction_interval_and_one_is_refused():
    assert np.isnan(meta.combine([0.5, 0.1], [0.2, 0.2]).pi_low)
    with pytest.raises(ValueError, match="two studies"):
        meta.combine([0.5], [0.2])
    with pytest.raises(ValueError, match="positive standard error"):
        meta.combine([0.5, 0.2], [0.2, 0])
    with pytest.raises(ValueError, match="positive standard error"):
        meta.combine([0.5, 0.2], [0.2, np.inf])


def test_the_prediction_interval_is_wider_than_the_confidence_interval():
    found = meta.combine(EFFECT, SE)
    assert found.pi_low < found.ci_low < found.effect < found.ci_high < found.pi_high


def test_leave_one_out_leaves_each_out():
    out = meta.leave_one_out(EFFECT, SE)
    assert len(out) == 5
    assert out[4].effect == pytest.approx(meta.combine(EFFECT[:4], SE[:4]).effect)


def test_every_person_counts_once():
    donors = {
        "small": pd.DataFrame({"donor": ["a", "b", "c"]}),
        "large": pd.DataFrame({"donor": ["b", "d", "e", "f"]}),
        "other": pd.DataFrame({"donor": ["c", "x"]}),
    }
    assert meta.repeated_donors(donors) == {"small": ["b"], "large": [], "other": ["c"]}


def made_table(cohorts=3):
    rows = []
    for i in range(cohorts):
        base = {"cohort": f"c{i}", "denominator": "memory_cd4", "n_case": 10, "n_control": 10}
        base |= {"unit": "ln ratio", "df": 18, "estimable": True, "method": "ols_hc3"}
        rows.append(base | {"quantity": "E1", "effect": EFFECT[i], "se": SE[i]})
        own = {"effect": 100.0 * EFFECT[i], "se": 100 * SE[i], "smd": EFFECT[i], "smd_se": SE[i]}
        rows.append(base | {"quantity": "E3", "unit": "SD"} | own)
    return pd.DataFrame(rows)


def test_quantities_are_combined_with_their_cohorts_and_leave_one_out():
    table = meta.across(made_table())
    rows = table[table["quantity"] == "E1"].set_index("cohort")
    assert list(rows.index) == ["c0", "c1", "c2", "all", "without c0", "without c1", "without c2"]
    assert rows.loc["all", "effect"] == pytest.approx(meta.combine(EFFECT[:3], SE[:3]).effect)
    assert rows.loc[["c0", "c1", "c2"], "weight"].sum() == pytest.approx(1)
    assert rows.loc["all", "n_case"] == 30


def test_the_axis_is_combined_as_standardized_difference():
    rows = meta.across(made_table()).query("quantity == 'E3'").set_index("cohort")
    assert rows.loc["all", "effect"] == pytest.approx(meta.combine(EFFECT[:3], SE[:3]).effect)
    assert rows.loc["c0", "scale"] == "Hedges g"
    assert rows.loc["c0", "ci_low"] < EFFECT[0]


def test_one_cohort_alone_is_shown_but_not_combined():
    rows = meta.across(made_table(1)).set_index(["quantity", "cohort"])
    assert not rows.loc[("E1", "all"), "estimable"]
    assert "two are needed" in rows.loc[("E1", "all"), "reason"]
    assert rows.loc[("E1", "c0"), "effect"] == EFFECT[0]


def test_a_cohort_that_is_not_estimable_is_shown_and_not_counted():
    tests = made_table()
    tests.loc[tests["cohort"] == "c1", ["estimable", "effect"]] = [False, np.nan]
    rows = meta.across(tests).set_index(["quantity", "cohort"])
    assert rows.loc[("E1", "all"), "n_cohorts"] == 2
    assert ("E1", "c1") in rows.index


def test_pairs_are_not_combined_with_cases_and_controls():
    rows = []
    for i, main in enumerate(("ols_hc3", "ols_hc3", "paired_t", "paired_t")):
        base = {"cohort": f"c{i}", "quantity": "x", "denominator": "t", "unit": "u", "df": 9}
        base |= {"estimable": True, "n_case": 5, "n_control": 5, "contrast": "a vs b"}
        for method in (main, "beta_binomial"):
            rows.append(base | {"method": method, "effect": EFFECT[i], "se": SE[i]})
    table = meta.across(pd.DataFrame(rows))
    totals = table[table["cohort"] == "all"].set_index("method")
    assert totals["n_cohorts"].tolist() == [2, 2, 2, 2]
    apart = totals.loc["beta_binomial (pairs) PM + modified Knapp-Hartung", "effect"]
    assert apart == pytest.approx(meta.combine(EFFECT[2:4], SE[2:4]).effect)


def test_contrasts_of_other_names_are_said():
    tests = made_table().assign(contrast=["SLE vs HC"] * 2 + ["SLE vs control"] * 4)
    row = meta.across(tests).set_index(["quantity", "cohort"]).loc[("E1", "all")]
    assert "contrasts of different names: SLE vs HC, SLE vs control" in row["reason"]


def test_a_cohort_without_a_model_of_the_ratio_is_listed():
    tests = made_table()
    model = tests[tests["quantity"] == "E1"].assign(method="logit_normal").iloc[:2]
    tests.loc[tests["cohort"] == "c2", ["estimable", "reason"]] = [False, "too few cells"]
    table = meta.across(pd.concat([tests, model], ignore_index=True))
    row = table[(table["method"] == "logit_normal") & (table["cohort"] == "c2")].iloc[0]
    assert row["reason"] == "too few cells"
    assert not row["estimable"]


@pytest.mark.parametrize(("k", "tau", "low", "high"), COVERAGE)
def test_intervals_of_few_cohorts_cover_as_published(k, tau, low, high):
    rng = np.random.default_rng((k, int(10 * tau)))
    held = []
    for _ in range(400):
        se = rng.uniform(0.15, 0.5, k)
        found = meta.combine(rng.normal(rng.normal(0.4, tau, k), se), se)
        held.append(found.ci_low <= 0.4 <= found.ci_high)
    assert low <= np.mean(held) <= high
