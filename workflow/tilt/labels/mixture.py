"""Labels from counts: a mixture whose components are anchored by marker genes.

A marker gene has two rates, on and off. A label says which of its genes are on (positive) and
off (negative); of any other gene it says nothing. The evidence of a cell for a label is the
negative-binomial likelihood ratio of its counts against a gene that is on in an unknown share of
cells, with the cell's depth as exposure, so a zero in a shallow cell says little. Evidence is
shared between cells in two ways that are learned without any label from outside: a multinomial
logistic map from the embedding to groups of labels, and count profiles of the groups over all
genes given. Both are learned without the fifth of the cells on which they are used, so that a
cell never confirms itself. Rates, shares, map and profiles are updated in turn (expectation
maximization); marker signs hold the components in place.

Sources: marker-anchored mixtures, Zhang 2019 (CellAssign, doi:10.1038/s41592-019-0529-1);
negative-binomial counts with depth as exposure, Lopez 2018 (doi:10.1038/s41592-018-0229-2).
"""

import dataclasses
import logging

import numpy as np
from scipy import sparse

from tilt.labels import logistic

log = logging.getLogger(__name__)

BLOCK = 20_000  # cells a pass
FOLDS = 5  # parts of the cells; what is shared is learned on the other four
SIZE = 2.0  # negative-binomial size: typical of UMI counts within a cell type
FOLD = np.e  # first guess of on and off, as a factor on the mean rate
APART = 1.15  # on and off stay this far from the mean rate
PSEUDO_CELLS = 100.0  # weight of the typical shares, in cells
PSEUDO_COUNTS = 2.0  # weight of the first guess of a rate, in counts
LEAST_SPREAD = 1e-9  # of a gene whose rates differ no more than their counts do by chance
PROFILE_ROUNDS = 4  # rounds over which profiles come in, so that early errors don't settle
GATE_FLOOR = 0.05  # share of the map spread evenly, so that no group is shut out
MIN_SEEDS = 5  # cells a group needs to take part in the map
GATE_TOLERANCE = 1e-3  # the map of a round need not be exact
DISPERSION = (
    0.1  # negative-binomial dispersion by which highly expressed genes weigh less in profiles
)


