"""Counts summed per donor and group of cells, in bounded memory, and their log2 CPM."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from tilt.cells import groups as cell_groups
from tilt.core.terms import BRANCH, GROUPS, UNIT_KEY

if TYPE_CHECKING:
    import anndata as ad

# Columns of labels.tsv.gz that groups are made of.
LABELS = ["cell", BRANCH, "subset", "compartment", "look_alike"]


def sums(
    blocks: Iterable[tuple[sparse.csr_matrix, np.ndarray]], n_groups: int, n_genes: int
) -> np.ndarray:
    """Sum counts of cells by group, one block of rows at a time.

    Parameters
    ----------
    blocks
        Pairs of a CSR count block (cells x genes) and group codes: (cells,), or (cells, k) when
        a cell is in up to k groups. A code of -1 means no group.

    Returns
    -------
    Integer sums (n_groups x n_genes). Memory: this array and one block.
    """
    total = np.zeros((n_groups, n_genes), np.int32)
    for counts, codes in blocks:
        codes = np.asarray(codes).reshape(counts.shape[0], -1)
        cell, column = np.nonzero(codes >= 0)
        group = codes[cell, column]
        present, local = np.unique(group, return_inverse=True)
        member = sparse.csr_matrix(
            (np.ones(len(cell), np.int32), (local, cell)), shape=(len(present), counts.shape[0])
        )
        total[present] += (member @ counts).toarray().astype(np.int32)
    return total


def groups(
    cells: pd.DataFrame, min_cells: int = 1, min_whole: int = 1
) -> tuple[pd.DataFrame, np.ndarray]:
    """Groups to sum and the codes of every cell in them.

    ``cells``: donor, condition, branch, subset, compartment, look_alike, one row a cell.
    Groups are unit x subset for every labeled subset, and unit x memory_cd4, cd4, t.
    Subsets of fewer than ``min_cells`` cells and wholes of fewer than ``min_whole`` are not made.

    Returns
    -------
    obs of the groups (donor, condition, subset, n_cells) and codes (cells x 4).
    """
    masks = cell_groups.masks(cells)
    names = [np.where(masks["t"], cells["subset"].astype(str), "")]
    names += [np.where(masks[name], name, "") for name in GROUPS]
    tables, codes = [], np.full((len(cells), len(names)), -1)
    offset = 0
    for column, subset in enumerate(names):
        keys = pd.DataFrame(
            {
                "donor": cells["donor"].astype(str).to_numpy(),
                "condition": cells["condition"].astype(str).to_numpy(),
                "subset": subset,
            }
        )
        inside = np.flatnonzero(subset != "")
        if not len(inside):
            continue
        grouped = keys.iloc[inside].groupby([*UNIT_KEY, "subset"], sort=True)
        sizes = grouped.size().rename("n_cells").reset_index()
        kept = (sizes["n_cells"] >= (min_whole if column else min_cells)).to_numpy()
        number = np.where(kept, np.cumsum(kept) - 1 + offset, -1)
        codes[inside, column] = number[grouped.ngroup().to_numpy()]
        tables.append(sizes[kept])
        offset += int(kept.sum())
    empty = pd.DataFrame(columns=[*UNIT_KEY, "subset", "n_cells"])
    obs = pd.concat(tables, ignore_index=True) if tables else empty
    return obs, codes


def assemble(counts: np.ndarray, obs: pd.DataFrame, var: pd.DataFrame) -> "ad.AnnData":
    """Pseudobulk AnnData: X CSR sums (groups x genes); obs donor, condition, subset, n_cells."""
    obs = obs.reset_index(drop=True)
    obs.index = (obs["donor"] + "|" + obs["condition"] + "|" + obs["subset"]).astype(str)
    obs["n_cells"] = obs["n_cells"].astype(int)
    # Row by row into arrays of the size they will have: scipy holds further copies.
    indptr = np.cumsum([0, *(np.count_nonzero(row) for row in counts)])
    indices, data = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], counts.dtype)
    for row, first, last in zip(counts, indptr, indptr[1:], strict=False):
        indices[first:last] = np.flatnonzero(row)
        data[first:last] = row[indices[first:last]]
    sums = sparse.csr_matrix((data, indices, indptr), shape=counts.shape)
    import anndata as ad

    return ad.AnnData(sums, obs=obs, var=var[[]].assign(**var))


def of_subset(bulk: "ad.AnnData", subset: str, min_cells: int) -> "ad.AnnData":
    """Rows of one subset with at least ``min_cells`` cells and a count, ordered by unit."""
    rows = bulk[(bulk.obs["subset"] == subset) & (bulk.obs["n_cells"] >= min_cells)]
    rows = rows[np.asarray(rows.X.sum(axis=1)).ravel() > 0]
    order = rows.obs.sort_values(UNIT_KEY).index
    return rows[order].copy()


def dense(bulk: "ad.AnnData") -> np.ndarray:
    """Counts of a pseudobulk as a dense float array (units x genes)."""
    return np.asarray(bulk.X.todense() if sparse.issparse(bulk.X) else bulk.X, float)


def log_cpm(counts: np.ndarray, prior: float = 2.0) -> np.ndarray:
    """Moderated log2 counts per million of ``counts`` (units x genes), genes all of them.

    As ``cpm(log=TRUE, prior.count=2)`` of edgeR (Robinson 2010, doi:10.1093/bioinformatics/btp616;
    user's guide 2.16): the prior is scaled to each library, so that thin donors are drawn to the
    mean instead of to zero and depth does not shift the values.
    """
    library = counts.sum(axis=1, keepdims=True)
    scaled = prior * library / library.mean()
    return np.log2((counts + scaled) / (library + 2 * scaled) * 1e6)


def thin(counts: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
    """Counts drawn down to at most ``depth`` per unit without replacement (units x genes)."""
    whole = counts.astype(np.int64)
    out = whole.copy()
    for i in np.flatnonzero(whole.sum(axis=1) > depth):
        out[i] = rng.multivariate_hypergeometric(whole[i], depth, method="marginals")
    return out
