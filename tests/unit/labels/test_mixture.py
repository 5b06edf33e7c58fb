"""The mixture, part by part, against loops over cells, labels and genes."""

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.linear_model import LogisticRegression
from tilt.labels import mixture

SIGNS = np.array([[1, 0, -1, 1], [0, 1, -1, 0], [-1, 1, 1, 0]])
GROUP = np.array([0, 1, 1])


def model(**more):
    given = {
        "signs": SIGNS,
        "group": GROUP,
        "within": np.array([1.0, 0.3, 0.7]),
        "shares": np.array([0.6, 0.4]),
        "mean": np.array([2e-4, 1e-4, 3e-4, 1e-4]),
        "on": np.array([8e-4, 3e-4, 9e-4, 1.01e-4]),
        "off": np.array([0.5e-4, 0.2e-4, 1e-4, 1e-5]),
    }
    return mixture.Mixture(**(given | more))


def log_nb(x, mean):
    """Log probability of a negative binomial of size 2 and this mean."""
    return stats.nbinom.logpmf(x, 2, 2 / (2 + mean))


def cells(n=30, seed=0):
    rng = np.random.default_rng(seed)
    depth = rng.integers(500, 6000, n).astype(float)
    counts = rng.poisson(np.outer(depth, [4e-4, 2e-4, 5e-4, 3e-4]))
    return counts, depth


def evidence(made, counts, depth):
    """Sum over the genes of a label: its likelihood over that of a gene on in a usual share."""
    out = np.zeros((len(counts), len(made.signs)))
    share = np.clip((made.mean - made.off) / (made.on - made.off), 0.002, 0.98)
    for i, row in enumerate(counts):
        for k, signs in enumerate(made.signs):
            for g, sign in enumerate(signs):
                if not sign:
                    continue
                on = log_nb(row[g], depth[i] * made.on[g])
                off = log_nb(row[g], depth[i] * made.off[g])
                usual = np.log(share[g] * np.exp(on) + (1 - share[g]) * np.exp(off))
                out[i, k] += (on if sign > 0 else off) - usual
    return out


def to_chance(made, logits):
    weight = np.exp(logits) * (made.shares[made.group] * made.within)
    return weight / weight.sum(1, keepdims=True)


def test_evidence_is_the_likelihood_ratio_of_marker_counts():
    made, (counts, depth) = model(), cells()
    found = made.evidence(sparse.csr_matrix(counts), depth)
    assert found == pytest.approx(evidence(made, counts, depth))
    rare = model(mean=np.full(4, 1e-7))  # the share of cells that are on is never taken for none
    assert rare.evidence(sparse.csr_matrix(counts), depth) == pytest.approx(
        evidence(rare, counts, depth)
    )


def test_a_cells_own_markers_give_probabilities_with_the_usual_shares():
    made, (counts, depth) = model(), cells()
    found = made.alone(sparse.csr_matrix(counts), depth)
    assert found == pytest.approx(to_chance(made, evidence(made, counts, depth)))
    assert found.sum(1) == pytest.approx(np.ones(30))


class Gate:
    """A map over some of the groups, as mixture uses it."""

    def __init__(self, classes):
        self.classes = np.array(classes)

    def probabilities(self, points):
        first = 1 / (1 + np.exp(points[:, 0]))
        return np.column_stack([first, 1 - first])[:, : len(self.classes)]


def test_map_and_profiles_are_those_of_the_fold_of_each_cell():
    rng = np.random.default_rng(1)
    counts, depth = cells()
    genes, embedding = rng.poisson(1.0, (30, 6)), rng.normal(size=(30, 2))
    fold = rng.integers(0, 5, 30)
    gates = (Gate([0, 1]), None, Gate([1]), Gate([0, 1]), None)
    profiles = tuple(
        None if part == 3 else (rng.normal(size=(6, 2)), rng.normal(size=2) * 1e-3)
        for part in range(5)
    )
    made = model(gates=gates, profiles=profiles, power=0.3, scale=2.0, map_weight=0.2)
    found = made.shared(embedding, sparse.csr_matrix(genes), depth, fold)
    for i in range(30):
        expected = np.zeros(2)
        gate, profile = gates[fold[i]], profiles[fold[i]]
        if gate is not None:
            chance = np.full(2, 1e-3)
            chance[gate.classes] = gate.probabilities(embedding[[i]] / 2)[0]
            expected += 0.2 * np.log(chance + 0.05 / 2)
        if profile is not None:
            score = genes[i] @ profile[0] - depth[i] * profile[1]
            expected += 0.3 * (score - score.max())
        assert found[i] == pytest.approx(expected)
    posterior = made.posterior(
        sparse.csr_matrix(counts), depth, embedding, sparse.csr_matrix(genes), fold
    )
    logits = evidence(made, counts, depth) + found[:, GROUP]
    assert posterior == pytest.approx(to_chance(made, logits))


