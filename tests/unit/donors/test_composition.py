import numpy as np
import pandas as pd
import pytest
from tilt.cells import groups
from tilt.core import contracts
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
    groups = table.loc[table["denominator"] == "pbmc", "subset"].unique()
    assert [name for name in groups if name in ("T", "B")] == ["B", "T"]  # sorted


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


def random_cells(seed, n=400):
    rng = np.random.default_rng(seed)
    labels = [
        ("CD4", "CD4_Naive", "naive"),
        ("CD4", "CD4_CM", "memory"),
        ("CD4", "CD4_Tph_like", "memory"),
        ("CD4", "CD4_Treg_eff", "treg"),
        ("CD4", "unassigned", ""),
        ("CD8", "CD8_Naive", ""),
        ("MAIT", "MAIT", ""),
        ("unassigned", "unassigned", ""),
    ]
    rows = [labels[i] for i in rng.integers(0, len(labels), n)]
    table = pd.DataFrame(rows, columns=["level1", "subset", "compartment"])
    who = rng.integers(0, len(PAIRED), n)
    table["donor"] = PAIRED["donor"].to_numpy()[who]
    table["condition"] = PAIRED["condition"].to_numpy()[who]
    table["look_alike"] = np.where(rng.random(n) < 0.15, "T_B", "")
    for flag in ("tph_high", "th22_high", "isg_high"):
        table[flag] = rng.random(n) < 0.3
    return table


PAIRED = pd.DataFrame(
    {"cohort": "c", "donor": ["A", "A", "B", "C"], "condition": ["SLE", "control", "SLE", "SLE"]}
)
INSIDE = {  # which cells a denominator holds, in plain words of one cell
    "memory_cd4": lambda c: c.level1 == "CD4" and c.compartment == "memory",
    "cd4": lambda c: c.level1 == "CD4",
    "t": lambda c: True,
}
# what is counted out of what: (subset, is it this cell, kind, denominators)
COUNTED = [
    ("CD4", lambda c: c.level1 == "CD4", "group", ("t", "pbmc")),
    ("CD8", lambda c: c.level1 == "CD8", "group", ("t", "pbmc")),
    ("MAIT", lambda c: c.level1 == "MAIT", "group", ("t", "pbmc")),
    ("CD4_Naive", lambda c: c.subset == "CD4_Naive", "subset", ("cd4", "t", "pbmc")),
    ("CD4_CM", lambda c: c.subset == "CD4_CM", "subset", ("memory_cd4", "cd4", "t", "pbmc")),
    (
        "CD4_Tph_like",
        lambda c: c.subset == "CD4_Tph_like",
        "subset",
        ("memory_cd4", "cd4", "t", "pbmc"),
    ),
    ("CD4_Treg_eff", lambda c: c.subset == "CD4_Treg_eff", "subset", ("cd4", "t", "pbmc")),
    ("CD8_Naive", lambda c: c.subset == "CD8_Naive", "subset", ("t", "pbmc")),
    ("tph_high", lambda c: c.tph_high, "pole", ("memory_cd4", "cd4")),
    ("th22_high", lambda c: c.th22_high, "pole", ("memory_cd4", "cd4")),
    ("isg_high", lambda c: c.isg_high, "pole", ("memory_cd4", "cd4", "t")),
]


@pytest.mark.parametrize(
    ("sort", "allowed"),
    [
        ("pbmc", ("memory_cd4", "cd4", "t", "pbmc")),
        ("t_cells", ("memory_cd4", "cd4", "t")),
        ("cd4", ("memory_cd4", "cd4")),
    ],
)
def test_counts_are_those_of_a_plain_loop_over_cells(sort, allowed):
    cells = random_cells(3)
    lineages = pd.DataFrame(
        {
            "donor": ["A", "A", "A", "B"],
            "condition": ["SLE", "SLE", "control", "SLE"],
            "lineage": ["T", "B", "T", "T"],
            "n": [300, 40, 5, 7],
        }
    )
    everyone = {("A", "SLE"): 340, ("A", "control"): 5, ("B", "SLE"): 7, ("C", "SLE"): 0}
    expected = {}
    for unit in PAIRED.itertuples():
        who = (unit.donor, unit.condition)
        mine = [c for c in cells.itertuples() if (c.donor, c.condition) == who and not c.look_alike]
        for subset, is_it, kind, homes in COUNTED:
            for home in homes:
                if home not in allowed:
                    continue
                if home == "pbmc":
                    n, total = sum(map(is_it, mine)), everyone[who]
                else:
                    held = [c for c in mine if INSIDE[home](c)]
                    counted = held if kind == "pole" else mine
                    n, total = sum(map(is_it, counted)), len(held)
                expected[(*who, subset, home)] = (n, total, kind)
        for lineage in ("B", "T") if sort == "pbmc" else ():
            n = lineages.set_index(["donor", "condition", "lineage"])["n"].get((*who, lineage), 0)
            expected[(*who, lineage, "pbmc")] = (n, everyone[who], "group")
    table = composition.count(cells, MARKERS, PAIRED, sort, lineages)
    key = ["donor", "condition", "subset", "denominator"]
    assert not table.duplicated(key).any()
    found = {
        tuple(getattr(row, k) for k in key): (row.n, row.n_denominator, row.kind)
        for row in table.itertuples()
    }
    assert found == expected
    assert (table["cohort"] == "c").all()
    assert table.columns.tolist() == contracts.COMPOSITION.required


