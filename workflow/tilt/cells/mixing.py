"""Whether groups (donors, batches) mix among the nearest cells: the inverse Simpson index.

The local index of LISI (Korsunsky 2019, doi:10.1038/s41592-019-0619-0) over the neighbors that
clusters and UMAP rest on, unweighted: the number of groups, equally common, that would give the
same chance of two neighbors being of one group.
"""

import numpy as np
import pandas as pd
from scipy import sparse


def groups_near(distances: sparse.csr_matrix, groups: pd.Series) -> np.ndarray:
    """Effective number of groups among the neighbors of each cell (n_cells,), 1 if all of one.

    Parameters
    ----------
    distances
        Cells x cells, an entry for each of a cell's nearest cells.
    groups
        Group of each cell.
    """
    codes, names = pd.factorize(groups.astype(str))
    near = sparse.csr_matrix(distances)
    member = sparse.csr_matrix(
        (np.ones(len(codes), np.float32), (np.arange(len(codes)), codes)), (len(codes), len(names))
    )
    links = sparse.csr_matrix((np.ones_like(near.data), near.indices, near.indptr), near.shape)
    shares = (links @ member).multiply(1 / np.maximum(np.diff(near.indptr), 1)[:, None]).tocsr()
    return 1 / np.maximum(np.asarray(shares.multiply(shares).sum(axis=1)).ravel(), 1e-12)


def expected(groups: pd.Series, n_near: int) -> float:
    """Effective number of groups among ``n_near`` cells drawn from all, whatever their place.

    From the mean of the chance that two of the drawn are of one group: the sum of squared shares
    for different cells, 1 for a cell with itself.
    """
    shares = groups.astype(str).value_counts(normalize=True)
    same = float((shares**2).sum())
    return 1 / (same + (1 - same) / max(n_near, 1))
