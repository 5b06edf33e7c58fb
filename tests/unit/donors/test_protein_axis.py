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


def test_a_donor_with_tags_and_without_memory_cells_lacks_no_antibody():
    aligned, cells, units = cohort(n=40, donors=("D1", "D2"))
    cells.loc[cells["donor"] == "D2", "compartment"] = "naive"
    found = protein_axis.counts(aligned, cells, units)
    assert found["n_cells"].tolist() == [40, 0] and found["reason"].tolist() == ["", ""]
    assert rows(found, 1).loc["D2", "reason"] == "fewer than 1 memory CD4 cell", "no antibody lacks"


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


def test_rows_stand_below_those_of_the_others_and_a_reason_of_all_is_kept():
    aligned, cells, units = cohort()
    counted = protein_axis.counts(aligned, cells, units)
    before = rows(counted).reset_index().assign(estimator="E1", leads=True, reason="")
    found = protein_axis.beside(before, counted, N)
    assert list(found) == list(contracts.IMBALANCE.columns)
    assert found["estimator"].tolist() == ["E1"] * 3 + ["E4"] * 3
    assert found["leads"].tolist() == [True] * 3 + [False] * 3
    assert found["estimable"].all() and set(found["reason"]) == {""}  # just as many as are needed
    counted.loc[1, ["n_cells", "reason"]] = [0, "no antibody tags of this donor"]
    counted.loc[2, "n_cells"] = N - 1
    mixed = protein_axis.beside(before, counted, N).iloc[3:]
    assert mixed["estimable"].tolist() == [True, False, False]
    said = ["", "no antibody tags of this donor", f"fewer than {N} memory CD4 cells"]
    assert mixed["reason"].tolist() == said


def test_a_donor_in_two_conditions_has_two_rows_and_one_weight_in_the_cut():
    aligned, cells, units = cohort(n=100, donors=("D1", "D2"))
    cells.loc[cells.index[:50], "condition"] = "y"
    units = pd.concat([units, units.iloc[:1].assign(condition="y")])
    found = protein_axis.counts(aligned, cells, units)
    assert found[["donor", "condition", "n_cells"]].to_numpy().tolist() == [
        ["D1", "x", 50],
        ["D2", "x", 100],
        ["D1", "y", 50],
    ]
    inside = protein_axis.gates(aligned, cells["donor"].to_numpy())
    both = inside.all(axis=1)
    assert found["n_both"].sum() == both.sum()
    assert found["n_th22"].tolist() == [
        (inside["th22"] & ~both)[part].sum()
        for part in (slice(50, 99), slice(100, 199), slice(0, 49))
    ]


def test_a_cell_at_the_cut_is_not_above_it():
    aligned = pd.DataFrame({p: np.arange(20.0) for p in protein_axis.NEEDED})
    found = protein_axis.gates(aligned, np.repeat("D1", 20))
    assert np.flatnonzero(found["th22"]).tolist() == [19]  # 18 is the .95 quantile
    assert np.flatnonzero(found["tph"]).tolist() == [19]
    more = pd.DataFrame({p: np.arange(30.0) for p in protein_axis.NEEDED})
    more.loc[20:, "PD-1"] = np.nan  # these lack an antibody: they move no cut and are in no gate
    pd.testing.assert_frame_equal(protein_axis.gates(more, np.repeat("D1", 30))[:20], found)
