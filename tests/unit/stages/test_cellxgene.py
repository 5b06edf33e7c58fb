"""What CELLxGENE's schema wants of an object, from tilt's own and the terms of the cohort file."""

import runpy
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.stages import cellxgene

TERMS = {
    "assay_ontology_term_id": "EFO:0009922",
    "tissue_ontology_term_id": "UBERON:0000178",
    "disease_ontology_term_id": {"SLE": "MONDO:0007915", "control": "PATO:0000461"},
}
RESOURCES = Path(__file__).parents[3] / "resources"
TABLE = pd.read_csv(RESOURCES / "cell_terms.tsv", sep="\t", comment="#").set_index("label")
NAMES = dict(TABLE["term"])


@pytest.fixture
def cells():
    counts = sparse.csr_matrix(np.arange(12).reshape(4, 3))
    obs = pd.DataFrame(
        {
            "condition": pd.Categorical(["SLE", "SLE", "control", "control"]),
            "donor": ["D1", "D1", "D2", "D3"],
            "sex": ["F", "F", "male", ""],
            "known": ["CD4_Th1", "memory CD4", "own_label", "other"],
            "level1": ["CD4", "CD4", "CD8", "T9"],
            "age": [30.0, 30.0, 41.0, 52.0],
        },
        index=["S1_A", "S1_B", "S2_A", "S3_A"],
    )
    ids = ["ENSG00000000001", "OWN", "ENSG00000000002"]
    made = ad.AnnData(counts * 0.5, obs=obs, var=pd.DataFrame({"gene_ids": ids}, index=list("abc")))
    made.layers["counts"] = counts
    for name in ("X_umap", "X_pca", "X_harmony", "protein"):
        made.obsm[name] = np.ones((4, 2))
    return made


def test_the_object_has_what_the_schema_wants(cells):
    made, notes = cellxgene.exported(cells, TERMS, NAMES, "A title")
    assert list(made.var_names) == ["ENSG00000000001", "ENSG00000000002"]
    np.testing.assert_array_equal(made.raw.X.toarray(), [[0, 2], [3, 5], [6, 8], [9, 11]])
    assert made.raw.X.dtype == np.float32 and list(made.raw.var_names) == list(made.var_names)
    np.testing.assert_array_equal(made.X.toarray()[3], [4.5, 5.5])
    assert not made.var["feature_is_filtered"].any()
    assert made.uns["title"] == "A title"
    assert made.uns["organism_ontology_term_id"] == "NCBITaxon:9606"
    assert set(made.obsm) == {"X_umap", "X_pca", "X_harmony"}
    obs = made.obs.astype(str)
    assert list(obs["disease_ontology_term_id"]) == ["MONDO:0007915"] * 2 + ["PATO:0000461"] * 2
    assert set(obs["assay_ontology_term_id"]) == {"EFO:0009922"}
    sexes = ["PATO:0000383", "PATO:0000383", "PATO:0000384", "unknown"]
    assert list(obs["sex_ontology_term_id"]) == sexes
    # The known label, else the lineage above it, else a T cell.
    types = ["CL:0000545", "CL:0000897", "CL:0000625", "CL:0000084"]
    assert list(obs["cell_type_ontology_term_id"]) == types
    assert list(obs["donor_id"]) == ["D1", "D1", "D2", "D3"]
    assert set(obs["tissue_type"]) == {"tissue"} and set(obs["suspension_type"]) == {"cell"}
    assert made.obs["is_primary_data"].dtype == bool and made.obs["is_primary_data"].all()
    assert "sex" not in made.obs and (made.obs["age"] == cells.obs["age"]).all()
    assert notes == [
        "1 of 3 genes have no Ensembl id and are left out",
        "columns that CELLxGENE makes itself are left out: sex",
    ]


def test_a_column_of_the_sheet_goes_before_the_cohort_file(cells):
    cells.obs["assay_ontology_term_id"] = ["EFO:0008931", "EFO:0008931", "EFO:1", "EFO:1"]
    made, _ = cellxgene.exported(cells, TERMS, NAMES, "A")
    column = made.obs["assay_ontology_term_id"]
    assert list(column.astype(str)) == ["EFO:0008931", "EFO:0008931", "EFO:1", "EFO:1"]


def test_all_terms_that_lack_are_told_at_once(cells):
    given = {"disease_ontology_term_id": {"SLE": "MONDO:0007915"}}
    with pytest.raises(cellxgene.NoTerms) as told:
        cellxgene.exported(cells, given, NAMES, "A")
    assert (
        "assay_ontology_term_id; disease_ontology_term_id of control; tissue_ontology_term_id. Fix"
    ) in str(told.value)


def test_every_label_of_t_cells_has_a_term():
    markers = pd.read_csv(RESOURCES / "markers.tsv", sep="\t")
    t_cells = markers[markers["level"].isin([1, 2]) | (markers["label"] == "T")]
    assert set(t_cells["label"]) <= set(NAMES)
    assert TABLE["term"].str.fullmatch(r"CL:\d{7}").all()


def stopped(folder, monkeypatch) -> str:
    """What the script says when it ends in ``folder``, where the cohort file is mine.yaml."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["export_cellxgene.py", "mine.yaml"])
    script = RESOURCES.parent / "workflow/scripts/export_cellxgene.py"
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert not list(folder.rglob("cellxgene.h5ad*"))
    return str(end.value)


def test_the_script_tells_what_is_wrong(tmp_path, monkeypatch):
    assert "mine.yaml: cannot be read (No such file" in stopped(tmp_path, monkeypatch)
    lines = (RESOURCES.parent / "config/cohorts/demo_cd4.yaml").read_text()
    file = tmp_path / "mine.yaml"
    file.write_text(lines.replace("title: ", "titel: "))
    told = stopped(tmp_path, monkeypatch)
    assert "the key `title` is missing" in told and "unknown key `titel`" in told
    file.write_text(lines)
    cells = Path("results/demo_cd4/tcells.h5ad")
    assert stopped(tmp_path, monkeypatch).startswith(f"{cells} is not there. Fix: run the cohort")
    (tmp_path / cells).parent.mkdir(parents=True)
    (tmp_path / cells).write_bytes(b"no HDF5")
    assert stopped(tmp_path, monkeypatch).startswith(f"{cells} cannot be read")
