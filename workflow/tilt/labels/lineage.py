"""Lineage of every cell of one sample, from raw counts."""

import logging

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse, special

from tilt.cells.neighbors import nearest_cells
from tilt.cells.normalize import log_normalized, means_and_squares
from tilt.core.terms import UNASSIGNED
from tilt.genes import taxonomy
from tilt.labels import logistic
from tilt.labels.logistic import softmax

log = logging.getLogger(__name__)

NEIGHBORS = 15  # most cells pooled to see whether a marker is on
POOLED = 15_000  # counts that are enough to see it: deep cells are pooled less, rare ones kept
HALF_ON = 2.0  # counts per 10,000 at which a lineage marker is half on; ambient RNA stays below
# Genes that all cells seem to carry, because so much of their RNA is set free. In the cells that
# make them they have a hundred counts in 10,000 and more; few speak against no lineage.
LEAKY = ("LYZ", "HBB", "PPBP")
LEAKY_HALF_ON = 10.0  # counts per 10,000
SHARPNESS = 10.0  # of the softmax from scores to probabilities
OWN_WEIGHT = 0.5  # of the markers once the map has its say
ROUNDS = 4  # of learning the map from the embedding to lineages
MIN_SEEDS = 5  # cells a lineage needs to take part in the map
MIN_SCORE = 0.5  # probability below which a cell stays unassigned
MIN_EVIDENCE = 0.1  # marker score below which a cell stays unassigned
N_GENES = 1500  # variable genes of the sample's own embedding
N_COMPONENTS = 30
POWER_STEPS = 6  # of the randomized search for components (Halko 2011, doi:10.1137/090771806)
PARTNERS = ("B", "Plasma", "Mono_classical", "Mono_nonclassical", "cDC", "pDC", "Platelet", "RBC")
SIZE = 2.0  # negative-binomial size of background counts
LOOK_ALIKE_P = 1e-3  # chance of the foreign counts under the sample's own background
LOOK_ALIKE_GENES = 2  # distinct foreign genes


