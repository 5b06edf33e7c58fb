"""From counts of variable genes to an embedding: PCA, Harmony, neighbors, Leiden, UMAP.

:mod:`tilt.cells.embed_gpu` has the last three for a graphics card. PCA is
scanpy's, on the chosen genes, which are held in memory (8 bytes a count that is not zero); so is
Leiden, on graphs of up to ``WHOLE_GRAPH`` cells. A larger graph is first reduced by igraph: at
240,000 cells three resolutions then take 14 processor seconds and 1,004 MB, against 257 and 2,227
with leidenalg and 34 and 1,553 with igraph on the whole (tests/benchmark/scanpy_parts.py).
"""

import logging
import random
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from tilt.cells.layout import lay_out
from tilt.cells.neighbors import connectivities, nearest_cells, nearest_of
from tilt.cells.normalize import log_normalized

if TYPE_CHECKING:
    import igraph

log = logging.getLogger(__name__)

LEIDEN_ITERATIONS = 2  # as scanpy advises; more change labels of few cells
WHOLE_GRAPH = 100_000  # cells up to which scanpy is given every link: 40 s a resolution
FINE = 100.0  # resolution of the communities that stand for larger graphs: about 30 cells each
SKETCH = 30_000  # cells that UMAP lays out itself; the others are placed beside them
PLACED_BY = 5  # cells of the sketch that say where another cell lies


