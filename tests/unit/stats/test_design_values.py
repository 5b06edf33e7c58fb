"""Designs at their edges: what is kept, what is left out, and in which words."""

import numpy as np
import pandas as pd
import pytest
from tilt.stats import design


def donors(n_case=6, n_control=6, **columns):
    n = n_case + n_control
    base = {"cohort": "c", "donor": [f"D{i}" for i in range(n)]}
    return pd.DataFrame(base | {"condition": ["SLE"] * n_case + ["control"] * n_control} | columns)


def build(table, *covariates, strata=(), least=3):
    made = design.Contrast("SLE", "control", covariates, tuple(strata), min_donors=least)
    return design.build(table, made)


def test_numbers_are_centered_and_scaled_and_categories_are_dummies():
    age = np.array([30.0, 31, 35, 40, 28, 33, 50, 41, 29, 36, 38, 44])
    sex = ["F", "M", "F", "F", "M", "F", "M", "F", "F", "M", "F", "F"]
    built = build(donors(age=age, sex=sex), "age", "sex")
    assert built.matrix[:, 0].tolist() == [1] * 12
    assert built.matrix[:, 1] == pytest.approx((age - age.mean()) / age.std())
    assert built.matrix[:, 2].tolist() == [float(s == "M") for s in sex]
    assert built.matrix[:, 3].tolist() == [1] * 6 + [0] * 6
    assert built.label == "age, sex" and built.used == ("age", "sex")
    assert build(donors()).label == "none"
    numbered = build(donors(batch=[1, 2, 3] * 4), strata=["batch"])  # a stratum is a category
    assert numbered.matrix.shape == (12, 4)
    assert numbered.strata.tolist() == [0, 1, 2] * 4


def test_arms_are_counted():
    built = build(donors(5, 4))
    assert (built.n_case, built.n_control) == (5, 4)
    assert built.case.tolist() == [1] * 5 + [0] * 4
    assert built.problem == "" and built.contrast.name == "SLE vs control"
    assert build(donors(3, 3)).problem == ""
    assert build(donors(2, 3)).problem == "2 SLE donors; at least 3 in each arm are needed"
    both = build(donors(2, 1)).problem
    assert both == "2 SLE donors and 1 control donor; at least 3 in each arm are needed"
    assert build(donors(2, 3), least=2).problem == ""
    repeated = pd.concat([donors(3, 3)])
    assert len(build(repeated).units) == 6


@pytest.mark.parametrize(("unknown", "kept"), [(2, True), (3, False)])
def test_a_covariate_unknown_in_more_than_a_fifth_is_left_out(unknown, kept):
    age = np.arange(12.0) % 5
    age[5 : 5 + unknown] = np.nan
    built = build(donors(age=age), "age")
    assert (built.used == ("age",)) == kept
    assert len(built.units) == (12 - unknown if kept else 12)
    if not kept:
        assert built.notes == ("age left out: unknown in 3 of 12 donors",)


def test_covariates_whose_gaps_would_empty_an_arm_are_left_out_together():
    age, weight = np.arange(24.0) % 7, np.arange(24.0) % 5
    age[:2], weight[2:4] = np.nan, np.nan
    built = build(donors(6, 18, age=age, weight=weight), "age", "weight", least=3)
    assert built.notes[0].startswith("condition") is False
    assert built.used == () and len(built.units) == 24
    assert built.notes == ("age, weight left out: too few donors have them all",)
    built = build(donors(7, 17, age=age, weight=weight), "age", "weight", least=3)
    assert built.used == ("age", "weight") and len(built.units) == 20
    assert built.notes == ("4 donors without age/weight left out: D0, D1, D2, D3",)


def test_what_takes_the_last_degrees_of_freedom_is_left_out():
    table = donors(3, 3, site=["a", "b", "c", "a", "b", "c"])
    built = build(table, strata=["site"])  # three sites and the condition leave two
    assert built.used == ("site",)
    table = donors(3, 3, site=["a", "b", "c", "d", "b", "c"])
    built = build(table, strata=["site"])
    assert built.notes == ("site left out: too few donors for that many covariates",)
    assert built.used == () and built.matrix.shape == (6, 2)


def test_a_covariate_that_repeats_another_adds_nothing():
    age = np.arange(12.0) % 5
    built = build(donors(age=age, months=12 * age), "age", "months")
    assert built.used == ("age",) and built.notes == ("months left out: adds nothing to age",)
    assert build(donors(age=age, one="x"), "age", "one").notes == (
        "one left out: the same in all donors",
    )


@pytest.mark.parametrize(("swapped", "near"), [(1, True), (2, False)])
def test_a_condition_nearly_told_by_a_covariate_is_said(swapped, near):
    batch = ["a"] * 20 + ["b"] * 20
    for i in range(swapped if near else 4):
        batch[i] = "b"
    built = build(donors(20, 20, batch=batch), "batch")
    said = "condition is nearly confounded with batch"
    assert (said in built.notes) == near and built.used == ("batch",)


