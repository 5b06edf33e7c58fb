"""What tilt computes itself is what scanpy computes, on real cells (folder TILT_REAL_DATA).

Each step is given real counts and compared with scanpy's own function on the same input:
quality metrics, normalized values, variable genes, principal components, nearest cells and their
links, Leiden clusters, and doublet scores. What both cost: tests/benchmark/scanpy_parts.py.
"""

import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from same_doublets import same_doublets
from scipy import sparse
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score, roc_auc_score
from tilt.cells import doublets, embed, neighbors, normalize, qc

DATA = os.environ.get("TILT_REAL_DATA")
pytestmark = [
    pytest.mark.skipif(not DATA, reason="TILT_REAL_DATA names no folder of real data"),
    pytest.mark.filterwarnings("ignore"),
]
TARGET = 1e4
RATE = 0.06  # expected share of doublets
SEED = 3


def read(name):
    """Cells x genes with integer counts (CSR)."""
    cells = ad.read_h5ad(Path(DATA) / name)
    cells.X = sparse.csr_matrix(cells.X).astype(np.int32)
    cells.obs_names_make_unique()
    return cells


@pytest.fixture(scope="module")
def blood():
    """1,000 cells of Hao 2021, 33,538 genes, mitochondrial ones among them."""
    return read("speck_hao2021_1000cells_33538genes_unlabelled.h5ad")


@pytest.fixture(scope="module")
def sorted_cells():
    """3,774 cells of ten sorts of Zheng 2017."""
    return read("pbmc_facs_3774cells_16791genes.h5ad")


@pytest.fixture(scope="module")
def kang():
    """6,131 cells of eight donors of Kang 2018, with 20 components and their graph."""
    cells = read("kang_ctrl_12261cells_1287genes.h5ad")[::2].copy()
    scores, _, _ = embed.pca(cells.X, depth(cells.X), 20, TARGET, 0)
    cells.obsm["X_harmony"] = scores
    embed.graph(cells, 15, threads=1)
    return cells


def depth(counts):
    return np.asarray(counts.sum(axis=1)).ravel()


def blocks_of(counts, size=900):
    return lambda: ((i, counts[i : i + size]) for i in range(0, counts.shape[0], size))


def normalized(cells):
    """A copy with the log-normalized values of scanpy in ``X``."""
    import scanpy as sc

    copy = ad.AnnData(cells.X.astype(np.float32), obs=cells.obs.copy(), var=cells.var.copy())
    sc.pp.normalize_total(copy, target_sum=TARGET)
    sc.pp.log1p(copy)
    return copy


def test_quality_metrics(blood):
    import scanpy as sc

    names = {"pct_mito": "^MT-", "pct_ribo": "^RP[LS]", "pct_hb": "^HB[ABDEGMQZ]"}
    copy = blood.copy()
    for name, start in names.items():
        copy.var[name] = copy.var_names.str.contains(start)
    # Look-alikes of the families: kinases (RPS6KA1), pseudogenes (RPL7P9), read-through genes.
    copy.var["pct_ribo"] &= copy.var_names.str.fullmatch(r"RP[LS]\d+[AXYL]?\d*|RPLP[012]|RPSA")
    copy.var["pct_hb"] &= copy.var_names.str.fullmatch(r"HB[A-Z]\d?")
    sc.pp.calculate_qc_metrics(copy, qc_vars=list(names), percent_top=None, inplace=True)
    table = qc.metrics(blood.X, pd.Series(blood.var_names))
    assert np.array_equal(table["n_counts"], copy.obs["total_counts"])
    assert np.array_equal(table["n_genes"], copy.obs["n_genes_by_counts"])
    for name in names:
        assert np.allclose(table[name], copy.obs[f"pct_counts_{name}"], rtol=1e-6, atol=1e-9)
    assert table["pct_mito"].median() > 1
    assert table["pct_ribo"].median() > 5


@pytest.mark.parametrize("cells", ["blood", "sorted_cells"])
def test_normalized_values(cells, request):
    cells = request.getfixturevalue(cells)
    ours = normalize.log_normalized(cells.X, depth(cells.X), TARGET)
    theirs = normalized(cells).X
    assert np.array_equal(ours.indices, theirs.indices)
    assert np.allclose(ours.data, theirs.data, rtol=2e-6, atol=0)


@pytest.mark.parametrize("batch", ["one", "celltype", "subpop"])
def test_variable_genes(sorted_cells, batch):
    """Flavor "seurat" with ``batch_key``: the same genes, batches and scores."""
    import scanpy as sc

    cells = sorted_cells.copy()
    cells.obs["one"] = "one"
    codes = pd.factorize(cells.obs[batch].astype(str), sort=True)[0]
    found = normalize.moments(blocks_of(cells.X)(), depth(cells.X), codes, TARGET)
    ours = normalize.variable_genes(found, np.zeros(cells.n_vars, bool), 1000)
    theirs = normalized(cells)
    theirs.obs[batch] = theirs.obs[batch].astype("category")
    sc.pp.highly_variable_genes(theirs, n_top_genes=1000, batch_key=batch)
    theirs = theirs.var
    chosen = theirs["highly_variable"].to_numpy()
    assert (ours["highly_variable"].to_numpy() & chosen).sum() >= 998
    assert (ours["n_batches"].to_numpy() != theirs["highly_variable_nbatches"]).mean() < 0.001
    score = theirs["dispersions_norm"].to_numpy()
    both = np.isfinite(score) & ours["dispersion"].notna()
    assert both.mean() > 0.9
    assert np.allclose(ours["dispersion"][both], score[both], rtol=1e-3, atol=1e-3)


