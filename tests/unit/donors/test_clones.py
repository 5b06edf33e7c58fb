"""Measures of clones by hand, by counting all draws, and at a common number of cells."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from tilt.core import contracts, tables
from tilt.donors import clones

SIZES = np.array([4, 2, 1, 1])


def draws(depth, sizes=SIZES):
    """Sizes of the clones in every possible draw of so many cells."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return [np.bincount(d, minlength=len(sizes)) for d in combinations(owner, depth)]


@pytest.mark.parametrize("depth", [1, 3, 5, 8])
def test_expected_values_are_those_of_all_draws(depth):
    every = draws(depth)
    assert (1 - clones.unseen(SIZES, sum(SIZES), depth)).sum() == pytest.approx(
        np.mean([(d > 0).sum() for d in every])
    )
    percent = np.mean([100 * d[d > 1].sum() / depth for d in every])
    assert clones.expanded(SIZES, depth) == pytest.approx(percent, abs=1e-7)


def test_shared_clones_are_those_of_all_draws():
    mine, other = pd.Series({"a": 3, "b": 1}), pd.Series({"b": 2, "c": 1, "a": 1})
    seen = [
        (3 * (d[2] > 0) + (d[0] > 0)) / 4 for d in draws(2, other.to_numpy())
    ]  # a is third of the other
    assert clones.shared(mine, other, 2) == pytest.approx(100 * np.mean(seen))
    assert clones.shared(mine, pd.Series({"z": 5}), 2) == 0


def test_gini_and_d50_by_hand():
    assert clones.gini(np.array([5, 5, 5])) == pytest.approx(0)
    assert clones.gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)
    assert clones.gini(np.array([1, 3])) == pytest.approx(0.25)
    assert clones.d50(np.array([1, 1, 8, 1, 1])) == 20, "one clone of five holds half"
    assert clones.d50(np.array([2, 2, 2, 2])) == 50


def test_draws_have_the_mean_of_all_draws():
    every = [d[d > 0] for d in draws(4)]
    gini, half = clones.at_depth(SIZES, 4, 1)
    wanted = [clones.gini(d) for d in every]
    assert gini == pytest.approx(np.mean(wanted), abs=4 * np.std(wanted) / np.sqrt(clones.DRAWS))
    wanted = [clones.d50(d) for d in every]
    assert half == pytest.approx(np.mean(wanted), abs=4 * np.std(wanted) / np.sqrt(clones.DRAWS))
    assert clones.at_depth(SIZES, 8, 1) == (clones.gini(SIZES), clones.d50(SIZES))


def cohort(sizes, subset="CD8_CM", invariant=""):
    """Cells of donors with clones of these sizes (donor: sizes), labels and receptors, units."""
    cells, found = [], []
    for donor, mine in sizes.items():
        owner = np.repeat(np.arange(len(mine)), mine)
        part = pd.DataFrame({"donor": donor, "subset": subset}, index=range(len(owner)))
        cells.append(part)
        found.append(pd.DataFrame({"clone": [f"{donor}_{k}" for k in owner]}))
    table = pd.concat(cells, ignore_index=True)
    table = table.assign(condition="x", level1="CD8", compartment="memory", look_alike="")
    receptors = pd.concat(found, ignore_index=True).assign(n_tra=1, invariant=invariant)
    units = pd.DataFrame({"cohort": "demo", "donor": [*sizes, "none"], "condition": "x"})
    return table, receptors, units


def value(table, donor, measure, subset="CD8_CM"):
    key = table["donor"].eq(donor) & table["measure"].eq(measure) & table["subset"].eq(subset)
    return table[key].iloc[0]


def test_donors_are_compared_at_the_cells_of_the_smallest():
    """Twice the cells of the same clones show more expansion, but not at a common number."""
    made = cohort({"few": [5] + [1] * 15, "many": [10] + [1] * 30, "short": [1] * 19})
    table = clones.measure(*made, ["CD8_CM"], seed=1)
    assert tables.problems(table, contracts.CLONES) == []
    few, many = (value(table, donor, "clone_expanded") for donor in ("few", "many"))
    assert (few["depth"], few["n_cells"], few["n_clones"]) == (20, 20, 16)
    assert few["value"] == pytest.approx(25)
    sizes = np.array([10] + [1] * 30)
    assert many["value"] == pytest.approx(clones.expanded(sizes, 20))
    assert many["value"] < 100 * 10 / 40 + 1
    short = value(table, "short", "clone_gini")
    assert not short["estimable"] and np.isnan(short["value"])
    assert short["reason"] == "fewer than 20 cells of CD8_CM with both chains"
    assert not value(table, "none", "clone_d50")["estimable"]
    assert value(table, "few", "clone_d50", "t")["estimable"], "all T cells are a subset, too"


def test_a_donors_values_do_not_hang_on_the_others_but_by_the_number():
    made = cohort({"A": [6] + [1] * 20, "B": [3] + [1] * 17})
    alone = cohort({"B": [3] + [1] * 17, "A": [6] + [1] * 20})
    first, second = (clones.measure(*m, ["CD8_CM"], seed=1) for m in (made, alone))
    for measure in ("clone_gini", "clone_d50", "clone_expanded"):
        assert value(first, "A", measure)["value"] == value(second, "A", measure)["value"]


def test_shared_clones_and_cells_without_a_clone():
    """A third of the Tph cells have no receptor; half of the rest a clone that Tfh has."""
    kinds = ["CD4_Tph_like"] * 30 + ["CD4_Tfh_circ"] * 25
    names = [*["a"] * 10, *(f"p{i}" for i in range(10)), *[""] * 10, *["a"] * 25]
    cells = pd.DataFrame({"subset": kinds, "donor": "D", "condition": "x", "look_alike": ""})
    cells = cells.assign(level1="CD4", compartment="memory")
    receptors = pd.DataFrame({"clone": names, "invariant": ["MAIT"] * 11 + [""] * 44})
    receptors["n_tra"] = [1] * 50 + [0] * 5  # of five cells the alpha chain was missed
    units = pd.DataFrame({"cohort": ["demo"], "donor": "D", "condition": "x"})
    subsets = ["CD4_Tph_like", "CD4_Tfh_circ"]
    table = clones.measure(cells, receptors, units, subsets, seed=1)
    row = value(table, "D", "clones_in_CD4_Tfh_circ", "CD4_Tph_like")
    assert row["value"] == pytest.approx(50) and row["n_cells"] == 20 and row["n_clones"] == 1
    chain = value(table, "D", "MAIT_chain", "t")
    assert chain["value"] == pytest.approx(22) and (chain["n_cells"], chain["n_clones"]) == (50, 11)
    assert value(table, "D", "iNKT_chain", "t")["value"] == 0
    assert "clones_in_CD4_CTL" not in set(table["measure"]), "no such label in this cohort"
