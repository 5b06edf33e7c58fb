"""Every number of the meta-analysis, by hand or by another implementation."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from tilt.stats import meta

EFFECT = np.array([0.9, 0.1, 1.6, 0.4, -0.5])
SE = np.array([0.15, 0.20, 0.30, 0.12, 0.25])


def by_hand(effect, se):
    """Random effects after Paule-Mandel with the modified Knapp-Hartung interval, as written."""
    k, variance = len(effect), se**2

    def q(tau2):
        w = 1 / (variance + tau2)
        return np.sum(w * (effect - np.average(effect, weights=w)) ** 2)

    fixed = q(0.0)
    tau2 = optimize.brentq(lambda t: q(t) - (k - 1), 0, 1000) if fixed > k - 1 else 0.0
    w = 1 / (variance + tau2)
    mean = np.average(effect, weights=w)
    se_mean = np.sqrt(max(1.0, q(tau2) / (k - 1)) / w.sum())
    half = stats.t.ppf(0.975, k - 1) * se_mean
    found = {"effect": mean, "se": se_mean, "ci_low": mean - half, "ci_high": mean + half}
    found |= {"p": 2 * stats.t.sf(abs(mean) / se_mean, k - 1), "tau2": tau2}
    found["i2"] = max(0.0, (fixed - (k - 1)) / fixed)
    reach = stats.t.ppf(0.975, k - 2) * np.sqrt(tau2 + se_mean**2) if k > 2 else np.nan
    return found | {"pi_low": mean - reach, "pi_high": mean + reach}


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_every_number_of_a_combination_is_that_by_hand(k):
    found, expected = meta.combine(EFFECT[:k], SE[:k]), by_hand(EFFECT[:k], SE[:k])
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-6, nan_ok=True), name
    weight = 1 / (SE[:k] ** 2 + expected["tau2"])
    assert found.weights == pytest.approx(weight / weight.sum(), rel=1e-6)
    assert found.tau2 > 0 and found.i2 > 0.5


def test_i2_is_the_share_of_q_beyond_its_expectation():
    # weights 1: mean 2, Q = 4 + 0 + 4 = 8 with two degrees of freedom
    found = meta.combine([0.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    assert found.i2 == pytest.approx((8 - 2) / 8)
    assert found.tau2 == pytest.approx(4 - 1)  # Q(tau2) = 8 / (1 + tau2) = 2
    # two studies: Q = 2, one degree of freedom
    assert meta.combine([0.0, 2.0], [1.0, 1.0]).i2 == pytest.approx(0.5)


def test_the_prediction_interval_has_k_minus_two_degrees_of_freedom():
    found = meta.combine([0.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    reach = 12.706204736 * np.sqrt(3 + 4 / 3)  # t of one degree of freedom
    assert (found.pi_low, found.pi_high) == pytest.approx((2 - reach, 2 + reach))
    half = 4.30265273 * np.sqrt(4 / 3)  # t of two degrees of freedom
    assert (found.ci_low, found.ci_high) == pytest.approx((2 - half, 2 + half))


def test_agreeing_studies_keep_the_variance_of_their_precision():
    effect = np.array([0.5, 0.52, 0.48])
    found, expected = meta.combine(effect, SE[:3]), by_hand(effect, SE[:3])
    assert found.tau2 == found.i2 == 0
    assert found.se == pytest.approx(np.sqrt(1 / np.sum(1 / SE[:3] ** 2)))
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value), name


def test_studies_far_apart_and_precise_have_a_large_tau():
    effect, se = np.array([0.0, 1000.0, -1000.0, 5.0]), np.full(4, 1e-3)
    assert meta.combine(effect, se).tau2 == pytest.approx(np.var(effect, ddof=1), rel=1e-3)


def test_leaving_one_out_is_combining_the_others():
    for i, one in enumerate(meta.leave_one_out(EFFECT, SE)):
        expected = by_hand(np.delete(EFFECT, i), np.delete(SE, i))
        assert one.effect == pytest.approx(expected["effect"])
        assert one.p == pytest.approx(expected["p"])


def test_a_person_stays_in_the_cohort_with_most_donors_then_in_the_first_by_name():
    def table(*names):
        return pd.DataFrame({"donor": names})

    found = meta.repeated_donors(
        {"z": table("a", "b"), "y": table("b", "c"), "x": table("c", "a", "e"), "w": table("q")}
    )
    # y comes before z by name: b stays in y
    assert found == {"z": ["a", "b"], "y": ["c"], "x": [], "w": []}


def rows_of(k, **more):
    rows = []
    for i in range(k):
        base = {"cohort": f"c{i}", "contrast": "SLE vs control", "quantity": "E1"}
        base |= {"denominator": "memory_cd4", "unit": "ln ratio", "df": 18, "estimable": True}
        base |= {"n_case": 10 + i, "n_control": 5 + i, "method": "ols_hc3", "reason": ""}
        rows.append(base | {"effect": EFFECT[i], "se": SE[i]} | more)
    return pd.DataFrame(rows)


def test_the_row_of_all_cohorts_has_the_combined_numbers():
    table = meta.across(rows_of(4))
    assert table.columns.tolist() == meta.COLUMNS
    assert table.index.tolist() == list(range(len(table)))
    rows = table.set_index("cohort")
    expected = by_hand(EFFECT[:4], SE[:4])
    for name, value in expected.items():
        assert rows.loc["all", name] == pytest.approx(value, rel=1e-6), name
    assert rows.loc["all", ["n_cohorts", "n_case", "n_control"]].tolist() == [4, 46, 26]
    assert rows.loc["all", "method"] == "ols_hc3 PM + modified Knapp-Hartung"
    assert rows.loc["all", "scale"] == "ln ratio"
    assert rows.loc["all", "weight"] == 1
    assert rows.loc["c2", ["n_cohorts", "n_case", "effect", "se"]].tolist() == [1, 12, 1.6, 0.30]
    weight = 1 / (SE[:4] ** 2 + expected["tau2"])
    assert rows.loc[[f"c{i}" for i in range(4)], "weight"].to_numpy(float) == pytest.approx(
        weight / weight.sum(), rel=1e-6
    )
    left = by_hand(np.delete(EFFECT[:4], 1), np.delete(SE[:4], 1))
    assert rows.loc["without c1", "effect"] == pytest.approx(left["effect"])
    assert rows.loc["without c1", ["n_cohorts", "n_case"]].tolist() == [3, 35]


def test_two_cohorts_say_that_there_is_no_prediction_interval_and_leave_none_out():
    rows = meta.across(rows_of(2)).set_index("cohort")
    assert list(rows.index) == ["c0", "c1", "all"]
    assert rows.loc["all", "reason"] == "no prediction interval with two cohorts"
    assert rows.loc["all", "estimable"]


def test_a_prediction_interval_that_holds_zero_is_said_only_where_the_mean_is_beyond_it():
    apart = rows_of(4)
    apart["effect"], apart["se"] = [0.5, 1.2, 0.9, 2.0], 0.1
    said = meta.across(apart).set_index("cohort").loc["all"]
    assert said["pi_low"] < 0 < said["ci_low"]
    assert said["reason"].startswith("the prediction interval includes zero")
    near = rows_of(4)
    near["effect"], near["se"] = [1.0, 1.1, 0.9, 1.0], 0.2
    assert meta.across(near).set_index("cohort").loc["all", "reason"] == ""
    vague = rows_of(4)
    vague["effect"], vague["se"] = [-1.0, 1.1, 0.3, -0.2], 0.2
    assert meta.across(vague).set_index("cohort").loc["all", "reason"] == ""


def test_an_axis_is_combined_as_hedges_g_with_the_interval_of_each_cohort():
    tests = rows_of(3, quantity="E3", unit="SD", smd=0.0, smd_se=0.0)
    tests["smd"], tests["smd_se"] = EFFECT[:3] / 2, SE[:3] / 2
    rows = meta.across(tests).set_index("cohort")
    assert rows.loc["all", "effect"] == pytest.approx(by_hand(EFFECT[:3] / 2, SE[:3] / 2)["effect"])
    half = stats.t.ppf(0.975, 18) * SE[1] / 2
    assert rows.loc["c1", ["ci_low", "ci_high"]].tolist() == pytest.approx(
        [EFFECT[1] / 2 - half, EFFECT[1] / 2 + half]
    )
    assert (rows["scale"] == "Hedges g").all()
    model = tests.assign(method="logit_normal")
    rows = meta.across(model).set_index("cohort")
    assert rows.loc["all", "effect"] == pytest.approx(by_hand(EFFECT[:3], SE[:3])["effect"])
    assert rows.loc["all", "scale"] == "SD"


@pytest.mark.parametrize(
    "spoilt",
    [{"estimable": False}, {"effect": np.nan}, {"se": 0.0}, {"se": np.inf}, {"se": np.nan}],
)
def test_a_cohort_without_effect_or_error_is_listed_but_not_combined(spoilt):
    tests = rows_of(3)
    for column, value in spoilt.items():
        tests[column] = tests[column].astype(object)
        tests.loc[1, column] = value
    tests["se"], tests["effect"] = tests["se"].astype(float), tests["effect"].astype(float)
    rows = meta.across(tests).set_index("cohort")
    assert rows.loc["all", "n_cohorts"] == 2
    assert rows.loc["all", "n_case"] == 22
    assert rows.loc["all", "effect"] == pytest.approx(by_hand(EFFECT[[0, 2]], SE[[0, 2]])["effect"])
    assert "c1" in rows.index and pd.isna(rows.loc["c1", "weight"])


def test_what_is_not_a_main_method_is_not_combined():
    tests = pd.concat([rows_of(3), rows_of(3, method="mann_whitney")])
    assert not meta.across(tests)["method"].str.contains("mann").any()
    assert meta.across(rows_of(3, method="mann_whitney")).empty
    assert meta.across(rows_of(3, method="mann_whitney")).columns.tolist() == meta.COLUMNS


def test_a_single_cohort_says_what_is_missing():
    row = meta.across(rows_of(1)).set_index("cohort").loc["all"]
    assert row["reason"] == "1 cohort with an estimate; two are needed"
    assert row[["n_cohorts", "quantity", "denominator"]].tolist() == [1, "E1", "memory_cd4"]
    assert row["method"] == "ols_hc3 PM"


def test_the_estimator_of_tau_can_be_chosen():
    rows = meta.across(rows_of(4), "REML").set_index("cohort")
    assert "REML" in rows.loc["all", "method"]
    assert rows.loc["all", "tau2"] == pytest.approx(meta.reml(EFFECT[:4], SE[:4] ** 2))
    assert meta.reml(np.array([0.5, 0.52, 0.48]), SE[:3] ** 2) == 0


def test_only_ratios_have_a_model_that_may_be_absent():
    rows = [rows_of(3), rows_of(3, quantity="x"), rows_of(3, method="mann_whitney")]
    model = rows_of(2, method="logit_normal")
    table = meta.across(pd.concat([*rows, model], ignore_index=True))
    of_model = table[table["method"].str.startswith("logit_normal")]
    assert set(of_model["quantity"]) == {"E1"}
    assert of_model["cohort"].tolist() == ["c0", "c1", "c2", "all"]
    absent = of_model.set_index("cohort").loc["c2"]
    assert not absent["estimable"] and pd.isna(absent["effect"])
    assert absent[["n_case", "n_control", "scale"]].tolist() == [12, 7, "ln ratio"]
    plain = meta.across(pd.concat(rows, ignore_index=True))
    assert not plain["method"].str.startswith("logit_normal").any()
