"""The permuted effects that a figure shows are those from which the p value comes."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from tilt.core.contracts import PERMUTED
from tilt.stats import contrast, design, null_effects


def donors(paired: bool = False) -> pd.DataFrame:
    names = [f"D{n % 6 if paired else n}" for n in range(12)]
    table = pd.DataFrame({"cohort": "c", "donor": names})
    table["condition"] = ["SLE"] * 6 + ["control"] * 6
    table["batch"] = ["b1", "b2"] * 6
    return table


def values(people: pd.DataFrame) -> pd.DataFrame:
    table = people.assign(estimator="E1", estimable=True, reason="", leads=True)
    table["value"] = np.random.default_rng(2).normal(size=12) + (people["condition"] == "SLE")
    return table


def plan(paired: bool = False) -> contrast.Plan:
    by = {"pair": "donor"} if paired else {"strata": ("batch",)}
    made = design.Contrast("SLE", "control", **by)
    return contrast.Plan(made, permutations=3000, bootstraps=50)


@pytest.mark.parametrize("paired", [False, True])
def test_histogram_counts_every_permutation_around_zero(paired):
    people = donors(paired)
    table = null_effects.histograms(people, plan(paired), values(people))
    assert list(table.columns) == list(PERMUTED.columns) and len(table) == null_effects.BINS
    # all sign flips of six pairs; all ways to give three of six labels in two batches
    assert table["n"].sum() == (2**6 if paired else 20**2)
    middle = (table["bin_low"] + table["bin_high"]) / 2
    assert abs(np.average(middle, weights=table["n"])) < 0.1


@pytest.mark.parametrize("arms", [6, 8])
@pytest.mark.parametrize("paired", [False, True])
def test_the_share_beyond_the_effect_is_the_permutation_p(paired, arms):
    """Also with strata and where the arms differ in size and spread."""
    people = donors(paired)
    rows, given = values(people), plan(paired)
    wide = rows["value"] * np.where(rows["condition"] == "SLE", 3, 1)
    rows = rows.assign(value=wide if not paired else rows["value"])
    rows["estimable"] = rows.index < (12 if paired else arms + 3)
    designs = contrast.DesignCache(people, given)
    null = null_effects.effects(designs, rows)
    tests = contrast.value(designs, rows, "ln ratio")
    row = next(r for r in tests if r["method"] == "permutation")
    share = np.mean(np.abs(null) >= abs(row["effect"]) - 1e-9)
    assert share == pytest.approx(row["p"])


def test_no_test_no_histogram():
    people = donors().assign(condition="SLE")
    assert null_effects.histograms(people, plan(), values(donors()).assign(estimable=False)).empty
    assert null_effects.histograms(people, plan(), values(people)).empty


@pytest.mark.parametrize("paired", [False, True])
def test_null_effects_are_those_behind_the_p(paired):
    people = donors(paired)
    rows = values(people)
    rows.loc[[2, 8], "estimable"] = False
    given = plan(paired)
    found = null_effects.effects(contrast.DesignCache(people, given), rows)
    table = rows[rows["estimable"]].reset_index(drop=True)
    value = table["value"].to_numpy()
    if paired:
        difference = value[:5] - value[5:]
        signed = [difference * s for s in product([1, -1], repeat=5)]
        expected = [stats.ttest_1samp(d, 0).statistic for d in signed]
        found = found / stats.sem(difference)
    else:
        case = (table["condition"] == "SLE").to_numpy()
        batch = (table["batch"] == "b1").to_numpy()
        expected = []
        for chosen in combinations(range(10), 5):
            label = np.isin(np.arange(10), chosen)
            if label[batch].sum() == case[batch].sum():
                expected.append(stratified(value, label, batch)[0])
        found = found / stratified(value, case, batch)[1]
    assert np.sort(found) == pytest.approx(np.sort(expected))


def stratified(value, label, batch):
    """t of a label beside two batches, and its HC2 standard error."""
    matrix = np.column_stack([np.ones(len(value)), batch, label]).astype(float)
    fit = sm.OLS(value, matrix).fit(cov_type="HC2")
    return fit.tvalues[-1], fit.bse[-1]


def test_bins_hold_every_effect_between_its_edges():
    people = donors()
    rows, given = values(people), plan()
    table = null_effects.histograms(people, given, rows)
    found = null_effects.effects(contrast.DesignCache(people, given), rows)
    assert table["bin_low"].iloc[0] == pytest.approx(found.min())
    assert table["bin_high"].iloc[-1] == pytest.approx(found.max())
    for row in table.iloc[:-1].itertuples():
        assert row.n == ((found >= row.bin_low) & (found < row.bin_high)).sum()
    assert (table["cohort"] == "c").all() and (table["estimator"] == "E1").all()
    both = pd.concat([rows.assign(estimator="E2"), rows, rows.assign(estimator="E3", value=1.0)])
    table = null_effects.histograms(people, given, both)
    assert table["estimator"].drop_duplicates().tolist() == ["E1", "E2"]  # E3 has no spread


def test_no_test_no_effects():
    people = donors().assign(condition="SLE")
    designs = contrast.DesignCache(people, plan())
    assert len(null_effects.effects(designs, values(people))) == 0


def test_histograms_come_by_estimator_whatever_the_order_of_the_rows():
    people = donors()
    first = values(people)
    third = first.assign(estimator="E3", value=first["value"] ** 2)
    both = pd.concat([third, first], ignore_index=True)
    table = null_effects.histograms(people, plan(), both)
    assert table["estimator"].tolist() == ["E1"] * null_effects.BINS + ["E3"] * null_effects.BINS
    assert set(table["cohort"]) == {"c"} and set(table.groupby("estimator")["n"].sum()) == {400}
    again = null_effects.histograms(people, plan(), both[::-1])
    pd.testing.assert_frame_equal(again, table)
