"""Groups of cells and the donor-weighted quantile, held to values made by hand."""

import numpy as np
import pandas as pd
import pytest
from tilt.cells import groups

CELLS = pd.DataFrame(
    [
        # level1, compartment, look_alike, memory_cd4, cd4, t
        ("CD4", "memory", "", 1, 1, 1),
        ("CD4", "memory", None, 1, 1, 1),
        ("CD4", "memory", np.nan, 1, 1, 1),
        ("CD4", "memory", "B", 0, 0, 0),
        ("CD4", "naive", "", 0, 1, 1),
        ("CD4", "treg", "", 0, 1, 1),
        ("CD4", "", "", 0, 1, 1),
        ("CD4", None, "", 0, 1, 1),
        ("CD8", "memory", "", 0, 0, 1),
        ("unassigned", "", "", 0, 0, 1),
        (None, "memory", "", 0, 0, 1),
        ("CD8", "memory", "Platelet", 0, 0, 0),
    ],
    columns=["level1", "compartment", "look_alike", "memory_cd4", "cd4", "t"],
)


@pytest.mark.parametrize("kind", [object, "category", "flags"])
def test_groups_leave_look_alikes_out_and_keep_cells_of_which_nothing_is_known(kind):
    cells = CELLS[["level1", "compartment", "look_alike"]]
    if kind == "flags":
        cells = cells.assign(look_alike=cells["look_alike"].isin(["B", "Platelet"]))
    else:
        cells = cells.astype(kind)
    found = groups.masks(cells)
    assert list(found) == ["memory_cd4", "cd4", "t"]
    for name, mask in found.items():
        assert mask.dtype == bool
        assert mask.astype(int).tolist() == CELLS[name].tolist(), name
    assert groups.working_set(cells).tolist() == CELLS["memory_cd4"].astype(bool).tolist()


def test_nobody_is_in_a_group_of_no_cells():
    empty = CELLS.iloc[:0]
    assert all(len(mask) == 0 and mask.dtype == bool for mask in groups.masks(empty).values())


def test_a_donor_weighs_the_same_however_many_cells_it_has():
    values = np.concatenate([np.linspace(0, 1, 1000), np.linspace(10, 11, 10)])
    donor = np.array(["big"] * 1000 + ["small"] * 10)
    # half of the weight is the small donor's: at .75 five of its ten cells are reached
    assert groups.donor_quantile(values, donor, 0.75) == pytest.approx(10 + 4 / 9)
    assert groups.donor_quantile(values, np.array(["one"] * 1010), 0.75) < 1


def test_quantile_of_one_donor_is_a_value_that_so_many_cells_do_not_exceed():
    values = np.array([4.0, 1.0, 3.0, 2.0])
    one = np.array(["a"] * 4)
    wanted = {0.0: 1, 0.25: 1, 0.26: 2, 0.5: 2, 0.75: 3, 0.76: 4, 1.0: 4}
    assert {q: groups.donor_quantile(values, one, q) for q in wanted} == wanted


def test_quantile_of_three_cells_and_two_donors():
    # weights: a 1/2 and 1/2, b 1; of 2 in all
    values, donor = np.array([1.0, 2.0, 3.0]), np.array(["a", "b", "a"])
    assert [groups.donor_quantile(values, donor, q) for q in (0.2, 0.25, 0.3, 0.75, 0.8)] == [
        *(1, 1, 2, 2, 3)
    ]


def test_quantile_without_cells_is_missing_and_missing_values_do_not_count():
    assert np.isnan(groups.donor_quantile(np.array([]), np.array([]), 0.5))
    assert np.isnan(groups.donor_quantile(np.array([np.nan]), np.array(["a"]), 0.5))
    values, donor = np.array([np.nan, 1.0, 2.0, np.nan]), np.array(["a", "a", "b", "b"])
    assert groups.donor_quantile(values, donor, 0.5) == 1
    assert groups.donor_quantile(values, donor, 0.51) == 2