def test_the_share_of_the_condition_that_is_left_is_one_minus_r_squared():
    rng = np.random.default_rng(0)
    condition, other = np.repeat([1.0, 0.0], 10), rng.normal(size=20)
    other[:10] += 1
    r = np.corrcoef(condition, other)[0, 1]
    nuisance = np.column_stack([np.ones(20), other])
    assert design._kept_share(condition, nuisance) == pytest.approx(1 - r**2)


def test_strata_are_crossed_and_only_those_used_block():
    table = donors(batch=["a", "b"] * 6, site=["x", "x", "y"] * 4, one="z")
    built = build(table, strata=["batch", "site", "one"])
    assert built.used == ("batch", "site")
    codes = {}
    for i, pair in enumerate(zip(table["batch"], table["site"], strict=True)):
        codes.setdefault(pair, set()).add(int(built.strata[i]))
    assert len(codes) == 4 and all(len(c) == 1 for c in codes.values())
    assert built.strata.max() == 3


def test_orders_are_exact_only_where_strata_are_all_that_is_adjusted_for():
    built = build(donors(4, 4, batch=["a", "b"] * 4), strata=["batch"])
    orders, complete = built.orders(100, 1)
    assert complete and len(orders) == 36
    built = build(donors(4, 4, age=np.arange(8.0) % 3), "age")
    orders, complete = built.orders(100, 1)
    assert not complete and len(orders) == 100
    assert built.orders(100, 2)[0] is not orders
    assert not np.array_equal(built.orders(100, 2)[0], orders)


@pytest.mark.parametrize(
    ("batch", "names", "where"),
    [(["a"] * 3 + ["b"] * 6 + ["a"] * 3, "", ""),
     (["a"] * 2 + ["b"] * 10, "2 donors", "(1 of 2): a"),
     (["b"] * 11 + ["a"], "1 donor", "(1 of 2): a"),
     (["a"] * 2 + ["b"] * 9 + ["c"], "3 donors", "(2 of 3): a, c")],
)  # fmt: skip
def test_strata_of_one_arm_are_told(batch, names, where):
    notes = build(donors(batch=batch), strata=["batch"]).notes
    if names:
        assert notes == (f"{names} not informative, being in a batch of one arm {where}",)
    else:
        assert notes == ()


@pytest.mark.parametrize("word", ["", "NA", "nan", " ND ", "unknown", "None", "n/a", "."])
def test_words_for_nothing_known(word):
    assert design._known(pd.Series(["7", word, None])).tolist() == [True, False, False]
    assert design._numeric(pd.Series(["7", word])).iloc[0] == 7
    assert design._numeric(pd.Series(["7", "x"])) is None


def pairs_table(n=4, extra=0):
    rows = [(f"P{i}", c) for i in range(n) for c in ("SLE", "control")]
    rows += [(f"Q{i}", "SLE") for i in range(extra)]
    table = pd.DataFrame(rows, columns=["twin", "condition"])
    return table.assign(donor=[f"D{i}" for i in range(len(table))])


@pytest.mark.parametrize(
    ("n", "extra", "found"), [(3, 0, "twin"), (2, 0, ""), (4, 3, "twin"), (4, 4, "")]
)
def test_a_stratum_pairs_where_most_of_its_levels_hold_one_of_each_arm(n, extra, found):
    contrast = design.Contrast("SLE", "control", strata=("twin",))
    assert design.pair_column(pairs_table(n, extra), contrast) == found
    twice = pd.concat([pairs_table(n, extra), pairs_table(1).iloc[:1]])
    assert design.pair_column(twice, contrast) == ""
    unknown = pairs_table(n, extra)
    unknown = pd.concat([unknown, unknown.iloc[:2].assign(twin="NA")] * 1)
    assert design.pair_column(unknown, contrast) == found


def test_pairs_are_positions_of_both_members_in_the_order_of_their_names():
    table = pairs_table(3, 1).iloc[::-1].reset_index(drop=True)
    contrast = design.Contrast("SLE", "control", pair="twin")
    found, problem, notes = design.pairs(table, contrast)
    assert found.to_numpy().tolist() == [["P0", 6, 5], ["P1", 4, 3], ["P2", 2, 1]]
    assert found.columns.tolist() == ["pair", "case", "control"]
    assert problem == "" and notes == ("1 without a partner left out: Q0",)
    _, problem, notes = design.pairs(pairs_table(2), contrast)
    assert problem == "2 pairs; 3 are needed" and notes == ()


def test_donors_tables_are_checked():
    contrast = design.Contrast("SLE", "control", ("age",), ("batch",))
    with pytest.raises(ValueError, match=r"no column \['age', 'batch'\]; it has \['cohort'"):
        design.check_donors(donors(), contrast)
    table = donors(age=1, batch="a")
    design.check_donors(table, contrast)
    paired = pd.concat([table, table.assign(condition="control").iloc[:3]])
    with pytest.raises(ValueError, match="donor D0 is in both arms"):
        design.check_donors(paired, contrast)
    design.check_donors(paired, design.Contrast("SLE", "control", pair="donor"))
