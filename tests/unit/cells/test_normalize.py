"""Variable genes are those of scanpy, whatever the size of the blocks."""

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.cells import normalize

TARGET = 1e4


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(3)
    mean = rng.lognormal(-1, 1.2, 400)
    spread = rng.gamma(2, 0.5, 400)
    factor = rng.gamma(1 / spread, spread, (300, 400)) * rng.lognormal(0, 0.4, (300, 1))
    counts = sparse.csr_matrix(rng.poisson(mean * factor)).astype(np.int32)
    batch = pd.Categorical(rng.choice(["a", "b", "c"], 300, p=[0.5, 0.3, 0.2]))
    names = [f"g{j}" for j in range(400)]
    return ad.AnnData(
        counts,
        obs=pd.DataFrame({"batch": batch}, index=[f"c{i}" for i in range(300)]),
        var=pd.DataFrame(index=names),
    )


def found(cells, size):
    blocks = ((i, cells.X[i : i + size]) for i in range(0, cells.n_obs, size))
    depth = np.asarray(cells.X.sum(axis=1)).ravel()
    return normalize.moments(blocks, depth, cells.obs["batch"].cat.codes.to_numpy(int), TARGET)


def test_moments_do_not_depend_on_block_size(cells):
    whole = found(cells, 1000)
    scaled = cells.X.toarray() / cells.X.sum(axis=1).A1[:, None] * TARGET
    mine = cells.obs["batch"] == "b"
    assert whole.n_cells.tolist() == cells.obs["batch"].value_counts(sort=False).tolist()
    assert np.allclose(whole.total[1], scaled[mine].sum(axis=0), rtol=1e-5)
    assert np.allclose(whole.square[1], (scaled[mine] ** 2).sum(axis=0), rtol=1e-5)
    assert np.array_equal(whole.detected[1], (scaled[mine] > 0).sum(axis=0))
    for size in (1, 7):
        again = found(cells, size)
        for name in ("n_cells", "total", "square", "detected"):
            assert np.allclose(getattr(again, name), getattr(whole, name), rtol=1e-6)


def test_variable_genes_are_those_of_scanpy(cells):
    import scanpy as sc

    expected = cells.copy()
    expected.X = expected.X.astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.normalize_total(expected, target_sum=TARGET)
        sc.pp.log1p(expected)
        sc.pp.highly_variable_genes(expected, n_top_genes=60, batch_key="batch")
    table = normalize.variable_genes(found(cells, 50), np.zeros(400, bool), 60)
    assert table["highly_variable"].sum() == 60
    assert np.array_equal(table["highly_variable"], expected.var["highly_variable"])
    assert np.array_equal(table["n_batches"], expected.var["highly_variable_nbatches"])
    both = table["dispersion"].notna() & expected.var["dispersions_norm"].notna().to_numpy()
    score = expected.var["dispersions_norm"].to_numpy()
    assert np.allclose(table["dispersion"][both], score[both], rtol=1e-3, atol=1e-3)


def test_excluded_genes_are_never_chosen(cells):
    free = normalize.variable_genes(found(cells, 50), np.zeros(400, bool), 60)
    excluded = free["highly_variable"].to_numpy() & (np.arange(400) % 2 == 0)
    table = normalize.variable_genes(found(cells, 50), excluded, 60)
    assert excluded.sum() > 10
    assert not table["highly_variable"][excluded].any()
    assert table["highly_variable"].sum() == 60


def test_log_normalized_uses_the_whole_depth(cells):
    depth = np.asarray(cells.X.sum(axis=1)).ravel()
    part = normalize.log_normalized(cells.X[:, :5], depth, TARGET).toarray()
    expected = np.log1p(cells.X[:, :5].toarray() / depth[:, None] * TARGET)
    assert np.allclose(part, expected, rtol=1e-5)
