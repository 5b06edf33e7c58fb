"""Nearest cells are the nearest; the weights of their links are those of UMAP."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from tilt.cells import neighbors


@pytest.fixture(scope="module")
def points():
    points = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    points[7] = points[3]  # twins: a cell must not be its own neighbor
    return points


def test_nearest_cells_are_the_nearest(points):
    near, distance = neighbors.nearest_cells(points, 10)
    true_distance, true = NearestNeighbors(n_neighbors=11).fit(points).kneighbors(points)
    assert near.shape == distance.shape == (300, 10)
    assert (near != np.arange(300)[:, None]).all()
    assert np.allclose(distance, true_distance[:, 1:], atol=1e-3)
    others = [i for i in range(300) if i not in (3, 7)]
    assert all(set(near[i]) == set(true[i, 1:]) for i in others)


@pytest.mark.parametrize("exact", [True, False])
def test_nearest_cells_do_not_depend_on_threads(exact, monkeypatch):
    if not exact:
        monkeypatch.setattr(neighbors, "EXACT_LIMIT", 100)
    cells = np.random.default_rng(1).normal(size=(9000, 20)).astype(np.float32)
    one, two, three = (neighbors.nearest_cells(cells, 14, threads) for threads in (1, 2, 3))
    for other in (two, three):
        assert np.array_equal(one[0], other[0])
        assert one[1].tobytes() == other[1].tobytes()
    asked = cells[:500] + 0.1
    found = [neighbors.nearest_of(cells, asked, 5, threads) for threads in (1, 3)]
    assert np.array_equal(*found)


def test_connectivities_are_those_of_umap(points):
    from umap.umap_ import fuzzy_simplicial_set

    near, distance = neighbors.nearest_cells(points, 14)
    itself = np.arange(300)[:, None]
    theirs = fuzzy_simplicial_set(
        points,
        15,
        None,
        "precomputed",
        knn_indices=np.hstack([itself, near]),
        knn_dists=np.hstack([0 * itself, distance]).astype(np.float32),
    )[0]
    ours = neighbors.connectivities(near, distance)
    assert abs(ours - theirs).max() < 1e-4
    assert ours.nnz == theirs.nnz


def test_connectivities_of_identical_cells_are_one():
    near, distance = neighbors.nearest_cells(np.ones((6, 3)), 3)
    assert np.allclose(neighbors.connectivities(near, distance).data, 1)


def test_marked_among_the_nearest_are_counted_as_by_hand():
    """More points than are compared at a time; two of each hundred lie at one place."""
    points = np.random.default_rng(3).normal(size=(neighbors.COMPARED + 300, 5))
    points[50::100] = points[49::100]
    marked = np.arange(len(points)) % 3 == 0
    apart = cdist(points, points)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :7]
    expected = marked[nearest].sum(axis=1)
    found = neighbors.marked_among_nearest(points, 7, marked)
    assert (found == expected).mean() > 0.97  # of equal points at the last place, one is counted
    assert np.abs(found - expected).max() == 1
    assert found[:40].tolist() == expected[:40].tolist()


def test_unmarked_come_first_among_points_as_far_away():
    points = np.array([[0.0], [1.0], [-1.0], [5.0]])
    marked = np.array([False, True, False, True])
    assert neighbors.marked_among_nearest(points, 1, marked).tolist() == [0, 0, 0, 1]
