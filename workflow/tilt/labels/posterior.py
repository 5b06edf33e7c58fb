"""Probability of each label for each T cell: of the group first, then within the group."""

import dataclasses
import logging
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, special

from tilt.genes import taxonomy
from tilt.labels import mixture, reference

log = logging.getLogger(__name__)

BLOCK = 20_000  # cells a pass
TINY = 1e-300  # least chance of a label whose logarithm is taken
FIT_CELLS = 20_000  # cells from which the mixture is learned, shared evenly by donors
FLOOR = 0.3e-4  # a subset marker that is on has at least 0.3 counts in 10,000
MIN_WITHIN = 50  # cells of a group from which its subsets can be told apart
PRESENT_FOLD = 3.0  # a group is there when the genes of its branch are this much higher in it
COMMON = 0.05  # share of cells below which a group is not doubted
USUAL_BRANCH = "CD4"  # most blood T cells: never doubted
# Of the groups: one profile stands for several labels, so it counts for less.
GROUP_POWER = 0.3
# A cell's own counts decide; its place in the embedding, which hangs on the other cells, tells
# where they don't.
GROUP_MAP = 0.2
# Within a group: typical shares stay, and rare labels are learned mostly from markers.
WITHIN = {"pseudo": np.inf, "power": 0.6, "shared_weight": 0.3}
# Weight of the map within groups where sorted types say nothing of the labels. Where they do, the
# map adds nothing to them and makes labels hang on which other cells were embedded.
MAP_WITHIN = 0.5


@dataclasses.dataclass
class Cohort:
    """What a fit needs, for all cells."""

    counts: sparse.csr_matrix
    depth: np.ndarray
    donor: np.ndarray
    symbols: np.ndarray
    seen: np.ndarray
    embedding: np.ndarray
    profile: np.ndarray
    fold: np.ndarray
    seed: int

    def fit(
        self,
        markers: pd.DataFrame,
        names: list[str],
        group: np.ndarray,
        cells: np.ndarray,
        own: np.ndarray | None = None,
        by_donor: bool = False,
        **how: Any,
    ) -> np.ndarray:
        """Fit a mixture on some of the cells of every donor, apply it to all (cells x names).

        ``own``: log evidence from elsewhere, cells x names. ``by_donor``: whether profiles are
        learned within donors.
        """
        signs = taxonomy.design(markers, names, self.symbols) * self.seen
        differ = (signs != signs[0]).any(0)
        use = np.flatnonzero(differ if differ.any() else (signs != 0).any(0))
        chosen = _sample_by_donor(self.donor[cells], FIT_CELLS, self.seed)
        rows = cells[chosen]
        own = np.zeros((len(cells), len(names))) if own is None else own
        model = mixture.fit(
            self.counts[rows][:, use],
            self.depth[rows],
            signs[:, use],
            markers.set_index("label")["share"].reindex(names).to_numpy(),
            group,
            self.embedding[rows],
            self.counts[rows][:, self.profile],
            self.fold[rows],
            FLOOR,
            own=own[chosen],
            donor=pd.factorize(self.donor[rows])[0] if by_donor else None,
            **how,
        )
        out = np.empty((len(cells), len(names)))
        for start in range(0, len(cells), BLOCK):
            part = cells[start : start + BLOCK]
            counts = self.counts[part]
            out[start : start + BLOCK] = model.posterior(
                counts[:, use],
                self.depth[part],
                self.embedding[part],
                counts[:, self.profile],
                self.fold[part],
                own[start : start + BLOCK],
            )
        return out


def posterior(
    cohort: Cohort, names: list[str], markers: pd.DataFrame, proteins: pd.DataFrame | None = None
) -> tuple[list[str], np.ndarray]:
    """Labels that are there, and their probability: of the group, then within the group.

    ``proteins``: log evidence of antibody tags, cells x labels (:mod:`tilt.labels.protein`).
    """
    found = _by_reference(cohort, names, markers)
    if found is None:
        names, chance, group = _by_markers(cohort, names, markers)
        by_type = None
    else:
        chance, group, by_type = found
    told = None if proteins is None else proteins[names].to_numpy()
    if told is not None:
        chance = special.softmax(np.log(np.maximum(chance, TINY)) + told, axis=1)
    by_group = chance @ np.eye(group.max() + 1)[group]
    best = by_group.argmax(1)
    for number in np.unique(group):
        members = np.flatnonzero(group == number)
        cells = np.flatnonzero(best == number)
        if len(members) > 1 and len(cells) >= MIN_WITHIN:
            inside = [names[k] for k in members]
            parts = [part[np.ix_(cells, members)] for part in (by_type, told) if part is not None]
            within = cohort.fit(
                markers,
                inside,
                np.arange(len(members)),
                cells,
                np.sum(parts, axis=0) if parts else None,
                by_donor=True,  # subsets differ as little as donors do
                map_weight=MAP_WITHIN if by_type is None else 0.0,
                **WITHIN,
            )
            chance[np.ix_(cells, members)] = by_group[cells, number][:, None] * within
    return names, chance


