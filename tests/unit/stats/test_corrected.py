"""E1 corrected for mislabeled cells: labels whose mistakes are known give back what is planted."""

import numpy as np
import pandas as pd
import pytest
from tilt.donors import composition, imbalance
from tilt.stats import compared, contrast, corrected, design

NAMES = ["CD4_CM", "CD4_Th17", "CD4_Tfh_circ", "CD4_Tph_like", "CD4_Th22_like"]
POLES = {"tph": ("CD4_Tph_like", "CD4_Tfh_circ"), "th22": ("CD4_Th22_like",)}
# What a cell of a true subset (row) counts as (columns).
CLEAR = np.eye(5)
MIXED = np.array(
    [
        [0.95, 0.02, 0.01, 0.01, 0.01],
        [0.10, 0.85, 0.00, 0.00, 0.05],
        [0.30, 0.00, 0.65, 0.05, 0.00],
        [0.20, 0.00, 0.10, 0.70, 0.00],
        [0.30, 0.10, 0.00, 0.00, 0.60],
    ]
)
SHARES = np.array([0.80, 0.10, 0.05, 0.03, 0.02])
KNOWN = (0.0, 1e-9)  # mistakes exactly as the probabilities say


def donors(n, paired=False):
    table = pd.DataFrame({"cohort": "c", "donor": [f"D{i:02d}" for i in range(2 * n)]})
    table["condition"] = ["SLE"] * n + ["control"] * n
    if paired:
        table["donor"] = [f"D{i % n:02d}" for i in range(2 * n)]
    return table


def cohort(mixed, shift, n=30, seed=0, sd=0.2, cells=100_000, paired=False):
    """E1 ready for the comparison, its rows, pole counts, composition and mistakes."""
    rng = np.random.default_rng(seed)
    people = donors(n, paired)
    case = (people["condition"] == "SLE").to_numpy()
    logs = np.log(SHARES) + np.outer(case, shift)
    far = rng.normal(0, sd, (2 * n, 3)) @ np.eye(5)[[1, 3, 4]]
    far[:, 2] = far[:, 3]
    if paired:
        far = np.tile(far[:n], (2, 1)) + rng.normal(0, 0.1, (2 * n, 1)) * np.eye(5)[4]
    true = np.exp(logs + far)
    true = np.reshape(cells, (-1, 1)) * true / true.sum(axis=1, keepdims=True)
    sums = true @ mixed
    joint = mixed.T @ np.diag(true.sum(axis=0))  # counted as (row) and truly (column)
    unit = people.assign(denominator="memory_cd4", n_denominator=cells)
    counted = pd.concat([unit.assign(subset=x, n_expected=sums[:, k]) for k, x in enumerate(NAMES)])
    counts = people.assign(n_cells=cells)
    counts["n_tph"], counts["n_th22"] = sums[:, 2] + sums[:, 3], sums[:, 4]
    rows = imbalance.ratio_rows(counts, "E1", 1, "")
    plan = contrast.Plan(design.Contrast("SLE", "control", pair="donor" if paired else ""))
    found = contrast.of_values(contrast.DesignCache(people, plan), rows, "ln ratio")
    made = corrected.mistakes(composition.confusion_table(joint, NAMES), POLES)
    return found, rows, counts, counted, made


PLANTED = np.array([0, 0, 0.9, 0.9, -0.8])


@pytest.mark.parametrize("paired", [False, True])
def test_known_mistakes_give_back_what_is_planted(monkeypatch, paired):
    """Plain E1 halves a shift of 1.7; with mistakes known the correction has it to 0.06."""
    monkeypatch.setattr(corrected, "ODDS", KNOWN)
    given = cohort(MIXED, PLANTED, paired=paired, sd=0.1)
    plain = compared.main_row(given[0])
    assert plain["effect"] < 1.15
    row = corrected.row(*given, seed=1)
    assert row["method"] == ("corrected_paired_t" if paired else "corrected_wls_hc2")
    assert row["effect"] == pytest.approx(1.7, abs=0.06)
    assert row["ci_low"] < 1.7 < row["ci_high"]
    assert row["p"] < 0.001


