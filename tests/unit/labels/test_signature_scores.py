"""Scores, thresholds and states against plain dense re-computations."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from tilt.cells import groups
from tilt.labels import signature_scores


def made(n=60, n_genes=160, seed=0):
    rng = np.random.default_rng(seed)
    rate = rng.lognormal(-7.5, 1.2, n_genes)
    rate[-1] = 0
    depth = rng.integers(1500, 9000, n).astype(float)
    counts = rng.poisson(np.outer(depth, rate))
    return counts, depth, np.array([f"G{i}" for i in range(n_genes)])


def by_hand(counts, depth, symbols, genes, listed):
    """Per gene: its log counts per 10,000 less the mean of the 50 free genes nearest to it."""
    logs = np.log1p(1e4 * counts / depth[:, None])
    mean = counts.sum(0) / depth.sum()
    free = [i for i, s in enumerate(symbols) if s not in listed and mean[i] > 0]
    total = np.zeros(len(counts))
    found = [(list(symbols).index(g), w) for g, w in genes.items() if g in symbols]
    for at, w in found:
        away = [abs(np.log(mean[i]) - np.log(mean[at] + 1e-9)) for i in free]
        near = [free[k] for k in np.argsort(away)[:50]]
        total += w * (logs[:, at] - logs[:, near].mean(1))
    return total / sum(abs(w) for _, w in found)


@pytest.mark.parametrize("block", [7, 1000])
def test_a_score_is_set_against_the_fifty_unlisted_genes_of_nearest_expression(monkeypatch, block):
    monkeypatch.setattr(signature_scores, "BLOCK", block)
    counts, depth, symbols = made()
    genes = pd.Series({"G0": 1.0, "G5": 2.0, "G9": -0.5, "absent": 3.0})
    listed = {"G0", "G5", "G9", *[f"G{i}" for i in range(20, 60)]}
    found, n = signature_scores.score(sparse.csr_matrix(counts), depth, symbols, genes, listed)
    assert n == 3
    assert found == pytest.approx(by_hand(counts, depth, symbols, genes, listed))
    plain = np.log1p(1e4 * counts / depth[:, None])[:, [0, 5, 9]] @ [1, 2, -0.5] / 3.5
    assert np.abs(found - plain).min() > 0.01  # the background counts in every cell


def test_without_free_genes_there_is_no_background():
    counts, depth, symbols = made()
    genes = pd.Series({"G0": 2.0})
    found, _ = signature_scores.score(sparse.csr_matrix(counts), depth, symbols, genes, symbols)
    assert found == pytest.approx(np.log1p(1e4 * counts[:, 0] / depth))


def test_a_threshold_is_the_least_value_that_the_weight_of_donors_reaches():
    rng = np.random.default_rng(1)
    values = rng.normal(size=101).round(1)
    donor = np.array(["a"] * 60 + ["b"] * 30 + ["c"] * 11)
    weight = 1 / np.array([60] * 60 + [30] * 30 + [11] * 11)
    for quantile in (0.2, 0.5, 0.8, 0.95):
        reached = [v for v in values if weight[values <= v].sum() >= quantile * 3 - 1e-9]
        assert groups.donor_quantile(values, donor, quantile) == min(reached)
    assert signature_scores.QUANTILE == 0.95


def test_background_genes_come_from_every_bin_of_expression():
    mean = np.r_[0.0, np.random.default_rng(2).permutation(np.arange(1, 500) / 100)]
    listed = np.zeros(500, bool)
    listed[np.argsort(mean)[-100:]] = True
    chosen = signature_scores.background(mean, listed, 0, bins=10, per_bin=7)
    assert chosen.tolist() == sorted(set(chosen))
    assert not listed[chosen].any() and (mean[chosen] > 0).all()
    order = np.sort(mean[(mean > 0) & ~listed])
    place = np.searchsorted(order, mean[chosen])
    bins = np.floor(place * 10 / len(order)).astype(int)
    assert np.bincount(bins).tolist() == [7] * 10
    other = signature_scores.background(mean, listed, 1, bins=10, per_bin=7)
    assert other.tolist() != chosen.tolist()
    assert (
        signature_scores.background(mean, listed, 0, 10, 99).tolist()
        == np.flatnonzero((mean > 0) & ~listed).tolist()
    )
    assert len(signature_scores.background(np.zeros(5), np.zeros(5, bool), 0)) == 0
    usual = signature_scores.background(np.arange(1, 3001) / 1e3, np.zeros(3000, bool), 0)
    assert len(usual) == 25 * 40


def state_by_hand(counts, depth, prior, rounds):
    """Two components: on at e^2 times the mean rate and off; usual shares weigh 100 cells."""
    mean = counts.sum(0) / depth.sum() + 1e-9
    on, off, share = mean * np.e**2, mean / np.e, prior

    def probability():
        part = np.clip((mean - off) / (on - off), 0.002, 0.98)
        logs = [
            stats.nbinom.logpmf(counts, 2, 2 / (2 + depth[:, None] * rate)) for rate in (on, off)
        ]
        usual = np.log(part * np.exp(logs[0]) + (1 - part) * np.exp(logs[1]))
        odds = ((logs[0] - usual).sum(1) - (logs[1] - usual).sum(1)) + np.log(share / (1 - share))
        return 1 / (1 + np.exp(-odds))

    for _ in range(rounds):
        p = probability()
        share = (p.sum() + 100 * prior) / (len(p) + 100)
        on = (p @ counts + 2) / (p @ depth + 2 / (mean * np.e**2))
        off = ((1 - p) @ counts + 2) / ((1 - p) @ depth + 2 / mean)
        on, off = np.maximum(on, mean * np.e), np.minimum(off, mean)
    p = probability()
    need = min(2, counts.shape[1])
    return (p > 0.5) & ((counts > 0).sum(1) >= need), p


@pytest.mark.parametrize("rounds", [0, 1, 20])
@pytest.mark.parametrize(("n_genes", "prior"), [(1, 0.05), (2, 0.02), (6, 0.1)])
def test_a_state_is_called_as_by_hand(monkeypatch, n_genes, prior, rounds):
    if rounds != 20:  # the usual number
        monkeypatch.setattr(signature_scores, "STATE_ROUNDS", rounds)
    rng = np.random.default_rng(n_genes)
    depth = rng.integers(1000, 6000, 300).astype(float)
    rate = np.where(np.arange(300) < 40, 2e-3, 8e-5)
    counts = rng.poisson((depth * rate)[:, None] * rng.uniform(0.5, 1.5, n_genes))
    high, chance = signature_scores.state(sparse.csr_matrix(counts), depth, prior)
    expected, p = state_by_hand(counts, depth, prior, rounds)
    assert chance == pytest.approx(p, abs=1e-6)
    assert high.tolist() == expected.tolist()
    assert rounds != 20 or 20 < high.sum() < 60


@pytest.mark.parametrize("n", [5, 60])
def test_few_cells_lean_on_the_typical_share(n):
    rng = np.random.default_rng(n)
    depth = rng.integers(1000, 6000, n).astype(float)
    counts = rng.poisson((depth * np.where(np.arange(n) < n / 3, 2e-3, 8e-5))[:, None] * [1, 1, 1])
    high, chance = signature_scores.state(sparse.csr_matrix(counts), depth, 0.1)
    expected, p = state_by_hand(counts, depth, 0.1, signature_scores.STATE_ROUNDS)
    assert np.isfinite(p).all() and chance == pytest.approx(p, abs=1e-6)
    assert high.tolist() == expected.tolist()


def test_one_gene_alone_is_no_state_of_several():
    depth = np.full(200, 2000.0)
    counts = np.zeros((200, 3), int)
    counts[:20, 0] = 40
    counts[20:40] = 4
    counts[40:, 1] = np.arange(160) % 20 == 0
    high, chance = signature_scores.state(sparse.csr_matrix(counts), depth, 0.1)
    assert chance[:20].min() > 0.5
    assert not high[:20].any() and high[20:40].all()


def test_genes_without_counts_give_no_state():
    high, chance = signature_scores.state(sparse.csr_matrix((5, 3)), np.ones(5), 0.1)
    assert high.tolist() == [False] * 5 and chance.tolist() == [0] * 5


def test_genes_of_equal_mean_are_spread_over_the_bins():
    nothing = np.zeros(100, bool)
    assert len(signature_scores.background(np.ones(100), nothing, 0, bins=4, per_bin=5)) == 20
