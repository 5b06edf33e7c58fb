"""Signature scores against matched background genes, rare poles, and states over the subset."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy import sparse

from tilt.labels import mixture

BLOCK = 20_000  # cells a pass
BACKGROUND = 50  # background genes for each signature gene
QUANTILE = 0.95  # of the working set with each donor weighted alike
STATE_GENES = 2  # distinct genes of a state a cell must show
STATE_ROUNDS = 20


def background(
    mean: np.ndarray, listed: np.ndarray, seed: int, bins: int = 25, per_bin: int = 40
) -> np.ndarray:
    """Choose background genes over the whole range of expression.

    Parameters: ``mean`` of every gene; ``listed`` (bool) genes that may not serve; returns the
    positions of at most ``bins * per_bin`` genes, the same for the same seed.
    """
    free = np.flatnonzero((mean > 0) & ~listed)
    rank = pd.Series(mean[free]).rank(method="first").to_numpy()
    bin_of = ((rank - 1) * bins // max(len(free), 1)).astype(int)
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(free[bin_of == number])[:per_bin]
        for number in range(bin_of.max(initial=-1) + 1)
    ]
    return np.sort(np.concatenate(chosen)) if chosen else np.array([], dtype=int)


def score(
    counts: sparse.csr_matrix,
    depth: np.ndarray,
    symbols: np.ndarray,
    genes: pd.Series,
    listed: Collection[str],
) -> tuple[np.ndarray, int]:
    """Weighted mean of log1p counts per 10,000 over a signature, less matched background.

    Parameters: ``genes`` symbol -> weight (negative weights count against); ``listed`` symbols
    that may not serve as background. Each gene is set against the 50 unlisted genes closest in
    mean expression (after Tirosh 2016, PMID:27124452).

    Returns the score of each cell (zeros when no gene was found) and the number of genes found.
    """
    column = {symbol: i for i, symbol in enumerate(symbols)}
    sums = np.zeros(counts.shape[1])
    for start in range(0, len(depth), BLOCK):  # a sum over all cells at once copies all counts
        sums += np.asarray(counts[start : start + BLOCK].sum(0), dtype=float).ravel()
    mean = sums / depth.sum()
    free = np.flatnonzero(~np.isin(symbols, list(listed)) & (mean > 0))
    weight = np.zeros(counts.shape[1])
    found = [(column[gene], w) for gene, w in genes.items() if gene in column]
    for at, w in found:
        weight[at] += w
        near = free[np.argsort(np.abs(np.log(mean[free]) - np.log(mean[at] + 1e-9)))[:BACKGROUND]]
        if len(near):
            weight[near] -= w / len(near)
    total = sum(abs(w) for _, w in found)
    out = np.zeros(counts.shape[0])
    if not total:
        return out, 0
    use = np.flatnonzero(weight)
    for start in range(0, len(out), BLOCK):
        part = (
            sparse.diags(1e4 / depth[start : start + BLOCK]) @ counts[start : start + BLOCK][:, use]
        )
        part.data = np.log1p(part.data)
        out[start : start + BLOCK] = part @ weight[use]
    return out / total, len(found)


def state(
    counts: sparse.csr_matrix, depth: np.ndarray, prior: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cells in a state: a two-component negative-binomial mixture over the genes of the state.

    Parameters: ``counts`` cells x genes of the state; ``depth`` total counts; ``prior`` typical
    share of cells. Returns a flag (bool) and the probability of each cell. A flag needs a
    probability above one half and two distinct genes (one when only one gene is measured).
    """
    if counts.shape[1] == 0 or counts.sum() == 0:
        return np.zeros(counts.shape[0], dtype=bool), np.zeros(counts.shape[0])
    mean = np.asarray(counts.sum(0), dtype=float).ravel() / depth.sum() + 1e-9
    model = mixture.Mixture(
        signs=np.array([[1] * len(mean), [-1] * len(mean)]),
        group=np.arange(2),
        within=np.ones(2),
        shares=np.array([prior, 1 - prior]),
        mean=mean,
        on=mean * mixture.FOLD**2,
        off=mean / mixture.FOLD,
    )
    first = model.shares.copy()
    alpha = mixture.PSEUDO_CELLS / len(depth)
    for _ in range(STATE_ROUNDS):
        chance = model.alone(counts, depth)
        model.shares = (chance.mean(0) + alpha * first) / (1 + alpha)
        for name, weight in (("on", chance[:, 0]), ("off", chance[:, 1])):
            start = mean * mixture.FOLD**2 if name == "on" else mean
            seen = np.asarray(counts.multiply(weight[:, None]).sum(0)).ravel()
            pseudo = mixture.PSEUDO_COUNTS
            setattr(model, name, (seen + pseudo) / (depth @ weight + pseudo / start))
        model.on = np.maximum(model.on, mean * mixture.FOLD)
        model.off = np.minimum(model.off, mean)
    chance = model.alone(counts, depth)[:, 0]
    distinct = np.asarray((counts > 0).sum(1)).ravel()
    return (chance > 0.5) & (distinct >= min(STATE_GENES, counts.shape[1])), chance
