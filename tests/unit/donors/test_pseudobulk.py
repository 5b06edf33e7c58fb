import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.core.terms import GROUPS
from tilt.donors import pseudobulk


def test_sums_over_blocks_are_the_sums_over_all_cells():
    rng = np.random.default_rng(0)
    counts = sparse.random(100, 30, 0.3, "csr", random_state=1)
    counts.data = rng.integers(1, 9, len(counts.data)).astype(np.int32)
    codes = np.column_stack([rng.integers(-1, 5, 100), rng.integers(5, 7, 100)])
    blocks = ((counts[i : i + 7], codes[i : i + 7]) for i in range(0, 100, 7))
    found = pseudobulk.sums(blocks, 7, 30)
    whole = counts.toarray()
    for group in range(7):
        expected = whole[(codes == group).any(axis=1)].sum(axis=0)
        assert found[group].tolist() == expected.tolist()


def cells():
    return pd.DataFrame(
        {
            "donor": ["A"] * 6 + ["B"] * 2,
            "condition": ["SLE"] * 6 + ["control"] * 2,
            "level1": ["CD4"] * 5 + ["CD8"] + ["CD4"] * 2,
            "subset": ["CM", "CM", "CM", "Naive", "CM", "CD8N", "CM", "CM"],
            "compartment": ["memory"] * 3 + ["naive", "memory", "", "memory", "memory"],
            "look_alike": [False] * 4 + [True] + [False] * 3,
        }
    )


def test_groups_are_subsets_and_wholes_without_look_alikes():
    obs, codes = pseudobulk.groups(cells())
    sizes = obs.set_index(["donor", "subset"])["n_cells"]
    assert sizes["A", "CM"] == 3
    assert sizes["A", "memory_cd4"] == 3
    assert sizes["A", "cd4"] == 4
    assert sizes["A", "t"] == 5
    assert sizes["B", "memory_cd4"] == 2
    assert (codes[4] == -1).all()
    for position, size in enumerate(obs["n_cells"]):
        assert (codes == position).sum() == size


def test_small_groups_are_not_made_but_wholes_have_their_own_limit():
    obs, codes = pseudobulk.groups(cells(), min_cells=3, min_whole=2)
    assert set(zip(obs["donor"], obs["subset"], strict=True)) == {
        ("A", "CM"),
        *[("A", whole) for whole in GROUPS],
        *[("B", whole) for whole in GROUPS],
    }
    assert codes.max() == len(obs) - 1
    for position, size in enumerate(obs["n_cells"]):  # cells of small groups are in none of these
        assert (codes == position).sum() == size


def test_a_pseudobulk_is_assembled_and_selected():
    obs, _ = pseudobulk.groups(cells())
    counts = np.arange(len(obs) * 2).reshape(len(obs), 2)
    bulk = pseudobulk.assemble(counts, obs, pd.DataFrame({"gene_symbol": ["X", "Y"]}, ["g1", "g2"]))
    rows = pseudobulk.of_subset(bulk, "memory_cd4", 2)
    assert rows.obs["donor"].tolist() == ["A", "B"]
    assert pseudobulk.of_subset(bulk, "memory_cd4", 3).obs["donor"].tolist() == ["A"]
    assert rows.var["gene_symbol"].tolist() == ["X", "Y"]


def test_log_cpm_does_not_move_with_depth_and_is_finite_at_zero():
    counts = np.array([[0, 10, 990], [0, 100, 9900], [5, 10, 985.0]])
    values = pseudobulk.log_cpm(counts)
    assert np.isfinite(values).all()
    assert values[0, 0] == pytest.approx(values[1, 0])  # a zero is the same at any depth
    deep = pseudobulk.log_cpm(np.array([[1e5, 9e5], [2e5, 8e5]]))
    assert deep[0, 0] == pytest.approx(np.log2(1e5), abs=1e-3)


def test_thinning_draws_counts_down_to_a_depth():
    counts = np.array([[50, 30, 20], [5, 3, 2]])
    thin = pseudobulk.thin(counts, 40, np.random.default_rng(0))
    assert thin.sum(axis=1).tolist() == [40, 10]
    assert (thin <= counts).all()
    assert thin[1].tolist() == [5, 3, 2]


