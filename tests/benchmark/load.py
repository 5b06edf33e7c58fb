"""A thousand samples of 500 donors in one sheet, and forty published tables in one run.

    python tests/benchmark/load.py                   how long checks and the plan take
    python tests/benchmark/load.py --tables FOLDER   forty tables, one of 500 donors, to the report

Targets: checks below 20 s, the whole plan below 60 s (raw files are empty in all but name); the
report below 12 MB, and figures of 500 donors that can be read, which is for the eye.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

import numpy as np
import pandas as pd
from running import ROOT, Workflow
from tilt.config import check

SAMPLES = 1000
TABLES, MOST_DONORS, DONORS = 40, 500, 20
SUBSETS = {"CM": 0.5, "Tph": 0.05, "Th22": 0.04, "Th1": 0.2, "Th17": 0.15, "CTL": 0.06}
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


def write_tables(workflow: Workflow) -> None:
    """Forty published tables of counts by donor and subset, the first of 500 donors."""
    rng = np.random.default_rng(1)
    for number in range(TABLES):
        n = DONORS if number else MOST_DONORS
        share = np.array(list(SUBSETS.values())) * np.exp(rng.normal(0, 0.3, (n, len(SUBSETS))))
        share[::2, 1] *= 1.5  # of every second donor, a case
        share /= share.sum(axis=1, keepdims=True)
        counts = [rng.multinomial(rng.integers(1500, 4000), row) for row in share]
        donors = [f"T{number:02d}P{i:03d}" for i in range(n)]
        table = pd.DataFrame(counts, columns=list(SUBSETS), index=pd.Index(donors, name="donor"))
        name = f"table_{number:02d}"
        table.to_csv(workflow.folder / f"{name}.counts.tsv", sep="\t")
        sheet = pd.DataFrame({"sample": donors, "donor": donors})
        sheet["condition"] = ["SLE", "control"] * (n // 2)
        sheet["batch"] = [f"B{i // 2 % 2}" for i in range(n)]
        sheet["age"] = rng.integers(20, 70, n)
        sheet.to_csv(workflow.folder / f"{name}.tsv", sep="\t", index=False)
        cohort = {"name": name, "title": f"Table {number}", "format": "composition_table"}
        cohort |= {"file": f"{name}.counts.tsv", "samples": f"{name}.tsv", "cells": "pbmc"}
        cohort |= {"contrast": {"case": "SLE", "control": "control"}, "covariates": ["age"]}
        poles = {"tph": ["Tph"], "th22": ["Th22"]}
        cohort["composition"] = {"denominator": "memory_cd4", "primary": "Tph", "poles": poles}
        workflow.write(f"{name}.yaml", cohort)
    cohorts = [f"table_{number:02d}.yaml" for number in range(TABLES)]
    workflow.write("config.yaml", {"cohorts": cohorts})


def tables(folder: Path, cores: int) -> None:
    """Run the tables to the report and print its size."""
    folder.mkdir(parents=True, exist_ok=True)
    workflow = Workflow(folder)
    write_tables(workflow)
    begun = time.monotonic()
    workflow.snakemake("--cores", str(cores))
    size = (folder / "results/report.html").stat().st_size / 1e6
    print(f"{TABLES} tables: {time.monotonic() - begun:.0f} s, report {size:.1f} MB")
    print(f"look at {folder / 'results/figures/table_00'} and {folder / 'results/figures/across'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", type=Path, help="folder for the run of forty tables")
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    if given.tables:
        tables(given.tables.resolve(), given.cores)
    else:
        planned()


def planned() -> None:
    """Measure checks and plan of a thousand samples, and print."""
    with tempfile.TemporaryDirectory() as folder:
        workflow = Workflow(Path(folder))
        config = write(workflow)
        begun = time.monotonic()
        _, problems = check.check(config, [workflow.folder, ROOT])
        checked = time.monotonic() - begun
        assert problems == [], problems[:1]
        begun = time.monotonic()
        jobs = workflow.planned()
        taken = time.monotonic() - begun
    print(f"checks {checked:.1f} s; plan of {sum(jobs.values())} jobs {taken:.1f} s")


if __name__ == "__main__":
    main()
