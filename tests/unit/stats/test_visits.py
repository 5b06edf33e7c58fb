"""Changes between visits: values of another library, planted truth, who is left out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from tilt.core.contracts import CHANGES
from tilt.core.text import at_visit
from tilt.stats import design, precision, visits
from tilt.stats.compared import Plan
from tilt.stats.mixed import fit

PLAN = Plan(design.Contrast("SLE", "control", ("age",)), permutations=49, seed=2)
ORDER = ["flare", "after"]


def made(rng, n=(10, 8), change=(0.0, 0.0), donor_sd=2.0, variance=np.nan):
    """Donors at both visits: units of the first one carry the condition alone."""
    case = np.repeat([True, False], n)
    own = donor_sd * rng.normal(size=len(case))
    parts, values = [], []
    age = rng.integers(20, 60, len(case)).astype(str)
    for place, visit in enumerate(ORDER):
        arm = np.where(case, "SLE", "control")
        condition = [at_visit(a, visit) if place else a for a in arm]
        unit = pd.DataFrame({"cohort": "one", "donor": [f"D{i}" for i in range(len(case))]})
        unit["condition"], unit["age"] = condition, age
        y = own + place * np.where(case, *change) + rng.normal(size=len(case))
        parts.append(unit)
        values.append(unit.drop(columns="age").assign(value=y, variance=variance))
    table = pd.concat(values, ignore_index=True)
    table = table.assign(estimator="E1", estimable=True, leads=True, reason="")
    return pd.concat(parts, ignore_index=True), table


def pick(found, among):
    return found.set_index("among").loc[among]


def test_changes_are_paired_and_their_difference_is_adjusted():
    donors, values = made(np.random.default_rng(1), change=(-1.0, 0.0))
    found = visits.compare(donors, PLAN, values, ORDER)
    assert list(found) == list(CHANGES.columns) and len(found) == 3
    y = values.pivot(index="donor", columns="condition", values="value")
    cases = (y["SLE (after)"] - y["SLE"]).dropna()
    row = pick(found, "SLE")
    expected = stats.ttest_1samp(cases, 0)
    assert (row.effect, row.p) == pytest.approx((cases.mean(), expected.pvalue))
    assert (row.n, row.method, row.unit) == (10, "paired_t", "ln ratio")
    controls = (y["control (after)"] - y["control"]).dropna()
    assert pick(found, "control").effect == pytest.approx(controls.mean())
    first = donors[donors["condition"].isin(["SLE", "control"])].set_index("donor")
    gap = pd.concat([cases, controls])
    x = np.column_stack(
        [np.ones(18), first.loc[gap.index, "age"].astype(float),
         first.loc[gap.index, "condition"] == "SLE"]
    ).astype(float)  # fmt: skip
    fit = sm.OLS(gap.to_numpy(), x).fit(cov_type="HC2")
    row = pick(found, "SLE minus control")
    assert (row.effect, row.se) == pytest.approx((fit.params[2], fit.bse[2]))
    assert (row.n_case, row.n_control, row.covariates) == (10, 8, "age")
    ends = np.exp([row.effect, row.ci_low, row.ci_high])
    assert [row.fold, row.fold_low, row.fold_high] == pytest.approx(list(ends))


def test_what_donors_differ_by_does_not_hide_a_change():
    """Donors spread ten times as wide as a visit: the change is seen as well as without."""
    donors, values = made(np.random.default_rng(2), (20, 15), (2.0, 0.0), donor_sd=10.0)
    found = visits.compare(donors, PLAN, values, ORDER)
    case, both = pick(found, "SLE"), pick(found, "SLE minus control")
    assert case.ci_low > 0.5 and case.ci_low < 2 < case.ci_high
    assert both.ci_low > 0 and both.ci_low < 2 < both.ci_high


def test_the_mixed_model_is_the_paired_test_of_complete_donors_and_takes_the_others_too():
    donors, values = made(np.random.default_rng(8), change=(-1.0, 0.0))
    whole = visits.compare(donors, replace(PLAN, contrast=design.Contrast("SLE", "control")),
                           values, ORDER)  # fmt: skip
    mixed = whole[["mixed_effect", "mixed_ci_low", "mixed_ci_high", "mixed_p", "mixed_df"]]
    for name, df in (("SLE", 9), ("control", 7)):
        row = whole.set_index("among").loc[name]
        assert mixed[whole["among"] == name].to_numpy()[0] == pytest.approx(
            [row.effect, row.ci_low, row.ci_high, row.p, df], rel=1e-3
        )
        assert row.n_any == row.n
    both = pick(whole, "SLE minus control")
    assert both.mixed_effect == pytest.approx(both.effect, rel=1e-3)
    assert both.mixed_df == pytest.approx(16, rel=1e-3)
    # one lacks the later visit, one the first: both count in the model, neither in the change
    gone = (values["donor"] == "D0") & (values["condition"] == "SLE (after)")
    gone |= (values["donor"] == "D1") & (values["condition"] == "SLE")
    case = pick(visits.compare(donors, PLAN, values[~gone], ORDER), "SLE")
    assert (case.n, case.n_any) == (8, 10)
    rows = values[~gone & values["condition"].str.startswith("SLE")]
    late = rows["condition"].str.endswith("(after)").to_numpy(float)
    expected = fit(
        rows["value"].to_numpy(),
        np.column_stack([np.ones(len(rows)), late]),
        rows["donor"].str[1:].astype(int).to_numpy(),
    ).estimate
    assert case.mixed_effect == pytest.approx(expected.effect, rel=1e-5)
    assert case.mixed_p == pytest.approx(expected.p, rel=1e-4)
    both = pick(visits.compare(donors, PLAN, values[~gone], ORDER), "SLE minus control")
    assert (both.n, both.n_any) == (16, 18)


def test_whole_donors_are_permuted():
    """Three cases go down: two of 8 ways to give signs are as extreme. Of the arms a donor keeps
    both visits, so labels go with changes: one of 20 ways, and its mirror."""
    donors, values = made(np.random.default_rng(9), (3, 3), (0.0, 0.0), donor_sd=50.0)
    later = values["condition"].str.contains("after")
    first = values.loc[~later].set_index("donor")["value"]
    gap = values.loc[later, "donor"].map(
        dict(zip([f"D{i}" for i in range(6)], [-3.0, -3.2, -3.1, 0.1, 0.2, 0.0], strict=True))
    )
    values.loc[later, "value"] = values.loc[later, "donor"].map(first) + gap
    bare = design.Contrast("SLE", "control")
    found = visits.compare(donors, Plan(bare, permutations=999, seed=2), values, ORDER)
    assert pick(found, "SLE").p_permuted == pytest.approx(2 / 8)
    assert pick(found, "SLE minus control").p_permuted == pytest.approx(2 / 20)


def test_donors_without_a_visit_are_counted_and_arms_that_never_came_again_have_no_row():
    donors, values = made(np.random.default_rng(4))
    gone = (values["donor"] == "D0") & (values["condition"] == "SLE (after)")
    values.loc[gone, ["estimable", "reason"]] = [False, "few cells"]
    found = visits.compare(donors, PLAN, values, ORDER)
    case, both = pick(found, "SLE"), pick(found, "SLE minus control")
    assert case.n == 9 and "1 without both visits left out: D0" in case.reason
    assert both.n == 17 and "1 without both visits" in both.reason
    keep = donors["condition"] != "control (after)"
    alone = visits.compare(donors[keep], PLAN, values[keep.to_numpy()], ORDER)
    assert alone["among"].tolist() == ["SLE"]
    few = donors["donor"].isin(["D0", "D1", "D10", "D11", "D12"])
    short = visits.compare(donors[few], PLAN, values[few.to_numpy()], ORDER)
    assert pick(short, "SLE").reason.startswith("1 pair; 3 are needed")
    assert not pick(short, "SLE minus control").estimable


def test_ratios_weigh_donors_by_the_precision_of_both_visits():
    donors, values = made(np.random.default_rng(5), (14, 8), (1.0, 0.0), variance=0.01)
    worst = (values["donor"] == "D3") & (values["condition"] == "SLE (after)")
    values.loc[worst, "value"] += 100
    values.loc[worst, "variance"] = 10_000
    found = visits.compare(donors, PLAN, values, ORDER)
    assert (
        abs(pick(found, "SLE").effect - 1) < 1
        and abs(pick(found, "SLE minus control").effect - 1) < 1.5
    )


def test_every_later_visit_is_set_against_the_first_with_holm_over_them():
    donors, values = made(np.random.default_rng(7), (6, 5), (1.0, 0.2))
    third = values[values["condition"].str.contains("after")].copy()
    third["value"] += np.random.default_rng(8).normal(0.5, 1, len(third))
    third["condition"] = third["condition"].str.replace("after", "late")
    more = donors[donors["condition"].str.contains("after")].copy()
    more["condition"] = more["condition"].str.replace("after", "late")
    donors, values = pd.concat([donors, more]), pd.concat([values, third], ignore_index=True)
    found = visits.compare(donors, PLAN, values, [*ORDER, "late"])
    assert found["visit"].tolist() == ["after"] * 3 + ["late"] * 3
    assert set(found["since"]) == {"flare"} and set(found["cohort"]) == {"one"}
    assert found["among"].tolist() == 2 * ["SLE", "control", "SLE minus control"]
    y = values.pivot(index="donor", columns="condition", values="value")
    late = pick(found[found["visit"] == "late"], "SLE")
    assert late.effect == pytest.approx((y["SLE (late)"] - y["SLE"]).mean())
    for _, same in found.groupby("among"):
        p = np.sort(same["p"])
        assert np.sort(same["p_holm"]) == pytest.approx([min(2 * p[0], 1), max(2 * p[0], p[1])])
    assert found["covariates"].tolist() == 2 * ["none", "none", "age"]
    whole = found.iloc[2]
    assert "without both visits" not in whole.reason and whole.n == 11


def test_a_difference_of_changes_is_weighted_by_the_sum_of_both_variances():
    donors, values = made(np.random.default_rng(9), (7, 6), (1.0, 0.0), variance=0.1)
    rng = np.random.default_rng(10)
    values["variance"] = rng.uniform(0.05, 5, len(values))
    row = pick(visits.compare(donors, PLAN, values, ORDER), "SLE minus control")
    later = values.assign(later=values["condition"].str.contains("after"))
    y, v = (later.pivot(index="donor", columns="later", values=c) for c in ("value", "variance"))
    first = donors[~donors["condition"].str.contains("after")].set_index("donor").loc[y.index]
    x = np.column_stack(
        [np.ones(13), first["age"].astype(float), first["condition"] == "SLE"]
    ).astype(float)
    gap, spread = (y[True] - y[False]).to_numpy(), (v[True] + v[False]).to_numpy()
    tau2 = precision.between(gap, spread, x)
    fit = sm.WLS(gap, x, weights=1 / (spread + tau2)).fit(cov_type="HC2")
    assert (row.effect, row.se) == pytest.approx((fit.params[2], fit.bse[2]))
    assert row.method == "wls_hc2"


def test_the_protein_axis_is_compared_beside_the_others():
    donors, values = made(np.random.default_rng(5), change=(1.0, 0.0))
    both = pd.concat([values, values.assign(estimator="E4", leads=False)], ignore_index=True)
    found = visits.compare(donors, PLAN, both, ORDER)
    pd.testing.assert_frame_equal(
        found[found["estimator"] == "E1"], visits.compare(donors, PLAN, values, ORDER)
    )
    more = found[found["estimator"] == "E4"]
    assert more["effect"].tolist() == found.loc[found["estimator"] == "E1", "effect"].tolist()
    assert set(more["unit"]) == {"ln ratio"} and not more["leads"].any()


def test_rows_come_by_estimator_whatever_the_order_of_the_values():
    donors, values = made(np.random.default_rng(11))
    both = pd.concat([values.assign(estimator="E3", leads=False), values], ignore_index=True)
    found = visits.compare(donors, PLAN, both, ORDER)
    assert found["estimator"].tolist() == ["E1"] * 3 + ["E3"] * 3
    assert found["leads"].tolist() == [True] * 3 + [False] * 3
    numbers = ["effect", "se", "p", "n", "p_holm"]
    again = visits.compare(donors, PLAN, both[::-1], ORDER)
    np.testing.assert_allclose(again[numbers], found[numbers])
    assert set(found["unit"][3:]) == {"SD"} and set(found["unit"][:3]) == {"ln ratio"}
