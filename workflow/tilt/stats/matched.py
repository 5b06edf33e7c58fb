"""Random sets of genes matched gene by gene for expression: what a set of genes gives by chance."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 20  # twentieths of mean expression, in which genes are alike


@dataclass(frozen=True)
class Pools:
    """``bins``: the twentieth of each gene; ``genes``: whom each twentieth draws from.

    A twentieth without a free gene draws from all free genes.
    """

    bins: np.ndarray
    genes: list[np.ndarray]


def pools(mean: np.ndarray, usable: np.ndarray, taken: Iterable[int]) -> Pools | None:
    """Genes of like expression to draw from.

    Parameters
    ----------
    mean, usable
        Mean expression of each gene, and whether it varies between units, as genes that are drawn
        must; both (genes,).
    taken
        Positions that are never drawn: genes of the set itself, and of the outcome.

    Returns
    -------
    The pools, or None where no gene is left to draw.
    """
    free = np.setdiff1d(np.flatnonzero(usable), np.fromiter(taken, int))
    if not len(free):
        return None
    n = min(BINS, len(mean))
    bins = pd.qcut(pd.Series(mean).rank(method="first"), n, labels=False).to_numpy()
    alike = (free[bins[free] == b] for b in range(n))
    return Pools(bins, [found if len(found) else free for found in alike])


def scores(
    z: np.ndarray,
    genes: np.ndarray,
    weight: np.ndarray,
    alike: Pools,
    n: int,
    rng: np.random.Generator,
    beside: bool = False,
) -> np.ndarray:
    """Weighted mean of a set in every unit, then of ``n`` matched random sets: (n + 1, units).

    ``z``: units x genes; ``genes``: positions of the set with their ``weight``, which the genes
    drawn in their place keep. ``beside``: each gene less the mean of its pool, so that what moves
    all genes moves nothing.
    """
    total = np.zeros((n + 1, len(z)))
    for gene, w in zip(genes, weight, strict=True):
        pool = alike.genes[alike.bins[gene]]
        values = z[:, np.r_[gene, rng.choice(pool, n)]]
        total += w * (values - z[:, pool].mean(axis=1)[:, None] if beside else values).T
    return total / np.abs(weight).sum()
