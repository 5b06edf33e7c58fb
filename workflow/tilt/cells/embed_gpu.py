"""Neighbors, Leiden and UMAP on a graphics card, by rapids-singlecell in place of ``embed``.

``embed: device: gpu``. rapids-singlecell keeps scanpy's interface for these three, so each function
here takes and gives what the one of the same name in :mod:`tilt.cells.embed` does; PCA and Harmony
stay on the processor, so that labels and statistics, which use none of the three, are the same. A
card does not promise the same bytes twice. Not measured: no card was at hand when this was written.
"""

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from tilt.cells.embed import by_size


def library() -> Any:
    """rapids_singlecell, loaded only where it is asked for."""
    import rapids_singlecell

    return rapids_singlecell


def graph(cells: AnnData, n_neighbors: int, threads: int) -> None:
    """Add the graph of nearest cells in ``obsm['X_harmony']`` to ``obsp`` (in place).

    A cell counts as one of its own ``n_neighbors``; the search is exact. ``threads`` is not used.
    """
    n_neighbors = min(n_neighbors, cells.n_obs - 1)
    library().pp.neighbors(cells, n_neighbors, use_rep="X_harmony", metric="euclidean")


def leiden(
    weights: sparse.csr_matrix,
    names: pd.Index,
    resolutions: list[float],
    seed: int,
    package: str = "",
) -> pd.DataFrame:
    """Leiden clusters at several resolutions, a column each, numbered from the largest.

    Parameters as of :func:`tilt.cells.embed.leiden`; ``package`` is not used.
    """
    nodes = AnnData(obs=pd.DataFrame(index=names.astype(str)))
    table = pd.DataFrame(index=names)
    for resolution in resolutions:
        library().tl.leiden(nodes, resolution, adjacency=weights, random_state=seed)
        table[f"leiden_{resolution:g}"] = by_size(nodes.obs["leiden"].to_numpy().astype(int))
    return table


def umap(cells: AnnData, min_dist: float, seed: int, threads: int = 1) -> np.ndarray:
    """Places in a UMAP (cells x 2, float32) of all cells, from the graph."""
    library().tl.umap(cells, min_dist=min_dist, random_state=seed)
    return np.asarray(cells.obsm["X_umap"], dtype=np.float32)
