"""One value a donor made ready: arms, pairs, weights, notes, and what chance adds to a share."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from tilt.stats import compared, design, precision
from tilt.stats.compared import Plan

ARMS, PAIRS = design.Contrast("SLE", "control"), design.Contrast("SLE", "control", pair="donor")


def donors(n=(4, 5), paired=False):
    table = pd.DataFrame({"condition": np.repeat(["SLE", "control"], n)})
    table.insert(0, "cohort", "c")
    names = [f"D{i}" for i in range(sum(n))]
    table["donor"] = [f"D{i}" for k in n for i in range(k)] if paired else names
    return table


def ready(value, n=(4, 5), paired=False, notes=(), ranks="", **more):
    people = donors(n, paired)
    designs = compared.DesignCache(people, Plan(PAIRS if paired else ARMS))
    table = people.assign(value=np.asarray(value, float), **more)
    return compared.prepare(designs, table, "ols_hc2", "SD", ranks, notes)


Y = np.array([2.1, 0.4, 1.7, 3.3, 0.2, -0.6, 0.9, 0.1, 1.2])


def test_arms_have_their_medians_and_the_middle_between_their_means():
    found = ready(Y, ranks="percent", percent=10 * Y)
    assert found.problem == "" and found.method == "ols_hc2"
    assert (found.base["median_case"], found.base["median_control"]) == pytest.approx((19, 2))
    assert found.base["middle"] == pytest.approx((Y[:4].mean() + Y[4:].mean()) / 2)
    assert ready(Y).base["median_case"] == pytest.approx(1.9)
    assert found.root.tolist() == [1] * 9 and found.matrix.shape == (9, 2)
    row = compared.main_row(found)
    fit = sm.OLS(Y, np.column_stack([np.ones(9), np.repeat([1.0, 0], [4, 5])])).fit()
    assert row["effect"] == pytest.approx(fit.params[1])
    spread = np.sqrt(fit.mse_resid)
    assert row["smd"] == pytest.approx(fit.params[1] / spread * (1 - 3 / (4 * 7 - 1)))


def test_pairs_are_differences_of_both_members_with_both_variances():
    y = Y[:8]
    variance = np.array([0.1, 0.2, 0.3, 0.4, 1, 2, 3, 4])
    found = ready(y, (4, 4), paired=True, variance=variance)
    assert found.value.tolist() == (y[:4] - y[4:]).tolist()
    assert (found.method, found.base["covariates"]) == ("paired_t", "donor")
    root, tau2 = precision.root_weights(y[:4] - y[4:], variance[:4] + variance[4:], np.ones((4, 1)))
    assert found.root == pytest.approx(root)
    said = f"donors weighted by precision, SD between donors {np.sqrt(tau2):.2g}"
    assert found.base["reason"] == said
    assert found.scaled == pytest.approx(found.value * root)
    assert found.of(10 * y) == pytest.approx(10 * found.value)
    used = ("n_case", "n_control", "n_case_informative", "n_control_informative")
    assert [found.base[key] for key in used] == [4] * 4
    assert (found.base["median_case"], found.base["median_control"]) == pytest.approx((1.9, 0.15))


def test_too_few_donors_are_the_whole_reason_but_of_pairs_notes_stay():
    gone = ("2 donors left out: no cells",)
    row = compared.main_row(ready(Y[:6], (2, 4), notes=gone))
    assert row["reason"] == "2 SLE donors; at least 3 in each arm are needed"
    assert not row["estimable"] and row["unit"] == "SD"
    row = compared.main_row(ready(Y[:6], (2, 4), paired=True, notes=gone))
    assert row["reason"] == (
        "2 pairs; 3 are needed; 2 donors left out: no cells; 2 without a partner left out: D2, D3"
    )
    assert (row["n_case"], row["method"]) == (2, "paired_t")
    row = compared.main_row(ready(Y, notes=gone))
    assert row["reason"] == gone[0] and row["estimable"]


@pytest.mark.parametrize("paired", [False, True])
def test_a_value_without_spread_says_what_is_the_same(paired):
    n = (4, 4)
    flat = np.repeat([3.0, 1.0], 4) if paired else np.ones(8)
    of = "same difference in every pair" if paired else "same in every donor"
    assert compared.main_row(ready(flat, n, paired))["reason"] == f"the {of}"
    none = compared.main_row(ready(flat, n, paired, ranks="percent", percent=0.0))
    assert none["reason"] == (f"the {of}" if paired else "no such cell in any donor")
    some = compared.main_row(ready(flat, n, paired, ranks="percent", percent=100.0))
    assert some["reason"] == f"the {of}"
    inside = np.repeat([3.0, 1.0], 4) if not paired else np.array([3.0, 3, 3, 1, 1, 1, 1, 1])
    row = compared.main_row(ready(inside, n, paired))
    assert row["estimable"] == paired  # two arms without any spread in them have no test
    assert paired or row["reason"] == "no spread within the arms"


def test_shares_leave_out_donors_without_cells_and_name_eight_of_them():
    rows = donors((6, 6)).assign(
        denominator="cd4", n=np.arange(12), n_denominator=[0] * 9 + [50] * 3
    )
    table, notes = compared.share_table(rows)
    assert notes == ("9 donors left out: no cd4 cells (D0, D1, D2, D3, D4, D5, D6, D7 ...)",)
    assert table["total"].tolist() == [50] * 3 and table["percent"].tolist() == [18, 20, 22]
    assert table["value"].to_numpy() == pytest.approx(np.arcsin(np.sqrt([0.18, 0.2, 0.22])))
    eight = rows.assign(n_denominator=[0] * 8 + [50] * 4)
    assert compared.share_table(eight)[1][0].endswith("D6, D7)")
    assert compared.share_table(rows.assign(n_denominator=50))[1] == ()


def test_chance_and_biology_of_a_share():
    """Two arms: the mean of 1 / 4n over squared sizes; pairs: of both members, twice p (1 - p)."""
    total = np.array([10.0, 20, 40, 50, 100, 200, 25, 40, 80])
    share = np.full(9, 20.0)
    found = ready(Y)
    table = donors().assign(total=total, percent=share)
    chance, biology = compared.chance_and_biology(found, table)
    by_hand = (1 / (4 * total[:4])).sum() / 16 + (1 / (4 * total[4:])).sum() / 25
    assert chance == pytest.approx(by_hand)
    assert biology == pytest.approx(0.2 * 0.8 * (1 / 4 + 1 / 5))
    pairs = ready(Y[:8], (4, 4), paired=True)
    chance, biology = compared.chance_and_biology(pairs, table.iloc[:8])
    assert chance == pytest.approx((1 / (4 * total[:8])).sum() / 16)
    assert biology == pytest.approx(2 * 0.2 * 0.8 / 4)


def test_a_design_is_made_once_and_its_rows_follow_the_table():
    people = donors()
    designs = compared.DesignCache(people, Plan(ARMS))
    table = people.assign(value=Y)[::-1].reset_index(drop=True)
    built, rows = designs.design(table)
    assert table["donor"].iloc[rows].tolist() == people["donor"].tolist()
    assert designs.design(people)[0] is built
    fewer, rows = designs.design(table.iloc[1:])
    assert fewer is not built and len(rows) == 8
    found = compared.prepare(designs, table, "ols_hc2", "SD")
    assert found.value.tolist() == Y.tolist()
    assert found.fit is built.fit  # without weights
    weighted = compared.prepare(designs, table.assign(variance=np.arange(1.0, 10)), "x", "SD")
    assert weighted.fit is not built.fit
    assert [a.tolist() for a in found.arms(table["value"].to_numpy())] == [
        Y[:4].tolist(),
        Y[4:].tolist(),
    ]
    with pytest.raises(ValueError, match="pairs have no design"):
        _ = ready(Y[:8], (4, 4), paired=True).built
