"""The whole road on small simulated cohorts: outputs, reruns, and failures that are told."""

import json
import re

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import yaml
from tilt.core import contracts, tables

COHORTS = ("small_cd4", "small_pbmc")


def table(run, cohort, name):
    return tables.read(run.folder / "results" / cohort / name)


def test_the_console_has_a_line_a_stage_and_the_log_has_everything(small_run):
    lines = small_run.output.splitlines()
    assert len(lines) < 30, small_run.output
    found = [re.match(r" *[0-9:]+ (?:min|h)  (\S.*?) {2,}", line) for line in lines]
    stages = {match[1] for match in found if match}
    assert {"quality control", "embedding", "figures", "report"} <= stages
    told = next(line for line in lines if "quality control" in line)
    n_t = len(table(small_run, "small_cd4", "labels.tsv.gz"))
    assert "small_cd4: " in told and f"{n_t:,} T cells of 7 donors" in told
    log = next((small_run.folder / ".snakemake/log").iterdir()).read_text()
    assert log.count("reason: ") > 40


def test_second_start_has_nothing_to_do(small_run):
    assert small_run.planned() == {}


@pytest.mark.parametrize("cohort", COHORTS)
def test_every_cell_is_accounted_for(small_run, cohort):
    cells = table(small_run, cohort, "qc_cells.tsv.gz")
    waterfall = table(small_run, cohort, "qc_waterfall.tsv")
    assert cells["cell"].is_unique
    assert len(cells) == waterfall.loc[waterfall["step"] == "read", "n_left"].sum()
    removed = waterfall.groupby("step")["n_removed"].sum().drop("read")
    reasons = cells["reason"].replace("", np.nan).value_counts()
    assert removed[removed > 0].to_dict() == reasons.to_dict()
    lineages = table(small_run, cohort, "lineages.tsv")
    assert lineages["n"].sum() == cells["kept"].sum()
    labels = table(small_run, cohort, "labels.tsv.gz")
    n_t = lineages.loc[lineages["lineage"] == "T", "n"].sum()
    assert len(labels) == n_t
    composition = table(small_run, cohort, "composition.tsv")
    singlets = labels[labels["look_alike"].isna() | (labels["look_alike"] == "")]
    counted = {"t": len(singlets), "cd4": (singlets["level1"] == "CD4").sum()}
    for denominator in ("t", "cd4") if cohort == "small_pbmc" else ("cd4",):
        whole = composition[composition["denominator"] == denominator]
        n = whole.groupby("donor")["n_denominator"].first().sum()
        assert n == counted[denominator]


@pytest.mark.parametrize("cohort", COHORTS)
def test_user_object_opens_in_scanpy(small_run, cohort):
    cells = ad.read_h5ad(small_run.folder / "results" / cohort / "tcells.h5ad")
    counts = cells.layers["counts"]
    assert (counts.data == counts.data.astype(int)).all()
    depth = cells.obs["n_counts"].to_numpy()
    assert np.array_equal(np.asarray(counts.sum(axis=1)).ravel(), depth)
    expected = np.log1p(counts[3].toarray() / depth[3] * 1e4)
    assert cells.X.dtype == np.float32
    assert np.allclose(cells.X[3].toarray(), expected, rtol=1e-4)
    assert cells.obsm["X_umap"].shape == (cells.n_obs, 2)
    used = cells.var["highly_variable"].to_numpy()
    x = cells.X[:, used].toarray()
    scores = (x - x.mean(axis=0)) @ cells.varm["PCs"][used]
    assert np.allclose(scores, cells.obsm["X_pca"], atol=0.01)
    assert {"CD3E", "IL7R"} <= set(cells.var_names) and {"age", "sex"} <= set(cells.obs)
    assert cells.var.loc["CD3E", "gene_ids"].startswith("ENSG")
    assert len(cells.uns["subset_colors"]) == len(cells.obs["subset"].cat.categories)
    inputs = json.loads(cells.uns["tilt"]["inputs"])
    assert all(len(record["sha256"]) == 64 for record in inputs)


