"""Annotation: taxonomy, poles, states and honesty, on cells made by hand."""

import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.cells import groups
from tilt.genes import tables as gene_tables
from tilt.genes import taxonomy
from tilt.labels import annotate, mixture, signature_scores

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def markers():
    return gene_tables.read_markers(ROOT / "resources" / "markers.tsv")


@pytest.fixture(scope="module")
def signatures():
    return gene_tables.read_signatures(ROOT / "resources" / "signatures.tsv")


def every_marker(markers):
    return sorted({g for c in ("positive", "negative") for row in markers[c] for g in row})


def made(markers, kinds, depth=3000, seed=0, extra=300):
    """Cells whose label's genes are on (8 in 10,000) and negatives off; others in between."""
    rng = np.random.default_rng(seed)
    named = every_marker(markers)
    symbols = np.array(named + [f"BACK{i}" for i in range(extra)])
    labels = sorted(set(kinds))
    signs = taxonomy.design(markers, labels, symbols)
    level = np.where(signs > 0, 8e-4, np.where(signs < 0, 0.05e-4, 0.4e-4))
    lineage = markers.set_index("label").at["T", "positive"]
    level[:, np.isin(symbols, lineage)] = 5e-4
    level[:, len(named) :] = rng.lognormal(-8.5, 1, extra)
    level /= np.maximum(level.sum(1, keepdims=True), 1)
    counts = rng.poisson(depth * level[[labels.index(kind) for kind in kinds]])
    obs = pd.DataFrame(
        {"n_counts": float(depth), "donor": [f"d{i % 4}" for i in range(len(kinds))]},
        index=[f"cell{i}" for i in range(len(kinds))],
    )
    var = pd.DataFrame({"gene_symbol": symbols}, index=symbols)
    cells = ad.AnnData(sparse.csr_matrix(counts.astype(np.int32)), obs=obs, var=var)
    return cells, rng.normal(size=(len(kinds), 5)) + 4 * np.eye(len(labels), 5)[
        [labels.index(kind) for kind in kinds]
    ]


KINDS = ["CD4_Naive"] * 200 + ["CD4_CM"] * 150 + ["CD8_TEMRA_GZMH"] * 100 + ["CD4_Treg_eff"] * 50


def test_design_takes_over_the_parents_genes(markers):
    signs = taxonomy.design(markers, ["CD4_Naive", "CD4_CTL"], ["CD4", "CD8A", "CCR7", "GZMB"])
    assert signs.tolist() == [[1, -1, 1, 0], [1, -1, -1, 1]]


def test_a_subset_with_too_few_markers_is_not_callable(markers):
    positive = markers.set_index("label")["positive"]
    own = set(positive["CD4_Treg_naive"]) - set(positive["CD4_Naive"])
    measured = set(every_marker(markers)) - own
    assert "CD4_Treg_naive" in taxonomy.subset_labels(markers, every_marker(markers))
    names = taxonomy.subset_labels(markers, measured)
    assert "CD4_Treg_naive" not in names
    found = taxonomy.found_table(markers, measured, names).set_index(["label", "gene"])
    assert not found.loc[("CD4_Treg_naive", "FOXP3"), "found"]
    assert not found.loc[("CD4_Treg_naive", "CCR7"), "callable"]
    assert found.loc[("CD4_Naive", "CCR7"), "callable"]
    assert found.loc[("CD4", "CD4"), "callable"]


def test_labels_that_cannot_be_told_apart_do_not_both_stay(markers):
    shared = {"CCR7", "LEF1", "SELL", "PIK3IP1", "TCF7", "MAL", "TSHZ2", "FHIT", "ACTN1"}
    names = taxonomy.subset_labels(markers, shared)
    assert "CD4_Naive" in names
    assert "CD8_Naive" not in names