def _by_reference(
    cohort: Cohort, names: list[str], markers: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Probability of labels from the sorted types (cells x names).

    With it the group of each label, and the log evidence for each label within its group; None
    where the reference can't tell.
    """
    whole = reference.shipped()
    at = pd.Index(cohort.symbols).get_indexer(whole.index)
    use = (at >= 0) & cohort.seen[at]
    columns = reference.columns_of(markers, names, whole)
    lost = [key for key, types in columns.items() if not types]
    if use.mean() < reference.LEAST_MEASURED or lost:
        log.info(
            "markers alone: %d of %d genes of the reference are measured; no sorted type for %s",
            use.sum(),
            len(use),
            lost or "no group",
        )
        return None
    typical = markers.set_index("label")["share"].reindex(names)
    keys = taxonomy.groups(markers, names)
    share = pd.Series(0.0, index=whole.columns)
    for key, types in columns.items():
        share[types] += typical[[k == key for k in keys]].sum() / len(types)
    types = list(share.index[share > 0])
    genes = at[use]
    rows = _sample_by_donor(cohort.donor, FIT_CELLS, cohort.seed)
    model = reference.fit(
        cohort.counts[rows][:, genes],
        cohort.depth[rows],
        whole.loc[use, types],
        share[types].to_numpy(),
    )
    order = list(columns)
    group = np.array([order.index(key) for key in keys])
    inner = (typical / typical.groupby(group).transform("sum").to_numpy()).to_numpy()
    chance = np.empty((len(cohort.depth), len(names)))
    own = np.zeros_like(chance)
    for start in range(0, len(chance), BLOCK):
        part = slice(start, start + BLOCK)
        evidence = model.evidence(cohort.counts[part][:, genes], cohort.depth[part])
        joint = model.of_groups(evidence, list(columns.values()))
        chance[part] = special.softmax(joint, axis=1)[:, group] * inner
        for k, name in enumerate(names):
            size = np.log(model.shares[[types.index(t) for t in columns[keys[k]]]].sum())
            own[part, k] = joint[:, group[k]] - size  # as any of the types of its group
            if name in types:
                own[part, k] = evidence[:, types.index(name)]
    return chance, group, own


def _by_markers(
    cohort: Cohort, names: list[str], markers: pd.DataFrame
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Labels that are there, their probability, and the group of each.

    From markers and what is learned from the cohort itself.
    """
    everyone = np.arange(len(cohort.depth))
    while True:
        keys = taxonomy.groups(markers, names)
        group, _ = pd.factorize(np.array(keys))
        chance = cohort.fit(
            markers, names, group, everyone, power=GROUP_POWER, map_weight=GROUP_MAP
        )
        absent = _absent(cohort, chance, names, keys, markers)
        if not absent:
            return names, chance, group
        log.info("no sign of %s cells: left out", absent)
        names = [name for name, key in zip(names, keys, strict=True) if key != absent]


def _absent(
    cohort: Cohort, chance: np.ndarray, names: list[str], keys: list[str], markers: pd.DataFrame
) -> str:
    """Group whose cells show the genes of their branch hardly more than other cells, or ""."""
    branch_of = {key: taxonomy.branch(markers, name) for name, key in zip(names, keys, strict=True)}
    best = np.array(keys)[chance.argmax(1)]
    called_branch = pd.Series(best).map(branch_of).to_numpy()
    lowest, absent = PRESENT_FOLD, ""
    for key, branch in branch_of.items():
        own = np.isin(cohort.symbols, list(taxonomy.signature_genes(markers, branch))) & cohort.seen
        inside, outside = best == key, called_branch != branch
        if own.sum() < 2 or inside.mean() < COMMON or branch == USUAL_BRANCH or not outside.any():
            continue
        total = np.asarray(cohort.counts[:, np.flatnonzero(own)].sum(1)).ravel()
        rate = total[inside].sum() / cohort.depth[inside].sum()
        other = (total[outside].sum() + 1) / cohort.depth[outside].sum()
        if rate / other < lowest:
            lowest, absent = rate / other, key
    return absent


def _sample_by_donor(donor: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Positions of at most ``most`` cells, as even over donors as their numbers allow."""
    if len(donor) <= most:
        return np.arange(len(donor))
    rank = np.random.default_rng(seed).permutation(len(donor))
    frame = pd.DataFrame({"donor": donor, "rank": rank})
    turn = frame.groupby("donor")["rank"].rank(method="first")
    order = np.lexsort((rank, turn.to_numpy()))
    return np.sort(order[:most])