def test_cell_names_are_unique_over_cohorts(small_run):
    names = [table(small_run, cohort, "labels.tsv.gz")["cell"] for cohort in COHORTS]
    assert pd.concat(names).is_unique


def test_figures_are_there_in_three_formats_with_their_table(small_run):
    for cohort in (*COHORTS, "across"):
        folder = small_run.folder / "results/figures" / cohort
        stems = {path.stem for path in folder.iterdir()}
        assert stems
        for stem in stems:
            for ending in ("pdf", "svg", "png", "tsv"):
                assert (folder / f"{stem}.{ending}").stat().st_size > 0, (folder, stem, ending)


def test_deleted_sample_reruns_what_depends_on_it_alone(small_copy):
    """So does a deleted figure, in any of its formats."""
    sample = table(small_copy, "small_cd4", "qc_samples.tsv")["sample"].iloc[2]
    for path in (small_copy.folder / "results/small_cd4/samples").glob(f"{sample}.*"):
        path.unlink()
    (small_copy.folder / "results/figures/small_pbmc/umap.pdf").unlink()
    jobs = small_copy.planned()
    assert (jobs["plot_cells"], jobs["plot_quality"]) == (2, 1)
    assert jobs["process_sample"] == 1
    assert jobs["gather_cohort"] == 1
    assert "simulate_cohort" not in jobs
    assert jobs["annotate_cells"] == 1


def test_a_changed_threshold_reruns_from_there(small_copy):
    config = yaml.safe_load((small_copy.folder / "config.yaml").read_text())
    small_copy.write("config.yaml", config | {"normalize": {"n_hvgs": 900}})
    jobs = small_copy.planned()
    assert "process_sample" not in jobs
    assert "gather_cohort" not in jobs
    assert jobs["select_genes"] == 2


def test_bad_sample_stops_with_its_name_or_is_skipped_and_told(small_copy):
    folder = small_copy.folder
    small_copy.snakemake("--touch")
    sample = table(small_copy, "small_cd4", "qc_samples.tsv")["sample"].iloc[0]
    matrix = next((folder / "results/simulated/small_cd4").rglob(f"*{sample}*/matrix.mtx.gz"))
    matrix.write_bytes(b"not a matrix")
    for path in (folder / "results/small_cd4/samples").glob(f"{sample}.*"):
        path.unlink()
    done = small_copy.snakemake(check=False)
    assert done.returncode != 0
    assert f"sample {sample}" in done.stdout
    log = (folder / f"logs/small_cd4/process_sample/{sample}.log").read_text()
    assert "Traceback" in log
    assert "Fix:" in log

    targets = ("results/small_cd4/composition.tsv", "results/small_cd4/qc_samples.tsv")
    skip = ("--config", "on_bad_sample=skip", "--rerun-triggers", "mtime")
    small_copy.snakemake(*targets, *skip, "--forcerun", "gather_cohort")
    samples = table(small_copy, "small_cd4", "qc_samples.tsv").set_index("sample")
    assert samples.loc[sample, "status"] == "skipped"
    assert (samples["status"] == "ok").sum() == 6
    donor = samples.loc[sample, "donor"]
    composition = table(small_copy, "small_cd4", "composition.tsv").set_index("donor")
    assert (composition.loc[donor, "n_denominator"] == 0).all()
    assert (composition.drop(donor)["n_denominator"] > 0).all()


def test_every_table_of_a_run_holds_its_contract(small_run):
    results = small_run.folder / "results"
    found = [p for p in results.rglob("*.tsv*") if p.name.endswith((".tsv", ".tsv.gz"))]
    raw = ("barcodes.tsv.gz", "features.tsv.gz", "genes.tsv.gz")  # as 10x writes them
    mine = [p for p in found if "figures" not in p.parts and not p.name.endswith(raw)]
    seen = {contracts.of(path).file for path in mine}
    assert {"tests.tsv", "labels.tsv.gz", "meta.tsv", "truth/cells.tsv.gz"} < seen
    for path in mine:
        assert tables.problems(tables.read(path), contracts.of(path)) == [], path
    for path in set(found) - set(mine):
        if "figures" in path.parts:
            tables.read(path, contracts.FREE)
