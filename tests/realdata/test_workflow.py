"""The actual workflow, raw counts to report, on real cells (folder named by TILT_REAL_DATA)."""

import os
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest
import yaml
from running import Workflow
from tilt.core import tables
from tilt.labels import reliability

DATA = os.environ.get("TILT_REAL_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="TILT_REAL_DATA names no folder of real data")

# The matrices are subsets of genes, so counts per cell are a fraction of a whole transcriptome.
FEW_GENES = {"min_counts": 50, "min_genes": 20, "min_cells": 5, "doublets": {"method": "none"}}
FAST = {"permutations": 2000, "bootstraps": 500, "random_sets": 200}


def run(
    folder: Path, name: str, file: str, sheet: pd.DataFrame, tables: tuple = (), **cohort
) -> Workflow:
    """Write cohort file, sample sheet and config for one h5ad; make some tables or everything."""
    workflow = Workflow(folder)
    about = {
        "name": name,
        "title": f"Real cells: {name}",
        "samples": f"{name}.tsv",
        "folder": DATA,
        "cells": "pbmc",
        "contrast": {"case": "SLE", "control": "control"},
        "qc": FEW_GENES,
    }
    sheet.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    if cohort.get("format") == "h5ad":
        cohort["file"] = file
    workflow.write(f"{name}.yaml", about | cohort)
    workflow.write("config.yaml", {"cohorts": [f"{name}.yaml"], "stats": FAST})
    workflow.snakemake(*(f"results/{name}/{table}" for table in tables))
    return workflow


def results(workflow: Workflow, name: str, table: str) -> pd.DataFrame:
    return tables.read(workflow.folder / "results" / name / table)


@pytest.fixture(scope="module")
def lupus(tmp_path_factory):
    """Children with and without lupus: 1,000 cells, 1,503 genes (GSE135779)."""
    file = "csle_CD4mem_Treg_B_1000cells.h5ad"
    obs = ad.read_h5ad(Path(DATA) / file, backed="r").obs
    sheet = obs.groupby("donor", observed=True)[["condition", "Batch", "Age"]].first()
    sheet = sheet.reset_index().rename(columns={"Batch": "batch", "Age": "age"})
    sheet.insert(0, "sample", sheet["donor"])
    sheet["condition"] = sheet["condition"].replace({"case": "SLE"})
    h5ad = {"counts": "X", "sample_column": "donor"}
    folder = tmp_path_factory.mktemp("lupus")
    made = ("tests.tsv", "detectability.tsv")
    about = {"format": "h5ad", "h5ad": h5ad, "strata": ["batch"], "covariates": ["age"]}
    run_ = run(folder, "csle", file, sheet, made, **about)
    return run_, sheet


def test_interferon_is_higher_in_lupus(lupus):
    tests = results(lupus[0], "csle", "tests.tsv")
    row = tests[(tests["quantity"] == "IFN1_T_CORE") & (tests["denominator"] == "cd4")].iloc[0]
    assert bool(row["estimable"])
    assert row["effect"] > 0
    assert row["ci_low"] > 0
    assert row["n_case"] > 20
    assert row["n_control"] > 5


def test_detectability_is_told_as_it_is(lupus):
    found = results(lupus[0], "csle", "detectability.tsv").set_index("gene")
    genes = set(
        ad.read_h5ad(Path(DATA) / "csle_CD4mem_Treg_B_1000cells.h5ad", backed="r").var_names
    )
    assert {"PDCD1", "MAF", "IL21"}.isdisjoint(genes)
    assert found.loc[["PDCD1", "MAF", "IL21"], "pct_cells"].fillna(0).eq(0).all()
    tests = results(lupus[0], "csle", "tests.tsv")
    labeled = tests[tests["quantity"].eq("E1")]
    assert not labeled["estimable"].astype(bool).any()
    assert labeled["reason"].str.len().gt(10).all()


def test_no_donor_is_lost_in_silence(lupus):
    workflow, sheet = lupus
    samples = results(workflow, "csle", "qc_samples.tsv")
    assert set(samples["donor"]) == set(sheet["donor"].astype(str))
    assert samples["status"].eq("ok").all()


def test_one_arm_gives_composition_and_says_no_contrast(tmp_path):
    file = "kang_ctrl_12261cells_1287genes.h5ad"
    cells = ad.read_h5ad(Path(DATA) / file, backed="r").obs
    sheet = pd.DataFrame({"sample": sorted(cells["donor"].astype(str).unique())})
    sheet = sheet.assign(donor=sheet["sample"], condition="SLE", batch="1")
    h5ad = {"counts": "X", "sample_column": "donor"}
    about = {"format": "h5ad", "h5ad": h5ad, "author_labels": "cell_type"}
    workflow = run(tmp_path, "kang", file, sheet, **about)
    composition = results(workflow, "kang", "composition.tsv")
    assert composition["donor"].nunique() == 8
    labels = results(workflow, "kang", "labels.tsv.gz")
    assert labels["level1"].isin(["CD4", "CD8"]).mean() > 0.5
    lineages = results(workflow, "kang", "lineages.tsv").groupby("lineage")["n"].sum()
    assert lineages["T"] == pytest.approx(
        cells["cell_type"].isin(["CD4 T cells", "CD8 T cells"]).sum(), rel=0.1
    )
    tests = results(workflow, "kang", "tests.tsv")
    assert len(tests)
    assert not tests["estimable"].astype(bool).any()
    assert tests["reason"].str.len().gt(10).all()
    primary = tests[tests["role"] == "primary"]
    assert primary["reason"].str.contains("control donor|genes of").all()
    report = (workflow.folder / "results/report.html").read_text()
    assert "the imbalance could not be compared: 0 control donors" in report
    authors_lead(workflow, cells)


def authors_lead(workflow: Workflow, cells: pd.DataFrame) -> None:
    """With a map the authors' labels lead, ours are kept, and only what follows runs again."""
    ours = results(workflow, "kang", "labels.tsv.gz").set_index("cell")
    meant = {"CD4 T cells": "CD4", "CD8 T cells": "CD8", "NK cells": "NK"}
    meant |= dict.fromkeys(set(cells["cell_type"]) - set(meant), "unassigned")
    cohort = yaml.safe_load((workflow.folder / "kang.yaml").read_text())
    target = "results/kang/agreement.tsv"
    compared_only = cohort | {"label_map": meant, "labels_lead": False}
    workflow.write("kang.yaml", compared_only)
    assert workflow.planned(target) == {"annotate_cells": 1}
    workflow.snakemake(target)
    labels = results(workflow, "kang", "labels.tsv.gz").set_index("cell")
    pd.testing.assert_frame_equal(labels, ours)
    found = results(workflow, "kang", "label_coverage.tsv").query("level == 'level1'")
    usual = found[found["rule"] == "default"].iloc[0]
    assert usual["n_truth"] > 5500 and usual["accuracy"] > 0.93 and usual["macro_f1"] > 0.88
    held = results(workflow, "kang", "reliability.tsv").query("level == 'level1' and label == ''")
    assert held["n"].sum() == usual["n_truth"] and set(held["whose"]) == {"authors"}
    assert reliability.error(held) < 0.06
    surest = found[found["coverage"].between(0.45, 0.6)]
    assert surest["accuracy"].min() > usual["accuracy"] + 0.01
    workflow.write("kang.yaml", cohort | {"label_map": meant})
    assert workflow.planned(target) == {"annotate_cells": 1}
    workflow.snakemake(target)
    labels = results(workflow, "kang", "labels.tsv.gz").set_index("cell")
    for column in ("level1", "subset", "compartment"):
        pd.testing.assert_series_equal(labels[f"own_{column}"], ours[column], check_names=False)
    agreement = results(workflow, "kang", "agreement.tsv").set_index("level")
    assert agreement.at["level1", "macro_f1"] > 0.58  # of three labels; NK among T is never ours
    assert agreement.at["level1", "ari"] > 0.75
    confusion = results(workflow, "kang", "confusion.tsv")
    assert confusion.groupby("author")["share"].sum().to_numpy() == pytest.approx(1)
    theirs = confusion.groupby("author")["n"].sum()
    for name in ("CD4", "CD8", "NK"):
        word = "NK cells" if name == "NK" else f"{name} T cells"
        # a cell that they did not label as one of the three keeps ours
        assert labels["level1"].eq(name).sum() >= theirs[word] > 50
    assert theirs["CD4 T cells"] == pytest.approx(
        (cells["cell_type"] == "CD4 T cells").sum(), rel=0.02
    )


def test_single_donor_without_labels(tmp_path):
    file = "speck_hao2021_1000cells_33538genes_unlabelled.h5ad"
    sheet = pd.DataFrame(
        {"sample": ["hao"], "donor": "hao", "condition": "control", "batch": "1", "path": file}
    )
    qc = {"min_counts": 500, "min_genes": 200}
    workflow = run(tmp_path, "hao", file, sheet, ("tests.tsv",), format="h5ad_per_sample", qc=qc)
    lineages = results(workflow, "hao", "lineages.tsv").set_index("lineage")["n"]
    share = lineages["T"] / lineages.sum()
    assert 0.3 < share < 0.8
    labels = results(workflow, "hao", "labels.tsv.gz")
    naive = labels["subset"].isin(["CD4_Naive", "CD8_Naive"]).mean()
    assert 0.1 < naive < 0.7
    assert not results(workflow, "hao", "tests.tsv")["estimable"].astype(bool).any()
