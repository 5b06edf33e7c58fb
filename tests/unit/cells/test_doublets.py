"""Doublet scores against a plain re-computation of Scrublet's formula."""

import numpy as np
import pytest
from scipy import sparse
from tilt.cells import doublets


def library(n=120, n_genes=60, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    rate = np.tile(rng.lognormal(-0.5, 0.7, n_genes), (3, 1))
    for k in range(3):
        rate[k, 15 * k : 15 * k + 15] *= 6
    return rng.poisson(rate[kind] * rng.uniform(0.5, 2, (n, 1)))


def by_hand(counts, rate, seed):
    """Cells and simulated pairs in one space; the share of simulated neighbors after Bayes."""
    n = len(counts)
    pairs = np.random.default_rng(seed).integers(0, n, (2 * n, 2))
    both = np.vstack([counts, counts[pairs[:, 0]] + counts[pairs[:, 1]]])
    target = np.median(counts.sum(1))
    logs = np.log1p(both * target / both.sum(1, keepdims=True))  # sixty genes: all are used
    z = (logs - logs[:n].mean(0)) / (logs[:n].std(0) + 1e-8)
    _, _, axes = np.linalg.svd(z[:n], full_matrices=False)
    points = z @ axes[:30].T
    k = round(max(1, round(0.5 * np.sqrt(n))) * (1 + 2))
    out = np.zeros(3 * n)
    for i, point in enumerate(points):
        away = np.square(points - point).sum(1)
        away[i] = np.inf
        near = np.argsort(away)[:k]
        q = ((near >= n).sum() + 1) / (k + 2)
        # odds of a simulated neighbor, per simulated doublet and per cell
        out[i] = q * rate / 2 / (1 - rate - q * (1 - rate - rate / 2))
    return out[:n], out[n:]


def test_scores_are_those_of_scrublet_by_hand():
    counts = library()
    found = doublets.scores(sparse.csr_matrix(counts), 0.08, 5)
    expected = by_hand(counts, 0.08, 5)
    for mine, theirs in zip(found, expected, strict=True):
        assert len(mine) == len(theirs)
        assert np.mean(np.isclose(mine, theirs, rtol=1e-4)) > 0.98  # ties of distances
        assert mine.mean() == pytest.approx(theirs.mean(), rel=0.01)
    assert found[1].mean() > 1.5 * found[0].mean()


def test_a_threshold_is_the_lowest_score_at_which_calls_are_more_right_than_wrong():
    rng = np.random.default_rng(1)
    simulated, score = rng.beta(6, 3, 400), np.r_[rng.beta(2, 8, 180), rng.beta(6, 2, 20)]
    rate = 0.1
    good = []
    for limit in score:
        called = (score >= limit).sum()
        right = rate * 200 * (simulated >= limit).mean()
        if right / called >= 0.5 and called <= 20:
            good.append(limit)
    assert doublets.threshold(score, simulated, rate) == min(good)


def test_calls_are_scores_at_or_above_the_limit():
    counts = sparse.csr_matrix(library())
    score, called, why = doublets.call(counts, 0.5, 120, None, 5)
    rate = 0.5 * 120 / 1000
    mine, simulated = doublets.scores(counts, rate, 5)
    limit = doublets.threshold(mine, simulated, rate)
    assert score == pytest.approx(mine) and called.tolist() == (mine >= limit).tolist()
    assert why.startswith("expected share 6.0%") and "of 7 expected" in why
    fixed = float(np.median(mine))
    assert doublets.call(counts, 0.5, 120, fixed, 5)[1].tolist() == (mine >= fixed).tolist()
    assert not doublets.call(counts, 0.5, 121, None, 5)[1].any()
    assert np.isnan(doublets.call(counts, 0.0, 10, None, 5)[0]).all()


def test_variable_genes_are_those_of_most_variance_over_mean():
    rng = np.random.default_rng(2)
    counts = rng.poisson(1.0, (100, 6)).astype(float)
    counts[:, 1] *= 5
    counts[:, 4] *= 3
    counts[:, 5] = 0
    counts[:2, 5] = 90  # seen in two cells only
    found = doublets.variable_genes(sparse.csr_matrix(counts), 2)
    assert found.tolist() == [1, 4]
    assert doublets.variable_genes(sparse.csr_matrix(counts), 9).tolist() == [0, 1, 2, 3, 4]