def test_other_subsets_that_shift_are_no_difference_of_the_poles(monkeypatch):
    """Twice the Th17 cells in cases make false Th22-like ones: plain E1 falls.

    The correction takes most of that out; what is left is that some cells called Th17 are
    mistakes, too."""
    monkeypatch.setattr(corrected, "ODDS", KNOWN)
    given = cohort(MIXED, np.array([0, 0.7, 0, 0, 0]), sd=0.02)
    plain = compared.main_row(given[0])["effect"]
    assert plain == pytest.approx(-0.19, abs=0.02)
    row = corrected.row(*given, seed=1)
    assert abs(row["effect"]) < 0.07  # its scale is 1.6 times the plain one


def test_labels_without_mistakes_give_the_plain_interval():
    given = cohort(CLEAR, PLANTED, n=8, sd=0.5)
    plain, row = compared.main_row(given[0]), corrected.row(*given, seed=1)
    width = plain["ci_high"] - plain["ci_low"]
    for key in ("effect", "ci_low", "ci_high"):
        assert row[key] == pytest.approx(plain[key], abs=0.03 * width)
    assert "100% of Tph/Tfh and 100% of Th22-like cells are taken as right" in row["reason"]


def test_what_is_not_known_of_the_mistakes_widens_the_interval(monkeypatch):
    given = cohort(MIXED, PLANTED)
    wide = corrected.row(*given, seed=1)
    monkeypatch.setattr(corrected, "ODDS", (corrected.ODDS[0], 1e-9))
    narrow = corrected.row(*given, seed=1)
    assert wide["ci_high"] - wide["ci_low"] > 1.5 * (narrow["ci_high"] - narrow["ci_low"])
    assert narrow["effect"] > 1.8  # more mistakes than said: more is corrected


def test_no_difference_costs_little_however_many_mistakes():
    """Mistakes that are the same in both arms make no difference: the interval holds 0."""
    row = corrected.row(*cohort(MIXED, np.zeros(5), seed=3), seed=1)
    assert row["ci_low"] < 0 < row["ci_high"]
    assert row["p"] > 0.05


def test_a_pole_that_may_be_all_mistakes_is_not_estimable():
    """Cases have a hundredth of the Th22-like cells: what counts as such are mistakes."""
    given = cohort(MIXED, np.array([0, 0, 0, 0, -4.6]))
    row = corrected.row(*given, seed=1)
    assert not row["estimable"]
    assert "mistakes may be all of a pole in an arm" in row["reason"]


def test_interval_and_p_say_the_same():
    for seed in range(12):
        row = corrected.row(*cohort(MIXED, PLANTED / 8, n=8, seed=seed, sd=0.4), seed=seed)
        outside = row["ci_low"] > 0 or row["ci_high"] < 0
        assert outside == (row["p"] < 0.05)


