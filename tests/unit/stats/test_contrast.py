import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tilt.donors import published
from tilt.stats import contrast, design

CONTRAST = design.Contrast("SLE", "control")
PLAN = contrast.Plan(CONTRAST, (("x", "total"),), permutations=999, bootstraps=300, seed=1)


def donors(n=20, **more):
    return pd.DataFrame(
        {
            "cohort": "c",
            "donor": [f"D{i:02d}" for i in range(n)],
            "condition": ["SLE", "control"] * (n // 2),
        }
        | more
    )


def counts(table, seed=0):
    rng = np.random.default_rng(seed)
    share = np.where(table["condition"] == "SLE", 0.25, 0.15) * np.exp(
        rng.normal(0, 0.3, len(table))
    )
    x = rng.binomial(900, share)
    y = rng.binomial(900 - x, 0.4)
    wide = pd.DataFrame({"donor": table["donor"], "x": x, "y": y, "z": 900 - x - y})
    return published.from_table(wide, table)


def run(table=None, plan=PLAN, comp=None, **more):
    table = donors() if table is None else table
    comp = counts(table) if comp is None else comp
    tests = contrast.run(table, plan, comp, **more)
    return tests.set_index(["quantity", "method"])


def test_methods_agree_with_each_other_and_with_scipy():
    table = donors()
    comp = counts(table)
    tests = run(table, comp=comp)
    rows = comp[comp["subset"] == "x"]
    share = 100 * rows["n"] / rows["n_denominator"]
    case, control = share[rows["condition"] == "SLE"], share[rows["condition"] == "control"]
    rank = tests.loc[("x", "mann_whitney")]
    assert rank["p"] == pytest.approx(stats.mannwhitneyu(case, control).pvalue)
    assert rank["median_case"] == pytest.approx(case.median())
    points = tests.loc[("x", "points_ols_hc2")]
    assert points["effect"] == pytest.approx(case.mean() - control.mean())
    main = tests.loc[("x", "arcsine_ols_hc2")]
    angle = np.arcsin(np.sqrt(share / 100))
    assert main["effect"] == pytest.approx(angle[case.index].mean() - angle[control.index].mean())
    assert main["ci_low"] < main["effect"] < main["ci_high"]
    model = tests.loc[("x", "quasi_binomial")]
    odds = np.log(case.mean() / (100 - case.mean())) - np.log(
        control.mean() / (100 - control.mean())
    )
    assert model["effect"] == pytest.approx(odds, abs=0.1)
    for method in ("permutation", "clr_ols_hc2"):
        assert tests.loc[("x", method), "p"] < 0.05


def test_roles_and_false_discovery_rate():
    plan = contrast.Plan(CONTRAST, (("x", "total"), ("y", "total")), ("z", "total"), 199, 200)
    tests = run(plan=plan).reset_index()
    primary = tests[tests["role"] == "primary"]
    assert primary[["quantity", "method"]].to_numpy().tolist() == [["z", "arcsine_ols_hc2"]]
    family = tests[(tests["role"] == "secondary") & (tests["method"] == "arcsine_ols_hc2")]
    assert set(family["quantity"]) == {"x", "y"}
    assert family["q"].to_numpy() == pytest.approx(
        stats.false_discovery_control(family["p"].to_numpy())
    )
    assert tests.loc[tests["role"] != "secondary", "q"].isna().all()


def test_an_estimator_that_leads_is_the_primary_endpoint():
    table = donors()
    rng = np.random.default_rng(3)
    units = table[["cohort", "donor", "condition"]]
    values = pd.concat(
        units.assign(
            estimator=e, value=rng.normal(size=20), estimable=True, reason="", leads=e == "E3"
        )
        for e in ("E1", "E2", "E3")
    )
    poles = units.assign(n_tph=rng.poisson(20, 20), n_th22=rng.poisson(10, 20))
    tests = run(table, imbalances=values, pole_counts={"E1": poles}).reset_index()
    primary = tests[tests["role"] == "primary"]
    assert primary[["quantity", "method", "unit"]].to_numpy().tolist() == [["E3", "ols_hc2", "SD"]]
    ratio = tests[(tests["quantity"] == "E1") & (tests["method"] == "logit_normal")].iloc[0]
    assert ratio["role"] == "sensitivity"
    assert ratio["estimable"]


def test_a_primary_endpoint_that_is_not_estimable_says_why():
    units = donors()[["cohort", "donor", "condition"]]
    values = units.assign(
        estimator="E1", value=np.nan, estimable=False, reason="no cells", leads=False
    )
    tests = run(imbalances=values).reset_index()
    primary = tests[tests["role"] == "primary"].iloc[0]
    assert not primary["estimable"]
    assert primary["reason"] == "no cells"


@pytest.mark.parametrize("controls", [0, 1])
def test_a_missing_arm_gives_marked_rows_for_everything(controls):
    table = donors(condition=["control"] * controls + ["SLE"] * (20 - controls))
    tests = run(table)
    assert not tests["estimable"].any()
    assert tests["reason"].str.contains(f"{controls} control donor").all()
    assert len(tests) >= 3


def test_donors_without_cells_are_left_out_by_name():
    table = donors()
    comp = counts(table)
    comp.loc[comp["donor"] == "D04", ["n", "n_denominator"]] = 0
    tests = run(table, comp=comp)
    main = tests.loc[("x", "arcsine_ols_hc2")]
    assert main["n_case"] == 9
    assert "no total cells (D04)" in main["reason"]
    assert tests.loc[("x", "quasi_binomial"), "n_case"] == 9


def test_a_subset_without_cells_is_said():
    comp = counts(donors())
    comp.loc[comp["subset"] == "x", "n"] = 0
    tests = run(comp=comp)
    assert tests.loc[("x", "arcsine_ols_hc2"), "reason"] == "no such cell in any donor"
    assert not tests.loc[("x", "quasi_binomial"), "estimable"]


def test_a_declared_quantity_that_is_absent_is_a_row():
    plan = contrast.Plan(CONTRAST, (("nothing", "cd4"),), permutations=99, bootstraps=200)
    row = run(plan=plan).loc[("nothing", "not_tested")]
    assert row["role"] == "secondary"
    assert not row["estimable"]


def test_batches_block_permutations_and_are_named():
    table = donors(batch=["B1", "B1", "B2", "B2"] * 5)
    plan = contrast.Plan(
        design.Contrast("SLE", "control", strata=("batch",)), (("x", "total"),), None, 500, 200
    )
    row = run(table, plan).loc[("x", "permutation")]
    assert row["covariates"] == "batch"
    assert row["reason"] == "500 permutations within batch"


def test_informative_donors_are_counted_apart():
    table = donors(batch=["B1", "B1", "B2", "B2"] * 4 + ["B3", "B1", "B3", "B1"])
    plan = contrast.Plan(
        design.Contrast("SLE", "control", strata=("batch",)), (("x", "total"),), None, 99, 99
    )
    row = run(table, plan).loc[("x", "arcsine_ols_hc2")]
    assert (row["n_case"], row["n_control"]) == (10, 10)
    assert (row["n_case_informative"], row["n_control_informative"]) == (8, 10)
    assert row["df"] < 17


def test_pairs_are_compared_within():
    table = pd.DataFrame(
        {
            "cohort": "c",
            "donor": [f"P{i}" for i in range(8)] * 2,
            "condition": ["SLE"] * 8 + ["control"] * 8,
        }
    )
    rng = np.random.default_rng(2)
    own = np.tile(rng.normal(0, 1, 8), 2)
    shift = 0.4 * (table["condition"] == "SLE") + rng.normal(0, 0.1, 16)
    share = 1 / (1 + np.exp(1.5 - own - shift))
    table["x"] = rng.binomial(2000, share)
    table["y"] = 2000 - table["x"]
    comp = pd.concat(
        table[["cohort", "donor", "condition"]].assign(
            subset=s, n=table[s], denominator="total", n_denominator=2000, kind="subset"
        )
        for s in "xy"
    )
    plan = contrast.Plan(
        design.Contrast("SLE", "control", pair="donor"), (("x", "total"),), None, 500, 200
    )
    tests = run(table[["cohort", "donor", "condition"]], plan, comp)
    angle = np.arcsin(np.sqrt(table["x"] / 2000)).to_numpy()
    check = stats.ttest_rel(angle[:8], angle[8:])
    assert tests.loc[("x", "paired_t"), "p"] == pytest.approx(check.pvalue)
    assert tests.loc[("x", "permutation"), "p"] == pytest.approx(2 / 256)
    assert tests.loc[("x", "quasi_binomial"), "effect"] == pytest.approx(0.4, abs=0.12)
    assert (tests["n_case"].dropna() == 8).all()


def test_the_same_seed_gives_the_same_table():
    pd.testing.assert_frame_equal(run(), run())


def test_values_without_spread_in_the_arms_are_marked():
    table = donors(10)
    values = table.assign(value=(table["condition"] == "SLE") * 0.3, estimable=True, reason="")
    rows = contrast.value(contrast.DesignCache(table, PLAN), values, "SD")
    assert [r["estimable"] for r in rows] == [False]
    assert rows[0]["reason"] == "no spread within the arms"


@pytest.mark.parametrize(("case", "control"), [(20, 20), (30, 20)])
def test_shares_without_spread_in_the_arms_are_marked_in_both_models(case, control):
    table = donors(10)
    n = np.where(table["condition"] == "SLE", case, control)
    wide = pd.DataFrame({"donor": table["donor"], "x": n, "y": 100 - n})
    tests = run(table, comp=published.from_table(wide, table)).loc["x"]
    assert not tests["estimable"].any()
    assert tests.loc["quasi_binomial", "reason"] == "no spread between donors within the arms"


def test_a_model_of_a_handful_of_cells_has_an_interval_that_ends():
    table = donors(6)
    wide = pd.DataFrame({"donor": table["donor"], "x": [1, 0, 0, 2, 1, 1], "y": [2, 3, 1, 1, 0, 4]})
    row = run(table, comp=published.from_table(wide, table)).loc[("x", "quasi_binomial")]
    assert row["ci_low"] < row["effect"] < row["ci_high"]
    assert row["ci_high"] - row["ci_low"] < 20
    assert row["p"] > 0.1
