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


@pytest.mark.parametrize(
    ("format", "row", "more", "files"),
    [
        ("10x_h5", {"path": "a.h5"}, {}, {"h5": "raw/a.h5"}),
        ("table", {"path": "a.tsv"}, {}, {"table": "raw/a.tsv"}),
        ("h5ad_per_sample", {"path": "a.h5ad"}, {}, {"h5ad": "raw/a.h5ad"}),
        ("composition_table", {}, {"file": "t.csv"}, {"composition": "raw/t.csv"}),
        (
            "triplets",
            {"matrix": "m.mtx", "barcodes": "b.tsv", "features": "f.tsv"},
            {"cell_table": {"file": "cells.tsv"}},
            {
                "matrix": "raw/m.mtx",
                "barcodes": "raw/b.tsv",
                "features": "raw/f.tsv",
                "cells": "raw/cells.tsv",
            },
        ),
    ],
)
def test_files_of_every_format(format, row, more, files):
    assert layouts.sample_files(cohort("raw", format, **more), {"sample": "S", **row}) == files


def test_a_format_that_is_not_known_and_a_cohort_without_a_folder():
    with pytest.raises(layouts.LayoutError, match="unknown format 'x'; known: 10x_dir, triplets"):
        layouts.sample_files(cohort("raw", "x"), ROW)
    assert layouts.sample_files({"format": "10x_h5"}, {"path": "a.h5"}) == {"h5": "a.h5"}


def test_the_file_that_is_there_is_taken(tmp_path):
    folder = tmp_path / "S1"
    folder.mkdir()
    for name in ("x_matrix.mtx", "genes.tsv", "barcodes.txt.gz", "barcodes.tsv"):
        (folder / name).touch()
    assert layouts.sample_files(cohort(tmp_path), ROW) == {
        "matrix": str(folder / "x_matrix.mtx"),
        "barcodes": str(folder / "barcodes.tsv"),  # before barcodes.txt.gz
        "features": str(folder / "genes.tsv"),
    }
    for name in ("P.matrix.mtx", "P-barcodes.tsv.gz", "Pfeatures.tsv", "P_genes.tsv"):
        (tmp_path / name).touch()
    found = layouts.sample_files(cohort(tmp_path, "triplets"), {"sample": "S", "prefix": "P"})
    assert [name.split("/")[-1] for name in found.values()] == [
        *("P.matrix.mtx", "P-barcodes.tsv.gz", "P_genes.tsv"),
    ]
    (tmp_path / "P_genes.tsv").unlink()
    found = layouts.sample_files(cohort(tmp_path, "triplets"), {"sample": "S", "prefix": "P"})
    assert found["features"].endswith("/Pfeatures.tsv")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "matrix.mtx").touch()
    found = layouts.sample_files(cohort(tmp_path, "triplets"), {"sample": "S", "prefix": "sub/"})
    assert found["matrix"] == str(tmp_path / "sub/matrix.mtx")
    assert found["barcodes"] == str(tmp_path / "sub/barcodes.tsv.gz")


def test_all_raw_files_of_a_cohort_are_listed_once():
    series = cohort("raw", "triplets", genes_file="g.tsv")
    series["samples"] = [{"sample": s, "prefix": s} for s in ("B", "A")]
    expected = ["A_barcodes.tsv.gz", "A_matrix.mtx.gz", "B_barcodes.tsv.gz", "B_matrix.mtx.gz"]
    expected.append("g.tsv")
    assert layouts.files_wanted(series) == expected
    assert layouts.raw_files(series) == [f"raw/{name}" for name in expected]


def test_options_of_reading():
    assert layouts.read_options(cohort("raw"), ROW) == {"sample": "S1"}
    lane = cohort(
        "raw",
        "triplets",
        cell_table={
            "file": "c",
            "match": {"ind": "donor", "stim": "condition"},
            "keep": {"m": ["x"]},
        },
        author_labels="label",
    )
    assert layouts.read_options(lane, {"sample": "S", "donor": "7"}) == {
        "sample": "S",
        "where": {"m": ["x"], "ind": ["7"], "stim": [""]},
        "keep": ["label"],
    }
    own = cohort("raw", "h5ad_per_sample", h5ad={"where": {"a": [1]}}, author_labels="label")
    assert layouts.read_options(own, ROW) == {
        "sample": "S1",
        "counts": "X",
        "where": {"a": [1]},
        "keep": ["label"],
    }
    assert layouts.read_options(cohort("raw", "h5ad", file="f"), ROW)["sample_column"] == "sample"
    assert "keep" not in layouts.read_options(cohort("raw", author_labels="label"), ROW)


@pytest.mark.parametrize(
    ("format", "more", "columns", "lacking"),
    [
        ("10x_dir", {}, [], ["path"]),
        ("table", {}, ["path"], []),
        ("h5ad", {}, [], []),
        ("triplets", {}, ["sample"], ["prefix"]),
        ("triplets", {}, ["prefix"], []),
        ("triplets", {}, ["matrix"], ["barcodes", "features"]),
        ("triplets", {"genes_file": "g"}, ["matrix"], ["barcodes"]),
        ("triplets", {"genes_file": "g"}, ["features"], ["prefix"]),
    ],
)
def test_columns_that_a_sheet_lacks(format, more, columns, lacking):
    assert layouts.columns_needed(cohort("raw", format, **more), columns) == lacking
