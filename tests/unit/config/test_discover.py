"""A first cohort file and sheet from a look at the data, good enough to pass validation."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import rawdata as raw
import scipy.sparse as sp
import yaml
from tilt.config import check as config
from tilt.config import discover
from tilt.io import layouts, read

REPO = Path(__file__).parents[3]


def first_sample(cohort, rows):
    files = layouts.sample_files(cohort, rows[0])
    return read.read_sample(cohort["format"], files, **layouts.read_options(cohort, rows[0]))


def test_folders_of_10x(tmp_path):
    for name in ("SLE_01", "HC-02"):
        raw.write_10x(tmp_path / name / "outs" / "filtered_feature_bc_matrix")
    cohort, rows, guesses = discover.discover(tmp_path, "mine")
    assert cohort["format"] == "10x_dir" and cohort["contrast"] == {
        "case": "SLE",
        "control": "control",
    }
    assert [(r["sample"], r["condition"]) for r in rows] == [
        ("HC-02", "control"),
        ("SLE_01", "SLE"),
    ]
    assert rows[0]["path"] == "HC-02/outs/filtered_feature_bc_matrix"
    assert guesses == [
        "format 10x_dir: 2 folders with a matrix",
        "donor: every sample a person of its own (samples of one person share it)",
        "batch: one for all samples (else name what was processed together)",
        "contrast: case SLE, control control",
        "cells: pbmc, that is, unsorted blood (t_cells or cd4 if they were sorted)",
    ]
    assert first_sample(cohort, rows).shape == (12, 8)


def test_prefixed_files_with_and_without_a_shared_genes_file(tmp_path):
    for name in ("GSM1_JB1", "GSM2_JB2"):
        raw.write_10x(tmp_path, prefix=f"{name}_")
    cohort, rows, _ = discover.discover(tmp_path, "mine")
    assert cohort["format"] == "triplets" and "genes_file" not in cohort
    assert [r["sample"] for r in rows] == ["GSM1_JB1", "GSM2_JB2"]
    (tmp_path / "GSM1_JB1_features.tsv.gz").unlink()
    (tmp_path / "GSM2_JB2_features.tsv.gz").rename(tmp_path / "GSE1_genes.tsv.gz")
    cohort, rows, guesses = discover.discover(tmp_path, "mine")
    assert cohort["genes_file"] == "GSE1_genes.tsv.gz"
    assert "2 samples have no genes file of their own; genes_file: GSE1_genes.tsv.gz" in guesses
    assert "condition of 2 of 2 samples is not known: fill it in" in guesses
    assert first_sample(cohort, rows).shape == (12, 8)


def test_10x_h5_files(tmp_path):
    raw.write_10x_h5(tmp_path / "ctrl 1_filtered_feature_bc_matrix.h5", raw.counts())
    cohort, rows, _ = discover.discover(tmp_path, "mine")
    assert cohort["format"] == "10x_h5"
    assert (rows[0]["sample"], rows[0]["condition"]) == ("ctrl_1", "control")


def test_h5ad_of_a_cohort(tmp_path):
    counts = raw.counts(20)
    obs = pd.DataFrame(
        {
            "donor_id": [f"D {i % 4}" for i in range(20)],
            "disease": [
                "normal" if i % 4 < 2 else "systemic lupus erythematosus" for i in range(20)
            ],
            "development_stage": ["34-year-old stage"] * 20,
            "sex": ["female"] * 20,
            "lane": [str(i) for i in range(20)],
        },
        index=raw.barcodes(20),
    )
    full = ad.AnnData(np.log1p(counts), obs=obs, var=pd.DataFrame(index=raw.GENES))
    full.layers["counts"] = sp.csr_matrix(counts)
    full.write_h5ad(tmp_path / "all.h5ad")
    cohort, rows, guesses = discover.discover(tmp_path / "all.h5ad", "mine")
    assert cohort["h5ad"] == {"counts": "layers/counts", "sample_column": "donor_id"}
    assert cohort["contrast"] == {"case": "systemic lupus erythematosus", "control": "normal"}
    assert rows[0] == {
        "sample": "D_0",
        "donor": "D 0",
        "condition": "normal",
        "batch": "one",
        "age": "34",
        "sex": "F",
    }
    assert "counts: layers/counts" in guesses
    assert first_sample(cohort, rows).shape == (5, 8)


def test_nothing_to_be_found(tmp_path):
    with pytest.raises(
        discover.NothingFound, match=r"holds no matrix.mtx, .h5, .h5ad, .loom or .zarr"
    ):
        discover.discover(tmp_path, "mine")
    with pytest.raises(discover.NothingFound, match=r"neither a folder nor an .h5ad or .loom file"):
        discover.discover(tmp_path / "none", "mine")


def test_the_command_writes_files_that_pass_validation(tmp_path, monkeypatch):
    for more, name in enumerate(("SLE_01", "HC-02")):
        raw.write_10x(tmp_path / "data" / name, raw.counts() + more)
    command = [sys.executable, REPO / "workflow/scripts/new_cohort.py", "data", "mine"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0 and "2 samples found. Guessed:" in run.stdout, run.stderr
    cores = f"--cores {os.cpu_count()}"
    advice = f"  snakemake -s {REPO / 'Snakefile'} {cores} --config 'cohorts=[mine]' -n\n"
    assert "  config/samples/mine.tsv\n  config/cohorts/mine.yaml\n" in run.stdout
    assert advice in run.stdout
    monkeypatch.chdir(tmp_path)
    settings, found = config.check({"cohorts": ["mine"]}, [tmp_path, REPO])
    assert found == [] and len(settings["cohorts"]["mine"]["samples"]) == 2
    assert yaml.safe_load(Path("config/cohorts/mine.yaml").read_text())["folder"] == "data"
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert "mine.tsv exists already: choose another name" in run.stderr


def test_the_page_on_own_data_shows_the_command_that_is_printed(tmp_path):
    """Cores apart: the page says 8, the command those of the machine."""
    printed = new_cohort_module().command("mine", tmp_path)
    page = (REPO / "docs/own_data.md").read_text()
    for end in (" -n", ""):
        line = re.sub(r"--cores \S+", "--cores 8", printed).replace(str(REPO), "TILT") + end
        assert line.removesuffix(end) in page
    assert f"{line.removesuffix(end)} -n\n" in page


def new_cohort_module():
    spec = importlib.util.spec_from_file_location(
        "new_cohort", REPO / "workflow/scripts/new_cohort.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stores_and_loom_files_are_seen(tmp_path):
    import anndata as ad
    import h5py
    import numpy as np
    import pandas as pd

    obs = pd.DataFrame({"donor_id": ["a", "b"], "disease": ["SLE", "normal"]}, ["c1", "c2"])
    ad.AnnData(np.ones((2, 3)), obs=obs).write_zarr(tmp_path / "all.zarr")
    cohort, rows, _ = discover.discover(tmp_path / "all.zarr", "mine")
    assert cohort["format"] == "h5ad" and cohort["file"] == "all.zarr"
    assert cohort["h5ad"] == {"counts": "X", "sample_column": "donor_id"}
    assert [row["condition"] for row in rows] == ["SLE", "normal"]
    cohort, rows, _ = discover.discover(tmp_path, "mine")
    assert cohort["format"] == "h5ad_per_sample" and rows[0]["path"] == "all.zarr"
    (tmp_path / "more").mkdir()
    for name in ("HC1", "SLE2"):
        with h5py.File(tmp_path / f"more/{name}.loom", "w") as file:
            file["matrix"] = np.ones((3, 2))
    cohort, rows, _ = discover.discover(tmp_path / "more", "mine")
    assert cohort["format"] == "h5ad_per_sample"
    assert [row["path"] for row in rows] == ["HC1.loom", "SLE2.loom"]
