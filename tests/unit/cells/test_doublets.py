"""Doublet scores are those of scanpy's scrublet for the same simulated doublets."""

import numpy as np
import pytest
from same_doublets import same_doublets
from scipy import sparse
from tilt.cells import doublets


def five_kinds(n_cells, n_genes=1200):
    """Counts of cells of five kinds and of unlike depth."""
    rng = np.random.default_rng(4)
    program = rng.lognormal(-1, 1, (5, n_genes))
    program = program * np.where(rng.random((5, n_genes)) < 0.15, 6, 1)
    mean = program[rng.integers(0, 5, n_cells)] * rng.lognormal(0, 0.5, (n_cells, 1))
    return sparse.csr_matrix(rng.poisson(mean)).astype(np.int32)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("n_cells", "rate"), [(300, 0.06), (500, 0.15)])
def test_scores_are_those_of_scanpy(n_cells, rate):
    for more, expected in same_doublets(five_kinds(n_cells), rate, seed=3):
        assert (~np.isin(more, [0, 1])).sum() <= 2  # ties
        assert more.mean() == pytest.approx(expected, abs=0.1)


def test_variable_genes_have_the_most_variance_over_mean():
    """Left out: a gene of a constant rate, however high, and one seen in two cells only."""
    counts = np.random.default_rng(0).poisson(5, (200, 30))
    counts[:100, 7] = 0
    counts[::4, 11] += 40
    counts[:, 3] = np.random.default_rng(1).poisson(400, 200)
    counts[:, 20] = 0
    counts[:2, 20] = 90
    assert doublets.variable_genes(sparse.csr_matrix(counts), 2).tolist() == [7, 11]
