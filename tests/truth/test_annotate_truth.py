"""Labels of simulated cells agree with the planted truth, whatever names the genes have."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmark import annotation_cases as cases
from sklearn.metrics import adjusted_rand_score, f1_score
from tilt.cells import groups
from tilt.genes import tables as gene_tables
from tilt.labels import annotate
from tilt.simulate import cohort as simulate

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
RARE = {"CD4_Tph_like": 0.7, "CD4_Th22_like": 0.5, "CD4_Tfh_circ": 0.65}  # recall


@pytest.fixture(scope="module")
def tables():
    return cases.read_tables()


@pytest.fixture(scope="module")
def cells(tables):
    """T cells of eight sorted-CD4 donors, without doublets and damaged cells."""
    params = simulate.read_parameters(RESOURCES / "demo" / "demo_cd4.yaml")
    sheet = pd.DataFrame(
        {
            "sample": list("abcdefgh"),
            "donor": list("abcdefgh"),
            "condition": ["SLE", "control"] * 4,
            "batch": ["b1", "b1", "b2", "b2"] * 2,
            "sex": "F",
        }
    )
    made = simulate.cells(params, sheet, tables.markers, tables.signatures, 11)
    keep = (made.obs["true_lineage"] == "T") & ~made.obs["true_is_low_quality"]
    made = made[keep & ~made.obs["true_is_doublet"]].copy()
    made.obs["n_counts"] = np.asarray(made.X.sum(1)).ravel()
    return made


@pytest.fixture(scope="module")
def panel(cells, tables):
    return cases.prepare(cells, tables, 0)


@pytest.fixture(scope="module")
def found(panel, tables):
    small, embedding = panel
    return annotate.label(small, embedding, tables.markers, tables.signatures, 0, branch="CD4")


def test_subsets_agree_with_the_truth(cells, found):
    truth = cells.obs["true_subset"].astype(str).to_numpy()
    called = found.labels["subset"].to_numpy().astype(str)
    often = [name for name in np.unique(truth) if (truth == name).sum() >= 20]
    # reached: 0.81 to 0.90 over seeds; identities of simulated types differ from the marker table
    assert f1_score(truth, called, labels=often, average="macro", zero_division=0) > 0.75
    assert f1_score(truth == "CD4_Naive", called == "CD4_Naive") > 0.97
    treg = np.array(["Treg" in name for name in truth])
    assert f1_score(treg, found.labels["compartment"] == "treg") > 0.9


def test_rare_poles_are_found_by_label_and_by_score(cells, found):
    truth = cells.obs["true_subset"].astype(str).to_numpy()
    called = found.labels["subset"].to_numpy()
    for name, least in RARE.items():
        assert (called[truth == name] == name).mean() > least, name
    inside = groups.working_set(found.labels)
    for flag, name in (("tph_high", "CD4_Tph_like"), ("th22_high", "CD4_Th22_like")):
        high = found.labels[flag].to_numpy()
        assert not high[~inside].any()
        assert high[inside & (truth == name)].mean() > 5 * high[inside & (truth != name)].mean()
        assert 0.03 < high[inside].mean() < 0.07


def test_interferon_state_is_a_state_not_a_subset(cells, found):
    truth = cells.obs["true_isg_high"].to_numpy(bool)
    high = found.labels["isg_high"].to_numpy()
    assert high[truth].mean() > 0.8
    # In a donor with much interferon the other cells are raised too, so false calls count where
    # there is little.
    calm = (cells.obs["condition"] == "control").to_numpy() & ~truth
    assert high[calm].mean() < 0.02
    called = found.labels["subset"].to_numpy().astype(str)
    right = called == cells.obs["true_subset"].astype(str).to_numpy()
    assert right[truth].mean() > right[~truth].mean() - 0.1


def test_blind_to_the_condition(panel, found, tables):
    small, embedding = panel
    shuffled = small.copy()
    order = np.random.default_rng(0).permutation(small.n_obs)
    shuffled.obs["condition"] = small.obs["condition"].to_numpy()[order]
    again = annotate.label(shuffled, embedding, tables.markers, tables.signatures, 0, branch="CD4")
    pd.testing.assert_frame_equal(found.labels, again.labels)
    pd.testing.assert_frame_equal(found.scores, again.scores)


def test_stable_over_seeds(panel, found, tables):
    small, embedding = panel
    again = annotate.label(small, embedding, tables.markers, tables.signatures, 7, branch="CD4")
    assert adjusted_rand_score(found.labels["subset"], again.labels["subset"]) > 0.95


def test_old_symbols_give_the_same_labels(cells, found, tables):
    old = {}
    for before, now in tables.aliases.items():
        if not before.startswith("ENSG"):
            old.setdefault(now, before)
    renamed = cells.copy()
    symbols = [old.get(symbol, symbol) for symbol in cells.var["gene_symbol"]]
    assert sum(a != b for a, b in zip(symbols, cells.var["gene_symbol"], strict=True)) > 3
    renamed.var = pd.DataFrame(index=symbols)
    current = gene_tables.standardize(renamed, tables.aliases)
    assert current.var["gene_symbol"].tolist() == cells.var["gene_symbol"].tolist()
    current.obs = cells.obs
    again = cases.label(current, tables, 0, branch="CD4")
    assert (again.labels["subset"].to_numpy() == found.labels["subset"].to_numpy()).all()


def test_populations_of_one_percent_are_kept(tables):
    """Reached in deep cells: recall 0.78 and 0.95, precision 0.88 and 0.99."""
    least = {"CD4_Tph_like": (0.7, 0.8), "CD4_Th22_like": (0.88, 0.9)}
    cells = cases.planted(tables, tuple(least), 0.01, 5000, 1)
    truth = cells.obs["truth"].to_numpy()
    called = cases.label(cells, tables, 0).labels["subset"].to_numpy().astype(str)
    for name, (recall, precision) in least.items():
        assert 0.007 < (truth == name).mean() < 0.013
        assert (called[truth == name] == name).mean() > recall, name
        assert (truth[called == name] == name).mean() > precision, name
