"""Doublet scores of tilt beside those of scanpy's scrublet for the same simulated doublets.

tilt's doublets are simulated again from its seed; scanpy normalizes them, finds their components
and their nearest cells, and scores. What tilt does otherwise than scanpy (which genes, which pairs)
is thereby taken out, and what is left must agree cell by cell.
"""

import anndata as ad
import numpy as np
from scipy import sparse
from tilt.cells import doublets

SIMULATED = 2  # doublets simulated a cell, the default of Scrublet (Wolock 2019)


def same_doublets(counts, rate: float, seed: int) -> list[tuple[np.ndarray, float]]:
    """Doublets among the nearest of each cell: how many more tilt counts than scanpy.

    ``counts`` cells x genes (CSR, integers), ``rate`` the expected share of doublets. scanpy 1.11
    counts a cell among its own k nearest, so that it misses the k-th neighbor: tilt must count
    0 or 1 more, and 1 as often as a neighbor is a doublet.

    Returns
    -------
    For the cells and for the simulated doublets: tilt's number minus scanpy's (whole numbers), and
    the mean that is expected of it.
    """
    n_cells = counts.shape[0]
    k = round(0.5 * np.sqrt(n_cells)) * (1 + SIMULATED)
    found = []
    for one, other in zip(
        doublets.scores(counts, rate, seed), of_scanpy(counts, rate, seed), strict=True
    ):
        ours, theirs = (_doublets_nearby(score, rate, k) for score in (one, other))
        for number in (ours, theirs):  # the scores hold no other factor
            assert np.allclose(number, np.round(number), atol=1e-6)
        found.append((np.round(ours - theirs).astype(int), ours.mean() / k))
    return found


def of_scanpy(counts, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores by ``scanpy.pp.scrublet`` of the cells and of the doublets that tilt simulates."""
    import scanpy as sc

    n_cells = counts.shape[0]
    pairs = np.random.default_rng(seed).integers(0, n_cells, (SIMULATED * n_cells, 2))
    depth = np.asarray(counts.sum(axis=1)).ravel()
    sums = counts[pairs[:, 0]] + counts[pairs[:, 1]]
    cells, simulated = (ad.AnnData(part.astype(np.float32)) for part in (counts, sums))
    for part in (cells, simulated):
        sc.pp.normalize_total(part, target_sum=float(np.median(depth)))
    genes = doublets.variable_genes(sparse.csr_matrix(cells.X))
    cells, simulated = cells[:, genes].copy(), simulated[:, genes].copy()
    for part in (cells, simulated):
        sc.pp.log1p(part)
    simulated.obsm["doublet_parents"] = pairs
    options = {"expected_doublet_rate": rate, "threshold": 0.5, "verbose": False}
    sc.pp.scrublet(cells, simulated, **options)
    return cells.obs["doublet_score"].to_numpy(), cells.uns["scrublet"]["doublet_scores_sim"]


def _doublets_nearby(score: np.ndarray, rate: float, k: int) -> np.ndarray:
    """Doublets among ``k`` neighbors that give this score: Wolock 2019's posterior turned round."""
    share = score * (1 - rate) / (rate / SIMULATED + score * (1 - rate - rate / SIMULATED))
    return share * (k + 2) - 1