def lineages(adata: ad.AnnData, markers: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Name the lineage of every cell of one sample.

    The counts of a cell and its nearest neighbors are pooled; a marker counts as on by its level
    in counts per 10,000, not by comparison with the other cells, so that a sample of one lineage
    only is not split. A logistic map from the embedding to these first calls, learned on one half
    of the cells and used on the other, then decides together with the markers.

    Parameters: ``adata`` standardized sample (cells x genes, raw CSR counts, ``gene_symbol`` in
    var); ``markers`` from :func:`tilt.genes.tables.read_markers`; ``seed`` of the embedding.

    Returns a table indexed by obs_names: lineage (level-0 label or "unassigned"), lineage_score
    (its probability), lineage_margin (lead over the next lineage), look_alike (for T cells that
    carry the transcripts of another lineage, such as ``T_B`` or ``T_Platelet``; else "").
    """
    counts = sparse.csr_matrix(adata.X)
    symbols = adata.var["gene_symbol"].to_numpy()
    depth = np.maximum(np.asarray(counts.sum(1), dtype=float).ravel(), 1.0)
    labels = taxonomy.lineage_labels(markers, symbols)
    signs = taxonomy.design(markers, labels, symbols)
    embedding = embed(counts, depth, seed)
    score = marker_score(counts, depth, signs, embedding, np.isin(symbols, LEAKY))
    chance = softmax(SHARPNESS * score)
    half = np.random.default_rng(seed).integers(0, 2, len(depth))
    for _ in range(ROUNDS):
        shared = _map(embedding, chance, half)
        chance = softmax(np.log(shared + 1e-3) + OWN_WEIGHT * SHARPNESS * score)
    ordered = np.sort(np.column_stack([np.zeros(len(depth)), chance]), axis=1)
    best = chance.argmax(1)
    thin = (ordered[:, -1] < MIN_SCORE) | (score.max(1) < MIN_EVIDENCE)
    named = np.where(thin, UNASSIGNED, np.array(labels, dtype=object)[best])
    table = pd.DataFrame(
        {
            "lineage": named,
            "lineage_score": ordered[:, -1],
            "lineage_margin": ordered[:, -1] - ordered[:, -2],
            "look_alike": "",
        },
        index=adata.obs_names,
    )
    is_t = named == "T"
    table.loc[is_t, "look_alike"] = look_alikes(counts[is_t], depth[is_t], symbols, markers)
    return table


def marker_score(
    counts: sparse.csr_matrix,
    depth: np.ndarray,
    signs: np.ndarray,
    embedding: np.ndarray,
    leaky: np.ndarray | bool = False,
) -> np.ndarray:
    """Share of positive markers on minus share of negative markers on (cells x labels).

    ``leaky``: genes (bool) that count against a label only at the level of cells that make them.
    """
    near = int(np.clip(POOLED / np.median(depth), 1, min(NEIGHBORS, max(1, len(depth) // 6))))
    others, _ = nearest_cells(embedding, near - 1)
    pool = np.column_stack([np.arange(len(depth)), others]).ravel()
    start = np.arange(0, len(pool) + 1, near)
    graph = sparse.csr_matrix((np.ones(len(pool)), pool, start), (len(depth), len(depth)))
    use = np.flatnonzero((signs != 0).any(0))
    pooled = (graph @ counts[:, use].astype(float)).tocsr()
    pooled = sparse.diags(1e4 / (graph @ depth)) @ pooled
    leaky = np.broadcast_to(leaky, signs.shape[1])[use]
    out = np.zeros((len(depth), len(signs)))
    for sign, half in ((1, HALF_ON), (-1, np.where(leaky, LEAKY_HALF_ON, HALF_ON))):
        weight = (signs[:, use] == sign).T.astype(float)
        on = sparse.csr_matrix(pooled)
        on.data = on.data / (on.data + np.broadcast_to(half, len(use))[on.indices])
        out += sign * (on @ (weight / np.maximum(weight.sum(0), 1)))
    return out


def _map(embedding: np.ndarray, chance: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Probabilities of the lineages from the embedding, each half learned on the other."""
    scaled = embedding / (embedding[:, 0].std() or 1.0)
    label, weight = chance.argmax(1), chance.max(1)
    out = chance.copy()
    for side in (0, 1):
        mine, other = half == side, half != side
        size = np.bincount(label[other], minlength=chance.shape[1])
        use = other & (size[label] >= MIN_SEEDS)
        if len(np.unique(label[use])) < 2:
            continue
        model = logistic.fit(scaled[use], label[use], weight[use])
        out[np.ix_(mine, model.classes)] = model.probabilities(scaled[mine])
    return out


def look_alikes(
    counts: sparse.csr_matrix, depth: np.ndarray, symbols: np.ndarray, markers: pd.DataFrame
) -> np.ndarray:
    """Find T cells that carry another lineage: ``T_<lineage>``, or "" (n strings).

    For each partner lineage the counts of its marker genes that are foreign to T cells are summed.
    A cell is a look-alike when at least two such genes are seen and their sum is improbable
    (p < 1e-3, negative binomial) given the cell's depth and the background of the other cells,
    which covers ambient RNA.
    """
    out = np.full(counts.shape[0], "", dtype=object)
    best = np.full(counts.shape[0], LOOK_ALIKE_P)
    if counts.shape[0] < 3:
        return out
    row = markers.set_index("label")
    foreign = set(row.at["T", "negative"]) if "T" in row.index else set()
    owners = pd.Series([g for label in PARTNERS if label in row.index for g in _own(row, label)])
    shared = {g for genes in row.loc[row["level"] > 0, "positive"] for g in genes}
    alone = (set(owners[~owners.duplicated(keep=False)]) | foreign) - shared
    some = np.flatnonzero(np.isin(symbols, list(alone)))
    seen, names = counts[:, some], symbols[some]
    for label in (name for name in PARTNERS if name in row.index):
        genes = np.flatnonzero(np.isin(names, [g for g in _own(row, label) if g in alone]))
        if len(genes) < LOOK_ALIKE_GENES:
            continue
        own = seen[:, genes]
        total = np.asarray(own.sum(1), dtype=float).ravel()
        distinct = np.asarray((own > 0).sum(1)).ravel()
        rate = total / depth
        usual = rate <= np.quantile(rate, 0.95)
        background = (total[usual].sum() + 0.5) / depth[usual].sum()
        mean = depth * background
        chance = special.betainc(total, SIZE, mean / (SIZE + mean))  # of so many or more
        better = (distinct >= LOOK_ALIKE_GENES) & (chance < best)
        out[better] = f"T_{label}"
        best[better] = chance[better]
    return out


def _own(row: pd.DataFrame, label: str) -> list[str]:
    return row.at[label, "positive"]


def embed(counts: sparse.csr_matrix, depth: np.ndarray, seed: int) -> np.ndarray:
    """Principal components of the variable genes of one sample (n x up to 30).

    Genes are ranked by the variance of their counts over what a Poisson of the same mean gives.
    """
    n_cells = len(depth)
    mean, square = means_and_squares(counts)
    excess = np.where(mean > 0.005, (square - mean**2) / np.maximum(mean, 1e-12), 0)
    variable = np.sort(np.argsort(-excess, kind="stable")[: min(N_GENES, (mean > 0.005).sum())])
    size = min(N_COMPONENTS, n_cells // 10, len(variable) - 2)
    if size < 2:
        return np.zeros((n_cells, 1))
    scaled = log_normalized(counts[:, variable], depth, 1e4).toarray()  # two of five are not 0
    axes = np.random.default_rng(seed).normal(size=(len(variable), size + 1)).astype(np.float32)
    for _ in range(POWER_STEPS):
        axes, _ = np.linalg.qr(scaled.T @ (scaled @ axes))
    scores = (scaled @ axes).astype(float)
    scores -= scores.mean(0)
    left, singular, _ = np.linalg.svd(scores, full_matrices=False)
    return (left * singular)[:, :size]
