"""From counts of variable genes to an embedding: PCA, Harmony, neighbors, Leiden, UMAP.

The one module that owns these steps; a graphics-card version would replace it as a whole.
Processor seconds and peak memory at 240,000 cells (tests/benchmark/scanpy_parts.py): PCA 22 and
717 MB, against 25 and 7,733 for scanpy in memory, 24 and 795 with dask, and 8 and 1,008 for scanpy
given the chosen genes only; Leiden at three resolutions 14 and 1,004 MB, against 257 and 2,227 for
scanpy with leidenalg and 34 and 1,553 with igraph.
"""

import logging
import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from tilt.cells.neighbors import connectivities, nearest_cells, nearest_of
from tilt.cells.normalize import log_normalized

if TYPE_CHECKING:
    import igraph

log = logging.getLogger(__name__)

LEIDEN_ITERATIONS = 2  # as scanpy advises; more change labels of few cells
WHOLE_GRAPH = 100_000  # cells up to which leidenalg is given every link: 40 s a resolution
FINE = 100.0  # resolution of the communities that stand for larger graphs: about 30 cells each
SKETCH = 30_000  # cells that UMAP lays out itself; the others are placed beside them
PLACED_BY = 5  # cells of the sketch that say where another cell lies

Blocks = Iterable[tuple[int, sparse.csr_matrix]]


def pca(
    read_blocks: Callable[[], Blocks],
    n_counts: np.ndarray,
    genes: np.ndarray,
    n_components: int,
    target: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact principal components of log-normalized counts, in two passes over blocks.

    The covariance of the chosen genes is summed block by block, so memory depends on the number
    of genes and not on the number of cells.

    Parameters
    ----------
    read_blocks
        Called once a pass; gives ``(start, counts)`` with all genes in the columns.
    n_counts
        Counts per cell over all genes (n_cells,).
    genes
        Columns of the chosen genes.
    n_components
        Number of components wanted; fewer when there are fewer cells or genes.
    target
        Counts per cell after normalization.

    Returns
    -------
    Scores (n_cells x n_components, float32), loadings (n_genes x n_components), and the share of
    variance of each component. The largest loading of a component is positive.
    """

    def chosen() -> Iterable[tuple[int, np.ndarray]]:
        for start, counts in read_blocks():
            part = counts[:, genes]
            depth = n_counts[start : start + counts.shape[0]]
            yield start, log_normalized(part, depth, target).toarray()

    n_cells = len(n_counts)
    total = np.zeros(len(genes))
    product = np.zeros((len(genes), len(genes)))
    for _, block in chosen():
        total += block.sum(axis=0, dtype=np.float64)
        product += block.T @ block
    mean = total / n_cells
    covariance = (product - n_cells * np.outer(mean, mean)) / max(n_cells - 1, 1)
    values, vectors = np.linalg.eigh(covariance)
    n_components = max(1, min(n_components, n_cells - 1, len(genes)))
    loadings = vectors[:, ::-1][:, :n_components]
    loadings = loadings * np.sign(loadings[np.abs(loadings).argmax(axis=0), range(n_components)])
    scores = np.empty((n_cells, n_components), np.float32)
    for start, block in chosen():
        scores[start : start + len(block)] = (block - mean) @ loadings
    share = values[::-1][:n_components] / max(values.sum(), 1e-12)
    return scores, loadings, share


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
    package: str = "leidenalg",
) -> pd.DataFrame:
    """Leiden clusters (Traag 2019, PMID 30914743) of a graph at several resolutions.

    Parameters: ``weights`` symmetric links between cells; ``names`` of the cells; ``package``
    leidenalg or igraph, two implementations of the same search. With leidenalg a graph of more
    than ``WHOLE_GRAPH`` cells is first reduced to small communities (:func:`communities`), whose
    links it then clusters; a cluster is a union of communities.

    Returns
    -------
    One row a cell; a column ``leiden_<resolution>`` each, clusters numbered from the largest.
    """
    import leidenalg

    part = np.arange(len(names))
    links, strength = _links(weights)
    if package == "leidenalg" and len(names) > WHOLE_GRAPH:
        part = communities(links, strength, FINE, 1, seed)
        log.info("%d cells reduced to %d communities", len(names), part.max() + 1)
        links, strength = _links(_joined(weights, part))
    table = pd.DataFrame(index=names)
    for resolution in resolutions:
        if package == "igraph":
            member = communities(links, strength, resolution, LEIDEN_ITERATIONS, seed)
        else:
            found = leidenalg.find_partition(
                links,
                leidenalg.RBConfigurationVertexPartition,
                weights=strength.tolist(),
                resolution_parameter=resolution,
                n_iterations=LEIDEN_ITERATIONS,
                seed=seed,
            )
            member = np.array(found.membership)
        table[f"leiden_{resolution:g}"] = _by_size(member[part])
    return table


def communities(
    links: "igraph.Graph", strength: np.ndarray, resolution: float, iterations: int, seed: int
) -> np.ndarray:
    """Leiden communities by modularity with igraph's own implementation (n_cells,).

    ``links`` and their ``strength`` as from :func:`_links`.
    """
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

    upper = sparse.triu(weights).tocoo()
    strength = upper.data.astype(float)
    strength[upper.row == upper.col] /= 2
    return igraph.Graph(n=weights.shape[0], edges=np.column_stack([upper.row, upper.col])), strength


def _joined(weights: sparse.csr_matrix, part: np.ndarray) -> sparse.csr_matrix:
    """Summed links between the parts (parts x parts); the diagonal has each inner link twice."""
    n = len(part)
    member = sparse.csr_matrix((np.ones(n), (np.arange(n), part)), (n, part.max() + 1))
    return (member.T @ weights @ member).tocsr()


def _by_size(member: np.ndarray) -> np.ndarray:
    """The same clusters, numbered from the largest."""
    order = np.argsort(-np.bincount(member), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[member]


def umap(cells: AnnData, min_dist: float, seed: int, threads: int = 1) -> None:
    """Add ``obsm['X_umap']`` (cells x 2) from the graph (in place); for looking, not measuring.

    Of more than ``SKETCH`` cells a sketch is laid out (:func:`sketch`); every other cell is placed
    at the median position of its ``PLACED_BY`` nearest cells of the sketch.
    """
    import scanpy as sc

    if cells.n_obs <= SKETCH:
        sc.tl.umap(cells, min_dist=min_dist, random_state=seed)
        return
    chosen = sketch(cells.obsp["distances"], SKETCH, seed)
    points = cells.obsm["X_harmony"]
    part = AnnData(obs=cells.obs[[]].iloc[chosen])
    part.obsm["X_harmony"] = points[chosen]
    graph(part, cells.uns["neighbors"]["params"]["n_neighbors"], threads)
    sc.tl.umap(part, min_dist=min_dist, random_state=seed)
    place = np.empty((cells.n_obs, 2), np.float32)
    place[chosen] = part.obsm["X_umap"]
    others = np.setdiff1d(np.arange(cells.n_obs), chosen)
    near = nearest_of(points[chosen], points[others], PLACED_BY, threads)
    place[others] = np.median(part.obsm["X_umap"][near], axis=1)
    cells.obsm["X_umap"] = place


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