def test_cytotoxic_cd4_cells_stand_alone(markers):
    names = ["CD4_CM", "CD4_Th1", "CD4_CTL", "CD8_EM_GZMK", "CD8_TEMRA_GZMH"]
    groups = dict(zip(names, taxonomy.groups(markers, names), strict=True))
    assert groups["CD4_CM"] == groups["CD4_Th1"] == "CD4/memory"
    assert groups["CD4_CTL"] == "CD4/memory/CD4_CTL"


def test_label_finds_clear_subsets_and_ignores_condition(markers, signatures):
    cells, embedding = made(markers, KINDS)
    first = annotate.label(cells, embedding, markers, signatures, seed=0)
    assert list(first.labels.columns) == [
        *("cell", "level1", "subset", "subset_score", "subset_margin", "compartment"),
        *("known", "known_level", "known_score"),
        *("isg_high", "proliferating", "tph_high", "th22_high", "look_alike"),
    ]
    right = first.labels["subset"].to_numpy() == np.array(KINDS)
    assert right.mean() > 0.92
    branch = [kind[:3] for kind in KINDS]
    assert (first.labels["level1"] == branch).mean() > 0.99
    assert first.labels["cell"].tolist() == cells.obs_names.tolist()
    assert ((first.labels["subset_score"] >= 0) & (first.labels["subset_score"] <= 1)).all()
    cells.obs["condition"] = np.random.default_rng(1).permutation(["SLE", "control"] * 250)
    again = annotate.label(cells, embedding, markers, signatures, seed=0)
    pd.testing.assert_frame_equal(first.labels, again.labels)
    pd.testing.assert_frame_equal(first.scores, again.scores)


@pytest.mark.parametrize("size", [7, 100])
def test_labels_do_not_depend_on_the_size_of_blocks(markers, signatures, monkeypatch, size):
    cells, embedding = made(markers, KINDS)
    whole = annotate.label(cells, embedding, markers, signatures, seed=0)
    for module in (annotate, mixture, signature_scores):
        monkeypatch.setattr(module, "BLOCK", size)
    parts = annotate.label(cells, embedding, markers, signatures, seed=0)
    assert parts.labels["subset"].equals(whole.labels["subset"])
    numbers = whole.scores.columns.drop("cell")
    assert np.allclose(parts.scores[numbers], whole.scores[numbers], atol=1e-6)


def test_a_new_row_is_a_new_subset(markers, signatures):
    row = markers.set_index("label").loc[["CD4_CM"]].reset_index()
    row["label"] = "CD4_New"
    row.at[0, "positive"] = ["NEW1", "NEW2", "NEW3", "NEW4", "S100A4"]
    row.at[0, "negative"] = ["LRRN3"]
    table = pd.concat([markers, row], ignore_index=True)
    kinds = KINDS + ["CD4_New"] * 40
    cells, embedding = made(table, kinds)
    called = annotate.label(cells, embedding, table, signatures, seed=0).labels["subset"]
    new = np.array(kinds) == "CD4_New"
    assert (called[new] == "CD4_New").mean() > 0.9
    assert (called[~new] == "CD4_New").mean() < 0.01


def test_sorted_cells_keep_to_their_branch(markers, signatures):
    cells, embedding = made(markers, ["CD4_Naive"] * 120 + ["CD4_CM"] * 120)
    table = annotate.label(cells, embedding, markers, signatures, seed=0, branch="CD4").labels
    assert set(table["level1"]) <= {"CD4", "unassigned"}


def test_no_measurable_marker_is_an_error(markers, signatures):
    cells, embedding = made(markers, ["CD4_Naive"] * 20)
    some = cells[:, cells.var_names.str.startswith("BACK")].copy()
    with pytest.raises(ValueError, match=r"no subset can be called: of \d+ marker genes 0"):
        annotate.label(some, embedding, markers, signatures, seed=0)


