"""A thousand samples of 500 donors in one sheet: how long checks and the plan of a run take.

Run with: python tests/benchmark/load.py
Targets: checks below 20 s, the whole plan below 60 s. Raw files are empty in all but name.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from running import ROOT, Workflow
from tilt.config import check

SAMPLES = 1000
HEAD = "sample\tdonor\tcondition\tbatch\tage\tsex\tpath\n"
RAW = ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz")


def write(workflow: Workflow) -> dict:
    """Write the sheet, the cohort file and the raw files; returns the configuration."""
    rows = []
    for i in range(SAMPLES):
        donor, sample = i // 2, f"S{i:04d}"
        arm = ("SLE", "control")[donor % 2]
        age = 20 + donor % 60
        rows.append(f"{sample}\tD{donor:03d}\t{arm}\tB{donor % 9}\t{age}\tF\t{sample}\n")
        for name in RAW:
            workflow.write(f"raw/{sample}/{name}", sample)
    workflow.write("big.tsv", HEAD + "".join(rows))
    contrast = {"case": "SLE", "control": "control"}
    cohort = {"name": "big", "title": "Big", "format": "10x_dir", "folder": "raw"}
    cohort |= {"samples": "big.tsv", "cells": "pbmc", "contrast": contrast}
    workflow.write("big.yaml", cohort | {"covariates": ["age"], "strata": ["batch"]})
    config = {"cohorts": ["big.yaml"]}
    workflow.write("config.yaml", config)
    return config


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        workflow = Workflow(Path(folder))
        config = write(workflow)
        begun = time.monotonic()
        _, problems = check.check(config, [workflow.folder, ROOT])
        checked = time.monotonic() - begun
        assert problems == [], problems[:1]
        begun = time.monotonic()
        jobs = workflow.planned()
        planned = time.monotonic() - begun
    print(f"checks {checked:.1f} s; plan of {sum(jobs.values())} jobs {planned:.1f} s")


if __name__ == "__main__":
    main()
