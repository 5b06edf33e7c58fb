"""What sorted T cells express, as evidence for labels that does not hang on the cohort.

Markers that are on or off by comparison with the other cells of a cohort mean little in a cohort
of one kind of cell. Here the expected rate of each gene in each sorted type is a fact from outside
(``resources/reference.tsv``: means of bulk RNA-seq, Monaco 2019, PMID:30726743). Learned
from the cohort are one platform factor a gene, the same for all types and held near 1, and the
shares of the types, held near those of blood. No profile of a type is learned from the
cells called so.

Evidence is a Poisson log likelihood in which a gene that is highly expressed, and so varies more
than a Poisson within a type, weighs less. Genes of a cell are not independent, so that the log
likelihood of a type spreads more than a Poisson's, the more the deeper the cell. How much more is
measured in the cohort's own cells, and the evidence is divided by it (quasi-likelihood; Wedderburn
1974, doi:10.1093/biomet/61.3.439). The coreceptors, which define CD4 and CD8 T cells, count with
their full weight.
"""

import dataclasses
import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse, special

from tilt.genes import taxonomy

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).resolve().parents[3] / "resources" / "reference.tsv"
LEAST_MEASURED = 0.2  # share of its genes without which the reference is not used
MILLION = 1e6
OFFSET = 1.0  # transcripts per million added: no gene is impossible in a type
SIZE = 2.0  # negative-binomial size within a type, from which the weight of a gene follows
HALF_DEPTH = 600.0  # first guess of the counts of a cell at which its log likelihood weighs half
HALF_DEPTHS = (100.0, 5000.0)  # least and most that a cohort may say of it
FEW_CELLS = 20.0  # cells of a type from which nothing can be said of its spread
SIMULATED_CELLS = 4000  # cells drawn to learn what mistakes add to the spread
PRIOR_CELLS = 300.0  # weight of the first guess of half depth, in cells
PLATFORM_SD = 0.7  # of the log platform factors: bulk and droplets of the same cells
TYPE_SD = 0.3  # of log rates of a type from donor to donor, not to be taken for platform
AMBIENT = 0.03  # share of counts from the other cells of the cohort
PSEUDO_CELLS = 100.0  # weight of the shares in blood, in cells
ROUNDS = 8
CORECEPTORS = ("CD4", "CD8A", "CD8B")


@cache
def shipped() -> pd.DataFrame:
    """Transcripts per million, genes x sorted types in the words of the marker table.

    A type whose labels are finer in the marker table has the part they share (``CD4_Treg``).
    """
    return pd.read_csv(SHIPPED, sep="\t", index_col="gene")


def columns_of(markers: pd.DataFrame, names: Sequence[str], table: pd.DataFrame) -> dict:
    """Sorted types that stand for each group of labels: group -> columns of ``table``.

    ``names``: the labels that can be called. A type belongs to the group of its labels, or, where
    none of them can be called, to the groups of its branch and compartment, or else of its branch;
    types of branches that are not among ``names`` stand for nothing. A group for which no type
    stands has none.
    """
    keys = dict(zip(names, taxonomy.groups(markers, names), strict=True))
    branch = {name: taxonomy.branch(markers, name) for name in markers["label"]}
    place = markers.set_index("label")["compartment"].to_dict()
    found: dict[str, list] = {key: [] for key in keys.values()}
    for column in table:
        own = [x for x in markers["label"] if x == column or x.startswith(column + "_")]
        called = {keys[x] for x in own if x in keys}
        mates = [x for x in names if branch[x] in {branch[y] for y in own}]
        near = [x for x in mates if place[x] in {place[y] for y in own}]
        for key in called or dict.fromkeys(keys[x] for x in near or mates):
            found[key].append(column)
    return found