@pytest.mark.parametrize("donors", [1, 3])
def test_profiles_are_learned_on_the_other_folds_within_donors(donors):
    rng = np.random.default_rng(2)
    genes, depth = rng.poisson(1.5, (60, 5)), rng.integers(800, 3000, 60).astype(float)
    genes[:30, 0] *= 9  # a gene that differs
    chance = rng.dirichlet(np.ones(3) * 0.5, 60)
    chance[:30, 0] += 4
    chance /= chance.sum(1, keepdims=True)
    fold, donor = np.arange(60) % 5, np.arange(60) // 5 % donors
    given = None if donors == 1 else donor
    found = mixture._profiles(sparse.csr_matrix(genes), depth, chance, fold, given)
    typical, kept = np.median(depth), 0
    for part in range(5):
        other = fold != part
        for g in range(5):
            mean = genes[other, g].sum() / depth[other].sum()
            calm = 1 / (1 + 0.1 * mean * typical)
            seen, expected = chance[other].T @ genes[other, g], np.zeros(3)
            for d in range(donors):
                his = other & (donor == d)
                own = genes[his, g].sum() / depth[his].sum()
                expected += own * (depth[his] @ chance[his])
            chi = calm * ((seen - expected) ** 2 / expected).sum() - 2
            scale = calm * (expected.sum() - (expected**2).sum() / expected.sum())
            spread = max(chi / scale, 1e-9)
            ratio = (seen * spread + 1) / (expected * spread + 1)
            kept += spread > 1e-9
            assert found[part][0][g] == pytest.approx(calm * np.log(ratio), rel=1e-4, abs=1e-7)
        weights, sums = found[part]
        means = genes[other].sum(0) / depth[other].sum()
        calm = 1 / (1 + 0.1 * means * typical)
        by_hand = ((np.exp(weights / calm[:, None]) - 1) * (calm * means)[:, None]).sum(0)
        assert sums == pytest.approx(by_hand, rel=1e-4)
    assert 5 <= kept < 25  # the first gene in every fold, and not all of the others


def test_genes_that_differ_by_chance_or_between_donors_say_nothing_of_groups():
    """Rates of genes: twice as high in group 1; the same; twice as high in donor 1."""
    rng = np.random.default_rng(5)
    n = 4000
    group, depth, fold = rng.integers(0, 2, n), np.full(n, 1000.0), np.arange(n) % 5
    donor = np.where(rng.random(n) < 0.8, group, 1 - group)  # donors differ in their groups
    rate = np.array([2.0, 2.0, 2.0]) * np.ones((n, 3))
    rate[group == 1, 0] *= 2
    rate[donor == 1, 2] *= 2
    genes, chance = sparse.csr_matrix(rng.poisson(rate)), np.eye(2)[group]

    def ratios(given):
        weights = np.mean([w for w, _ in mixture._profiles(genes, depth, chance, fold, given)], 0)
        calm = 1 / (1 + 0.1 * rate.mean(0))
        return np.exp((weights[:, 1] - weights[:, 0]) / calm)

    # a donor's mean leans to his groups: 4 of (0.8 * 3.6 + 0.2 * 2.4), 2 of (0.8 * 2.4 + 0.2 * 3.6)
    assert ratios(donor) == pytest.approx([1.571, 1, 1], abs=0.05)
    # all cells alike: 4 of 2, and 0.8 * 4 + 0.2 * 2 of 0.2 * 4 + 0.8 * 2
    assert ratios(None) == pytest.approx([2, 1, 1.5], abs=0.06)


def test_the_map_is_a_balanced_logistic_regression():
    rng = np.random.default_rng(3)
    label = np.repeat([0, 1, 2, 3], [60, 25, 10, 4])  # four cells are too few for a group
    points = rng.normal(size=(99, 3)) + 2 * np.eye(4, 3)[label]
    chance = rng.dirichlet(np.ones(4) * 0.5, 99) * 0.4
    chance[np.arange(99), label] += 0.6
    gate = mixture._gate(points, chance, None)
    assert gate.classes.tolist() == [0, 1, 2]
    weight = chance.max(1)[:95]
    total = np.bincount(label[:95], weight)
    weight = weight / total[label[:95]]
    weight *= 95 / weight.sum()
    direct = LogisticRegression(tol=1e-8, max_iter=2000)
    direct.fit(points[:95], label[:95], weight)
    assert gate.probabilities(points) == pytest.approx(direct.predict_proba(points), abs=5e-3)
    assert mixture._gate(points[:64], np.eye(4)[label[:64]], None) is None
    assert mixture._gate(points[:65], np.eye(4)[label[:65]], None) is not None