def pca(
    counts: sparse.csr_matrix, n_counts: np.ndarray, n_components: int, target: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal components of log-normalized counts by :func:`scanpy.pp.pca`.

    Parameters
    ----------
    counts
        Counts of the chosen genes (n_cells x n_genes).
    n_counts
        Counts per cell over all genes (n_cells,).
    n_components
        Number of components wanted; fewer when there are fewer cells or genes.
    target
        Counts per cell after normalization.
    seed
        Of the first vector of the search.

    Returns
    -------
    Scores (n_cells x n_components, float32), loadings (n_genes x n_components), and the share of
    variance of each component.
    """
    import scanpy as sc

    cells = AnnData(log_normalized(counts, n_counts, target))
    n_components = max(1, min(n_components, min(counts.shape) - 1))
    sc.pp.pca(cells, n_comps=n_components, svd_solver="arpack", random_state=seed)
    return cells.obsm["X_pca"], cells.varm["PCs"], cells.uns["pca"]["variance_ratio"]


def harmony(scores: np.ndarray, batch: pd.Series, seed: int) -> np.ndarray:
    """Harmony (Korsunsky 2019, PMID 31740819) over ``batch``; unchanged when there is one batch.

    On one thread: on more its sums are rounded in another order, and labels differ.

    Returns
    -------
    Corrected scores, cells x components.

    Raises
    ------
    RuntimeError
        harmonypy gave a matrix of another shape (its orientation changed between versions).
    """
    sizes = batch.value_counts()
    if (sizes > 0).sum() < 2:
        return scores
    import harmonypy

    logging.getLogger("harmonypy").setLevel(logging.WARNING)
    table = pd.DataFrame({"batch": batch.astype(str).to_numpy()})
    found = harmonypy.run_harmony(
        scores, table, ["batch"], random_state=seed, ncores=1, verbose=False
    )
    corrected = np.asarray(found.Z_corr)
    if corrected.shape != scores.shape:
        raise RuntimeError(f"harmonypy gave {corrected.shape}, expected {scores.shape}")
    return corrected.astype(np.float32)


def graph(cells: AnnData, n_neighbors: int, threads: int) -> None:
    """Add the graph of nearest cells in ``obsm['X_harmony']`` to ``obsp`` (in place).

    As after ``scanpy.pp.neighbors``: a cell counts as one of its own ``n_neighbors``.
    """
    n_neighbors = min(n_neighbors, cells.n_obs - 1)
    near, distance = nearest_cells(cells.obsm["X_harmony"], n_neighbors - 1, threads)
    n, k = near.shape
    cells.obsp["distances"] = sparse.csr_matrix(
        (distance.ravel(), near.ravel(), np.arange(0, n * k + 1, k)), (n, n)
    )
    cells.obsp["connectivities"] = connectivities(near, distance)
    cells.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": {
            "n_neighbors": n_neighbors,
            "method": "umap",
            "metric": "euclidean",
            "use_rep": "X_harmony",
        },
    }


def leiden(
    weights: sparse.csr_matrix,
    names: pd.Index,
    resolutions: list[float],
    seed: int,
    package: str = "igraph",
) -> pd.DataFrame:
    """Leiden clusters (Traag 2019, PMID 30914743) of a graph at several resolutions.

    Parameters: ``weights`` symmetric links between cells; ``names`` of the rows; ``package``
    igraph or leidenalg, two implementations of the same search; scanpy announces igraph's as its
    own default, and it is some seven times as fast (README of tests/benchmark).
    With leidenalg a graph of more than ``WHOLE_GRAPH`` cells is first reduced to small communities
    (:func:`communities`), whose links it then clusters; a cluster is a union of communities.

    Returns
    -------
    One row a cell; a column ``leiden_<resolution>`` each, clusters numbered from the largest.
    """
    part = np.arange(len(names))
    if package == "leidenalg" and len(names) > WHOLE_GRAPH:
        part = communities(weights, FINE, 1, seed)
        log.info("%d cells reduced to %d communities", len(names), part.max() + 1)
        weights = _joined(weights, part)
    links = _links(weights) if package == "igraph" else None
    table = pd.DataFrame(index=names)
    for resolution in resolutions:
        if links:
            member = _communities(*links, resolution, LEIDEN_ITERATIONS, seed)
        else:
            member = _clusters(weights, resolution, seed)
        table[f"leiden_{resolution:g}"] = by_size(member[part])
    return table


def _clusters(weights: sparse.csr_matrix, resolution: float, seed: int) -> np.ndarray:
    """Cluster of each node by :func:`scanpy.tl.leiden` with leidenalg (n_nodes,)."""
    import scanpy as sc

    nodes = AnnData(obs=pd.DataFrame(index=np.arange(weights.shape[0]).astype(str)))
    sc.tl.leiden(
        nodes,
        resolution,
        adjacency=weights,
        directed=False,
        flavor="leidenalg",
        n_iterations=LEIDEN_ITERATIONS,
        random_state=seed,
    )
    return nodes.obs["leiden"].to_numpy(int)


def communities(
    weights: sparse.csr_matrix, resolution: float, iterations: int, seed: int
) -> np.ndarray:
    """Leiden communities by modularity with igraph's own implementation (n_cells,).

    On half of the links, in arrays: scanpy makes a Python tuple of each.
    """
    return _communities(*_links(weights), resolution, iterations, seed)


def _communities(
    links: "igraph.Graph", strength: np.ndarray, resolution: float, iterations: int, seed: int
) -> np.ndarray:
    random.seed(seed)  # igraph draws from Python's generator
    found = links.community_leiden(
        objective_function="modularity",
        weights=strength,
        resolution=resolution,
        n_iterations=iterations,
    )
    return np.array(found.membership)


def _links(weights: sparse.csr_matrix) -> "tuple[igraph.Graph, np.ndarray]":
    """Graph of the upper triangle, and the weights of its links; loops count half, as links do."""
    import igraph

    row = np.repeat(np.arange(weights.shape[0], dtype=np.int32), np.diff(weights.indptr))
    upper = weights.indices >= row
    edges = np.empty((np.count_nonzero(upper), 2), np.int64)  # as igraph takes them
    edges[:, 0], edges[:, 1] = row[upper], weights.indices[upper]
    del row
    graph = igraph.Graph(n=weights.shape[0], edges=edges)
    strength = weights.data[upper].astype(float)
    strength[edges[:, 0] == edges[:, 1]] /= 2
    return graph, strength


def _joined(weights: sparse.csr_matrix, part: np.ndarray) -> sparse.csr_matrix:
    """Summed links between the parts (parts x parts); the diagonal has each inner link twice."""
    n = len(part)
    member = sparse.csr_matrix((np.ones(n), (np.arange(n), part)), (n, part.max() + 1))
    return (member.T @ weights @ member).tocsr()


def by_size(member: np.ndarray) -> np.ndarray:
    """The same clusters, numbered from the largest."""
    order = np.argsort(-np.bincount(member), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[member]


def umap(cells: AnnData, min_dist: float, seed: int, threads: int = 1) -> np.ndarray:
    """Places in a UMAP (cells x 2, float32), from the graph; for looking, not measuring.

    Of more than ``SKETCH`` cells a sketch is laid out (:func:`sketch`); every other cell is placed
    at the median position of its ``PLACED_BY`` nearest cells of the sketch.
    """
    points = cells.obsm["X_harmony"]
    if cells.n_obs <= SKETCH:
        return lay_out(cells.obsp["connectivities"], points[:, :2], min_dist, seed)
    chosen = sketch(cells.obsp["distances"], SKETCH, seed)
    n_neighbors = cells.uns["neighbors"]["params"]["n_neighbors"]
    weights = connectivities(*nearest_cells(points[chosen], n_neighbors - 1, threads))
    place = np.empty((cells.n_obs, 2), np.float32)
    place[chosen] = lay_out(weights, points[chosen, :2], min_dist, seed)
    others = np.setdiff1d(np.arange(cells.n_obs), chosen)
    near = nearest_of(points[chosen], points[others], PLACED_BY, threads)
    place[others] = np.median(place[chosen][near], axis=1)
    return place


def sketch(distances: sparse.csr_matrix, n: int, seed: int) -> np.ndarray:
    """Rows of ``n`` cells that show the whole, thin regions included (sorted).

    A cell's chance grows with the distance to its furthest neighbor (``distances`` as in
    ``obsp``), so crowded regions give proportionally fewer cells (the idea of geometric sketching,
    Hie 2019, doi:10.1016/j.cels.2019.05.003). Drawn without replacement (Efraimidis 2006,
    doi:10.1016/j.ipl.2005.11.003).
    """
    reach = np.maximum(distances.max(axis=1).toarray().ravel(), np.finfo(np.float32).tiny)
    draw = np.random.default_rng(seed).exponential(size=len(reach)) / reach
    return np.sort(np.argpartition(draw, n)[:n])
