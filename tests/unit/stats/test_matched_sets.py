"""Random sets of genes of like expression: whom they draw from, and the set's own score."""

import numpy as np
import pytest
from tilt.stats import matched

MEAN = np.repeat(np.arange(20.0), 5) + np.tile(np.arange(5) / 10, 20)  # five genes a twentieth


def test_a_gene_is_replaced_by_free_genes_of_its_twentieth():
    usable = np.ones(100, bool)
    usable[[12, 13]] = False
    made = matched.pools(MEAN, usable, [10, 35, 36, 37, 38, 39])
    assert made is not None
    assert made.bins.tolist() == np.repeat(np.arange(20), 5).tolist()
    assert made.genes[2].tolist() == [11, 14]  # 10 is taken, 12 and 13 do not vary
    assert made.genes[0].tolist() == [0, 1, 2, 3, 4]
    assert len(made.genes[7]) == 92  # all of its own are taken: any free gene
    assert not {10, 12, 35} & set(made.genes[7])


def test_the_first_row_is_the_set_itself_and_the_others_are_of_its_pool():
    z = np.vstack([np.arange(100.0), np.arange(100.0) ** 2])
    alike = matched.pools(MEAN, np.ones(100, bool), [10, 50])
    assert alike is not None
    genes, weight = np.array([10, 50]), np.array([2.0, -1.0])
    found = matched.scores(z, genes, weight, alike, 400, np.random.default_rng(0))
    assert found[0].tolist() == pytest.approx([(20 - 50) / 3, (200 - 2500) / 3])
    possible = {(2 * a - b) / 3 for a in (11, 12, 13, 14) for b in (51, 52, 53, 54)}
    assert set(np.round(found[1:, 0], 9)) == {round(p, 9) for p in possible}
    beside = matched.scores(z, genes, weight, alike, 400, np.random.default_rng(0), beside=True)
    own = (2 * (10 - 12.5) - (50 - 52.5)) / 3  # 12.5 and 52.5: means of the four that are drawn
    assert beside[0, 0] == pytest.approx(own)
    np.testing.assert_allclose(found[1:, 0] - beside[1:, 0], (2 * 12.5 - 52.5) / 3)


def test_without_a_free_gene_there_is_no_random_set():
    assert matched.pools(MEAN, np.ones(100, bool), range(100)) is None
    assert matched.pools(MEAN, np.zeros(100, bool), []) is None
