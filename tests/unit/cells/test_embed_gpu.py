"""The steps on a graphics card take, call and give what those on the processor do.

scanpy's functions stand in for rapids-singlecell's: the same names and the same arguments.
"""

import inspect
import types

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from tilt.cells import embed, embed_gpu
from tilt.cells.neighbors import connectivities, nearest_cells


@pytest.fixture
def groups():
    rng = np.random.default_rng(2)
    group = np.repeat([0, 1, 2], [90, 60, 30])
    cells = ad.AnnData(obs=pd.DataFrame(index=[f"c{i}" for i in range(180)]))
    cells.obsm["X_harmony"] = rng.normal(0, 0.2, (180, 4)).astype(np.float32)
    cells.obsm["X_harmony"][np.arange(180), group] += 5
    return cells, group


@pytest.fixture
def asked(monkeypatch):
    """What the stand-in was asked: name -> arguments by the names that scanpy gives them."""
    asked = {}

    def stand_in(of, does):
        def call(*given, **named):
            bound = inspect.signature(of).bind(*given, **named)
            asked.setdefault(of.__name__, []).append(bound.arguments)
            return does(**bound.arguments)

        return call

    def neighbors(adata, n_neighbors, use_rep, metric):
        near, distance = nearest_cells(adata.obsm[use_rep], n_neighbors - 1)
        adata.obsp["connectivities"] = connectivities(near, distance)

    def leiden(adata, resolution, adjacency, random_state):
        part = embed.communities(adjacency, resolution, 2, random_state)
        adata.obs["leiden"] = pd.Categorical(part.astype(str))

    def umap(adata, min_dist, random_state):
        adata.obsm["X_umap"] = adata.obsm["X_harmony"][:, :2].astype(float)

    card = types.SimpleNamespace(
        pp=types.SimpleNamespace(neighbors=stand_in(sc.pp.neighbors, neighbors)),
        tl=types.SimpleNamespace(
            leiden=stand_in(sc.tl.leiden, leiden), umap=stand_in(sc.tl.umap, umap)
        ),
    )
    monkeypatch.setattr(embed_gpu, "library", lambda: card)
    return asked


def test_the_same_interface():
    for name in ("graph", "leiden", "umap"):
        ours, card = (inspect.signature(getattr(m, name)) for m in (embed, embed_gpu))
        assert list(ours.parameters) == list(card.parameters), name
        assert ours.return_annotation == card.return_annotation, name


def test_the_same_graph_clusters_and_shape(groups, asked):
    cells, group = groups
    other = cells.copy()
    embed.graph(cells, 10, 1)
    embed_gpu.graph(other, 10, 1)
    weights = cells.obsp["connectivities"]
    assert abs(weights - other.obsp["connectivities"]).max() == 0
    assert asked["neighbors"][0]["n_neighbors"] == 10
    names = pd.Index([f"x{i}" for i in range(180)])
    found = embed_gpu.leiden(weights, names, [0.1, 1.5], seed=7)
    assert found.equals(embed.leiden(weights, names, [0.1, 1.5], seed=7))
    assert found["leiden_0.1"].tolist() == group.tolist()  # numbered from the largest
    assert [one["random_state"] for one in asked["leiden"]] == [7, 7]
    place = embed_gpu.umap(other, 0.25, seed=3)
    assert place.shape == (180, 2)
    assert place.dtype == embed.umap(cells, 0.25, seed=3).dtype == np.float32
    assert (asked["umap"][0]["min_dist"], asked["umap"][0]["random_state"]) == (0.25, 3)


def test_no_more_neighbors_than_other_cells(groups, asked):
    few = groups[0][:8].copy()
    embed_gpu.graph(few, 15, 1)
    assert asked["neighbors"][0]["n_neighbors"] == 7
