import numpy as np
import pandas as pd
import pytest
from tilt.donors import composition, published

MARKERS = pd.DataFrame(
    [
        (1, "CD4", "T", ""),
        (1, "CD8", "T", ""),
        (1, "MAIT", "T", ""),
        (2, "CD4_Naive", "CD4", "naive"),
        (2, "CD4_CM", "CD4", "memory"),
        (2, "CD4_Tph_like", "CD4", "memory"),
        (2, "CD4_Treg_eff", "CD4", "treg"),
        (2, "CD8_Naive", "CD8", ""),
    ],
    columns=["level", "label", "parent", "compartment"],
)
DONORS = pd.DataFrame(
    {"cohort": "c", "donor": ["A", "B", "C"], "condition": ["SLE", "control", "SLE"]}
)


def cells():
    rows = [
        ("A", "CD4", "CD4_CM", "memory", False),
        ("A", "CD4", "CD4_CM", "memory", False),
        ("A", "CD4", "CD4_Tph_like", "memory", False),
        ("A", "CD4", "CD4_Tph_like", "memory", True),  # a doublet
        ("A", "CD4", "CD4_Naive", "naive", False),
        ("A", "CD8", "CD8_Naive", "", False),
        ("B", "CD4", "CD4_Treg_eff", "treg", False),
        ("B", "CD4", "unassigned", "", False),
        ("B", "MAIT", "MAIT", "", False),
    ]
    table = pd.DataFrame(rows, columns=["donor", "level1", "subset", "compartment", "look_alike"])
    table["condition"] = table["donor"].map(DONORS.set_index("donor")["condition"])
    table["tph_high"] = [True, False, True, True] + [False] * 5
    table["th22_high"] = False
    table["isg_high"] = [True] + [False] * 3 + [True] + [False] * 4
    return table


def find(table, donor, subset, denominator):
    row = table[
        (table["donor"] == donor)
        & (table["subset"] == subset)
        & (table["denominator"] == denominator)
    ]
    assert len(row) == 1
    return int(row["n"].iloc[0]), int(row["n_denominator"].iloc[0])


def test_every_subset_is_counted_against_each_denominator_it_is_part_of():
    table = composition.count(cells(), MARKERS, DONORS, "t_cells")
    assert find(table, "A", "CD4_Tph_like", "memory_cd4") == (1, 3)
    assert find(table, "A", "CD4_Tph_like", "cd4") == (1, 4)
    assert find(table, "A", "CD4_Tph_like", "t") == (1, 5)
    assert find(table, "A", "CD4_Naive", "cd4") == (1, 4)
    assert find(table, "B", "CD4_Treg_eff", "cd4") == (1, 2)
    assert find(table, "B", "MAIT", "t") == (1, 3)
    assert find(table, "A", "CD4", "t") == (4, 5)
    assert find(table, "A", "tph_high", "memory_cd4") == (2, 3)
    assert find(table, "A", "isg_high", "cd4") == (2, 4)
    pairs = set(zip(table["subset"], table["denominator"], strict=True))
    assert ("CD4_Treg_eff", "memory_cd4") not in pairs
    assert ("CD8_Naive", "cd4") not in pairs
    assert ("CD4", "cd4") not in pairs
    assert "pbmc" not in set(table["denominator"])


def test_a_donor_without_t_cells_keeps_its_rows():
    table = composition.count(cells(), MARKERS, DONORS, "t_cells")
    rows = table[table["donor"] == "C"]
    assert len(rows) == len(table) / 3
    assert (rows[["n", "n_denominator"]] == 0).all().all()


def test_pbmc_denominator_is_all_kept_cells():
    lineages = pd.DataFrame(
        {
            "cohort": "c",
            "sample": ["s1", "s1", "s2"],
            "donor": ["A", "A", "B"],
            "lineage": ["T", "B", "T"],
            "n": [6, 4, 3],
        }
    )
    table = composition.count(cells(), MARKERS, DONORS, "pbmc", lineages)
    assert find(table, "A", "CD4_CM", "pbmc") == (2, 10)
    assert find(table, "A", "B", "pbmc") == (4, 10)
    assert find(table, "C", "B", "pbmc") == (0, 0)


def test_sorted_cells_have_no_denominator_beyond_the_sort():
    table = composition.count(cells(), MARKERS, DONORS, "cd4")
    assert set(table["denominator"]) == {"memory_cd4", "cd4"}


def test_cells_of_unknown_donors_are_refused():
    with pytest.raises(ValueError, match="not in the donors table"):
        composition.count(cells(), MARKERS, DONORS.iloc[:1], "t_cells")


def test_clr_is_taken_over_the_parts_and_the_rest():
    wide = pd.DataFrame({"id": ["A", "B", "C"], "x": [5, 0, 7], "y": [5, 20, 3]})
    table = published.from_table(wide, DONORS, groups={"g": ["x"]})
    found = composition.clr(table, "x", "total").set_index("donor")["value"]
    parts = np.log([5.5, 5.5])
    assert found["A"] == pytest.approx(parts[0] - parts.mean())
    group = composition.clr(table, "g", "total").set_index("donor")["value"]
    expected = np.log([0.5, 20.5])
    assert group["B"] == pytest.approx(expected[0] - expected.mean())


def test_arcsine_root():
    assert composition.arcsine(np.array([0, 5, 10]), 10) == pytest.approx([0, np.pi / 4, np.pi / 2])
