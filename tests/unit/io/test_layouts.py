"""Which raw files a sample has, by the cohort file and the row of the sheet."""

import pytest
from tilt.io import layouts


def cohort(folder, format="10x_dir", **more):
    return {"format": format, "folder": str(folder), **more}


ROW = {"sample": "S1", "path": "S1"}


def test_files_that_are_not_there_yet_get_their_usual_names(tmp_path):
    assert layouts.sample_files(cohort("raw"), ROW) == {
        "matrix": "raw/S1/matrix.mtx.gz",
        "barcodes": "raw/S1/barcodes.tsv.gz",
        "features": "raw/S1/features.tsv.gz",
    }
    series = cohort("raw", "triplets", genes_file="genes.tsv.gz")
    assert layouts.sample_files(series, {"sample": "S1", "prefix": "GSM1_S1"}) == {
        "matrix": "raw/GSM1_S1_matrix.mtx.gz",
        "barcodes": "raw/GSM1_S1_barcodes.tsv.gz",
        "features": "raw/genes.tsv.gz",
    }
    h5ad = cohort("raw", "h5ad", file="all.h5ad", h5ad={"counts": "raw/X", "sample_column": "id"})
    assert layouts.sample_files(h5ad, {"sample": "S1"}) == {"h5ad": "raw/all.h5ad"}
    assert layouts.read_options(h5ad, {"sample": "S1"}) == {
        "sample": "S1",
        "counts": "raw/X",
        "where": {},
        "sample_column": "id",
    }


def test_rows_that_name_no_file():
    with pytest.raises(layouts.LayoutError, match="10x_dir needs a value in column 'path'"):
        layouts.sample_files(cohort("raw"), {"sample": "S1", "path": ""})
    with pytest.raises(layouts.LayoutError, match="lacks `file`, which format h5ad needs"):
        layouts.sample_files(cohort("raw", "h5ad"), {"sample": "S1"})