@dataclasses.dataclass
class Reference:
    """A fitted reference.

    ``types`` K; ``platform`` of genes G; their ``weight``, and ``own``: weight of the coreceptors;
    ``rates`` K x G (per count, as measured in this cohort); ``shares`` K; ``half_depth``: counts of
    a cell at which its evidence weighs half.
    """

    types: list[str]
    platform: np.ndarray
    weight: np.ndarray
    own: np.ndarray
    rates: np.ndarray
    shares: np.ndarray
    half_depth: float = HALF_DEPTH

    def evidence(self, counts: sparse.csr_matrix, depth: np.ndarray) -> np.ndarray:
        """Tempered log likelihood of each type (n x K) for counts (n x G), up to a constant."""
        temper = 1 / (1 + depth / self.half_depth)
        out = temper[:, None] * self._log_likelihood(counts, depth, self.weight)
        out += self._log_likelihood(counts, depth, self.own)
        return out - out.max(1, keepdims=True)

    def _log_likelihood(
        self, counts: sparse.csr_matrix, depth: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        return counts @ (weight * np.log(self.rates)).T - np.outer(depth, self.rates @ weight)

    def of_groups(self, evidence: np.ndarray, groups: Sequence[Sequence[str]]) -> np.ndarray:
        """Log of share times likelihood of each group of types (n x groups)."""
        joint = evidence + np.log(self.shares)
        at = [[self.types.index(name) for name in members] for members in groups]
        return np.stack([special.logsumexp(joint[:, k], axis=1) for k in at], axis=1)


def fit(
    counts: sparse.csr_matrix,
    depth: np.ndarray,
    table: pd.DataFrame,
    shares: np.ndarray,
) -> Reference:
    """Learn platform factors and shares.

    Parameters: ``counts`` cells x genes; ``depth`` total counts of the cells; ``table`` genes x
    types (transcripts per million); ``shares`` of the types in blood (any scale).
    """
    rates = (table.to_numpy().T + OFFSET) / MILLION
    usual = shares / shares.sum()
    total = np.asarray(counts.sum(0), dtype=float).ravel()
    mean = total / depth.sum()
    alone = table.index.isin(CORECEPTORS)
    model = Reference(
        types=list(table),
        platform=np.ones(len(mean)),
        weight=np.where(alone, 0, 1 / (1 + mean * np.median(depth) / SIZE)),
        own=alone.astype(float),
        rates=rates,
        shares=usual,
    )
    for step in range(ROUNDS):
        model.rates = (1 - AMBIENT) * model.platform * rates + AMBIENT * mean
        chance = special.softmax(model.evidence(counts, depth) + np.log(model.shares), axis=1)
        if step == ROUNDS // 2:
            model.half_depth = _half_depth(model, counts, depth, chance)
        model.shares = (chance.sum(0) + PSEUDO_CELLS * usual) / (len(depth) + PSEUDO_CELLS)
        expected = (depth @ chance) @ rates
        ratio = np.log((total + 0.5) / (expected + 0.5))
        common = np.median(ratio)
        shrinkage = PLATFORM_SD**2 / (PLATFORM_SD**2 + TYPE_SD**2 + 1 / (expected + 0.5))
        model.platform = np.exp(common + shrinkage * (ratio - common))
    model.rates = (1 - AMBIENT) * model.platform * rates + AMBIENT * mean
    learned = dict(zip(table, model.shares.round(3).tolist(), strict=True))
    log.info(
        "reference: %d genes, half weight at %.0f counts, shares of types %s",
        len(mean),
        model.half_depth,
        learned,
    )
    return model


def _half_depth(
    model: Reference, counts: sparse.csr_matrix, depth: np.ndarray, chance: np.ndarray
) -> float:
    """Depth at which the log likelihood of a cell should weigh half, from its spread in the cohort.

    Of each type, the log likelihood ratio to the type it is most often confused with is set against
    what a Poisson of its rates gives. Its variance is larger by 1 + depth / half depth, because
    genes of a cell depend on each other. A type also holds cells of other types by mistake: how
    much that adds is seen in cells drawn from the model itself. The median over cells counts.
    """
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(len(depth))[:SIMULATED_CELLS])
    chance, depth = chance[rows], depth[rows]
    order = chance.cumsum(1)
    kind = (order < rng.random((len(rows), 1)) * order[:, -1:]).sum(1)
    drawn = sparse.csr_matrix(rng.poisson(depth[:, None] * model.rates[kind]))
    again = special.softmax(model.evidence(drawn, depth) + np.log(model.shares), axis=1)
    logs, size, found = np.log(model.rates), chance.sum(0), []
    for k in np.flatnonzero((size >= FEW_CELLS) & (again.sum(0) >= FEW_CELLS)):
        shared = chance[:, k] @ chance
        shared[k] = -1
        contrast = model.weight * (logs[k] - logs[shared.argmax()])
        spread = []
        for cells, weight in ((counts[rows], chance[:, k]), (drawn, again[:, k])):
            value, usual = cells @ contrast, depth * (model.rates[k] @ contrast)
            slope = (weight @ value) / (weight @ usual)
            poisson = weight @ depth * (model.rates[k] @ contrast**2)
            spread.append(weight @ (value - slope * usual) ** 2 / poisson)
        typical = chance[:, k] @ depth / size[k]
        found.append(((spread[0] - spread[1]) / typical, size[k]))
    if not found:
        return HALF_DEPTH
    found.sort()
    value, weight = np.array(found).T
    middle = value[np.searchsorted(weight.cumsum(), weight.sum() / 2)]
    measured = np.clip(1 / max(middle, 1e-9), *HALF_DEPTHS)
    log.debug("half depth measured: %.0f", measured)
    shrinkage = weight.sum() / (weight.sum() + PRIOR_CELLS)
    return float(HALF_DEPTH * (measured / HALF_DEPTH) ** shrinkage)
