"""E4: gates by hand, donors that weigh alike, and reasons where it cannot be had."""

import numpy as np
import pandas as pd
import pytest
from tilt.core import contracts
from tilt.donors import imbalance, protein_axis
from tilt.labels import signature_scores

N = 400


def cohort(n=N, donors=("D1", "D2", "D3")):
    """Memory CD4 cells of donors: protein values without an effect, cells, units."""
    rng = np.random.default_rng(0)
    names = np.repeat(donors, n)
    aligned = pd.DataFrame(
        {p: rng.normal(size=len(names)) for p in ("PD-1", "ICOS", "CD96", "CD4")}
    )
    cells = pd.DataFrame(
        {
            "level1": "CD4",
            "compartment": "memory",
            "look_alike": "",
            "donor": names,
            "condition": "x",
        }
    )
    units = pd.DataFrame({"cohort": "demo", "donor": list(donors), "condition": "x"})
    return aligned, cells, units


def test_gates_are_quantiles_with_donors_weighing_alike():
    """A donor with many cells of high CD96 moves the cut as one donor of three does."""
    aligned, cells, _ = cohort(donors=("D1", "D2", "D3"))
    first = cells["donor"] == "D1"
    many = pd.concat([aligned, *[aligned[first]] * 20], ignore_index=True)
    donor = np.append(cells["donor"], np.repeat("D1", 20 * N))
    few = protein_axis.gates(aligned, cells["donor"].to_numpy())
    found = protein_axis.gates(many, donor)
    pd.testing.assert_frame_equal(found.iloc[: 3 * N], few)
    for pole, share in (("tph", 0.05 * 0.25), ("th22", 0.05)):
        assert few[pole].mean() == pytest.approx(share, abs=0.012)


def test_high_is_one_rule_with_the_score_poles():
    assert protein_axis.HIGH == signature_scores.QUANTILE


def test_counts_by_hand():
    aligned, cells, units = cohort(n=40, donors=("D1", "D2"))
    aligned[:] = 0.0
    aligned.loc[[0, 1], ["PD-1", "ICOS"]] = 5  # D1: two Tph
    aligned.loc[[1, 42], "CD96"] = 5  # one of them Th22 too, and one of D2
    aligned.loc[3, "PD-1"] = 5  # without ICOS
    cells.loc[79, "compartment"] = "naive"
    found = protein_axis.counts(aligned, cells, units)
    assert list(found) == list(contracts.PROTEIN_COUNTS.columns)
    assert found[["n_cells", "n_tph", "n_th22", "n_both"]].to_numpy().tolist() == [
        [40, 1, 0, 1],
        [39, 0, 1, 0],
    ]


@pytest.mark.parametrize("absent", [["ICOS"], ["PD-1", "ICOS", "CD96"]])
def test_without_an_antibody_nothing_is_estimable_and_the_reason_says_which(absent):
    aligned, cells, units = cohort()
    found = protein_axis.counts(aligned.drop(columns=absent), cells, units)
    names = {1: "ICOS", 3: "PD-1, ICOS and CD96"}[len(absent)]
    assert set(found["reason"]) == {f"no antibody against {names} in this cohort"}
    table = rows(found)
    assert not table["estimable"].any() and set(table["reason"]) == set(found["reason"])
    assert table["value"].isna().all()


def rows(counted, min_cells=200):
    before = pd.DataFrame(columns=list(contracts.IMBALANCE.columns))
    return protein_axis.beside(before, counted, min_cells).set_index("donor")


def test_donors_without_tags_or_with_another_panel_are_left_out_and_move_nothing():
    aligned, cells, units = cohort()
    whole = protein_axis.counts(aligned, cells, units).set_index("donor")
    more, others, people = cohort(donors=("D1", "D2", "D3", "D4", "D5"))
    more.iloc[: 3 * N] = aligned.to_numpy()
    more.loc[others["donor"] == "D4"] = np.nan
    more.loc[others["donor"] == "D5", "CD96"] = np.nan
    found = protein_axis.counts(more, others, people)
    columns = ["n_cells", "n_tph", "n_th22"]
    same = found.set_index("donor").loc[whole.index, columns]
    pd.testing.assert_frame_equal(same, whole[columns])
    table = rows(found)
    assert table["estimable"].to_dict() == dict(
        zip(people["donor"], [True] * 3 + [False] * 2, strict=True)
    )
    assert table.at["D4", "reason"] == "no antibody tags of this donor"
    assert table.at["D5", "reason"] == "no antibody against CD96 in the panel of this donor"


def test_value_and_variance_are_those_of_the_other_ratios():
    aligned, cells, units = cohort()
    counted = protein_axis.counts(aligned, cells, units)
    table = rows(counted)
    numbers = [counted[c].to_numpy(float) for c in ("n_cells", "n_tph", "n_th22")]
    value, variance = imbalance.ratio_values(*numbers)
    np.testing.assert_allclose(table["value"].astype(float), value)
    np.testing.assert_allclose(table["variance"].astype(float), variance)
    assert set(table["estimator"]) == {"E4"} and not table["leads"].any()
    few = rows(counted, min_cells=N + 1)
    assert set(few["reason"]) == {f"fewer than {N + 1} memory CD4 cells"}


def test_condition_is_not_read():
    aligned, cells, units = cohort()
    first = protein_axis.counts(aligned, cells, units)
    other = protein_axis.counts(aligned, cells.assign(condition="y"), units.assign(condition="y"))
    pd.testing.assert_frame_equal(first.drop(columns="condition"), other.drop(columns="condition"))
