import anndata as ad
import numpy as np
import pandas as pd
import pytest
from tilt.core import contracts
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


def test_bulk_is_an_anndata_that_can_be_written(tmp_path):
    bulk().write_h5ad(tmp_path / "b.h5ad")
    assert ad.read_h5ad(tmp_path / "b.h5ad").shape == (2, 8)


def test_every_unit_subset_and_set_has_one_row_with_its_numbers():
    sets = ["IFN", "AHR"]
    table = activity.score(bulk(), DONORS, SIGNATURES, ["cd4", "t"], sets, 10, min_share=0.8)
    assert table.columns.tolist() == list(contracts.ACTIVITY.columns)
    assert len(table) == 3 * 2 * 2
    rows = table.set_index(["subset", "signature", "donor"])
    assert rows.loc[("cd4", "IFN"), "n_cells"].tolist() == [50, 10, 0]
    assert rows.loc[("cd4", "IFN"), "estimable"].tolist() == [True, True, False]
    assert rows.loc[("cd4", "IFN"), "n_genes_found"].tolist() == [3, 3, 3]
    assert rows.loc[("cd4", "IFN", "A"), "reason"] == ""
    assert rows.loc[("t", "IFN"), "n_cells"].tolist() == [0, 0, 0]
    assert rows.loc[("t", "IFN"), "value"].isna().all()
    value = pseudobulk.log_cpm(pseudobulk.dense(bulk()))
    for i, donor in enumerate("AB"):
        assert rows.loc[("cd4", "IFN", donor), "value"] == pytest.approx(value[i, :3].mean())


def test_a_set_is_scored_from_its_least_share_of_genes_on():
    half = pd.concat(
        [SIGNATURES, pd.DataFrame({"gene": ["A", "Z"], "set": "HALF", "weight": [2.0, 1.0]})]
    )

    def scored(share):
        table = activity.score(bulk(), DONORS, half, ["cd4"], ["HALF"], 5, share)
        return table.set_index("donor").loc["A"]

    value = pseudobulk.log_cpm(pseudobulk.dense(bulk()))[0, GENES.index("A")]
    assert scored(0.5)["value"] == pytest.approx(value)  # weights count relative to those found
    assert scored(0.51)["reason"] == "1 of 2 genes of HALF measured; 51% are needed"
    nothing = half.assign(gene=half["gene"].where(half["set"] != "HALF", "Z"))
    table = activity.score(bulk(), DONORS, nothing, ["cd4"], ["HALF"], 5, 0.0)
    assert not table["estimable"].any()


def test_weighted_means_divide_by_the_size_of_the_weights():
    values = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 0.0]])
    found = activity.weighted_mean(values, np.array([1.0, 2.0, -1.0]))
    assert found == pytest.approx([(1 + 4 - 4) / 4, 2 / 4])


def test_overlaps_list_every_pair_once():
    table = activity.overlaps(SIGNATURES)
    assert len(table) == 5 * 6 / 2
    rows = table.set_index(["set_a", "set_b"])
    assert rows.loc[("ABSENT", "AHR"), "genes"] == "A"
    assert rows.loc[("AHR", "IFN"), "n_shared"] == 0
    assert rows.loc[("AHR", "AHR"), "genes"] == "A CXCL13 JUN"


def test_a_predictor_has_no_gene_of_the_outcome():
    shared = pd.DataFrame([("B", "IFN", 1.0), ("ISG15", "TPH_BLOOD", 1.0)])
    table = pd.concat([SIGNATURES, shared.set_axis(SIGNATURES.columns, axis=1)])
    assert activity.predictor_weights(table, "IFN").index.tolist() == ["MX1", "IFI6"]
    assert activity.predictor_weights(table, "AHR").index.tolist() == ["JUN", "A"]
    assert set(activity.predictor_weights(table, "TPH_BLOOD").index) == {"CXCL13", "PDCD1", "ISG15"}
