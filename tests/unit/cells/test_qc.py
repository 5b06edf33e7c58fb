"""Metrics, limits and reasons are what a hand calculation gives."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse
from tilt.cells import doublets, qc

SETTINGS = {
    "min_counts": 50,
    "min_genes": 3,
    "max_counts": None,
    "max_genes": None,
    "max_pct_mito": 20,
    "n_mads": 4,
    "doublets": {"method": "none", "expected_rate": 0.008, "min_cells": 100, "threshold": None},
}


def test_metrics_by_hand():
    symbols = pd.Series(["MT-CO1", "RPL13", "RPS6KA1", "HBB", "HBEGF", "CD3E"])
    counts = sparse.csr_matrix([[10, 20, 5, 5, 0, 60], [0, 0, 0, 0, 0, 0]])
    table = qc.metrics(counts, symbols)
    assert table.loc[0].to_dict() == {
        "n_counts": 100,
        "n_genes": 5,
        "pct_mito": 10,
        "pct_ribo": 20,
        "pct_hb": 5,
    }
    assert table.loc[1, ["n_counts", "n_genes", "pct_mito"]].tolist() == [0, 0, 0]


def test_family_without_genes_is_not_measurable():
    table = qc.metrics(sparse.csr_matrix([[3, 4]]), pd.Series(["CD3E", "RPL3"]))
    assert np.isnan(table.loc[0, "pct_mito"])
    assert table.loc[0, "pct_ribo"] == pytest.approx(400 / 7)


def metrics_table(n_counts, pct_mito):
    n_counts = np.asarray(n_counts)
    return pd.DataFrame({"n_counts": n_counts, "n_genes": n_counts // 2, "pct_mito": pct_mito})


def test_limits_are_mads_within_bounds():
    depth = np.r_[np.exp(np.linspace(6.5, 7.5, 101)).astype(int), [10] * 500]
    mito = np.r_[np.linspace(2, 6, 101), [80] * 500]
    found = qc.limits(metrics_table(depth, mito), SETTINGS)
    usual = np.log1p(depth[:101])
    mad = np.median(np.abs(usual - np.median(usual)))
    high = np.expm1(np.median(usual) + 4 * 1.4826 * mad)
    assert found["max_counts"] == pytest.approx(high)
    assert found["min_counts"] == pytest.approx(np.expm1(2 * np.median(usual)) / high, rel=0.01)
    assert found["max_pct_mito"] == pytest.approx(4 + 4 * 1.4826 * 1, rel=0.01)
    strict = {**SETTINGS, "min_counts": 900, "max_counts": 1500, "max_pct_mito": 8}
    bound = qc.limits(metrics_table(depth, mito), strict)
    assert (bound["min_counts"], bound["max_counts"], bound["max_pct_mito"]) == (900, 1500, 8)


def test_uniform_mito_does_not_remove_good_cells():
    table = metrics_table([500] * 50, [*np.linspace(0.9, 1.1, 49), 4.0])
    assert qc.limits(table, SETTINGS)["max_pct_mito"] == qc.MITO_FLOOR
    assert (qc.first_failure(table, qc.limits(table, SETTINGS)) == "").all()


def test_no_mads_leaves_the_absolute_bounds():
    found = qc.limits(metrics_table([60, 500, 90_000], [0, 1, 2]), {**SETTINGS, "n_mads": None})
    assert found["min_counts"] == 50
    assert found["max_counts"] == np.inf
    assert found["max_pct_mito"] == 20


def test_clean_names_the_first_reason_and_counts_every_cell():
    rng = np.random.default_rng(0)
    counts = rng.poisson(20, (40, 12))
    counts[0] = 0
    counts[1] = [0] * 10 + [100, 100]
    counts[2, 0] = 900
    counts[3] *= 400
    symbols = ["MT-CO1", *(f"G{i}" for i in range(11))]
    sample = AnnData(
        sparse.csr_matrix(counts),
        obs=pd.DataFrame(index=[f"c{i}" for i in range(40)]),
        var=pd.DataFrame({"gene_symbol": symbols}, index=symbols),
    )
    cells, summary = qc.clean(sample, SETTINGS, seed=0)
    reasons = ["too few counts", "too few genes", "too many counts", "too many counts"]
    assert cells["reason"].head(4).tolist() == reasons
    assert cells["kept"].tolist() == [False] * 4 + [True] * 36
    steps = {step["step"]: step for step in summary["steps"]}
    assert steps["read"]["n_left"] == 40
    assert steps["too many counts"]["n_removed"] == 2
    assert summary["steps"][-1]["n_left"] == 36
    assert cells["doublet_score"].isna().all()


def test_small_libraries_are_not_scored():
    score, called, why = doublets.call(sparse.eye(60).tocsr(), 0.008, 100, None, seed=0)
    assert np.isnan(score).all()
    assert not called.any()
    assert why == "doublets not scored: 60 cells, at least 100 needed"


def test_expected_rate_follows_the_number_of_cells():
    assert doublets.expected_rate(1_000, 0.008) == pytest.approx(0.008)
    assert doublets.expected_rate(20_000, 0.008) == pytest.approx(0.16)
    assert doublets.expected_rate(200_000, 0.008) == doublets.MAX_RATE


def test_threshold_asks_for_more_right_than_wrong_calls():
    simulated = np.r_[np.full(500, 0.1), np.full(500, 0.8)]
    cells = np.r_[np.full(90, 0.1), np.full(10, 0.8)]
    # 20 % of 100 cells are doublets, half of which can be told: ten.
    assert doublets.threshold(cells, simulated, 0.2) == pytest.approx(0.8)
    # One in a thousand expected: ten cells cannot all be doublets.
    assert doublets.threshold(cells, simulated, 0.001) == np.inf


def test_every_limit_by_hand():
    counts = np.array([100, 110, 120, 150, 400, 10])  # the last is below the floor of counts
    genes = np.array([40, 50, 60, 80, 200, 3])
    table = pd.DataFrame({"n_counts": counts, "n_genes": genes})
    table["pct_mito"] = [1.0, 2.0, 4.0, 8.0, 16.0, 90.0]
    found = qc.limits(table, {**SETTINGS, "n_mads": 2, "max_pct_mito": 50})
    for name, values in (("counts", counts[:5]), ("genes", genes[:5])):
        logs = np.log1p(values)
        spread = 2 * 1.4826 * np.median(np.abs(logs - np.median(logs)))
        middle = np.median(logs)
        floor = SETTINGS[f"min_{name}"]
        assert found[f"min_{name}"] == pytest.approx(max(np.expm1(middle - spread), floor)), name
        assert found[f"max_{name}"] == pytest.approx(np.expm1(middle + spread)), name
    assert found["max_pct_mito"] == pytest.approx(4 + 2 * 1.4826 * 3)
    capped = qc.limits(table, {**SETTINGS, "n_mads": 2, "max_genes": 70, "max_counts": 1e6})
    assert capped["max_genes"] == 70 and capped["max_counts"] == found["max_counts"]
    assert capped["max_pct_mito"] == pytest.approx(4 + 2 * 1.4826 * 3)
    assert qc.limits(table, {**SETTINGS, "n_mads": 2, "max_pct_mito": 9})["max_pct_mito"] == 9


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ((50, 3, 20.0), ""),
        ((49, 2, 99.0), "too few counts"),
        ((50, 2, 99.0), "too few genes"),
        ((500, 90, 20.0), ""),
        ((501, 91, 99.0), "too many counts"),
        ((500, 91, 99.0), "too many genes"),
        ((500, 90, 20.1), "too much mitochondrial"),
        ((500, 90, np.nan), ""),
    ],
)
def test_limits_themselves_pass(cell, reason):
    table = pd.DataFrame([cell], columns=["n_counts", "n_genes", "pct_mito"])
    found = {"min_counts": 50, "max_counts": 500, "min_genes": 3, "max_genes": 90}
    assert qc.first_failure(table, found | {"max_pct_mito": 20.0})[0] == reason


def test_a_matrix_without_mitochondrial_genes_is_told():
    assert qc.unmeasured(pd.Series(["MT-CO1", "CD3E"]), SETTINGS) == []
    assert qc.unmeasured(pd.Series(["MT.CO1", "CD3E", "MTOR"]), SETTINGS) == [
        "no mitochondrial gene (MT-...) among 3 genes: no cell was judged by max_pct_mito (20)"
    ]