def fit_by_hand(counts, depth, signs, prior, group, embedding, genes, fold, floor, power, **how):
    """Expectation maximization as the docstrings say, with loops where tilt has matrices."""
    ratio, pseudo, shared_weight = (
        how.get("ratio", 1.0),
        how.get("pseudo", 100.0),
        how.get("shared_weight", 1.0),
    )
    n_groups, sparse_genes = group.max() + 1, sparse.csr_matrix(genes)
    first = np.array([prior[group == q].sum() for q in range(n_groups)]) / prior.sum()
    mean = counts.sum(0) / depth.sum() + 1e-9
    start_on = np.maximum(mean * np.e, floor)
    start_off = np.minimum(mean / np.e, start_on * ratio)
    within = np.array([p / prior[group == g].sum() for p, g in zip(prior, group, strict=True)])
    made = mixture.Mixture(
        signs, group, within, first.copy(), mean, start_on, start_off, embedding[:, 0].std(),
        map_weight=0.2,
    )  # fmt: skip
    for step in range(how.get("rounds", 9)):
        own = evidence(made, counts, depth)
        shared = made.shared(embedding, sparse_genes, depth, fold)[:, group]
        chance = to_chance(made, own + shared)
        taught = to_chance(made, own + shared_weight * shared)
        by_group, lesson = (
            np.column_stack([c[:, group == q].sum(1) for q in range(n_groups)])
            for c in (chance, taught)
        )
        if np.isfinite(pseudo):
            prior_cells = pseudo / len(depth)
            made.shares = (by_group.mean(0) + prior_cells * first) / (1 + prior_cells)
        made.gates = tuple(
            mixture._gate(embedding[fold != p] / made.scale, lesson[fold != p], made.gates[p])
            for p in range(5)
        )
        made.power = power * np.clip((step - 1) / 4, 0, 1)
        if made.power:
            made.profiles = mixture._profiles(sparse_genes, depth, lesson, fold, None)
        on, off = made.on.copy(), made.off.copy()
        for g in range(signs.shape[1]):
            for rate, sign, start in ((on, 1, start_on), (off, -1, start_off)):
                w = chance[:, signs[:, g] == sign].sum(1)
                rate[g] = (w @ counts[:, g] + 2) / (w @ depth + 2 / start[g])
        made.on, made.off = np.maximum(on, mean * 1.15), np.minimum(off, mean / 1.15)
    return made


@pytest.mark.parametrize(
    "how",
    [
        {"rounds": 1},
        {"rounds": 4},
        {"rounds": 8, "ratio": 0.05},
        {"rounds": 3, "pseudo": np.inf, "shared_weight": 0.3},
        {"rounds": 1, "ratio": 0.05},
        {"rounds": 2, "flat": True},
    ],
)
def test_a_fit_goes_round_by_round_as_by_hand(how):
    how = how | {"map_weight": 0.2}
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 120)
    rates = np.where(SIGNS > 0, 9e-4, np.where(SIGNS < 0, 0.3e-4, 2e-4))
    if flat := how.pop("flat", False):  # markers that tell nothing: on and off stay apart
        rates = np.full((3, 4), 6e-4)
    depth = rng.integers(1500, 5000, 120).astype(float)
    counts = rng.poisson(depth[:, None] * rates[truth])
    genes = rng.poisson(depth[:, None] * rng.lognormal(-7, 0.6, (3, 12))[truth])
    embedding = rng.normal(size=(120, 3)) + 3 * np.eye(3)[truth]
    fold = rng.integers(0, 5, 120)
    given = (depth, SIGNS, np.array([3.0, 1.0, 2.0]), GROUP, embedding)
    expected = fit_by_hand(counts, *given, genes, fold, 3e-4, 0.6, **how)
    found = mixture.fit(
        sparse.csr_matrix(counts), *given, sparse.csr_matrix(genes), fold, 3e-4, 0.6, **how
    )
    for name in ("shares", "within", "on", "off", "power", "scale", "mean"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-4), name
    if flat:
        assert (found.on == found.mean * 1.15).any() and (found.off == found.mean / 1.15).any()
    marker, profile = sparse.csr_matrix(counts), sparse.csr_matrix(genes)
    chance = [m.posterior(marker, depth, embedding, profile, fold) for m in (found, expected)]
    assert chance[0] == pytest.approx(chance[1], abs=1e-3)
    if how["rounds"] == 8:
        assert (chance[0].argmax(1) == truth).mean() > 0.55  # one in three by chance


def test_without_the_map_labels_do_not_hang_on_the_embedding():
    counts, depth = cells(60)
    fold = np.arange(60) % 5
    chance = []
    for seed in (0, 1):
        embedding = np.random.default_rng(seed).normal(size=(60, 3))
        given = (sparse.csr_matrix(counts), depth, SIGNS, np.ones(3), GROUP, embedding)
        found = mixture.fit(*given, given[0], fold, 3e-4, 0.3, rounds=3)
        assert found.gates == (None,) * 5
        chance.append(found.posterior(given[0], depth, embedding, given[0], fold))
    assert (chance[0] == chance[1]).all()


def test_an_embedding_of_one_point_has_no_scale():
    counts, depth = cells(20)
    found = mixture.fit(
        sparse.csr_matrix(counts), depth, SIGNS, np.ones(3), GROUP, np.zeros((20, 1)),
        sparse.csr_matrix(counts), np.arange(20) % 5, 3e-4, 0.3, rounds=1,
    )  # fmt: skip
    assert found.scale == 1.0
