"""Planned donors against statsmodels, limits of the SD against chi-square, power by simulation."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.power import TTestIndPower
from tilt.core import contracts, tables
from tilt.donors.imbalance import ratio_values
from tilt.stats import planning

SCRIPT = Path(__file__).parents[3] / "workflow/scripts/plan_study.py"
ARMS = ("SLE", "control")


def cohort(value, cells=None, variance=1e-12, estimator="E1"):
    """Table of imbalance, the first half of the donors cases."""
    n = len(value)
    return pd.DataFrame(
        {
            "cohort": "made",
            "donor": [f"D{i}" for i in range(n)],
            "condition": np.repeat(ARMS, n // 2),
            "estimator": estimator,
            "value": value,
            "variance": variance,
            "n_cells": 400 if cells is None else cells,
            "estimable": True,
            "reason": "",
            "leads": True,
        }
    )


@pytest.mark.parametrize("effect, sd", [(0.5, 1.0), (0.69, 0.6), (1.5, 0.9), (0.2, 1.3)])
@pytest.mark.parametrize("aim", [0.8, 0.9])
def test_donors_are_those_of_statsmodels(effect, sd, aim):
    exact = TTestIndPower().solve_power(effect_size=effect / sd, alpha=0.05, power=aim)
    assert planning.donors_needed(effect, sd, 0.05, aim) == np.ceil(exact)
    assert planning.donors_needed(-effect, sd, 0.05, aim) == np.ceil(exact)


def test_power_is_that_of_statsmodels():
    theirs = TTestIndPower().power(0.8, nobs1=10, ratio=0.8, alpha=0.05)
    ours = planning.power(0.8 / np.sqrt(1 / 10 + 1 / 8), 16, 0.05)
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_a_huge_effect_needs_the_least_and_a_tiny_one_more_than_can_be_had():
    assert planning.donors_needed(50, 0.5, 0.05, 0.8) == 3
    assert planning.donors_needed(1e-4, 1.0, 0.05, 0.8) == np.inf


@pytest.mark.parametrize("estimator", ["E1", "E3"])
def test_without_cell_noise_the_limits_of_the_sd_are_those_of_chi_square(estimator):
    value = np.array([1.2, 0.4, 2.1, 0.9, 1.7, 0.2, -0.3, 0.6, -1.1, 0.1])
    found = planning.spread(cohort(value, estimator=estimator), estimator, ARMS)
    pooled = (value[:5].var(ddof=1) + value[5:].var(ddof=1)) / 2
    low, high = 8 * pooled / stats.chi2.ppf([0.975, 0.025], 8)
    assert found.sd == pytest.approx(np.sqrt([pooled, low, high]), rel=1e-4)
    own = planning.plan(found, 1.0).iloc[-1]
    power = TTestIndPower().power(1 / np.sqrt(pooled), nobs1=5, alpha=0.05)
    assert own["power"] == pytest.approx(power, abs=1e-4)
    # the smallest effect is the one whose power is .8
    size = own["smallest_effect"] / np.sqrt(pooled)
    assert TTestIndPower().power(size, nobs1=5, alpha=0.05) == pytest.approx(0.8, abs=1e-4)


def test_cells_add_their_variance_and_the_limits_bracket():
    rng = np.random.default_rng(3)
    cells = np.repeat([100, 400], 10)
    value = rng.normal(0, np.sqrt(0.5 + 40 / cells))
    found = planning.spread(cohort(value, cells, 40 / cells), "E1", ARMS)
    assert found.unit == pytest.approx(40)
    table = planning.plan(found, np.log(2))
    assert table["cells"].tolist() == [100, 200, 500, 1000, 3000, 250]
    assert table["sd"].iloc[2] == pytest.approx(np.sqrt(found.sd[0] ** 2 + 40 / 500))
    donors = table["donors_per_arm"].iloc[:5]
    assert donors.is_monotonic_decreasing and donors.iloc[0] > donors.iloc[-1]
    assert (table["donors_per_arm_low"] < table["donors_per_arm"]).all()
    assert (table["donors_per_arm"] < table["donors_per_arm_high"]).all()
    own = table.iloc[-1]
    assert own["power_high"] < own["power"] < own["power_low"]


def test_the_power_that_is_promised_is_reached():
    """Log-normal donors, cells drawn from their shares, and the ratio as tilt makes it."""
    rng = np.random.default_rng(11)
    sd, cells, shares, fold = 0.6, 500, (0.06, 0.04), np.log(2)
    total = np.sqrt(sd**2 + sum(1 / (cells * s) for s in shares))
    n = int(planning.donors_needed(fold, total, 0.05, 0.8))
    assert n == 16
    shift = np.repeat([fold / 2, -fold / 2], n)
    hits = 0
    for _ in range(400):
        log = shift + rng.normal(0, sd, 2 * n)
        tph, th22 = (
            rng.poisson(cells * s * np.exp(sign * log / 2))
            for s, sign in zip(shares, (1, -1), strict=True)
        )
        value, _ = ratio_values(np.full(2 * n, float(cells)), tph, th22)
        hits += stats.ttest_ind(value[:n], value[n:]).pvalue < 0.05
    assert abs(hits / 400 - 0.8) < 2 * np.sqrt(0.8 * 0.2 / 400)


def with_age(slope):
    """Twenty donors whose E3 rises with age, and their table of donors."""
    rng = np.random.default_rng(7)
    age = rng.integers(20, 60, 20).astype(float)
    value = slope * age + rng.normal(0, 0.5, 20)
    table = cohort(value, estimator="E3")
    donors = table[["donor", "condition"]].assign(age=age.astype(int).astype(str))
    donors["sex"] = ["F", "M", "F", "F"] * 5
    return table, donors, age


def test_covariates_of_the_cohort_are_taken_out_of_the_spread_and_cost_their_columns():
    table, donors, age = with_age(0.1)
    plain = planning.spread(table, "E3", ARMS)
    found = planning.spread(table, "E3", ARMS, donors, ("age", "sex"))
    x = np.column_stack([np.ones(20), age, donors["sex"] == "M", np.repeat([1, 0], 10)])
    fit = sm.OLS(table["value"].to_numpy(), x.astype(float)).fit()
    assert found.sd[0] == pytest.approx(np.sqrt(fit.scale)) and plain.sd[0] > 1.5 * found.sd[0]
    assert (found.df, found.columns, set(found.covariates)) == (16, 2, {"age", "sex"})
    assert planning.own_se(found, found.sd[0]) == pytest.approx(fit.bse[-1])
    own = planning.plan(found, 1.0).iloc[-1]
    assert own["covariates"] == 2
    assert own["donors_per_arm"] == planning.donors_needed(1.0, found.sd[0], 0.05, 0.8, 2)


def test_a_column_of_covariates_costs_a_degree_of_freedom():
    """Against the noncentral t: 2 n - 2 - k degrees of freedom, and one donor fewer is too few."""
    for columns in (0, 3, 8):
        n = int(planning.donors_needed(1.0, 0.6, 0.05, 0.8, columns))

        def power(n, columns=columns):
            df, shift = 2 * n - 2 - columns, np.sqrt(n / 2) / 0.6
            return stats.nct.sf(stats.t.ppf(0.975, df), df, shift)

        assert power(n) >= 0.8 and (2 * (n - 1) - 2 <= columns or power(n - 1) < 0.8)
    needed = [planning.donors_needed(1.0, 0.6, 0.05, 0.8, k) for k in (0, 8)]
    assert needed == [7, 9]


def test_covariates_that_are_no_columns_are_refused_and_those_that_cannot_be_used_are_told():
    table, donors, _ = with_age(0.0)
    with pytest.raises(planning.NoPlan, match=r"--covariates bmi: no column .* of age, sex"):
        planning.spread(table, "E3", ARMS, donors, ("bmi",))
    donors["arm"] = donors["condition"]
    found = planning.spread(table, "E3", ARMS, donors, ("arm",))
    assert found.columns == 0 and found.notes == ("arm left out: confounded with condition",)
    donors.loc[:2, "age"] = None
    found = planning.spread(table, "E3", ARMS, donors, ("age",))
    assert found.n == (7, 10) and found.notes[0].startswith("3 donors without age left out")


def test_words_of_the_command_become_cells_and_covariates():
    assert planning.planned_cells("1000, 200") == (200.0, 1000.0)
    with pytest.raises(planning.NoPlan, match=r"--cells 200,few: allowed are numbers.*Fix"):
        planning.planned_cells("200,few")
    assert planning.planned_covariates("3") == (3, ())
    assert planning.planned_covariates("age, sex") == (None, ("age", "sex"))


def test_three_donors_an_arm_are_not_estimable():
    with pytest.raises(planning.NoPlan, match="E1 has 3 donors in SLE and 3 donors in control; "):
        planning.spread(cohort(np.arange(6.0)), "E1", ARMS)


def test_four_donors_an_arm_are_enough_and_other_rows_count_for_nothing():
    value = np.array([1.0, 2, 4, 3, 0, 1, 3, 2])
    table = cohort(value, [100, 100, 100, 100, 200, 400, 500, 900], 0.25)
    others = [
        cohort(np.arange(8.0) ** 2, estimator="E3"),
        cohort(np.arange(8.0) ** 2).assign(estimable=False, donor=[f"X{i}" for i in range(8)]),
        cohort(np.arange(8.0) ** 2).assign(condition="RA", donor=[f"Y{i}" for i in range(8)]),
    ]
    found = planning.spread(pd.concat([table, *others]), "E1", ARMS)
    assert (found.n, found.df, found.arms, found.estimator) == ((4, 4), 6, ARMS, "E1")
    assert (found.cells, found.unit) == (150, 0.25 * 150)  # of the median donor
    # within arms 10 of 6 degrees of freedom: 10 / (tau2 + 0.25) = 6, or the quantiles
    sums = np.array([6, *stats.chi2.ppf([0.975, 0.025], 6)])
    assert found.sd == pytest.approx(np.sqrt(np.maximum(10 / sums - 0.25, 0)), rel=1e-6)
    with pytest.raises(planning.NoPlan, match="E1 has 4 donors in SLE and 3 donors in control"):
        planning.spread(table.iloc[:7], "E1", ARMS)


def test_the_cohorts_own_row_has_its_own_donors_and_cells():
    cells = np.array([100, 100, 400, 400, 200, 200, 200, 200, 800, 800])
    value = np.array([2.0, 0, 1, 3, -1, 0, 2, -2, 1, 1])
    found = planning.spread(cohort(value, cells, 40 / cells), "E1", ARMS)
    assert found.variance.tolist() == [0.4, 0.4, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.05, 0.05]
    s2 = found.sd[0] ** 2
    weight = [2 / (s2 + 0.4) + 2 / (s2 + 0.1) + 1 / (s2 + 0.2), 3 / (s2 + 0.2) + 2 / (s2 + 0.05)]
    se = np.sqrt(1 / weight[0] + 1 / weight[1])
    assert planning.own_se(found, found.sd[0]) == pytest.approx(se)
    table = planning.plan(found, 1.2, alpha=0.1, aim=0.9)
    own = table.iloc[-1]
    assert own["power"] == pytest.approx(planning.power(1.2 / se, 8, 0.1))
    found_at = planning.power(own["smallest_effect"] / se, 8, 0.1)
    assert found_at == pytest.approx(0.9, abs=1e-6)
    mean = (2 * 0.4 + 2 * 0.1 + 0.2 + 3 * 0.2 + 2 * 0.05) / 10
    assert own["sd_sampling"] == pytest.approx(np.sqrt(mean)) and own["cells"] == 200
    assert own["sd"] == pytest.approx(np.sqrt(s2 + mean))
    assert own["donors_per_arm"] == planning.donors_needed(1.2, own["sd"], 0.1, 0.9)
    assert own["donors_per_arm_low"] == planning.donors_needed(1.2, own["sd_low"], 0.1, 0.9)
    assert table["study"].tolist() == ["planned"] * 5 + ["own cohort"]
    assert table["sd_sampling"].iloc[0] == pytest.approx(np.sqrt(40 / 100))
    assert table.drop_duplicates(["estimator", "effect", "alpha", "aim"]).shape[0] == 1
    assert tuple(own[["estimator", "effect", "alpha", "aim"]]) == ("E1", 1.2, 0.1, 0.9)
    assert table["power"].notna().tolist() == [False] * 5 + [True]


def test_an_estimator_without_a_sampling_variance_has_its_own_row_alone():
    value = np.array([1.0, 2, 4, 3, 0, 1, 3, 2])
    found = planning.spread(cohort(value, variance=np.nan, estimator="E3"), "E3", ARMS)
    table = planning.plan(found, 2.0)
    assert table["study"].tolist() == ["own cohort"] and table["sd_sampling"].isna().all()
    assert table["sd"].iloc[0] == pytest.approx(np.sqrt(10 / 6))
    limits = np.sqrt(10 / stats.chi2.ppf([0.975, 0.025], 6))
    assert table[["sd_low", "sd_high"]].iloc[0].tolist() == pytest.approx(limits)


@pytest.mark.parametrize("variance", [0.0, np.nan, np.inf])
def test_a_ratio_without_a_variance_is_refused(variance):
    table = cohort(np.arange(8.0), variance=0.2)
    table.loc[3, "variance"] = variance
    with pytest.raises(planning.NoPlan, match=r"E1 has a variance that is missing.*Fix"):
        planning.spread(table, "E1", ARMS)


def test_the_power_aimed_at_is_enough_and_the_search_ends():
    """Seven donors have just this power: seven are needed, and for a hair more eight."""
    exact = planning.power(1.5 * np.sqrt(7 / 2), 12, 0.05)
    assert planning.donors_needed(1.5, 1.0, 0.05, exact) == 7
    assert planning.donors_needed(1.5, 1.0, 0.05, exact + 1e-9) == 8
    assert planning.donors_needed(0.02, 1.0, 0.05, 0.8) == pytest.approx(39_245, abs=1)
    assert planning.power(-3.0, 10, 0.05) == planning.power(3.0, 10, 0.05)
    assert planning.power(0.0, 10, 0.05) == pytest.approx(0.05)


def test_pairs_and_donors_all_alike_are_refused():
    table = cohort(np.arange(8.0))
    table["donor"] = [f"D{i % 4}" for i in range(8)]
    with pytest.raises(planning.NoPlan, match=r"4 donors are in both arms.*Fix"):
        planning.spread(table, "E1", ARMS)
    with pytest.raises(planning.NoPlan, match="the same E3"):
        planning.spread(cohort(np.ones(8), estimator="E3"), "E3", ARMS)


@pytest.mark.parametrize(
    "estimator, effect, fold, said",
    [
        ("E1", 0.0, None, "--effect 0: allowed are numbers other than 0"),
        ("E1", np.nan, None, "--effect nan"),
        ("E1", None, 1.0, "--fold 1: allowed are numbers above 0 other than 1"),
        ("E1", None, -2.0, "--fold -2"),
        ("E3", None, 2.0, "E3 is in SD, no ratio"),
        ("E1", None, None, "one of --effect and --fold"),
        ("E1", 1.0, 2.0, "one of --effect and --fold"),
        ("E9", 1.0, None, "allowed are E1, E2, E3"),
    ],
)
def test_effects_that_mean_nothing_are_refused(estimator, effect, fold, said):
    with pytest.raises(planning.NoPlan, match=said) as caught:
        planning.effect_of(estimator, effect, fold)
    assert "Fix: " in str(caught.value)


def test_a_fold_is_a_difference_of_logarithms():
    assert planning.effect_of("E1", None, 2.0) == pytest.approx(0.693147, abs=1e-6)
    assert planning.effect_of("E3", 0.5, None) == 0.5


@pytest.mark.parametrize("alpha, aim", [(0, 0.8), (0.5, 0.8), (0.05, 0.05), (0.05, 1), (0.05, 80)])
def test_alpha_and_power_out_of_range_are_refused(alpha, aim):
    with pytest.raises(planning.NoPlan, match=r"allowed is .*Fix"):
        planning.check(alpha, aim)


@pytest.mark.parametrize("alpha, aim", [(0.0001, 0.8), (0.499, 0.6), (0.05, 0.051), (0.05, 0.999)])
def test_alpha_and_power_at_the_ends_are_allowed(alpha, aim):
    planning.check(alpha, aim)


def test_the_command_says_what_folder_it_needs(tmp_path):
    command = [sys.executable, SCRIPT, "--cohort", tmp_path / "none", "--fold", "2"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1
    assert "none/imbalance.tsv does not exist. Fix: " in run.stderr
    assert "Traceback" not in run.stderr


def run(*words):
    command = [sys.executable, SCRIPT, *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_writes_and_prints_the_same_donors(tmp_path):
    rng = np.random.default_rng(5)
    table = cohort(rng.normal(0, 0.8, 20), 400, 0.1)
    tables.write(table, tmp_path / "imbalance.tsv")
    tests = pd.DataFrame(index=[0], columns=list(contracts.TESTS.columns))
    tests["contrast"], tests["quantity"], tests["estimable"] = "SLE vs control", "E1", True
    tests.astype({"estimable": bool}).to_csv(tmp_path / "tests.tsv", sep="\t", na_rep="NA")
    words = ("--cohort", tmp_path, "--fold", "2", "--figure", tmp_path / "figure")
    broken = run(*words)  # a column too many: the table breaks its contract
    assert broken.returncode == 1 and "Fix: run the cohort again" in broken.stderr
    tables.write(tests, tmp_path / "tests.tsv")
    done = run(*words, "--out", tmp_path / "plan.tsv")
    assert done.returncode == 0, done.stderr
    plan = tables.read(tmp_path / "plan.tsv", contracts.FREE)
    made = planning.plan(planning.spread(table.round(6), "E1", ARMS), np.log(2))
    assert plan["donors_per_arm"].astype(float).tolist() == made["donors_per_arm"].tolist()
    assert f"  {made['donors_per_arm'].iloc[0]:.0f} (" in done.stdout
    donors = table[["cohort", "donor", "condition"]].assign(n_samples=1, age=range(20, 40))
    tables.write(donors, tmp_path / "donors.tsv")
    again = run(*words, "--covariates", "age", "--cells", "150", "--out", tmp_path / "plan.tsv")
    assert again.returncode == 0 and ", age taken out" in again.stdout
    plan = tables.read(tmp_path / "plan.tsv", contracts.FREE)
    assert plan["cells"].astype(float).tolist() == [150, 400]
    assert plan["covariates"].astype(int).tolist() == [1, 1]
    assert {path.suffix for path in tmp_path.glob("figure.*")} == {".pdf", ".svg", ".png", ".tsv"}