def test_groups_come_by_subset_then_by_wholes_and_every_cell_knows_its_own():
    table = cells()
    obs, codes = pseudobulk.groups(table)
    assert obs.columns.tolist() == ["donor", "condition", "subset", "n_cells"]
    assert codes.shape == (8, 4)
    for cell in range(8):
        row = table.iloc[cell]
        wanted = set()
        if not row["look_alike"]:
            wanted = {row["subset"], "t"}
            wanted |= {"cd4"} if row["level1"] == "CD4" else set()
            wanted |= {"memory_cd4"} if row["compartment"] == "memory" else set()
        mine = obs.iloc[[code for code in codes[cell] if code >= 0]]
        assert sorted(mine["subset"]) == sorted(wanted)
        assert (mine["donor"] == row["donor"]).all()
    assert obs["subset"].drop_duplicates().tolist() == [
        *("CD8N", "CM", "Naive"),
        *("memory_cd4", "cd4", "t"),
    ]


def test_limits_of_cells_are_the_least_that_is_kept():
    def made(*limits):
        obs, _ = pseudobulk.groups(cells(), *limits)
        return obs.set_index(["donor", "subset"])["n_cells"].to_dict()

    assert ("A", "CM") in made(3, 1) and ("A", "CM") not in made(4, 1)
    assert ("A", "memory_cd4") in made(4, 3) and ("A", "memory_cd4") not in made(1, 4)
    assert made(9, 9) == {}


def test_no_labeled_cell_gives_no_group():
    table = cells().assign(look_alike=True)
    obs, codes = pseudobulk.groups(table)
    assert obs.empty and obs.columns.tolist() == ["donor", "condition", "subset", "n_cells"]
    assert (codes == -1).all()


def test_a_subset_comes_in_the_order_of_units_without_empty_rows():
    obs = pd.DataFrame(
        {
            "donor": ["B", "A", "A", "C"],
            "condition": ["SLE", "control", "SLE", "SLE"],
            "subset": "t",
            "n_cells": [5, 5, 5, 5],
        }
    )
    counts = np.array([[1, 2], [3, 0], [5, 6], [0, 0]])
    bulk = pseudobulk.assemble(counts, obs, pd.DataFrame({"gene_symbol": ["X", "Y"]}, ["g", "h"]))
    assert bulk.obs_names.tolist() == ["B|SLE|t", "A|control|t", "A|SLE|t", "C|SLE|t"]
    assert bulk.obs.columns.tolist() == ["donor", "condition", "subset", "n_cells"]
    rows = pseudobulk.of_subset(bulk, "t", 5)
    assert rows.obs_names.tolist() == ["A|SLE|t", "A|control|t", "B|SLE|t"]
    assert pseudobulk.dense(rows).tolist() == [[5, 6], [3, 0], [1, 2]]
    assert pseudobulk.of_subset(bulk, "t", 6).n_obs == 0
    bulk.X = bulk.X.toarray()
    assert pseudobulk.dense(bulk).tolist() == counts.tolist()


def test_log_cpm_is_that_of_edger():
    """cpm(log=TRUE, prior.count=2) of edgeR: prior scaled to the library, twice in its size."""
    counts = np.array([[4.0, 6, 90], [0, 50, 250]])
    prior = 2 * np.array([100, 300]) / 200
    expected = np.log2((4 + prior[0]) / (100 + 2 * prior[0]) * 1e6)
    assert pseudobulk.log_cpm(counts)[0, 0] == pytest.approx(expected)
    expected = np.log2((50 + prior[1]) / (300 + 2 * prior[1]) * 1e6)
    assert pseudobulk.log_cpm(counts)[1, 1] == pytest.approx(expected)
    half = np.log2((0 + 0.5 * 1.5) / (300 + 1.5) * 1e6)
    assert pseudobulk.log_cpm(counts, prior=0.5)[1, 0] == pytest.approx(half)


def test_thinning_is_drawing_without_replacement():
    counts = np.tile([60, 30, 10], (500, 1))
    thin = pseudobulk.thin(counts, 99, np.random.default_rng(0))
    assert (thin.sum(axis=1) == 99).all()
    assert (thin >= counts - 1).all()  # one count of a hundred is left behind
    thin = pseudobulk.thin(counts, 50, np.random.default_rng(0))
    assert thin.mean(axis=0) == pytest.approx([30, 15, 5], abs=0.3)
    # hypergeometric: 50 * 0.6 * 0.4 * (100 - 50) / 99
    assert thin[:, 0].var() == pytest.approx(6.06, rel=0.2)
    assert pseudobulk.thin(counts, 100, np.random.default_rng(0)).tolist() == counts.tolist()