def test_the_seed_alone_decides_what_is_drawn():
    given = cohort(MIXED, PLANTED, n=6)
    one, again, other = (corrected.row(*given, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one["ci_high"] != other["ci_high"]
    assert one["ci_high"] == pytest.approx(other["ci_high"], rel=0.1)


def test_a_donor_of_a_single_cell_has_log_shares_and_one_of_none_has_not():
    counts = donors(3).assign(n_cells=[1, 0, 500, 40, 300, 2], n_tph=[1, 0, 30, 2, 9, 0])
    counts["n_th22"] = [0, 0, 10, 1, 9, 1]
    key = pd.MultiIndex.from_frame(counts.loc[[5, 0, 2], ["donor", "condition"]])
    some = counts[counts["n_cells"] > 0]
    whole = imbalance.pole_logs(*(some[c].to_numpy(float) for c in ("n_cells", "n_tph", "n_th22")))
    assert corrected._pole_logs(counts, key).tolist() == whole[[4, 0, 1]].tolist()


def test_mistakes_add_up():
    """Own, crossed and rest of a pole are all there is of it."""
    made = cohort(MIXED, PLANTED)[-1]
    whole = made.own + made.crossed.sum(axis=1) + made.others.to_numpy().sum(axis=0)
    assert whole == pytest.approx([1, 1])
    assert made.crossed.diagonal().tolist() == [0, 0]
    assert sorted(made.others.index) == ["CD4_CM", "CD4_Th17"]
    joint = composition.confusion_table(np.diag([5.0, 2, 1, 1, 1]), NAMES)
    clear = corrected.mistakes(joint, POLES)  # levels are of all cells of the working set
    assert clear.level.tolist() == pytest.approx([0.2, 0.1]) and clear.own.tolist() == [1, 1]
    assert clear.other_level.to_dict() == pytest.approx({"CD4_CM": 0.5, "CD4_Th17": 0.2})


def test_no_cells_of_a_pole_no_mistakes():
    joint = composition.confusion_table(np.diag([5.0, 2, 1, 1, 0]), NAMES)
    assert corrected.mistakes(joint, POLES) is None
    assert corrected.mistakes(joint.iloc[:0], POLES) is None


def test_the_order_of_donors_changes_nothing_and_three_pairs_are_enough():
    found, rows, counts, counted, made = cohort(MIXED, PLANTED, n=3, paired=True)
    one = corrected.row(found, rows, counts, counted, made, 1)
    assert one["estimable"] and one["ci_low"] < one["effect"] < one["ci_high"]
    found, rows, counts, counted, made = cohort(MIXED, PLANTED, n=6)
    one = corrected.row(found, rows, counts, counted, made, 1)
    back = [table[::-1].reset_index(drop=True) for table in (rows, counts, counted)]
    designs = contrast.DesignCache(
        donors(6)[::-1].reset_index(drop=True), contrast.Plan(design.Contrast("SLE", "control"))
    )
    turned = contrast.of_values(designs, back[0], "ln ratio")
    again = corrected.row(turned, *back, made, 1)
    for key in ("effect", "ci_low", "ci_high"):
        assert again[key] == pytest.approx(one[key], rel=1e-9)


@pytest.mark.parametrize("paired", [False, True])
def test_means_and_their_spread_are_those_of_the_weighted_effect(paired):
    """Donors of 100 to 40,000 cells: their weights stand in the arms as in the plain row."""
    cells = np.geomspace(100, 40_000, 6).round()
    cells = np.r_[cells, cells if paired else cells[::-1] / 2]
    found, rows, counts, _, _ = cohort(MIXED, PLANTED, n=6, sd=0.1, cells=cells, paired=paired)
    assert found.root.max() > 2 * found.root.min()
    logs = corrected._pole_logs(counts, pd.MultiIndex.from_frame(rows[["donor", "condition"]]))
    assert logs @ [1, -1] == pytest.approx(rows["value"].to_numpy(), rel=1e-12)
    plain, arms = compared.main_row(found), corrected.arm_means(found, logs)
    assert (arms[0] - arms[1]) @ [1, -1] == pytest.approx(plain["effect"], rel=1e-9)
    weight = np.square(found.root)
    case = np.ones(6, bool) if paired else found.built.case == 1
    of_arm = zip(found.arms(logs), (weight[case], weight[case if paired else ~case]), strict=True)
    by_hand = [np.average(values, axis=0, weights=w) for values, w in of_arm]
    assert arms == pytest.approx(np.array(by_hand), rel=1e-9)
    spread, across = corrected._spread(found, logs), np.array([1, -1, -1, 1])
    assert across @ spread @ across == pytest.approx(plain["se"] ** 2, rel=1e-9)
    if not paired:  # arms are different donors
        assert spread[:2, 2:] == pytest.approx(np.zeros((2, 2)), abs=1e-15)


def test_labels_that_are_not_counted_are_as_common_as_in_the_cohort():
    _, rows, _, counted, made = cohort(MIXED, PLANTED, n=3)
    key = pd.MultiIndex.from_frame(rows[["donor", "condition"]])
    some = counted[counted["subset"] != "CD4_CM"].sample(frac=1, random_state=0)
    found = corrected._others(some, made, key)
    where = list(made.others.index)
    assert (found[:, where.index("CD4_CM")] == 1).all()
    other = counted[counted["subset"] == "CD4_Th17"].set_index(["donor", "condition"])
    share = (other["n_expected"] / other["n_denominator"]).reindex(key).to_numpy()
    expected = share / made.other_level["CD4_Th17"]
    assert found[:, where.index("CD4_Th17")] == pytest.approx(expected)
    wider = pd.concat([some, some.assign(denominator="cd4", n_expected=9)])
    assert corrected._others(wider, made, key) == pytest.approx(found)
