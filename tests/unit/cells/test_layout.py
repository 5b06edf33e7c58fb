"""The layout of a graph is UMAP's: its curve, and layouts as near their aim as umap-learn's."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy.spatial.distance import cdist
from sklearn.manifold import trustworthiness
from tilt.cells import embed, layout


@pytest.mark.parametrize(
    ("min_dist", "a", "b"),
    [(0.1, 1.57694, 0.89506), (0.3, 0.99218, 1.11225), (0.5, 0.58303, 1.33417)],
)
def test_curve_is_that_of_umap_learn(min_dist, a, b):
    """Values of ``umap.umap_.find_ab_params(1.0, min_dist)`` of umap-learn 0.5.12."""
    assert layout.curve(min_dist) == pytest.approx((a, b), rel=1e-4)


def test_forces_are_the_slopes_of_the_curve():
    """By differences of log(near) and of log(1 - near), as cross entropy has them."""
    a, b = layout.curve(0.3)
    together, apart = layout.forces(a, b)
    assert len(together) == len(apart) == 32 * 256  # powers of two, and steps within each

    def near(squared):
        return 1 / (1 + a * squared**b)

    for squared in (0.01, 0.8, 7.3, 400.0):
        exponent = int(np.floor(np.log2(squared)))
        step = int((squared / 2**exponent - 1) * 256)
        place = (exponent + 20) * 256 + step
        h = 1e-5 * squared
        slopes = (np.log(near(squared + h)) - np.log(near(squared - h))) / (2 * h)
        assert together[place] == pytest.approx(2 * slopes, rel=0.006)
        slopes = (np.log(1 - near(squared + h)) - np.log(1 - near(squared - h))) / (2 * h)
        assert apart[place] == pytest.approx(2 * slopes * squared / (0.001 + squared), rel=0.006)


@pytest.fixture(scope="module")
def cells():
    """500 cells in three groups of unlike sizes, two of which touch."""
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1, 2], [300, 150, 50])
    centers = np.array([[0, 0, 0, 0], [4, 0, 0, 0], [0, 15, 0, 0]])
    cells = ad.AnnData(obs=pd.DataFrame({"group": group}, index=[str(i) for i in range(500)]))
    points = centers[group] + rng.normal(0, 1, (500, 4))
    cells.obsm["X_harmony"] = points.astype(np.float32)
    embed.graph(cells, 15, 1)
    return cells


def loss(cells, place, min_dist):
    """UMAP's cross entropy: of links (nearness wanted), and of all other pairs, one in five."""
    a, b = layout.curve(min_dist)
    near = 1 / (1 + a * cdist(place, place) ** (2 * b))
    weights = cells.obsp["connectivities"].toarray()
    drawn = weights.sum(axis=1, keepdims=True) * layout.NEGATIVE / len(place)
    apart = 1 - near + np.eye(len(place))
    return -(weights * np.log(near)).sum() - (drawn * np.log(apart.clip(1e-3))).sum()


def widths(cells, place):
    """Median distance of the cells of each group from its middle."""
    groups = [place[cells.obs["group"] == group] for group in range(3)]
    return [np.median(np.linalg.norm(one - np.median(one, axis=0), axis=1)) for one in groups]


@pytest.mark.parametrize("min_dist", [0.1, 0.5])
def test_layouts_are_as_good_as_those_of_umap_learn(cells, min_dist):
    points = cells.obsm["X_harmony"]
    ours = layout.lay_out(cells.obsp["connectivities"], points[:, :2], min_dist, seed=1)
    sc.tl.umap(cells, min_dist=min_dist, init_pos="spectral", random_state=1)
    theirs = cells.obsm["X_umap"]
    assert ours.dtype == np.float32 and ours.shape == (500, 2)
    assert loss(cells, ours, min_dist) == pytest.approx(loss(cells, theirs, min_dist), rel=0.02)
    assert trustworthiness(points, ours) > trustworthiness(points, theirs) - 0.01
    assert widths(cells, ours) == pytest.approx(widths(cells, theirs), rel=0.08)


def test_seed_alone_decides(cells):
    given = (cells.obsp["connectivities"], cells.obsm["X_harmony"][:, :2], 0.3)
    first = layout.lay_out(*given, seed=1)
    assert (layout.lay_out(*given, seed=1) == first).all()
    assert (layout.lay_out(*given, seed=2) != first).any()


def test_a_start_on_one_line_is_laid_out(cells):
    """Also where all cells begin at one place."""
    start = np.zeros((500, 2), np.float32)
    place = layout.lay_out(cells.obsp["connectivities"], start, 0.3, seed=1)
    assert np.isfinite(place).all() and np.ptp(place, axis=0).min() > 5
