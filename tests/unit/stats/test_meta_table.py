"""The table across cohorts: what is combined, on which scale, and what is in front."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tilt.stats import combined, inference, meta, meta_table

EFFECT = np.array([0.61, 0.10, 0.95, 0.35, -0.20])
SE = np.array([0.15, 0.20, 0.30, 0.12, 0.25])


def made_table(cohorts=3):
    rows = []
    for i in range(cohorts):
        base = {"cohort": f"c{i}", "denominator": "memory_cd4", "n_case": 10, "n_control": 10}
        base |= {"unit": "ln ratio", "df": 18, "estimable": True, "method": "ols_hc2"}
        rows.append(base | {"quantity": "E1", "effect": EFFECT[i], "se": SE[i]})
        own = {"effect": 100.0 * EFFECT[i], "se": 100 * SE[i], "smd": EFFECT[i], "smd_se": SE[i]}
        rows.append(base | {"quantity": "E3", "unit": "SD"} | own)
    return pd.DataFrame(rows)


def of(table, quantity, method="ols_hc2"):
    return table[(table["quantity"] == quantity) & (table["method"] == method)]


def models_of(table, quantity, cohort="all"):
    rows = of(table, quantity)
    return rows[rows["cohort"] == cohort].set_index("model")


def test_quantities_are_combined_with_their_cohorts_in_every_model_and_leave_one_out():
    rows = of(meta_table.across(made_table()), "E1")
    assert rows["cohort"].tolist() == [
        *("c0", "c1", "c2"),
        *["all"] * 5,
        *("without c0", "without c1", "without c2"),
    ]
    together = rows[rows["cohort"] == "all"].set_index("model")
    assert list(together.index) == [
        *("common effect", "half-normal 0.5", "half-normal 0.25", "half-normal 1"),
        "modified Knapp-Hartung",
    ]
    three = EFFECT[:3], SE[:3]
    for model, expected in {
        "common effect": meta.common_effect(*three, [18, 18, 18]),
        "half-normal 0.5": meta.half_normal(*three, 0.5),
        "half-normal 0.25": meta.half_normal(*three, 0.25),
        "half-normal 1": meta.half_normal(*three, 1.0),
        "modified Knapp-Hartung": meta.knapp_hartung(*three),
    }.items():
        for column in ("effect", "ci_low", "ci_high", "p"):
            assert together.loc[model, column] == pytest.approx(getattr(expected, column)), model
    assert together.index[together["leads"].astype(bool)].tolist() == ["half-normal 0.5"]
    assert rows["leads"].sum() == 1
    without = rows.set_index("cohort").loc["without c1"]
    left = meta.half_normal(EFFECT[[0, 2]], SE[[0, 2]])
    assert without["ci_high"] == pytest.approx(left.ci_high)
    weights = rows.set_index("cohort").loc[["c0", "c1", "c2"], "weight"].to_numpy(float)
    assert weights == pytest.approx(meta.half_normal(*three).weights)
    assert together["n_case"].tolist() == [30] * 5
    assert (rows.loc[rows["model"].ne("") & rows["model"].notna(), "weight"] == 1).all()


def test_from_five_cohorts_on_no_prior_is_in_front():
    for k, front in ((2, "half-normal 0.5"), (4, "half-normal 0.5"), (5, combined.KNAPP_HARTUNG)):
        rows = models_of(meta_table.across(made_table(k)), "E1")
        assert rows.index[rows["leads"].astype(bool)].tolist() == [front]
        assert len(rows) == 5


def test_the_declared_scale_is_in_front_and_half_and_twice_of_it_beside():
    rows = models_of(meta_table.across(made_table(2), tau_scale=0.3), "E1")
    assert rows.loc["half-normal 0.3", "leads"]
    assert {"half-normal 0.15", "half-normal 0.6"} <= set(rows.index)
    assert rows.loc["half-normal 0.3", "ci_high"] == pytest.approx(
        meta.half_normal(EFFECT[:2], SE[:2], 0.3).ci_high
    )


def test_the_axis_is_combined_as_standardized_difference():
    rows = meta_table.across(made_table()).query("quantity == 'E3'")
    front = rows[rows["leads"].astype(bool)].iloc[0]
    assert front["effect"] == pytest.approx(meta.half_normal(EFFECT[:3], SE[:3]).effect)
    first = rows.set_index("cohort").loc["c0"]
    assert first["scale"] == "Hedges g"
    assert (first["effect"], first["se"]) == (EFFECT[0], SE[0])
    assert first["ci_low"] == pytest.approx(EFFECT[0] - stats.t.ppf(0.975, 18) * SE[0])


def test_the_prior_is_in_donors_sds_where_the_scale_is_not_standardized():
    """A share on the arcsine scale (SD 0.05) has the result of its standardized difference."""
    tests = made_table(2).query("quantity == 'E1'").assign(unit="arcsine root", quantity="x")
    tests = tests.assign(smd=tests["effect"], effect=tests["effect"] * 0.05, se=tests["se"] * 0.05)
    row = models_of(meta_table.across(tests), "x").loc["half-normal 0.5"]
    expected = meta.half_normal(EFFECT[:2], SE[:2], 0.5)
    assert row["ci_low"] == pytest.approx(0.05 * expected.ci_low)
    assert row["p"] == pytest.approx(expected.p, rel=1e-4)
    assert "donors' SDs of 0.05" in row["reason"]


def test_donors_of_two_and_three_cohorts_are_tested_in_one_stage():
    rng = np.random.default_rng(1)
    donors, fits = {}, []
    for i in range(4):
        design = np.column_stack([np.ones(20), np.repeat([1.0, 0.0], 10)])
        y = rng.normal(size=20) + design[:, 1]
        donors[f"c{i}"] = y, design
        fits.append(inference.ols(y, design))
    tests = made_table(4).query("quantity == 'E1'")
    given = {("E1", "memory_cd4"): donors}
    expected = meta.one_stage(list(donors.values())[:3])
    row = models_of(meta_table.across(tests.iloc[:3], donors=given), "E1").loc["one stage"]
    assert (row["effect"], row["p"]) == pytest.approx((expected.effect, expected.p))
    assert not row["leads"]
    assert "one stage" not in models_of(meta_table.across(tests, donors=given), "E1").index
    axis = made_table(3).query("quantity == 'E3'")
    given = {("E3", "memory_cd4"): donors}
    row = models_of(meta_table.across(axis, donors=given), "E3").loc["one stage"]
    assert row["effect"] == pytest.approx(expected.effect / 100)  # SD 100: donors in g


def test_one_cohort_alone_is_shown_but_not_combined():
    rows = meta_table.across(made_table(1)).set_index(["quantity", "cohort"])
    assert not rows.loc[("E1", "all"), "estimable"]
    assert rows.loc[("E1", "all"), "leads"]
    assert "two are needed" in rows.loc[("E1", "all"), "reason"]
    assert rows.loc[("E1", "c0"), "effect"] == EFFECT[0]


def test_a_cohort_that_is_not_estimable_is_shown_and_not_counted():
    tests = made_table()
    tests.loc[tests["cohort"] == "c1", ["estimable", "effect"]] = [False, np.nan]
    table = meta_table.across(tests)
    assert set(models_of(table, "E1")["n_cohorts"]) == {2}
    assert len(models_of(table, "E1", "c1")) == 1


@pytest.mark.parametrize("se", [0.0, np.nan, np.inf])
def test_a_cohort_without_a_standard_error_is_not_combined(se):
    tests = made_table().query("quantity == 'E1'").reset_index(drop=True)
    tests.loc[1, "se"] = se
    row = models_of(meta_table.across(tests), "E1").loc["half-normal 0.5"]
    assert row["n_cohorts"] == 2
    assert row["effect"] == pytest.approx(meta.half_normal(EFFECT[[0, 2]], SE[[0, 2]]).effect)


def test_pairs_are_not_combined_with_cases_and_controls():
    rows = []
    for i, main in enumerate(("ols_hc2", "ols_hc2", "paired_t", "paired_t")):
        base = {"cohort": f"c{i}", "quantity": "x", "denominator": "t", "unit": "ln ratio"}
        base |= {"estimable": True, "n_case": 5, "n_control": 5, "contrast": "a vs b", "df": 9}
        for method in (main, "quasi_binomial"):
            rows.append(base | {"method": method, "effect": EFFECT[i], "se": SE[i]})
    table = meta_table.across(pd.DataFrame(rows))
    totals = table[(table["model"] == "common effect")].set_index("method")
    assert totals["n_cohorts"].tolist() == [2, 2, 2, 2]
    apart = totals.loc["quasi_binomial (pairs)", "effect"]
    assert apart == pytest.approx(meta.common_effect(EFFECT[2:4], SE[2:4]).effect)


def test_contrasts_of_other_names_are_said():
    tests = made_table().assign(contrast=["SLE vs HC"] * 2 + ["SLE vs control"] * 4)
    row = models_of(meta_table.across(tests), "E1").loc["common effect"]
    assert "contrasts of different names: SLE vs HC, SLE vs control" in row["reason"]


def with_model(cohorts):
    """E1 estimable in two cohorts, its model without pseudocount in the first ``cohorts``."""
    tests = made_table()
    model = tests[tests["quantity"] == "E1"].assign(method="logit_normal").iloc[:cohorts]
    tests.loc[tests["cohort"] == "c2", ["estimable", "reason"]] = [False, "too few cells"]
    return meta_table.across(pd.concat([tests, model], ignore_index=True))


def test_a_cohort_without_a_model_of_the_ratio_is_listed():
    table = with_model(2)
    row = table[(table["method"] == "logit_normal") & (table["cohort"] == "c2")].iloc[0]
    assert row["reason"] == "too few cells"
    assert not row["estimable"]


def test_the_model_without_pseudocount_is_in_front_where_more_cohorts_have_it():
    for cohorts, method, n in ((2, "ols_hc2", 2), (3, "logit_normal", 3)):
        ahead = combined.front(with_model(cohorts)).set_index("quantity")
        assert ahead.loc["E1", "method"] == method
        assert ahead.loc["E1", "n_cohorts"] == n
        assert ahead.loc["E3", "method"] == "ols_hc2"


def test_combined_effects_have_folds_and_points():
    table = made_table(2)
    share = {"cohort": ["c0", "c1"], "quantity": "CD4_Tph_like", "denominator": "memory_cd4"}
    share |= {"effect": [0.06, 0.02], "se": [0.02, 0.04], "ci_low": [0.02, -0.06], "df": 18}
    share |= {"ci_high": [0.10, 0.10], "middle": [0.17, 0.27], "n_case": 10, "n_control": 10}
    share |= {"unit": "arcsine root", "method": "arcsine_ols_hc2_moderated", "estimable": True}
    share |= {"smd": [0.5, 0.2], "smd_se": 0.3, "fold": 9.0, "points_low": 9.0}  # made anew
    found = meta_table.across(pd.concat([table, pd.DataFrame(share)], ignore_index=True))
    e1 = models_of(found, "E1").loc["common effect"]
    ends = np.exp([e1.effect, e1.ci_low, e1.ci_high])
    assert [e1.fold, e1.fold_low, e1.fold_high] == pytest.approx(list(ends))
    assert np.isnan(e1.points)
    assert of(found, "E3")["fold"].isna().all()  # Hedges' g
    rows = of(found, "CD4_Tph_like", "arcsine_ols_hc2").set_index("cohort")
    low, high = np.sin([0.17 - 0.03, 0.17 + 0.03]) ** 2
    assert rows.loc["c0", ["fold", "points"]].tolist() == pytest.approx(
        [high / low, 100 * (high - low)]
    )
    total = rows[rows["model"] == "common effect"].iloc[0]
    middle = (4 * 0.17 + 0.27) / 5  # by precision
    low, high = np.sin([middle - total.effect / 2, middle + total.effect / 2]) ** 2
    assert total.points == pytest.approx(100 * (high - low))
    assert total.points_low < total.points < total.points_high
