"""The embedding equals its definition; helpers keep cells in their order."""

import sys
import types

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score
from tilt.cells import embed

TARGET = 1e4


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(5)
    program = rng.lognormal(0, 1, (3, 120))
    rate = program[rng.integers(0, 3, 200)] * rng.lognormal(0, 0.3, (200, 1))
    return sparse.csr_matrix(rng.poisson(rate)).astype(np.int32)


def test_pca_equals_singular_value_decomposition(counts):
    """Of the chosen genes, normalized to the depth of all; the same whatever the seed."""
    genes = np.arange(10, 90)
    depth = np.asarray(counts.sum(axis=1)).ravel()
    scores, loadings, share = embed.pca(counts[:, genes], depth, 6, TARGET, seed=1)
    dense = np.log1p(counts[:, genes].toarray() / depth[:, None] * TARGET)
    dense -= dense.mean(axis=0)
    _, values, axes = np.linalg.svd(dense, full_matrices=False)
    angles = np.linalg.svd(loadings.T @ axes[:6].T)[1]
    assert np.allclose(angles, 1, atol=1e-4)
    assert np.allclose(share, (values**2 / (values**2).sum())[:6], rtol=1e-4)
    assert np.allclose(scores, dense @ loadings, atol=1e-3)
    assert scores.dtype == np.float32
    again, _, _ = embed.pca(counts[:, genes], depth, 6, TARGET, seed=2)
    assert np.allclose(scores, again, atol=1e-3)


def test_pca_with_fewer_cells_than_components(counts):
    depth = np.asarray(counts[:4].sum(axis=1)).ravel()
    scores, _, share = embed.pca(counts[:4], depth, 30, TARGET, seed=1)
    assert scores.shape == (4, 3)
    assert share.sum() == pytest.approx(1, abs=1e-6)


def test_harmony_moves_batches_together_and_keeps_shape():
    rng = np.random.default_rng(1)
    group = rng.integers(0, 2, 400)
    batch = rng.integers(0, 2, 400)
    scores = rng.normal(0, 0.3, (400, 6)).astype(np.float32)
    scores[:, 0] += 6 * group
    scores[:, 1] += 3 * batch
    corrected = embed.harmony(scores, pd.Series(batch.astype(str)), seed=0)
    assert corrected.shape == scores.shape
    gap = [corrected[batch == b].mean(axis=0) for b in (0, 1)]
    assert np.linalg.norm(gap[0] - gap[1]) < 1  # of 3
    assert abs(corrected[group == 1, 0].mean() - corrected[group == 0, 0].mean()) > 4


def test_harmony_leaves_one_batch_alone_and_refuses_a_turned_matrix(monkeypatch):
    scores = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    assert embed.harmony(scores, pd.Series(["a"] * 50), 0) is scores
    turned = types.SimpleNamespace(
        run_harmony=lambda data, *_, **__: types.SimpleNamespace(Z_corr=data.T)
    )
    monkeypatch.setitem(sys.modules, "harmonypy", turned)
    with pytest.raises(RuntimeError, match=r"gave \(4, 50\), expected \(50, 4\)"):
        embed.harmony(scores, pd.Series(["a", "b"] * 25), 0)


def test_graph_and_leiden_find_separate_groups():
    rng = np.random.default_rng(2)
    group = np.repeat([0, 1, 2], 60)
    cells = ad.AnnData(obs=pd.DataFrame(index=[f"c{i}" for i in range(180)]))
    cells.obsm["X_harmony"] = rng.normal(0, 0.2, (180, 4)).astype(np.float32)
    cells.obsm["X_harmony"][np.arange(180), group] += 5
    embed.graph(cells, 10, threads=1)
    assert (np.diff(cells.obsp["distances"].indptr) == 9).all()
    table = embed.leiden(cells.obsp["connectivities"], cells.obs_names, [0.1, 3.0], seed=0)
    assert list(table) == ["leiden_0.1", "leiden_3"]
    assert pd.crosstab(table["leiden_0.1"], group).astype(bool).sum().tolist() == [1, 1, 1]
    assert table["leiden_3"].nunique() > 3
    sizes = table["leiden_3"].value_counts(sort=False)
    assert sizes.sort_index(key=lambda name: name.astype(int)).is_monotonic_decreasing
    assert (table.index == cells.obs_names).all()