def found_of(ours, theirs):
    """Share of the links of ``theirs`` that ``ours`` has too."""
    return (ours.astype(bool).multiply(theirs.astype(bool))).sum() / theirs.astype(bool).sum()


def test_nearest_cells_and_links(kang, monkeypatch):
    """Against scanpy's exact search; the index for large cohorts finds nine of ten."""
    import scanpy as sc

    theirs = ad.AnnData(obs=kang.obs[[]], obsm={"X_harmony": kang.obsm["X_harmony"]})
    sc.pp.neighbors(theirs, 15, use_rep="X_harmony", transformer="sklearn")
    distances, weights = (theirs.obsp[name] for name in ("distances", "connectivities"))
    assert np.array_equal(np.diff(kang.obsp["distances"].indptr), np.diff(distances.indptr))
    assert found_of(kang.obsp["distances"], distances) > 0.9999
    assert kang.obsp["distances"].sum() == pytest.approx(distances.sum(), rel=1e-5)
    assert abs(kang.obsp["connectivities"] - weights).mean() * kang.n_obs < 1e-4
    assert abs((kang.obsp["connectivities"] - weights).data).mean() < 1e-4
    monkeypatch.setattr(neighbors, "EXACT_LIMIT", 0)
    large = kang.copy()
    embed.graph(large, 15, threads=1)
    assert found_of(large.obsp["distances"], distances) > 0.9


def test_leiden_clusters(kang):
    """As good a partition as scanpy's, and as like it as scanpy's own under another seed."""
    import scanpy as sc

    ours = embed.leiden(kang.obsp["connectivities"], kang.obs_names, [1.0], seed=1)["leiden_1"]
    for seed in (1, 2):
        options = {"flavor": "leidenalg", "n_iterations": 2, "random_state": seed}
        sc.tl.leiden(kang, 1.0, key_added=f"seed{seed}", **options)
    links, strength = embed._links(kang.obsp["connectivities"])
    value = [
        links.modularity(part.astype(int).to_numpy(), weights=strength)
        for part in (ours, kang.obs["seed1"], kang.obs["seed2"])
    ]
    assert value[0] > min(value[1:]) - 0.01
    itself = adjusted_rand_score(kang.obs["seed1"], kang.obs["seed2"])
    like = adjusted_rand_score(ours, kang.obs["seed1"])
    assert like > min(itself - 0.1, 0.9)
    assert ours.nunique() == pytest.approx(kang.obs["seed1"].nunique(), abs=3)


@pytest.mark.parametrize("n_cells", [1000, 400])
def test_doublet_scores_of_the_same_doublets(blood, n_cells):
    """A cell has as many simulated doublets among its k nearest as in scanpy, or one more."""
    compared = same_doublets(blood.X[:: 1000 // n_cells][:n_cells], RATE, SEED)
    for more, expected in compared:
        assert (~np.isin(more, [0, 1])).sum() <= 2  # of 400 to 2,000: ties
        assert more.mean() == pytest.approx(expected, abs=0.1)


def planted(cells, n_cells, n_doublets, seed):
    """Counts of real cells and of sums of two of unlike types; which are sums."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(cells.n_obs, n_cells, replace=False))
    counts, kind = cells.X[rows], cells.obs.iloc[rows, :]
    kind = kind["celltype" if "celltype" in kind else "cell_type"].astype(str).to_numpy()
    pairs = rng.integers(0, n_cells, (10 * n_doublets, 2))
    pairs = pairs[kind[pairs[:, 0]] != kind[pairs[:, 1]]][:n_doublets]
    both = sparse.vstack([counts, counts[pairs[:, 0]] + counts[pairs[:, 1]]]).tocsr()
    return both, np.arange(n_cells + n_doublets) >= n_cells


@pytest.mark.parametrize("cells", ["sorted_cells", "kang"])
def test_planted_doublets_are_found_as_well_as_by_scanpy(cells, request):
    """All of scrublet, its own choice of genes included: there scores agree by rank only."""
    import scanpy as sc

    counts, double = planted(request.getfixturevalue(cells), 1500, 100, seed=1)
    ours, _ = doublets.scores(counts, RATE, SEED)
    theirs = ad.AnnData(counts.astype(np.float32))
    sc.pp.scrublet(theirs, expected_doublet_rate=RATE, threshold=0.5, verbose=False)
    theirs = theirs.obs["doublet_score"].to_numpy()
    assert roc_auc_score(double, ours) > max(roc_auc_score(double, theirs) - 0.01, 0.88)
    assert spearmanr(ours, theirs)[0] > 0.35