@dataclasses.dataclass
class Mixture:
    """Fitted mixture. Arrays: labels K, groups Q, marker genes G, profile genes H.

    ``signs`` K x G; ``group`` K; ``within`` K (share of a label in its group); ``shares`` Q;
    ``on``, ``off`` G (rates per count); ``scale`` of the embedding; ``gates`` and
    ``profiles``: for each fold of cells the map and the weighted log profile ratios (H x Q)
    with their sums (Q) learned on the other folds, or None.
    """

    signs: np.ndarray
    group: np.ndarray
    within: np.ndarray
    shares: np.ndarray
    mean: np.ndarray
    on: np.ndarray
    off: np.ndarray
    scale: float = 1.0
    gates: tuple = (None,) * FOLDS
    profiles: tuple = (None,) * FOLDS
    power: float = 0.0
    map_weight: float = 0.0

    @property
    def n_groups(self) -> int:
        """Number of groups Q."""
        return len(self.shares)

    def evidence(self, counts: sparse.csr_matrix, depth: np.ndarray) -> np.ndarray:
        """Log-likelihood ratios of marker counts (n x G), given depth (n): n x K."""
        share = np.clip((self.mean - self.off) / (self.on - self.off), 0.002, 0.98)
        positive, negative = (self.signs > 0).T.astype(float), (self.signs < 0).T.astype(float)
        out = np.empty((counts.shape[0], len(self.signs)))
        for start in range(0, counts.shape[0], BLOCK):
            x = counts[start : start + BLOCK].toarray().astype(float)
            n = depth[start : start + BLOCK, None]
            on, off = _log_nb(x, n * self.on), _log_nb(x, n * self.off)
            mixed = np.logaddexp(np.log(share) + on, np.log1p(-share) + off)
            out[start : start + BLOCK] = (on - mixed) @ positive + (off - mixed) @ negative
        return out

    def shared(
        self, embedding: np.ndarray, counts: sparse.csr_matrix, depth: np.ndarray, fold: np.ndarray
    ) -> np.ndarray:
        """Log evidence for groups from the map and the profiles: n x Q."""
        out = np.zeros((len(depth), self.n_groups))
        for part in range(FOLDS):
            rows = np.flatnonzero(fold == part)
            gate, profile = self.gates[part], self.profiles[part]
            if gate is not None and len(rows):
                chance = np.full((len(rows), self.n_groups), 1e-3)
                chance[:, gate.classes] = gate.probabilities(embedding[rows] / self.scale)
                out[rows] += self.map_weight * np.log(chance + GATE_FLOOR / self.n_groups)
            if profile is not None and len(rows):
                score = counts[rows] @ profile[0] - np.outer(depth[rows], profile[1])
                out[rows] += self.power * (score - score.max(1, keepdims=True))
        return out

    def posterior(
        self,
        marker_counts: sparse.csr_matrix,
        depth: np.ndarray,
        embedding: np.ndarray,
        counts: sparse.csr_matrix,
        fold: np.ndarray,
        own: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Probability of each label for each cell (n x K); rows sum to 1.

        ``own``: log evidence from elsewhere (n x K).
        """
        shared = self.shared(embedding, counts, depth, fold)[:, self.group]
        return self.normalized(self.evidence(marker_counts, depth) + shared + own)

    def alone(self, marker_counts: sparse.csr_matrix, depth: np.ndarray) -> np.ndarray:
        """Probability of each label from the cell's own markers only (n x K)."""
        return self.normalized(self.evidence(marker_counts, depth))

    def normalized(self, logits: np.ndarray) -> np.ndarray:
        """Log evidence for labels (n x K) to probabilities, given the typical shares."""
        logits = logits + np.log(self.shares[self.group] * self.within)
        logits -= logits.max(1, keepdims=True)
        np.exp(logits, out=logits)
        return logits / logits.sum(1, keepdims=True)


def fit(
    marker_counts: sparse.csr_matrix,
    depth: np.ndarray,
    signs: np.ndarray,
    prior: np.ndarray,
    group: np.ndarray,
    embedding: np.ndarray,
    counts: sparse.csr_matrix,
    fold: np.ndarray,
    floor: float,
    power: float,
    ratio: float = 1.0,
    pseudo: float = PSEUDO_CELLS,
    shared_weight: float = 1.0,
    own: np.ndarray | float = 0.0,
    map_weight: float = 0.0,
    rounds: int = 9,
    donor: np.ndarray | None = None,
) -> Mixture:
    """Fit the mixture.

    Parameters
    ----------
    marker_counts
        Cells x marker genes, raw counts.
    depth
        Total counts of each cell over all genes.
    signs
        Labels x marker genes, from :func:`tilt.genes.taxonomy.design`.
    prior
        Typical share of each label (any scale).
    group
        Number of the group of each label, 0 to Q - 1.
    embedding
        Cells x dimensions, for example principal components.
    counts
        Cells x genes from which the profiles of the groups are learned.
    fold
        Part of each cell, from 0 to 4.
    floor
        Least rate of a gene that is on, per count (1e-4 is 1 per 10,000), at the start.
    power
        Of the profile likelihood: genes are not independent, so it is flattened.
    ratio
        Most that the off rate may be of the on rate at the start: below 1 where markers are all
        or nothing, so that a sample of one kind of cell only is not split.
    pseudo
        Weight of the typical shares, in cells; infinite to keep them, which protects rare labels.
    shared_weight
        Weight of map and profiles, beside a cell's own markers, in the probabilities from which
        map and profiles of the next round are learned. Below 1 a label with few cells
        can't drift away from its markers.
    own
        Log evidence from elsewhere, cells x labels.
    map_weight
        Of the evidence of the map from the embedding; 0 for none.
    rounds
        Rounds of expectation maximization.
    donor
        Number of the donor of each cell, from 0: profiles are learned from how cells of a donor
        differ from the donor's others. None: from the others of all.
    """
    n_groups = int(group.max()) + 1
    member = np.eye(n_groups)[group]
    first = member.T @ prior / prior.sum()
    mean = np.asarray(marker_counts.sum(0)).ravel() / depth.sum() + 1e-9
    on = np.maximum(mean * FOLD, floor)
    off = np.minimum(mean / FOLD, on * ratio)
    model = Mixture(
        signs=signs,
        group=group,
        within=prior / (member.T @ prior)[group],
        shares=first.copy(),
        mean=mean,
        on=on.copy(),
        off=off.copy(),
        scale=float(embedding[:, 0].std()) or 1.0,
        map_weight=map_weight,
    )
    positive, negative = (signs > 0).astype(float), (signs < 0).astype(float)
    alpha = pseudo / len(depth)
    for step in range(rounds):
        evidence = model.evidence(marker_counts, depth) + own
        shared = model.shared(embedding, counts, depth, fold)[:, group]
        chance = model.normalized(evidence + shared)
        by_group = chance @ member
        training = model.normalized(evidence + shared_weight * shared) @ member
        if np.isfinite(alpha):
            model.shares = (by_group.mean(0) + alpha * first) / (1 + alpha)
        if map_weight:
            others = [fold != part for part in range(FOLDS)]
            model.gates = tuple(
                _gate(embedding[k] / model.scale, training[k], gate)
                for k, gate in zip(others, model.gates, strict=True)
            )
        model.power = power * min(1.0, max(0, step - 1) / PROFILE_ROUNDS)
        if model.power:
            model.profiles = _profiles(counts, depth, training, fold, donor)
        for name, sign, start in (("on", positive, on), ("off", negative, off)):
            weight = chance @ sign
            seen = np.asarray(marker_counts.multiply(weight).sum(0)).ravel() + PSEUDO_COUNTS
            rate = seen / (depth @ weight + PSEUDO_COUNTS / start)
            setattr(model, name, rate)
        model.on = np.maximum(model.on, mean * APART)
        model.off = np.minimum(model.off, mean / APART)
    return model


def _gate(
    embedding: np.ndarray, chance: np.ndarray, last: logistic.LogisticMap | None
) -> logistic.LogisticMap | None:
    """Balanced multinomial logistic map from the embedding to groups, or None.

    ``last`` is the map of the round before, from which the search starts.
    """
    label, weight = chance.argmax(1), chance.max(1)
    size = np.bincount(label, minlength=chance.shape[1])
    use = size[label] >= MIN_SEEDS
    if len(np.unique(label[use])) < 2:
        return None
    weight = weight / np.bincount(label, weight)[label]
    weight *= use.sum() / weight[use].sum()
    return logistic.fit(embedding[use], label[use], weight[use], last, GATE_TOLERANCE)


def _profiles(
    counts: sparse.csr_matrix,
    depth: np.ndarray,
    chance: np.ndarray,
    fold: np.ndarray,
    donor: np.ndarray | None,
) -> tuple:
    """Weights of the genes for each fold, from the cells of the other folds.

    Weighted log ratios of the profiles of the groups to the mean profile (genes x groups), and
    their sums (groups). Counts are set against those expected with each donor's own mean. The
    ratios of a gene are held near 1 by as much as they differ no more than by chance
    (:func:`_spread`).
    """
    typical = np.median(depth)
    code = np.zeros(len(depth), dtype=int) if donor is None else donor
    of_donor = sparse.csr_matrix((np.ones(len(code)), (code, np.arange(len(code)))))
    sums, totals, depths = [], [], []
    for part in range(FOLDS):
        rows = np.flatnonzero(fold == part)
        here = counts[rows]
        sums.append(np.asarray(here.T @ chance[rows]))
        totals.append((of_donor[:, rows] @ here).toarray().T.astype(float))
        depths.append(np.asarray(of_donor[:, rows] @ (depth[rows, None] * chance[rows])))
    out = []
    for part in range(FOLDS):
        seen, total, size = (sum(each) - each[part] for each in (sums, totals, depths))
        mean = total.sum(1) / size.sum() + 1e-9
        expected = (total / np.maximum(size.sum(1), 1.0)) @ size + 1e-9
        weight = 1 / (1 + DISPERSION * mean * typical)
        prior = 1 / _spread(seen, expected, weight)[:, None]
        ratio = (seen + prior) / (expected + prior)
        weight, mean = weight[:, None], mean[:, None]
        out.append((weight * np.log(ratio), (mean * (ratio - 1) * weight).sum(0)))
    return tuple(out)


def _spread(seen: np.ndarray, expected: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Variance over groups of the ratio of each gene's rate to its mean, beyond that of counting.

    By moments (DerSimonian and Laird 1986, doi:10.1016/0197-2456(86)90046-2): ``seen`` and
    ``expected`` counts, genes x groups; ``weight`` of a gene is one over the variance of its
    counts, in Poisson variances. Its inverse is the weight of the mean, in counts.
    """
    chi = weight * ((seen - expected) ** 2 / expected).sum(1)
    scale = weight * (expected.sum(1) - (expected**2).sum(1) / expected.sum(1))
    return np.maximum((chi - (seen.shape[1] - 1)) / np.maximum(scale, 1e-12), LEAST_SPREAD)


def _log_nb(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Negative-binomial log likelihood of counts, up to terms without the mean."""
    return x * (np.log(mean) - np.log(mean + SIZE)) - SIZE * np.log1p(mean / SIZE)
