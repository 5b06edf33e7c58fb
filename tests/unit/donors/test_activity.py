import anndata as ad
import numpy as np
import pandas as pd
import pytest
from tilt.donors import activity, pseudobulk

GENES = ["ISG15", "MX1", "IFI6", "JUN", "CXCL13", "PDCD1", "A", "B"]
SIGNATURES = pd.DataFrame(
    [
        ("ISG15", "IFN", 1.0),
        ("MX1", "IFN", 1.0),
        ("IFI6", "IFN", 1.0),
        ("JUN", "AHR", 1.0),
        ("A", "AHR", -1.0),
        ("CXCL13", "AHR", 1.0),
        ("CXCL13", "TPH_BLOOD", 1.0),
        ("PDCD1", "TPH_BLOOD", 1.0),
        ("B", "TH22_BLOOD", 1.0),
        ("X1", "ABSENT", 1.0),
        ("X2", "ABSENT", 1.0),
        ("A", "ABSENT", 1.0),
    ],
    columns=["gene", "set", "weight"],
)
DONORS = pd.DataFrame(
    {"cohort": "c", "donor": ["A", "B", "C"], "condition": ["SLE", "control", "control"]}
)


def bulk():
    counts = np.full((2, 8), 1000)
    counts[0, :3] = 4000
    obs = pd.DataFrame(
        {
            "donor": ["A", "B"],
            "condition": ["SLE", "control"],
            "subset": "cd4",
            "n_cells": [50, 10],
        }
    )
    return pseudobulk.assemble(counts, obs, pd.DataFrame({"gene_symbol": GENES}, index=GENES))


def score(min_cells):
    sets = ["IFN", "AHR", "ABSENT"]
    table = activity.score(bulk(), DONORS, SIGNATURES, ["cd4"], sets, min_cells, min_share=0.8)
    return table.set_index(["signature", "donor"])


def test_a_score_is_the_mean_log_expression_of_the_set():
    table = score(min_cells=5)
    value = pseudobulk.log_cpm(pseudobulk.dense(bulk()))[:, :3].mean(axis=1)
    assert table.loc[("IFN", "A"), "value"] == pytest.approx(value[0])
    assert table.loc[("IFN", "A"), "value"] - table.loc[("IFN", "B"), "value"] > 0.9


def test_what_cannot_be_scored_keeps_its_row_and_a_reason():
    table = score(min_cells=20)
    assert len(table) == 9
    assert table.loc[("IFN", "B"), "reason"] == "10 cd4 cells; 20 are needed"
    assert table.loc[("IFN", "C"), "reason"] == "0 cd4 cells; 20 are needed"
    assert table.loc[("ABSENT", "A"), "reason"].startswith("1 of 3 genes of ABSENT measured")
    assert table["estimable"].sum() == 2


def test_genes_of_the_outcome_leave_the_predictors():
    assert activity.predictor_weights(SIGNATURES, "AHR").to_dict() == {"JUN": 1.0, "A": -1.0}
    assert "CXCL13" in activity.predictor_weights(SIGNATURES, "TPH_BLOOD").index
    assert score(min_cells=5).loc[("AHR", "A"), "n_genes"] == 2


def test_negative_weights_count_against_the_score():
    value = pseudobulk.log_cpm(pseudobulk.dense(bulk()))
    assert score(min_cells=5).loc[("AHR", "A"), "value"] == pytest.approx(
        (value[0, 3] - value[0, 6]) / 2
    )


def test_an_unknown_set_is_named():
    with pytest.raises(ValueError, match="no signature 'NOPE'"):
        activity.weights(SIGNATURES, "NOPE")


def test_overlaps_of_sets():
    table = activity.overlaps(SIGNATURES).set_index(["set_a", "set_b"])
    assert table.loc[("AHR", "TPH_BLOOD"), "genes"] == "CXCL13"
    assert table.loc[("IFN", "IFN"), "n_shared"] == 3


def test_circular_targets_leave_the_regulon(tmp_path):
    path = tmp_path / "net.tsv"
    path.write_text("source\ttarget\tweight\nAHR\tCXCL13\t1\nAHR\tCYP1B1\t1\nJUN\tFOS\t1\n")
    assert activity.read_regulon(path)["target"].tolist() == ["CYP1B1", "FOS"]
    path.write_text("source\ttarget\nAHR\tCXCL13\n")
    with pytest.raises(ValueError, match="no column"):
        activity.read_regulon(path)


def test_factor_activity_is_the_slope_of_the_linear_model():
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    genes = [f"g{i}" for i in range(200)]
    weight = np.zeros(200)
    weight[:20] = np.where(np.arange(20) < 15, 1.0, -1.0)
    statistic = pd.Series(2 * weight + rng.normal(size=200), genes)
    net = pd.DataFrame({"source": "STAT1", "target": genes[:20], "weight": weight[:20]})
    table = activity.factor_activity(statistic, net, ["STAT1", "RORC"]).set_index("factor")
    fit = sm.OLS(statistic.to_numpy(), sm.add_constant(weight)).fit()
    assert table.loc["STAT1", "score"] == pytest.approx(fit.tvalues[1], rel=1e-3)
    assert table.loc["STAT1", "p"] == pytest.approx(fit.pvalues[1], rel=1e-2)
    assert table.loc["RORC", "reason"] == "0 targets measured; 5 are needed"


def test_bulk_is_an_anndata_that_can_be_written(tmp_path):
    bulk().write_h5ad(tmp_path / "b.h5ad")
    assert ad.read_h5ad(tmp_path / "b.h5ad").shape == (2, 8)