@pytest.mark.parametrize("package", ["leidenalg", "igraph"])
def test_leiden_follows_the_weights_of_links(package):
    """All of twelve cells are linked; strong links join the even and the odd ones."""
    kind = np.arange(12) % 2
    weights = np.where(kind[:, None] == kind, 1.0, 0.05) * (1 - np.eye(12))
    names = pd.Index([f"c{i}" for i in range(12)])
    found = embed.leiden(sparse.csr_matrix(weights), names, [1.0], 0, package)["leiden_1"]
    assert adjusted_rand_score(found, kind) == 1


def crowd_and_few():
    """3,000 cells close together, 60 cells far away and far apart."""
    rng = np.random.default_rng(8)
    points = np.vstack([rng.normal(0, 0.3, (3000, 5)), rng.normal(20, 3, (60, 5))])
    cells = ad.AnnData(obs=pd.DataFrame(index=[str(i) for i in range(len(points))]))
    cells.obsm["X_harmony"] = points.astype(np.float32)
    embed.graph(cells, 15, 1)
    return cells


def test_a_sketch_keeps_more_of_thin_regions():
    chosen = embed.sketch(crowd_and_few().obsp["distances"], 500, seed=1)
    assert len(np.unique(chosen)) == 500
    assert (chosen >= 3000).sum() >= 40  # a random sixth would hold 10
    assert (embed.sketch(crowd_and_few().obsp["distances"], 500, seed=1) == chosen).all()


def test_umap_of_a_sketch_places_the_other_cells_with_their_like(monkeypatch):
    monkeypatch.setattr(embed, "SKETCH", 500)
    cells = crowd_and_few()
    place = embed.umap(cells, 0.3, seed=1)
    assert np.isfinite(place).all()
    centers = np.array([place[:3000].mean(axis=0), place[3000:].mean(axis=0)])
    nearer = np.linalg.norm(place[:, None] - centers, axis=2).argmin(axis=1)
    assert (nearer == np.repeat([0, 1], [3000, 60])).mean() > 0.99


def planted_graph():
    """2,400 cells in four groups of unlike sizes that touch each other."""
    rng = np.random.default_rng(3)
    group = np.repeat([0, 1, 2, 3], [1200, 800, 300, 100])
    cells = ad.AnnData(obs=pd.DataFrame(index=[str(i) for i in range(len(group))]))
    points = rng.normal(0, 1, (len(group), 6)).astype(np.float32)
    points[np.arange(len(group)), group] += 7
    cells.obsm["X_harmony"] = points
    embed.graph(cells, 15, 1)
    return cells, group


@pytest.mark.parametrize(("package", "whole"), [("igraph", 100_000), ("leidenalg", 1_000)])
def test_faster_clusters_are_those_of_leidenalg(package, whole, monkeypatch):
    cells, group = planted_graph()
    given = (cells.obsp["connectivities"], cells.obs_names, [0.1, 1.0], 0)
    expected = embed.leiden(*given, "leidenalg")
    monkeypatch.setattr(embed, "WHOLE_GRAPH", whole)
    found = embed.leiden(*given, package)
    assert adjusted_rand_score(found["leiden_0.1"], group) > 0.99
    assert adjusted_rand_score(found["leiden_0.1"], expected["leiden_0.1"]) > 0.99
    assert found["leiden_1"].nunique() == pytest.approx(expected["leiden_1"].nunique(), abs=3)
    assert found.equals(embed.leiden(*given, package))


def test_joined_graph_has_the_modularity_of_the_whole():
    cells, group = planted_graph()
    weights = cells.obsp["connectivities"]
    fine = embed.communities(weights, 20.0, 1, seed=0)
    small = embed._joined(weights, fine)
    assert small.sum() == pytest.approx(weights.sum(), rel=1e-6)
    coarse = np.array([np.bincount(group[fine == k]).argmax() for k in range(fine.max() + 1)])
    links, strength = embed._links(weights)
    parts, sums = embed._links(small)
    whole = links.modularity(coarse[fine], weights=strength)
    assert parts.modularity(coarse, weights=sums) == pytest.approx(whole, abs=1e-6)