def test_panel_holds_markers_signatures_and_background_over_all_levels(markers, signatures):
    rng = np.random.default_rng(0)
    named = sorted(set(every_marker(markers)) | set(signatures["gene"]))
    symbols = named + [f"BACK{i}" for i in range(5000)]
    stats = pd.DataFrame({"gene_symbol": symbols, "mean": rng.lognormal(-4, 2, len(symbols))})
    stats.index = [f"id{i}" for i in range(len(symbols))]
    stats["excluded"] = ["tcr" if i % 7 == 0 else "" for i in range(len(symbols))]
    chosen = annotate.panel(stats, markers, signatures, seed=0)
    assert set(stats.index[: len(named)]) <= set(chosen)
    background = stats.loc[[name for name in chosen if name not in set(stats.index[: len(named)])]]
    assert 900 <= len(background) <= 1000
    assert (background["excluded"] == "").all()
    assert background["mean"].quantile(0.1) < stats["mean"].quantile(0.15)
    assert background["mean"].quantile(0.9) > stats["mean"].quantile(0.85)
    assert chosen == annotate.panel(stats, markers, signatures, seed=0)


def test_score_is_set_against_background_of_like_expression():
    rng = np.random.default_rng(0)
    mean = np.repeat([0.05, 2.0], 60)
    counts = rng.poisson(np.tile(mean, (400, 1)))
    counts[:100, :3] += rng.poisson(0.5, (100, 3))
    depth = counts.sum(1).astype(float)
    symbols = np.array([f"G{i}" for i in range(120)])
    genes_up = pd.Series({"G0": 1.0, "G1": 1.0, "G2": 0.5, "G60": -1.0, "absent": 1.0})
    value, found = signature_scores.score(
        sparse.csr_matrix(counts), depth, symbols, genes_up, list(genes_up.index)
    )
    assert found == 4
    assert value[:100].mean() > value[100:].mean() + 2 * value[100:].std() / 10
    none, found = signature_scores.score(
        sparse.csr_matrix(counts), depth, symbols, pd.Series({"absent": 1.0}), []
    )
    assert found == 0
    assert not none.any()


def test_state_is_called_in_a_few_cells_and_not_in_none():
    rng = np.random.default_rng(0)
    rate = np.full((1000, 6), 0.1)
    rate[:30] = 3.0
    counts = sparse.csr_matrix(rng.poisson(rate))
    high, chance = signature_scores.state(counts, np.full(1000, 2000.0), 0.02)
    assert high[:30].mean() > 0.95
    assert high[30:].mean() < 0.01
    assert chance[:30].min() > chance[30:].mean()
    flat = sparse.csr_matrix(rng.poisson(0.1, (1000, 6)))
    high, _ = signature_scores.state(flat, np.full(1000, 2000.0), 0.02)
    assert high.mean() < 0.02
    high, _ = signature_scores.state(counts[:, :0], np.full(1000, 2000.0), 0.02)
    assert not high.any()


def test_tables_for_the_figures(markers, signatures):
    cells, embedding = made(markers, KINDS)
    labels = annotate.label(cells, embedding, markers, signatures, seed=0).labels
    dots = annotate.marker_expression(cells, labels, markers).set_index(["subset", "gene"])
    assert dots.loc[("CD4_Naive", "CCR7"), "sign"] == "+"
    assert dots.loc[("CD4_Naive", "FOXP3"), "sign"] == "-"
    treg = dots.loc[("CD4_Treg_eff", "FOXP3")]
    assert treg["fraction"] > 0.8
    assert treg["fraction"] > 5 * dots.loc[("CD4_CM", "FOXP3"), "fraction"]
    table = annotate.detectability(cells, labels, ["CCR10", "not_there"]).set_index("gene")
    inside = groups.working_set(labels)
    assert inside.sum() > 100
    at = cells.var_names.get_loc("CCR10")
    assert table.loc["CCR10", "n_cells"] == int((cells.X[inside][:, [at]] > 0).sum())
    assert pd.isna(table.loc["not_there", "n_cells"])


def test_importing_annotate_does_not_import_scanpy():
    code = "import sys; import tilt.labels.annotate; sys.exit('scanpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow", check=False)
    assert done.returncode == 0
