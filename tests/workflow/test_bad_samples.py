"""Samples that cannot be used stop the run, or are left out and named, as the user chooses."""

import json

import pandas as pd
import pytest
from running import ROOT, Workflow
from tilt import genes, simulate, simulate_write

TARGET = "results/mine/qc_waterfall.tsv"
CUT = "the compressed file is cut short or damaged. Mend: delete it and fetch it again."
FEW = "at least 20 are needed"


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """Four samples as a user has them: two sound, one cut short, one of 15 cells."""
    workflow = Workflow(tmp_path_factory.mktemp("spoilt"))
    params = simulate.read_parameters(ROOT / "resources/demo/demo_cd4.yaml")
    params = simulate.override(params, n_cells=150)
    sheet = simulate.sheet(2, 2, seed=1)
    sheet["path"] = sheet["sample"]
    markers = genes.read_markers(ROOT / "resources/markers.tsv")
    signatures = genes.read_signatures(ROOT / "resources/signatures.tsv")
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
    workflow.write("mine.yaml", cohort)
    workflow.samples = list(sheet["sample"])
    return workflow


def test_stop_names_the_samples_and_the_mend(spoilt):
    spoilt.write("config.yaml", {"cohorts": ["mine.yaml"]})
    done = spoilt.snakemake("--keep-going", TARGET, check=False)
    assert done.returncode != 0
    *_, cut, few = spoilt.samples
    assert f"sample {cut}: raw/{cut}/matrix.mtx.gz: {CUT}" in done.stdout
    assert f"sample {few}: " in done.stdout and FEW in done.stdout
    assert not (spoilt.folder / TARGET).exists()
    log = (spoilt.folder / f"logs/mine/process_sample/{cut}.log").read_text()
    assert "Traceback" in log and CUT in log


def test_skip_goes_on_without_them_and_says_so(spoilt):
    spoilt.write("config.yaml", {"cohorts": ["mine.yaml"], "on_bad_sample": "skip"})
    spoilt.snakemake(TARGET)
    *sound, cut, few = spoilt.samples
    summaries = {
        name: json.loads((spoilt.folder / f"results/mine/samples/{name}.qc.json").read_text())
        for name in spoilt.samples
    }
    assert [summaries[name]["status"] for name in spoilt.samples] == [
        "ok",
        "ok",
        "skipped",
        "skipped",
    ]
    assert CUT in summaries[cut]["message"] and FEW in summaries[few]["message"]
    table = pd.read_csv(spoilt.folder / "results/mine/qc_samples.tsv", sep="\t")
    skipped = table[table["status"] == "skipped"]
    assert set(skipped["sample"]) == {cut, few}
    lineages = pd.read_csv(spoilt.folder / "results/mine/lineages.tsv", sep="\t")
    assert set(lineages["sample"]) == set(sound)
