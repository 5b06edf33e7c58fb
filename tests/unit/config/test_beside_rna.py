"""A first look at a folder finds antibody tags and receptors beside the RNA, and nothing else."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import rawdata as raw
import scipy.sparse as sp
from tilt.config import discover

TAG = ["CD4_TotalSeqB", "CD4_TotalSeqB", "Antibody Capture"]


def folders(path, *names, tags=True):
    for name in names:
        raw.write_10x(path / name, np.hstack([raw.counts(), np.ones((12, 1), int)]))
        rows = [*raw.features(3), TAG if tags else ["ENSG00000000099", "X", "Gene Expression"]]
        raw.save(path / name / "features.tsv.gz", raw.lines(rows))


@pytest.mark.parametrize("tags", [True, False])
def test_tags_among_the_features_of_folders(tmp_path, tags):
    folders(tmp_path, "S1", "S2", tags=tags)
    cohort, rows, guesses = discover.discover(tmp_path, "mine")
    assert cohort.get("protein") == ({"from": "features"} if tags else None)
    told = [text for text in guesses if "protein" in text]
    assert told == (["protein: antibody tags in features, as a first look says"] if tags else [])
    assert "vdj" not in rows[0]


def h5ad(path, **more):
    adata = ad.AnnData(sp.csr_matrix(np.ones((4, 3))), pd.DataFrame({"sample": ["A", "B"] * 2}))
    adata.obs_names = list("abcd")
    for name, value in more.items():
        setattr(adata, name, value)
    adata.write_h5ad(path)
    return path


@pytest.mark.parametrize(
    ("more", "place"),
    [
        (
            {"obsm": {"X_umap": np.zeros((4, 2)), "protein_expression": np.ones((4, 2))}},
            "obsm/prot",
        ),
        (
            {"var": pd.DataFrame({"feature_types": ["Gene Expression", "Antibody Capture", "x"]})},
            "feat",
        ),
        ({"obsm": {"X_umap": np.zeros((4, 2))}}, None),
    ],
)
def test_tags_of_an_h5ad(tmp_path, more, place):
    cohort, _, _ = discover.discover(h5ad(tmp_path / "all.h5ad", **more), "mine")
    assert cohort.get("protein", {}).get("from", "").startswith(place or "")
    assert ("protein" in cohort) == bool(place)


def test_receptors_by_the_names_of_samples(tmp_path):
    folders(tmp_path, "S1", "S10", "S2", tags=False)
    for name in (
        "S10/vdj_t/filtered_contig_annotations.csv",
        "vdj/GSM9_S1_contig_annotations.csv.gz",
    ):
        raw.save(tmp_path / name, b"x")
    raw.save(tmp_path / "S10/vdj_t/airr_rearrangement.tsv", b"x")
    _, rows, guesses = discover.discover(tmp_path, "mine")
    assert {row["sample"]: row["vdj"] for row in rows} == {
        "S1": "vdj/GSM9_S1_contig_annotations.csv.gz",
        "S10": "S10/vdj_t/filtered_contig_annotations.csv",
        "S2": "",
    }
    assert "vdj: tables of receptors of 2 of 3 samples, by their names" in guesses


def test_receptors_of_no_sample_are_told(tmp_path):
    folders(tmp_path, "S1", "S2", tags=False)
    raw.save(tmp_path / "all_filtered_contig_annotations.csv", b"x")
    _, rows, guesses = discover.discover(tmp_path, "mine")
    assert "1 table of receptors, of no sample by name" in guesses and "vdj" not in rows[0]
