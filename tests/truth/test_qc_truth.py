"""Quality control removes planted bad barcodes at stated rates and keeps good cells."""

import warnings

import numpy as np
import pytest
from road import walk
from scipy import sparse
from sklearn.metrics import roc_auc_score
from tilt.cells import doublets
from tilt.simulate import cohort as simulate


@pytest.fixture(scope="module")
def blood():
    """Six PBMC samples of 1,300 barcodes with 6 % doublets and damaged cells, as the demo."""
    return walk("demo_pbmc", simulate.sheet(3, 3, seed=4), seed=5, n_cells=1300).cells


def test_low_quality_cells_leave(blood):
    bad = blood[blood["true_is_low_quality"].astype(bool)]
    assert len(bad) > 200
    assert 1 - bad["kept"].mean() > 0.9


def test_good_cells_stay(blood):
    good = blood[
        ~blood["true_is_low_quality"].astype(bool) & ~blood["true_is_doublet"].astype(bool)
    ]
    assert good["kept"].mean() > 0.95
    share = good.groupby("true_lineage")["kept"].mean()
    common = good["true_lineage"].value_counts()
    assert share[common[common > 100].index].min() > 0.9


def test_doublets_of_unlike_cells_leave(blood):
    """A doublet of two cells of one lineage looks like one cell; of two lineages it can be told."""
    doublet = blood[
        blood["true_is_doublet"].astype(bool) & ~blood["true_is_low_quality"].astype(bool)
    ]
    unlike = doublet[doublet["true_lineage"] != doublet["true_partner"].map(lineage_of(blood))]
    assert len(unlike) > 50
    assert 1 - unlike["kept"].mean() > 0.55


def lineage_of(cells):
    """Lineage of every subset name of the simulation."""
    return cells.drop_duplicates("true_subset").set_index("true_subset")["true_lineage"]


def test_lineages_agree_with_the_truth(blood):
    clean = blood[blood["kept"] & ~blood["true_is_doublet"].astype(bool)]
    assert (clean["lineage"] == clean["true_lineage"]).mean() > 0.95
    t_cells = clean[clean["true_lineage"] == "T"]
    assert (t_cells["lineage"] == "T").mean() > 0.97
    called = clean[clean["lineage"] == "T"]
    assert (called["true_lineage"] == "T").mean() > 0.97


def test_doublet_scores_are_as_good_as_those_of_scrublet():
    """The area under the curve is within 0.05 of ``scanpy.pp.scrublet`` on the same cells."""
    import anndata as ad
    import scanpy as sc

    rng = np.random.default_rng(0)
    program = rng.lognormal(-1, 1, (5, 600)) * np.where(rng.random((5, 600)) < 0.15, 6, 1)
    kind = rng.integers(0, 5, 900)
    singles = rng.poisson(program[kind] * rng.lognormal(0, 0.3, (900, 1)))
    pairs = rng.integers(0, 900, (60, 2))
    counts = sparse.csr_matrix(np.vstack([singles, singles[pairs].sum(axis=1)]))
    unlike = np.r_[np.zeros(900, bool), kind[pairs[:, 0]] != kind[pairs[:, 1]]]
    single = np.arange(960) < 900
    score, _ = doublets.scores(counts, rate=0.06, seed=0)
    other = ad.AnnData(counts.astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.scrublet(other, random_state=0, verbose=False)
    chosen = single | unlike
    ours = roc_auc_score(unlike[chosen], score[chosen])
    theirs = roc_auc_score(unlike[chosen], other.obs["doublet_score"][chosen])
    assert ours > 0.9
    assert ours > theirs - 0.05
