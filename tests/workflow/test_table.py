"""A cohort of which only a table of counts is published, alone, through to the report."""

import numpy as np
import pandas as pd
import pytest
from running import Workflow
from scipy import stats
from tilt.core import tables

SUBSETS = ["CD4 T / naive", "Tph", "NK, bright", "0", "B (memory)"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Folder of a finished run and the raw table: 14 donors, one of them without a cell."""
    workflow = Workflow(tmp_path_factory.mktemp("table"))
    rng = np.random.default_rng(3)
    share = np.array([0.4, 0.02, 0.1, 0.2, 0.28]) * np.exp(rng.normal(0, 0.2, (14, 5)))
    share[:7, 1] *= 2
    share /= share.sum(axis=1, keepdims=True)
    counts = np.array([rng.multinomial(rng.integers(1500, 4000), row) for row in share])
    counts[10] = 0
    donors = [f"{i:03d}" for i in range(14)]
    raw = pd.DataFrame(counts, columns=SUBSETS, index=pd.Index(donors, name="Donor"))
    raw.assign(Total=raw.sum(axis=1)).to_csv(workflow.folder / "counts.csv")
    sheet = pd.DataFrame({"sample": [f"t{d}" for d in donors], "donor": donors})
    sheet["condition"] = ["SLE"] * 7 + ["control"] * 7
    sheet["batch"] = ["B1", "B2"] * 7
    sheet["age"] = [30, None, *range(40, 52)]
    sheet.to_csv(workflow.folder / "sheet.tsv", sep="\t", index=False, na_rep="NA")
    about = {
        "name": "counted",
        "title": "A published table",
        "format": "composition_table",
        "file": "counts.csv",
        "samples": "sheet.tsv",
        "cells": "pbmc",
        "contrast": {"case": "SLE", "control": "control"},
        "covariates": ["age"],
        "composition": {
            "denominator": "pbmc",
            "primary": "Tph",
            "secondary": ["0"],
            "poles": {"tph": ["Tph"], "th22": ["B (memory)", "0"]},
        },
    }
    workflow.write("counted.yaml", about)
    small = {"permutations": 1000, "bootstraps": 200}
    workflow.write("config.yaml", {"cohorts": ["counted.yaml"], "stats": small})
    said = workflow.snakemake().stdout
    return workflow, raw, said


def test_it_ends_with_a_report_and_says_what_it_left_out(done):
    workflow, _, said = done
    assert (workflow.folder / "results/report.html").stat().st_size > 10_000
    assert (workflow.folder / "results/figures/across/detectability.png").exists()
    assert "column Total is the sum of the others: left out" in said
    assert "donor 010 has no cells" in said


def test_methods_tell_of_what_ran_alone(done):
    page = (done[0].folder / "results/report.html").read_text()
    assert "natural log-ratio of the published counts of Tph to those of B (memory) and 0" in page
    assert not [w for w in ("Leiden", "Harmony", "PyDESeq2 on", "Scrublet", "UMAP") if w in page]


def test_its_numbers_are_those_of_the_raw_table(done):
    workflow, raw, _ = done
    found = tables.read(workflow.folder / "results/counted/tests.tsv")
    primary = found[found["role"] == "primary"].iloc[0]
    assert primary["quantity"] == "Tph"
    assert (primary["n_case"], primary["n_control"]) == (6, 6)
    assert "no pbmc cells (010)" in primary["reason"]
    assert "1 donor without age left out: 001" in primary["reason"]
    assert found.loc[found["role"] == "secondary", "quantity"].unique().tolist() == ["0"]
    kept = raw.drop(index=["001", "010"])
    others = tables.read(workflow.folder / "results/counted/methods.tsv")
    ranks = others[others["method"] == "mann_whitney"].set_index("quantity")
    assert set(ranks.index) == {"Tph", "0"}
    for subset in SUBSETS:
        share = 100 * kept[subset] / kept.sum(axis=1)
        if subset in ("Tph", "0"):  # declared: other methods stand beside the main one
            p = stats.mannwhitneyu(share.iloc[:6], share.iloc[6:]).pvalue
            assert ranks.at[subset, "p"] == pytest.approx(p, rel=1e-4)
        row = found[found["quantity"] == subset].iloc[0]
        assert row["median_case"] == pytest.approx(share.iloc[:6].median(), rel=1e-4)
