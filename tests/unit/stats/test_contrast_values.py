"""Roles, families and every number of the table of tests, by hand or by another implementation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tilt.core import contracts
from tilt.donors import composition
from tilt.stats import contrast, design, inference, methods, overdispersed, resampling

UNIT = ["cohort", "donor", "condition"]
CONTRAST = design.Contrast("SLE", "control")
SHARES = [(quantity, "cd4") for quantity in ("x", "y", "z", "w")]


def people(n=16, **more):
    table = {"cohort": "c", "donor": [f"D{i:02d}" for i in range(n)]}
    table["condition"] = (["SLE"] * 5 + ["control"] * 3) * (n // 8)
    return pd.DataFrame(table | more)


def counted(table, seed=0):
    """x, y, z and the rest w of the CD4 cells; x of the memory cells."""
    rng = np.random.default_rng(seed)
    total = rng.integers(300, 900, len(table))
    case = (table["condition"] == "SLE").to_numpy()
    odds = np.exp(rng.normal(0, 0.3, len(table)) + 0.6 * case)
    x = rng.binomial(total, 0.2 * odds / (1 + 0.2 * odds))
    y, z = rng.binomial(total, 0.2), rng.binomial(total, 0.1)
    parts = {"x": x, "y": y, "z": z, "w": total - x - y - z}
    tables = [
        table[UNIT].assign(subset=s, n=n, denominator="cd4", n_denominator=total, kind="subset")
        for s, n in parts.items()
    ]
    memory = table[UNIT].assign(subset="x", n=x, denominator="memory_cd4")
    tables.append(memory.assign(n_denominator=total - 50, kind="subset"))
    return pd.concat(tables, ignore_index=True)


def values(table, leads="E1", seed=0):
    rng = np.random.default_rng(seed)
    parts = [
        table[UNIT].assign(estimator=e, value=rng.normal(size=len(table)), estimable=True)
        for e in ("E1", "E2", "E3")
    ]
    made = pd.concat(parts, ignore_index=True).assign(reason="")
    return made.assign(leads=made["estimator"] == leads)


def plan(primary=None, secondary=(("x", "cd4"), ("y", "cd4"), ("z", "cd4")), **more):
    given = {"permutations": 199, "bootstraps": 100, "seed": 3} | more
    return contrast.Plan(given.pop("contrast", CONTRAST), secondary, primary, **given)


EXTRA = ("permutation", "bootstrap_t", "mann_whitney", "points_ols_hc2", "clr_ols_hc2")


def test_every_row_has_the_role_declared_for_its_quantity_and_method():
    table = people()
    poles = table[UNIT].assign(n_tph=np.arange(16) + 3, n_th22=5)
    activities = table[UNIT].assign(
        subset="cd4", signature="IFN", value=np.arange(16) % 7 * 0.1, estimable=True, reason=""
    )
    made = contrast.run(
        table, plan(), counted(table), values(table), activities, {"E1": poles, "E2": poles}
    )
    assert made.columns.tolist() == list(contracts.TESTS.columns)
    assert made.index.tolist() == list(range(len(made)))
    roles = made.set_index(["quantity", "denominator", "method"])["role"]
    assert roles.index.is_unique
    expected = {("E1", "memory_cd4", "ols_hc2"): "primary"}
    for method in ("permutation", "bootstrap_t", "mann_whitney", "logit_normal"):
        expected["E1", "memory_cd4", method] = "sensitivity"
    for method in ("ols_hc2", "permutation", "bootstrap_t", "mann_whitney", "logit_normal"):
        expected["E2", "memory_cd4", method] = "sensitivity"
        expected["E3", "memory_cd4", method] = "sensitivity"
    del expected["E3", "memory_cd4", "logit_normal"]
    for subset in "xyz":
        expected[subset, "cd4", "arcsine_ols_hc2"] = "secondary"
        for method in ("quasi_binomial", *EXTRA):
            expected[subset, "cd4", method] = "sensitivity"
    for key in (("w", "cd4"), ("x", "memory_cd4")):
        expected[(*key, "arcsine_ols_hc2")] = "exploratory"
    expected["IFN", "cd4", "ols_hc2"] = "exploratory"
    assert roles.to_dict() == expected
    # one row a statement: the declared method, with the interval and the p of one test
    main = made[contrast.main_rows(made)]
    assert not main.duplicated(["quantity", "denominator"]).any()
    assert len(main) == len(made.drop_duplicates(["quantity", "denominator"]))
    assert set(made.loc[~contrast.main_rows(made), "role"]) == {"sensitivity"}
    order = ["primary", "secondary", "sensitivity", "exploratory"]
    assert made["role"].drop_duplicates().tolist() == order


def test_a_declared_primary_share_leads_with_its_main_method_only():
    table = people()
    made = contrast.run(table, plan(("y", "cd4")), counted(table), values(table))
    rows = made[made["role"] == "primary"]
    assert rows[["quantity", "method"]].to_numpy().tolist() == [["y", "arcsine_ols_hc2"]]
    rest = made[(made["quantity"] == "y") & (made["role"] != "primary")]
    assert set(rest["role"]) == {"sensitivity"} and "quasi_binomial" in set(rest["method"])
    assert set(made.loc[made["quantity"] == "E1", "role"]) == {"sensitivity"}


def test_where_no_estimator_leads_the_first_is_the_primary_one():
    table = people()
    made = contrast.run(table, plan(), counted(table), values(table, leads="none"))
    row = made[made["role"] == "primary"].iloc[0]
    assert row[["quantity", "denominator", "method"]].tolist() == ["E1", "memory_cd4", "ols_hc2"]
    absent = contrast.run(
        table, plan(), counted(table), values(table).query("estimator == 'E2'").assign(leads=False)
    )
    row = absent[absent["role"] == "primary"].iloc[0]
    assert row[["quantity", "method"]].tolist() == ["E1", "not_tested"]
    assert row["reason"] == "no such quantity in this cohort"


def test_the_family_of_secondary_tests_is_adjusted_together():
    table = people()
    made = contrast.run(table, plan(), counted(table)).set_index(["method", "quantity"])
    rows = made.loc["arcsine_ols_hc2"]
    rows = rows[rows["role"] == "secondary"]
    assert len(rows) == 3
    assert rows["q"].to_numpy() == pytest.approx(stats.false_discovery_control(rows["p"]))
    assert made.loc[made["role"] != "secondary", "q"].isna().all()


@pytest.mark.parametrize("paired", [False, True])
def test_no_interval_contradicts_the_p_of_its_row(paired):
    """Every method, p on either side of 0.05: zero lies outside just where p is below it."""
    table = paired_people() if paired else people()
    by = {"pair": "donor"} if paired else {}
    given = plan(contrast=design.Contrast("SLE", "control", **by))
    seen = set()
    for seed in range(12):
        made = contrast.run(table, given, counted(table, seed))
        known = made[made["estimable"] & made["ci_low"].notna()]
        assert known["p"].notna().all()
        outside = (known["ci_low"] > 0) | (known["ci_high"] < 0)
        assert (outside == (known["p"] < 0.05)).all(), known[outside != (known["p"] < 0.05)]
        fold = known[known["fold"].notna()]
        told = (fold["fold_low"] > 1) | (fold["fold_high"] < 1)
        assert (told == outside.loc[fold.index]).all() and len(fold)
        seen |= set(zip(known["method"], outside, strict=True))
    for method in ("permutation", "bootstrap_t", "paired_t" if paired else "arcsine_ols_hc2"):
        assert {(method, True), (method, False)} <= seen


def by_angle(comp, subset, home):
    rows = comp[(comp["subset"] == subset) & (comp["denominator"] == home)].reset_index(drop=True)
    return rows, np.arcsin(np.sqrt(rows["n"] / rows["n_denominator"])).to_numpy()


def test_numbers_of_a_share_are_those_of_its_methods():
    age = np.r_[np.arange(8.0), np.arange(8.0) ** 1.5]
    table = people(age=age)
    comp = counted(table)
    given = plan(contrast=design.Contrast("SLE", "control", ("age",)))
    made = contrast.run(table, given, comp).set_index(["quantity", "denominator", "method"])
    rows, angle = by_angle(comp, "x", "cd4")
    case = (rows["condition"] == "SLE").to_numpy(float)
    matrix = np.column_stack([np.ones(16), age, case])
    main = made.loc[("x", "cd4", "arcsine_ols_hc2")]
    ols = inference.ols(angle, matrix)
    for name in ("effect", "se", "df", "ci_low", "ci_high", "p"):
        assert main[name] == pytest.approx(getattr(ols, name)), name
    residual = angle - matrix @ np.linalg.lstsq(matrix, angle)[0]
    g = inference.standardized(ols.effect, ols.se, np.sqrt(np.sum(residual**2) / 13), 13)
    assert (main["smd"], main["smd_se"]) == pytest.approx(g)
    assert main[["n_case", "n_control", "covariates", "unit"]].tolist() == [
        *(10, 6, "age", "arcsine root"),
    ]
    percent = (100 * rows["n"] / rows["n_denominator"]).to_numpy()
    medians = [np.median(percent[case == 1]), np.median(percent[case == 0])]
    assert main[["median_case", "median_control"]].tolist() == pytest.approx(medians)
    model, _ = overdispersed.quasi_binomial(rows["n"], rows["n_denominator"], matrix)
    found = made.loc[("x", "cd4", "quasi_binomial")]
    assert found["effect"] == pytest.approx(model.effect, abs=1e-4)
    assert found["p"] == pytest.approx(model.p, rel=1e-3)
    assert found["unit"] == "ln odds ratio" and found["n_case"] == 10
    points = made.loc[("x", "cd4", "points_ols_hc2")]
    assert points["effect"] == pytest.approx(inference.ols(percent, matrix).effect)
    assert points["p"] == pytest.approx(inference.ols(percent, matrix).p)
    assert points["unit"] == "percentage points"
    clr = composition.clr(comp, "x", "cd4").set_index("donor")["value"]
    ratio = made.loc[("x", "cd4", "clr_ols_hc2")]
    expected = inference.ols(clr.reindex(rows["donor"]).to_numpy(), matrix)
    assert (ratio["effect"], ratio["p"]) == pytest.approx((expected.effect, expected.p))
    assert ratio["unit"] == "CLR"
    permuted = made.loc[("x", "cd4", "permutation")]
    fit = inference.project(matrix)
    orders, _ = resampling.permutations(
        case, np.zeros(16, int), 199, np.random.default_rng(3), exact=False
    )
    assert permuted["p"] == pytest.approx(resampling.permutation_p(angle, fit, orders, False)[0])
    assert permuted["reason"] == "199 permutations" and permuted["effect"] == main["effect"]
    assert permuted["ci_low"] < main["effect"] < permuted["ci_high"]
    boot = made.loc[("x", "cd4", "bootstrap_t")]
    expected = resampling.bootstrap_t(angle, fit, 100, np.random.default_rng(3))
    assert (boot["ci_low"], boot["ci_high"]) == pytest.approx((expected.ci_low, expected.ci_high))
    assert boot["p"] == expected.p
    rank = made.loc[("x", "cd4", "mann_whitney")]
    check = stats.mannwhitneyu(percent[case == 1], percent[case == 0])
    assert rank["p"] == pytest.approx(check.pvalue)
    assert rank[["unit", "covariates"]].tolist() == ["percentage points", "none"]
    assert (made["contrast"] == "SLE vs control").all() and (made["cohort"] == "c").all()


def test_few_donors_are_permuted_in_every_way():
    table = people(8)
    row = contrast.run(table, plan(), counted(table)).query("method == 'permutation'").iloc[0]
    assert row["reason"] == "all 56 permutations"


def paired_people():
    table = pd.DataFrame({"cohort": "c", "donor": [f"P{i}" for i in range(7)] * 2})
    return table.assign(condition=["control"] * 7 + ["SLE"] * 7).iloc[:-1]  # P6 has no partner


def test_numbers_of_pairs_are_those_of_their_differences():
    table = paired_people()
    comp = counted(table, 4)
    given = plan(contrast=design.Contrast("SLE", "control", pair="donor"))
    made = contrast.run(table, given, comp).set_index(["quantity", "denominator", "method"])
    rows, angle = by_angle(comp, "x", "cd4")
    d = angle[7:] - angle[:6]
    main = made.loc[("x", "cd4", "paired_t")]
    check = stats.ttest_1samp(d, 0)
    assert (main["effect"], main["p"], main["df"]) == pytest.approx((d.mean(), check.pvalue, 5))
    assert main["n_case"] == main["n_control"] == 6
    assert main["covariates"] == "donor" and "P6" in main["reason"]
    g = inference.standardized(d.mean(), main["se"], d.std(ddof=1), 5)
    assert (main["smd"], main["smd_se"]) == pytest.approx(g)
    percent = (100 * rows["n"] / rows["n_denominator"]).to_numpy()
    assert main["median_case"] == pytest.approx(np.median(percent[7:]))
    assert main["median_control"] == pytest.approx(np.median(percent[:6]))
    flips = made.loc[("x", "cd4", "permutation")]
    expected, _ = resampling.sign_flip(
        d, inference.project(np.ones((6, 1))), 199, np.random.default_rng(3)
    )
    assert flips["p"] == pytest.approx(expected.p)
    assert flips["reason"].endswith("all 64 sign flips of the pairs")
    rank = made.loc[("x", "cd4", "wilcoxon")]
    gap = percent[7:] - percent[:6]
    assert rank["p"] == pytest.approx(stats.wilcoxon(gap).pvalue)
    assert rank["effect"] == pytest.approx(inference.walsh(gap).effect)
    assert rank["unit"] == "percentage points"
    model = made.loc[("x", "cd4", "quasi_binomial")]
    at = np.r_[7:13, 0:6]
    blocks = np.column_stack([np.tile(np.eye(6), (2, 1)), np.repeat([1.0, 0.0], 6)])
    fit, _ = overdispersed.quasi_binomial(rows["n"][at], rows["n_denominator"][at], blocks)
    assert model["effect"] == pytest.approx(fit.effect, abs=1e-3)
    assert model["n_case"] == 6 and model["covariates"] == "donor"
    points = made.loc[("x", "cd4", "points_paired_t")]
    assert points["points"] == pytest.approx(gap.mean()) == pytest.approx(points["effect"])
    assert flips["points"] == pytest.approx(main["points"])  # the same effect, another interval
    boot = made.loc[("x", "cd4", "bootstrap_t")]
    assert boot["ci_low"] < d.mean() < boot["ci_high"]


def test_pairs_with_one_difference_and_too_few_pairs_are_marked():
    table = paired_people()
    same = table.assign(value=1.0 * (table["condition"] == "SLE"), estimable=True, reason="")
    paired = plan(contrast=design.Contrast("SLE", "control", pair="donor"))
    rows = contrast.value(contrast.DesignCache(table, paired), same, "SD")
    assert [r["reason"] for r in rows] == [
        "the same difference in every pair; 1 without a partner left out: P6"
    ]
    assert rows[0]["method"] == "paired_t" and not rows[0]["estimable"]
    few = table[table["donor"].isin(["P0", "P1"])].reset_index(drop=True)
    rows = contrast.value(contrast.DesignCache(few, paired), same[same["donor"] < "P2"], "SD")
    assert rows[0]["reason"] == "2 pairs; 3 are needed"


def test_rows_are_sorted_whatever_the_order_of_the_tables():
    table = people()
    names = [("b", "S2"), ("a", "S2"), ("b", "S1"), ("a", "S1")]
    rng = np.random.default_rng(2)
    scores = pd.concat(
        table[UNIT].assign(subset=subset, signature=name, value=rng.normal(size=16))
        for subset, name in names
    )
    scores = scores.assign(estimable=True, reason="")
    shares = counted(table).iloc[::-1]
    made = contrast.run(table, plan(secondary=()), shares, values(table).iloc[::-1], scores)
    main = made[contrast.main_rows(made) & made["role"].eq("exploratory")]
    found = list(zip(main["denominator"], main["quantity"], strict=True))
    shares = [("cd4", name) for name in "wxyz"] + [("memory_cd4", "x")]
    assert found == [*shares, ("a", "S1"), ("a", "S2"), ("b", "S1"), ("b", "S2")]
    other = made[made["role"] == "sensitivity"]
    assert other.loc[contrast.main_rows(other), "quantity"].tolist() == ["E2", "E3"]


def test_donors_that_make_no_sense_stop_the_tests():
    table = people()
    wrong = table.assign(condition=table["condition"].replace("control", "healthy"))
    with pytest.raises(ValueError, match="'healthy' is neither 'SLE' nor 'control'"):
        contrast.run(wrong, plan(), counted(wrong))


def test_donors_without_a_value_are_counted_and_the_commonest_reason_is_given():
    table = people()
    made = values(table).query("estimator == 'E1'").reset_index(drop=True)
    made.loc[[0, 1], ["estimable", "reason"]] = [False, "few cells"]
    made.loc[[2], ["estimable", "reason"]] = [False, "no cells"]
    rows = contrast.value(contrast.DesignCache(table, plan()), made, "ln ratio")
    assert rows[0]["reason"] == "3 donors left out: few cells"
    assert rows[0]["n_case"] == 7 and rows[0]["n_control"] == 6
    nothing = contrast.value(
        contrast.DesignCache(table, plan()),
        made.assign(estimable=False, reason="no depth"),
        "ln ratio",
    )
    assert [(r["reason"], r["estimable"], r["n_case"]) for r in nothing] == [("no depth", False, 0)]
    one = contrast.main_effect(contrast.DesignCache(table, plan()), made, "ln ratio")
    assert one["method"] == "ols_hc2" and one["effect"] == rows[0]["effect"]


def test_the_ratio_without_a_pseudocount_is_the_logit_normal_model():
    table = people()
    rng = np.random.default_rng(5)
    poles = table[UNIT].assign(n_tph=rng.poisson(20, 16), n_th22=rng.poisson(10, 16))
    poles.loc[0, ["n_tph", "n_th22"]] = 0
    row = methods.ratio(contrast.DesignCache(table, plan()), poles)
    kept = poles.iloc[1:]
    case = (kept["condition"] == "SLE").to_numpy(float)
    fit, _ = overdispersed.logit_normal(
        kept["n_tph"],
        kept["n_tph"] + kept["n_th22"],
        np.column_stack([np.ones(15), case]),
    )
    assert row["effect"] == pytest.approx(fit.effect, abs=1e-4)
    assert row["p"] == pytest.approx(fit.p, rel=1e-3)
    assert row["reason"] == "1 donor left out: not a cell of either pole"
    assert row["method"] == "logit_normal" and row["unit"] == "ln ratio"


def test_designs_of_the_same_donors_are_made_once():
    table = people()
    designs = contrast.DesignCache(table, plan())
    one, rows = designs.design(table.iloc[::-1].reset_index(drop=True))
    assert rows.tolist() == list(range(15, -1, -1))
    assert designs.design(table)[0] is one
    assert designs.design(table.iloc[1:])[0] is not one


def test_what_a_plan_is_where_nothing_is_said():
    made = contrast.Plan(CONTRAST)
    assert (made.secondary, made.primary) == ((), None)
    assert (made.permutations, made.bootstraps, made.seed) == (10_000, 2_000, 0)
    assert (CONTRAST.covariates, CONTRAST.strata, CONTRAST.pair) == ((), (), "")
    assert CONTRAST.min_donors == 3
