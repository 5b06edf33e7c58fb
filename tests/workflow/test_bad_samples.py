"""Samples that cannot be used stop the run, or are left out and named, as the user chooses."""

import json
import re
import shutil
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest
from running import ROOT, Workflow
from tilt.genes import tables as gene_tables
from tilt.simulate import cohort as simulate
from tilt.simulate import write as simulate_write

TARGET = "results/mine/qc_waterfall.tsv"
CUT = "the compressed file is cut short or damaged. Fix: delete it and fetch it again."
FEW = "at least 20 are needed"


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """Four samples as a user has them: two sound, one cut short, one of 15 cells."""
    workflow = Workflow(tmp_path_factory.mktemp("spoiled"))
    params = simulate.read_parameters(ROOT / "resources/demo/demo_cd4.yaml")
    params = simulate.override(params, n_cells=150)
    sheet = simulate.sheet(2, 2, seed=1)
    sheet["path"] = sheet["sample"]
    markers = gene_tables.read_markers(ROOT / "resources/markers.tsv")
    signatures = gene_tables.read_signatures(ROOT / "resources/signatures.tsv")
    parts = list(simulate.cohort(params, sheet, markers, signatures, 1))
    parts[3] = parts[3][:15].copy()
    for part, path in zip(parts, sheet["path"], strict=True):
        simulate_write.write_10x_directory(part, workflow.folder / "raw" / path)
    broken = workflow.folder / "raw" / sheet["path"][2] / "matrix.mtx.gz"
    broken.write_bytes(broken.read_bytes()[:-2000])
    workflow.write("mine.tsv", sheet.to_csv(sep="\t", index=False))
    cohort = {
        "name": "mine",
        "title": "Mine",
        "format": "10x_dir",
        "folder": "raw",
        "samples": "mine.tsv",
        "cells": "cd4",
        "contrast": {"case": "SLE", "control": "control"},
    }
    workflow.write("many.tsv", many(sheet, workflow.folder / "raw").to_csv(sep="\t", index=False))
    workflow.write("many.yaml", cohort | {"name": "many", "samples": "many.tsv"})
    workflow.write("mine.yaml", cohort)
    workflow.samples = list(sheet["sample"])
    return workflow


def many(sheet: pd.DataFrame, raw: Path) -> pd.DataFrame:
    """Copies of the files as 48 samples, six to a job; the last job holds the unusable two."""
    rows = pd.concat([sheet.iloc[[0, 1] * 23], sheet.iloc[[2, 3]]], ignore_index=True)
    rows["sample"] = [f"M{i:02d}" for i in range(1, 49)]
    rows["donor"] = rows["sample"]
    for old, new in zip(rows["path"], rows["sample"], strict=True):
        shutil.copytree(raw / old, raw / new)
        matrix = raw / new / "matrix.mtx.gz"  # the time in its header, so that no two are equal
        packed = matrix.read_bytes()
        matrix.write_bytes(packed[:4] + int(new[1:]).to_bytes(4, "little") + packed[8:])
    rows["path"] = rows["sample"]
    rows["condition"] = ["SLE", "control"] * 24
    return rows


def test_stop_names_the_samples_and_the_fix(spoiled):
    spoiled.write("config.yaml", {"cohorts": ["mine.yaml"]})
    done = spoiled.snakemake("--keep-going", TARGET, check=False)
    assert done.returncode != 0
    *_, cut, few = spoiled.samples
    assert f"sample {cut}: raw/{cut}/matrix.mtx.gz: {CUT}" in done.stdout
    assert f"sample {few}: " in done.stdout and FEW in done.stdout
    assert not (spoiled.folder / TARGET).exists()
    log = (spoiled.folder / f"logs/mine/process_sample/{cut}.log").read_text()
    assert "Traceback" in log and CUT in log


def test_skip_goes_on_without_them_and_says_so(spoiled):
    spoiled.write("config.yaml", {"cohorts": ["mine.yaml"], "on_bad_sample": "skip"})
    spoiled.snakemake(TARGET)
    *sound, cut, few = spoiled.samples
    summaries = {
        name: json.loads((spoiled.folder / f"results/mine/samples/{name}.qc.json").read_text())
        for name in spoiled.samples
    }
    assert [summaries[name]["status"] for name in spoiled.samples] == [
        "ok",
        "ok",
        "skipped",
        "skipped",
    ]
    assert CUT in summaries[cut]["message"] and FEW in summaries[few]["message"]
    table = pd.read_csv(spoiled.folder / "results/mine/qc_samples.tsv", sep="\t")
    skipped = table[table["status"] == "skipped"]
    assert set(skipped["sample"]) == {cut, few}
    lineages = pd.read_csv(spoiled.folder / "results/mine/lineages.tsv", sep="\t")
    assert set(lineages["sample"]) == set(sound)


def test_samples_of_a_large_cohort_share_jobs_and_come_out_the_same(spoiled):
    spoiled.write("config.yaml", {"cohorts": ["mine.yaml", "many.yaml"], "on_bad_sample": "skip"})
    dry = spoiled.snakemake("-n", "results/many/qc_waterfall.tsv").stdout
    assert len(set(re.findall(r"process_samples_many_\d+", dry))) == 8
    first = spoiled.samples[0]
    spoiled.snakemake("results/many/samples/M47.h5ad", f"results/mine/samples/{first}.h5ad")
    folder = spoiled.folder / "results"
    names = sorted(path.name[:3] for path in (folder / "many/samples").glob("*.qc.json"))
    assert names == [f"M{i}" for i in range(43, 49)]
    summaries = {
        name: json.loads((folder / f"many/samples/{name}.qc.json").read_text()) for name in names
    }
    assert [summaries[name]["status"] for name in names] == ["ok"] * 4 + ["skipped"] * 2
    assert CUT in summaries["M47"]["message"] and FEW in summaries["M48"]["message"]
    alone = ad.read_h5ad(folder / f"mine/samples/{first}.h5ad")
    shared = ad.read_h5ad(folder / "many/samples/M43.h5ad")
    assert alone.n_obs > 100 and (alone.X != shared.X).nnz == 0
    measured = ["doublet_score", "lineage", "lineage_score"]
    assert (
        alone.obs[measured]
        .reset_index(drop=True)
        .equals(shared.obs[measured].reset_index(drop=True))
    )


def test_a_shared_job_names_all_its_bad_samples(spoiled):
    spoiled.write("config.yaml", {"cohorts": ["many.yaml"]})
    done = spoiled.snakemake("--forceall", "results/many/samples/M43.h5ad", check=False)
    assert done.returncode != 0
    assert f"sample M47: raw/M47/matrix.mtx.gz: {CUT}" in done.stdout
    assert "sample M48: " in done.stdout and FEW in done.stdout
