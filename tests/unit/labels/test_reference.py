"""Evidence of sorted types, and how much it is trusted."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.labels import reference

GENES = [f"g{i}" for i in range(60)] + ["CD4", "CD8A"]


def types(seed=0):
    """Three types of which each has twenty genes of its own, in transcripts per million."""
    level = np.full((62, 3), 40.0)
    for k in range(3):
        level[20 * k : 20 * k + 20, k] = 240.0
    level[60], level[61] = (90, 90, 0), (0, 0, 90)
    spread = np.random.default_rng(seed).lognormal(0, 0.3, (62, 1))
    return pd.DataFrame(level * spread, index=GENES, columns=["one", "two", "three"])


def draw(table, kind, depth, program, rng):
    """Counts; ``program``: spread of what the genes of a type share in a cell (log scale)."""
    rate = table.to_numpy().T[kind] / 1e6
    own = table.to_numpy().T[kind] > 100
    moved = rate * np.where(own, np.exp(rng.normal(-(program**2) / 2, program, (len(kind), 1))), 1)
    return sparse.csr_matrix(rng.poisson(depth[:, None] * moved))


def cohort(program, depth, n=1500, seed=1):
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    depths = depth * np.exp(rng.normal(0, 0.3, n))
    counts = draw(types(), kind, depths, program, rng)
    return kind, counts, depths, reference.fit(counts, depths, types(), np.array([5.0, 3.0, 2.0]))


def test_genes_that_move_together_make_the_evidence_weigh_less():
    found = {program: cohort(program, 4000)[3].half_depth for program in (0.0, 0.4, 0.8)}
    assert found[0.0] > 2500
    assert found[0.0] > 1.5 * found[0.4] > 2 * found[0.8]
    again = cohort(0.4, 4000)[3].half_depth
    assert again == found[0.4]


def test_mistakes_between_types_in_shallow_cells_are_not_taken_for_spread():
    kind, counts, depth, model = cohort(0.0, 300)
    chance = np.exp(model.evidence(counts, depth)) * model.shares
    right = chance.argmax(1) == kind
    assert 0.5 < right.mean() < 0.97  # there are mistakes
    assert model.half_depth > 600
    chance /= chance.sum(1, keepdims=True)
    assert chance.max(1).mean() == pytest.approx(right.mean(), abs=0.06)


def test_evidence_is_divided_by_its_spread_but_for_the_coreceptors():
    table = types()
    rates = (table.to_numpy().T + 1) / 1e6
    weight = np.where(np.isin(GENES, ["CD4", "CD8A"]), 0.0, 0.7)
    own = 1.0 * np.isin(GENES, ["CD4", "CD8A"])
    shares = np.array([0.5, 0.3, 0.2])
    model = reference.Reference(list(table), np.ones(62), weight, own, rates, shares, 500.0)
    counts = np.random.default_rng(3).poisson(0.3, (4, 62))
    depth = np.array([500.0, 1500.0, 4500.0, 250.0])
    found = model.evidence(sparse.csr_matrix(counts), depth)
    for i, temper in enumerate((1 / 2, 1 / 4, 1 / 10, 2 / 3)):
        per_gene = counts[i] * np.log(rates) - depth[i] * rates
        expected = (per_gene * (temper * weight + own)).sum(1)
        assert found[i] == pytest.approx(expected - expected.max())


def test_shares_and_platform_factors_are_learned_and_held():
    rng = np.random.default_rng(5)
    table = types()
    factor = np.exp(rng.normal(0, 0.6, 62))
    kind = rng.choice(3, 2000, p=[0.1, 0.2, 0.7])
    depth = np.full(2000, 3000.0)
    counts = draw(table.mul(factor, axis=0), kind, depth, 0.0, rng)
    model = reference.fit(counts, depth, table, np.array([5.0, 3.0, 2.0]))
    assert model.shares == pytest.approx([0.1, 0.2, 0.7], abs=0.05)
    assert np.corrcoef(np.log(model.platform), np.log(factor))[0, 1] > 0.9
    assert np.log(model.platform).std() < np.log(factor).std()
    few = reference.fit(counts[:5], depth[:5], table, np.array([5.0, 3.0, 2.0]))
    assert few.shares == pytest.approx([0.5, 0.3, 0.2], abs=0.06)
    assert few.half_depth == reference.HALF_DEPTH


def test_a_type_whose_label_cannot_be_called_stays_in_its_compartment():
    rows = [
        ("CD4", 1, "T", ""),
        ("CD8", 1, "T", ""),
        ("CD4_Naive", 2, "CD4", "naive"),
        ("CD4_Th1", 2, "CD4", "memory"),
        ("CD4_Tfh", 2, "CD4", "memory"),
        ("CD4_Treg_eff", 2, "CD4", "treg"),
        ("CD8_EM", 2, "CD8", "memory"),
        ("MAIT", 1, "T", ""),
    ]
    markers = pd.DataFrame(rows, columns=["label", "level", "parent", "compartment"])
    markers["positive"] = [[name] for name in markers["label"]]
    table = pd.DataFrame(columns=["CD4_Naive", "CD4_Th1", "CD4_Tfh", "CD4_Treg", "CD8_EM", "MAIT"])
    found = reference.columns_of(markers, ["CD4_Naive", "CD4_Th1", "CD8_EM"], table)
    assert found["CD4/naive"] == ["CD4_Naive", "CD4_Treg"]  # no Treg can be called: any CD4 group
    assert found["CD4/memory"] == ["CD4_Th1", "CD4_Tfh", "CD4_Treg"]
    assert found["CD8/memory"] == ["CD8_EM"]
    assert sum("MAIT" in types for types in found.values()) == 0


def test_groups_have_the_shares_and_likelihoods_of_their_types():
    shares = np.array([0.5, 0.3, 0.2])
    flat = np.ones(62)
    rates = np.full((3, 62), 1e-4)
    names = ["one", "two", "three"]
    model = reference.Reference(names, flat, flat, 0 * flat, rates, shares, 500.0)
    likelihood = np.array([[1.0, 0.5, 0.25], [0.1, 1.0, 1.0]])
    found = np.exp(model.of_groups(np.log(likelihood), [["three", "one"], ["two"]]))
    assert found == pytest.approx(np.array([[0.55, 0.15], [0.25, 0.3]]))


def test_the_shipped_table_is_rates_of_genes_in_sorted_types():
    table = reference.shipped()
    assert table.shape[1] == 15 and len(table) > 900 and table.index.is_unique
    assert (table.to_numpy() >= 0).all()
    for gene, high, low in (
        ("CD8A", "CD8_Naive", "CD4_Naive"),
        ("CD4", "CD4_Th1", "CD8_CM"),
        ("FOXP3", "CD4_Treg", "CD4_Th17"),
        ("GZMH", "CD8_TEMRA_GZMH", "CD4_Naive"),
    ):
        assert table.at[gene, high] > 5 * table.at[gene, low], gene


def test_the_fit_is_that_of_its_formulas_by_hand(monkeypatch):
    monkeypatch.setattr(reference, "_half_depth", lambda *_: 1000.0)
    rng = np.random.default_rng(11)
    table, usual = types(), np.array([0.5, 0.3, 0.2])
    depth = rng.integers(500, 3000, 200).astype(float)
    counts = draw(table * 1.4, rng.choice(3, 200), depth, 0.0, rng)
    found = reference.fit(counts, depth, table, 10 * usual)
    dense, alone = counts.toarray(), np.isin(GENES, ["CD4", "CD8A"])
    typed = (table.to_numpy().T + 1) / 1e6
    mean = dense.sum(0) / depth.sum()
    weight = np.where(alone, 0, 1 / (1 + mean * np.median(depth) / 2))
    platform, shares, half = np.ones(62), usual, 600.0

    def rates():
        return 0.97 * platform * typed + 0.03 * mean

    for step in range(8):
        rate = rates()
        full = np.exp(
            dense @ (alone * np.log(rate)).T
            - np.outer(depth, rate @ alone)
            + (dense @ (weight * np.log(rate)).T - np.outer(depth, rate @ weight))
            / (1 + depth / half)[:, None]
            + np.log(shares)
        )
        chance = full / full.sum(1, keepdims=True)
        half = 1000.0 if step >= 4 else 600.0
        shares = (chance.sum(0) + 100 * usual) / 300
        expected = (depth[:, None, None] * chance[:, :, None] * typed).sum((0, 1))
        ratio = np.log((dense.sum(0) + 0.5) / (expected + 0.5))
        common = np.median(ratio)
        held = 0.49 / (0.49 + 0.09 + 1 / (expected + 0.5))
        platform = np.exp(common + held * (ratio - common))
    assert found.weight == pytest.approx(weight) and (found.own == alone).all()
    assert found.half_depth == 1000
    assert found.shares == pytest.approx(shares, rel=1e-6)
    assert found.platform == pytest.approx(platform, rel=1e-6)
    assert found.rates == pytest.approx(rates(), rel=1e-6)


def spread_by_hand(model, counts, depth, chance):
    """What :func:`reference._half_depth` says, cell by cell."""
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(len(depth))[:4000])
    chance, depth, counts = chance[rows], depth[rows], counts.toarray()[rows]
    total = chance.sum(1)
    at = rng.random((len(rows), 1))[:, 0] * total
    kind = [int(np.sum(np.cumsum(row) < x)) for row, x in zip(chance, at, strict=True)]
    drawn = rng.poisson(depth[:, None] * model.rates[kind])
    again = np.exp(model.evidence(sparse.csr_matrix(drawn), depth)) * model.shares
    again /= again.sum(1, keepdims=True)
    found = []
    for k in range(3):
        if min(chance[:, k].sum(), again[:, k].sum()) < 20:
            continue
        others = [j for j in range(3) if j != k]
        mate = max(others, key=lambda j, k=k: np.sum(chance[:, k] * chance[:, j]))
        contrast = model.weight * np.log(model.rates[k] / model.rates[mate])
        ratios = []
        for cells, w in ((counts, chance[:, k]), (drawn, again[:, k])):
            value, usual = cells @ contrast, depth * np.sum(model.rates[k] * contrast)
            slope = np.sum(w * value) / np.sum(w * usual)
            poisson = np.sum(w * depth) * np.sum(model.rates[k] * contrast**2)
            ratios.append(np.sum(w * (value - slope * usual) ** 2) / poisson)
        typical = np.average(depth, weights=chance[:, k])
        found.append(((ratios[0] - ratios[1]) / typical, chance[:, k].sum()))
    found.sort()
    size = np.array([n for _, n in found])
    middle = found[int(np.argmax(np.cumsum(size) >= size.sum() / 2))][0]
    measured = min(max(1 / max(middle, 1e-9), 100), 5000)
    return 600 * (measured / 600) ** (size.sum() / (size.sum() + 300))


@pytest.mark.parametrize(("program", "n"), [(0.5, 700), (1.0, 4300), (0.0, 500), (2.5, 300)])
def test_half_depth_is_measured_as_its_words_say(program, n):
    _, counts, depth, model = cohort(program, 2500, n)
    chance = np.exp(model.evidence(counts, depth)) * model.shares
    chance /= chance.sum(1, keepdims=True)
    chance[:, 2] *= 0.1 if n == 300 else 1.0  # a type of too few cells
    found = reference._half_depth(model, counts, depth, chance)
    assert found == pytest.approx(spread_by_hand(model, counts, depth, chance), rel=1e-9)