def test_expected_numbers_are_sums_of_probabilities_over_the_cells_of_the_denominator():
    scores = pd.DataFrame(
        {
            "CD4_Naive": [0.1, 0, 0, 0.9, 0.8, 0, 0, 0.3, 0],
            "CD4_CM": [0.6, 0.7, 0.3, 0.05, 0.2, 0.4, 0.5, 0.4, 0],
            "CD4_Tph_like": [0.3, 0.3, 0.7, 0.05, 0, 0, 0, 0.1, 0],
            "MAIT": [0, 0, 0, 0, 0, 0, 0, 0.2, 0.9],
            "th22_score": 5.0,
        }
    )
    lineages = pd.DataFrame(
        {"cohort": "c", "sample": "A", "donor": "A", "lineage": ["T", "B"], "n": [5, 9]}
    )
    table = composition.count(cells(), MARKERS, DONORS, "pbmc", lineages, scores)
    assert table.columns.tolist() == list(contracts.COMPOSITION.columns)
    row = table.set_index(["donor", "subset", "denominator"])["n_expected"]
    # A: three memory cells, a naive one and a CD8 cell; the fourth is a look-alike, in no sum
    assert row["A", "CD4_Tph_like", "memory_cd4"] == pytest.approx(0.3 + 0.3 + 0.7)
    assert row["A", "CD4_CM", "memory_cd4"] == pytest.approx(0.6 + 0.7 + 0.3)
    assert row["A", "CD4_CM", "cd4"] == pytest.approx(1.6 + 0.2)
    assert row["A", "CD4_CM", "t"] == row["A", "CD4_CM", "pbmc"] == pytest.approx(1.8 + 0.4)
    assert row["A", "CD4", "t"] == pytest.approx(1 + 1 + 1 + 1 + 0.4)
    assert row["B", "CD4", "t"] == pytest.approx(0.5 + 0.8)
    assert row["B", "MAIT", "t"] == pytest.approx(1.1)
    assert row["C", "CD4_CM", "cd4"] == 0
    assert np.isnan(row["A", "CD4_Treg_eff", "cd4"])  # could not be called
    assert np.isnan(row["A", "tph_high", "cd4"])
    assert np.isnan(row["A", "B", "pbmc"])


def test_look_alike_doublets_are_in_no_denominator():
    cells = random_cells(4)
    masks = groups.masks(cells)
    for mask in masks.values():
        assert (cells["look_alike"][mask] == "").all()
    assert masks["t"].sum() == (cells["look_alike"] == "").sum()


def test_clr_of_parts_with_a_rest_and_of_an_empty_denominator():
    units = [("c", "A", "SLE"), ("c", "B", "SLE"), ("c", "C", "control")]
    n = {"x": (5, 0, 0), "y": (15, 4, 0), "g": (8, 3, 0)}
    total = (30, 4, 0)
    rows = [
        (*unit, subset, counts[i], "memory_cd4", total[i], "group" if subset == "g" else "subset")
        for subset, counts in n.items()
        for i, unit in enumerate(units)
    ]
    rows += [(*row[:5], "cd4", 99, row[7]) for row in rows]  # another denominator plays no part
    table = pd.DataFrame(rows, columns=contracts.COMPOSITION.required)
    found = composition.clr(table, "x", "memory_cd4").set_index("donor")["value"]
    assert found.index.tolist() == ["A", "B"]  # C has no memory cell
    parts = np.log([5.5, 15.5, 10.5])  # ten cells are in neither part
    assert found["A"] == pytest.approx(parts[0] - parts.mean())
    parts = np.log([0.5, 4.5, 0.5])
    assert found["B"] == pytest.approx(parts[0] - parts.mean())
    group = composition.clr(table, "g", "memory_cd4").set_index("donor")["value"]
    parts = np.log([8.5, 22.5])
    assert group["A"] == pytest.approx(parts[0] - parts.mean())


def test_expected_confusion_adds_up_to_expected_cells():
    """Cells of the working set alone; a cell that is half of each counts a quarter each way."""
    table = cells()
    scores = pd.DataFrame(0.0, table.index, ["CD4_CM", "CD4_Tph_like", "CD8_Naive"])
    scores["CD4_CM"] = 1.0
    first = table.index[composition.groups.working_set(table)][0]
    scores.loc[first, ["CD4_CM", "CD4_Tph_like"]] = 0.5
    outside = table.index[~composition.groups.working_set(table)]
    scores.loc[outside, "CD8_Naive"] = 7.0
    found = composition.confusion(table, MARKERS, scores).set_index(["subset", "other"])["n"]
    assert found["CD4_Tph_like", "CD4_Tph_like"] == pytest.approx(0.25)
    assert found["CD4_Tph_like", "CD4_CM"] == found["CD4_CM", "CD4_Tph_like"] == 0.25
    inside = composition.groups.working_set(table).sum()
    assert found["CD4_CM"].sum() == pytest.approx(inside - 0.5)
    assert found.sum() == pytest.approx(inside)
    assert composition.confusion(table, MARKERS).empty


def test_lineages_come_in_their_order_below_the_labels():
    lineages = pd.DataFrame({"cohort": "c", "sample": "A", "donor": "A", "n": [2, 3, 1, 4]})
    lineages["lineage"] = ["T", "NK", "T", "B"]
    table = composition.count(cells(), MARKERS, DONORS, "pbmc", lineages)
    rows = table[table["kind"] == "group"].tail(3 * len(DONORS))
    assert rows["subset"].drop_duplicates().tolist() == ["B", "NK", "T"]
    n = rows[rows["donor"] == "A"].set_index("subset")["n"]
    assert n.to_dict() == {"B": 4, "NK": 3, "T": 3}
    assert table.index.tolist() == list(range(len(table)))
