"""Contrasts of groups and their trend: values of another library, planted truth, Holm, reasons."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from tilt.core.contracts import CONTRASTS
from tilt.stats import contrast, design, groups
from tilt.stats import plan as plans
from tilt.stats.compared import Plan

ORDER = ["none", "mild", "severe"]
PAIRS = [("severe", "mild"), ("mild", "none")]
PLAN = Plan(design.Contrast("SLE", "control", ("age",), ("batch",)), permutations=49, seed=2)


def made(rng, sizes=(8, 6, 6), means=(0.0, 0.0, 0.0), spread=1.0):
    """Donors of three groups, whose first are the controls, and their values of E1 and E3."""
    place = np.repeat(np.arange(len(sizes)), sizes)
    n = len(place)
    donors = pd.DataFrame({"cohort": "one", "donor": [f"D{i}" for i in range(n)]})
    donors["condition"] = np.where(place == 0, "control", "SLE")
    donors["activity"] = np.array(ORDER)[place]
    donors["age"] = rng.integers(18, 60, n).astype(str)
    donors["batch"] = np.where(np.arange(n) % 2 == 0, "A", "B")
    age = (donors["age"].astype(float) - 40) / 12
    y = np.array(means)[place] + 0.5 * age + spread * rng.normal(size=n)
    base = donors[["cohort", "donor", "condition"]]
    common = {"estimable": True, "variance": np.nan, "reason": ""}
    parts = [
        base.assign(estimator=e, value=y * k, leads=e == "E1", **common)
        for e, k in (("E1", 1), ("E3", 2))
    ]
    return donors, pd.concat(parts, ignore_index=True)


def compare(donors, values, pairs=PAIRS, order=ORDER, plan=PLAN):
    return groups.compare(donors, plan, values, "activity", pairs, order)


def test_contrasts_are_those_of_one_model_with_all_groups():
    donors, values = made(np.random.default_rng(1), means=(0, 1, 3))
    found = compare(donors, values)
    assert list(found) == list(CONTRASTS.columns)
    y = values.loc[values["estimator"] == "E1", "value"].to_numpy()
    columns = [(donors["activity"] == g).to_numpy(float) for g in ORDER]
    columns += [(donors["batch"] == "B").to_numpy(float), donors["age"].astype(float).to_numpy()]
    fit = sm.OLS(y, np.column_stack(columns)).fit(cov_type="HC2")
    row = found[(found["estimator"] == "E1") & (found["contrast"] == "severe vs mild")].iloc[0]
    expected = fit.t_test([0, -1, 1, 0, 0])
    assert row.effect == pytest.approx(expected.effect[0])
    assert row.se == pytest.approx(expected.sd[0, 0])
    assert (row.n_case, row.n_control, row.groups) == (6, 6, "6 severe, 6 mild")
    assert row.covariates == "batch, age" and row.unit == "ln ratio"
    trend = found[(found["estimator"] == "E1") & (found["kind"] == "trend")].iloc[0]
    step = np.column_stack([np.ones(20), *columns[3:], donors["activity"].map(ORDER.index)])
    slope = sm.OLS(y, step).fit(cov_type="HC2")
    assert (trend.effect, trend.se) == pytest.approx((slope.params[-1], slope.bse[-1]))
    assert trend.contrast == "none < mild < severe" and trend.unit == "ln ratio per step"
    folds = ["fold", "fold_low", "fold_high"]
    for one in (row, trend):
        ends = np.exp([one.effect, one.ci_low, one.ci_high])
        assert one[folds].to_numpy(float) == pytest.approx(ends)
    assert found.loc[found["estimator"] == "E3", folds].isna().all(axis=None)
    assert trend.groups == "8 none, 6 mild, 6 severe" and np.isnan(trend.p_holm)


def test_holm_is_over_the_contrasts_of_one_estimator():
    donors, values = made(np.random.default_rng(2), means=(0, 0.5, 1.5))
    found = compare(donors, values)
    for _, same in found[found["kind"] == "contrast"].groupby("estimator"):
        p = np.sort(same["p"])
        assert np.sort(same["p_holm"]) == pytest.approx([min(2 * p[0], 1), max(2 * p[0], p[1])])


def test_a_planted_rise_is_found_in_its_direction_and_nothing_in_nothing():
    """Holm: any of the contrasts in at most 9% of 100 null cohorts; a trend is seen."""
    for means, most, least in (((0, 0, 0), 0.09, 0.0), ((0, 1, 2), 1.0, 0.9)):
        rng = np.random.default_rng(3)
        any_, trend, up = [], [], []
        for _ in range(100):
            donors, values = made(rng, means=means)
            found = compare(donors, values[values["estimator"] == "E1"])
            pairs, rise = found[found["kind"] == "contrast"], found[found["kind"] == "trend"]
            any_.append((pairs["p_holm"] < 0.05).any())
            trend.append(rise["p"].iloc[0] < 0.05)
            up.append(rise["effect"].iloc[0] > 0)
        assert np.mean(any_) <= most and least <= np.mean(trend) <= most, (np.mean(any_), means)
        assert means == (0, 0, 0) or np.mean(up) == 1


def test_few_donors_of_a_group_are_a_reason_and_others_are_not_in_the_model():
    donors, values = made(np.random.default_rng(4), sizes=(8, 6, 2))
    found = compare(donors, values).set_index(["estimator", "contrast"])
    row = found.loc[("E1", "severe vs mild")]
    assert not row.estimable and row.reason == "fewer than 3 donors of severe"
    assert np.isnan(row.effect) and np.isnan(row.p_holm)
    assert found.loc[("E1", "mild vs none")].p_holm == found.loc[("E1", "mild vs none")].p
    assert not found.loc[("E1", "none < mild < severe")].estimable
    alone = compare(donors, values, PAIRS[1:], [])
    without = compare(donors[donors["activity"] != "severe"], values, PAIRS[1:], [])
    assert np.allclose(alone[["effect", "se", "p"]], without[["effect", "se", "p"]])


def test_margin_of_an_estimator_gives_p_of_equivalence():
    donors, values = made(np.random.default_rng(5), sizes=(40, 40, 40), means=(0, 0, 4))
    plan = Plan(PLAN.contrast, permutations=49, smallest=(("E1", 1.0),))
    found = compare(donors, values, plan=plan).set_index(["estimator", "contrast"])
    assert found.loc[("E1", "mild vs none")].p_equivalence < 0.05
    assert found.loc[("E1", "severe vs mild")].p_equivalence > 0.5
    assert np.isnan(found.loc[("E3", "mild vs none")].margin)


def test_donors_of_other_conditions_change_no_number_of_the_two_arms():
    """The primary comparison of a cohort with a third condition is that of the two alone."""
    donors, values = made(np.random.default_rng(6), (8, 6, 6), (0, 1, 5))
    keys = donors[["cohort", "donor", "condition"]]
    shares = keys.assign(subset="x", n=np.arange(20), denominator="t", n_denominator=60)
    shares["kind"] = "subset"
    third = donors["activity"] == "severe"
    arms = {"case": "SLE", "control": "control"}
    changed = [
        t.assign(condition=t["condition"].where(~t["donor"].isin(donors["donor"][third]), "severe"))
        for t in (donors, values, shares)
    ]
    inside = plans.arms_of(changed[0], {"contrast": arms})
    assert inside["activity"].tolist() == ["none"] * 8 + ["mild"] * 6
    plan = Plan(PLAN.contrast, permutations=99, bootstraps=99)
    whole = contrast.run(inside, plan, changed[2], changed[1])
    alone = [t[t["donor"].isin(inside["donor"])].reset_index(drop=True) for t in changed]
    pd.testing.assert_frame_equal(whole, contrast.run(inside, plan, alone[2], alone[1]))
    main = whole[contrast.main_rows(whole)].set_index("quantity").loc["E1"]
    assert (main.n_case, main.n_control) == (6, 8) and "left out" not in main.reason


def test_the_protein_axis_is_compared_beside_the_others_and_changes_none():
    donors, values = made(np.random.default_rng(6))
    e4 = values[values["estimator"] == "E1"].assign(estimator="E4", leads=False)
    alone = compare(donors, values)
    found = compare(donors, pd.concat([values, e4], ignore_index=True))
    pd.testing.assert_frame_equal(found[found["estimator"] != "E4"], alone)
    numbers = ["effect", "ci_low", "p_holm", "unit"]
    rows = [found[found["estimator"] == name][numbers].to_numpy() for name in ("E1", "E4")]
    assert (rows[0] == rows[1])[:2].all() and not found.loc[
        found["estimator"] == "E4", "leads"
    ].any()


def test_rows_come_by_estimator_and_in_the_order_that_was_asked_for():
    donors, values = made(np.random.default_rng(7))
    found = compare(donors, values)
    asked = ["severe vs mild", "mild vs none", "none < mild < severe"]
    assert found["contrast"].tolist() == 2 * asked
    assert found["estimator"].tolist() == ["E1"] * 3 + ["E3"] * 3
    assert found["kind"].tolist() == 2 * ["contrast", "contrast", "trend"]
    assert found["leads"].tolist() == [True] * 3 + [False] * 3 and set(found["cohort"]) == {"one"}
    pd.testing.assert_frame_equal(compare(donors, values[::-1]), found)
    alone = compare(donors, values, order=[])
    numbers = ["effect", "se", "p", "p_holm", "n_case"]
    np.testing.assert_array_equal(alone[numbers], found[found["kind"] == "contrast"][numbers])


def test_just_three_donors_of_a_group_are_enough():
    donors, values = made(np.random.default_rng(8), sizes=(8, 6, 3))
    found = compare(donors, values).set_index(["estimator", "contrast"])
    assert found.loc[("E1", "severe vs mild")].estimable
    values.loc[(values["estimator"] == "E1") & (values["donor"] == "D16"), "estimable"] = False
    found = compare(donors, values).set_index(["estimator", "contrast"])
    row = found.loc[("E1", "severe vs mild")]
    assert not row.estimable and (row.n_case, row.groups) == (2, "2 severe, 6 mild")
    assert found.loc[("E3", "severe vs mild")].estimable


def test_without_covariates_other_groups_are_in_the_model_and_none_is_named():
    donors, values = made(np.random.default_rng(9))
    plan = Plan(design.Contrast("SLE", "control"), permutations=49)
    found = compare(donors, values, plan=plan)
    assert set(found["covariates"]) == {"none"}
    y = values.loc[values["estimator"] == "E1", "value"].to_numpy()
    by_group = [y[(donors["activity"] == g).to_numpy()] for g in ORDER]
    row = found.iloc[0]
    assert row.effect == pytest.approx(by_group[2].mean() - by_group[1].mean())
    variance = sum(part.var(ddof=1) / len(part) for part in by_group[1:])  # HC2 of two means
    assert row.se == pytest.approx(np.sqrt(variance))
