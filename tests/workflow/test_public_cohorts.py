"""Each public cohort as shipped, scaled down, from a web server on this machine to the report.

To save time, cohorts that are laid out and compared like another one end at their comparison.
"""

import csv
import sys
from pathlib import Path

import anndata as ad
import pandas as pd
import public_archives as archives
import pytest
import yaml
from running import Workflow
from tilt.config import check as config
from tilt.core import tables

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

import loopback

CXG = "curation/v1/collections/436154da-bcf1-4130-9c8b-120ff9a888f2/datasets"
PER_ARM, N_CELLS = 3, 250
REPORTED = ("gse96583_interferon",)
# As little as shows that the road is whole.
SETTINGS = {
    "cohorts": list(archives.COHORTS),
    "qc": {"min_cells": 10},
    "embed": {"resolutions": [1.0]},
    "imbalance": {"min_memory_cells": 10},
    "stats": {"permutations": 1000, "bootstraps": 200, "random_sets": 100, "de_subsets": []},
}


def rows_of(name: str) -> list[dict]:
    return archives.shipped(name, PER_ARM)[1]


def from_here(server, workflow, name: str) -> None:
    """Write a shipped cohort with its addresses turned to the server and its sheet cut short."""
    cohort, rows = archives.shipped(name, PER_ARM)
    for entry in cohort["retrieve"]:
        if "cellxgene" in entry:
            entry["cellxgene"]["api"] = server.url("curation/v1")
        else:
            entry["urls"] = [server.url(entry["name"])]
        entry.pop("bytes", None)
    workflow.write(f"config/cohorts/{name}.yaml", cohort)
    sheet = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    workflow.write(cohort["samples"], "\n".join(sheet) + "\n")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Files fetched from a server that drops and refuses, then computed with the server gone."""
    web, folder = tmp_path_factory.mktemp("web"), tmp_path_factory.mktemp("public")
    workflow = Workflow(folder)
    workflow.expected = archives.build(web, PER_ARM, N_CELLS)
    with loopback.serve(web) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        release = web / "perez2022.h5ad"
        asset = {"filetype": "H5AD", "filesize": release.stat().st_size}
        server.answers[f"{CXG}/218acb0f-9f2f-4f76-b90b-15a4b7c7f629"] = {
            "dataset_version_id": "c55dc602",
            "assets": [asset | {"url": server.url(release.name)}],
        }
        for name in archives.COHORTS:
            from_here(server, workflow, name)
        workflow.write("config.yaml", SETTINGS)
        server.fault("perez2022.h5ad", "drop", "503")
        server.fault("GSE285773_RAW.tar", "503")
        workflow.snakemake("--until", "retrieve_cohort")
        workflow.requests = list(server.requests)
    short = [name for name in archives.COHORTS if name not in REPORTED]
    workflow.snakemake(*(f"results/{name}/tests.tsv" for name in short))
    workflow.write("config.yaml", SETTINGS | {"cohorts": list(REPORTED)})
    workflow.snakemake()
    return workflow


def table(run, name: str) -> pd.DataFrame:
    return tables.read(run.folder / "results" / name)


@pytest.mark.parametrize("name", archives.COHORTS)
def test_every_sample_has_the_cells_it_was_given(run, name):
    for row in rows_of(name):
        cells = table(run, f"{name}/samples/{row['sample']}.cells.tsv.gz")
        assert len(cells) == run.expected[row["sample"]], row["sample"]
        assert set(cells["donor"]) == {row["donor"]}
        assert set(cells["condition"]) == {row["condition"]}
        assert cells["kept"].mean() > 0.5


@pytest.mark.parametrize("name", archives.COHORTS)
def test_every_donor_comes_to_the_statistics(run, name):
    rows = rows_of(name)
    people = {(row["donor"], row["condition"]) for row in rows}
    for made in ("composition", "imbalance", "activity"):
        found = table(run, f"{name}/{made}.tsv")
        assert set(zip(found["donor"], found["condition"], strict=True)) == people, made
    cohort, _ = archives.shipped(name, PER_ARM)
    tested = table(run, f"{name}/tests.tsv")
    asked = {"quantity": "IFN1_T_CORE", "denominator": "cd4", "role": "secondary"}
    ((effect, method),) = tested.loc[
        (tested[list(asked)] == list(asked.values())).all(axis=1), ["effect", "method"]
    ].to_numpy()
    assert effect > 0, "interferon is planted in the cases"
    assert method == ("paired_t" if cohort["contrast"].get("paired") else "ols_hc2")


@pytest.mark.parametrize("name", REPORTED)
def test_cohorts_come_to_the_report(run, name):
    cohort, _ = archives.shipped(name, PER_ARM)
    report = (run.folder / "results/report.html").read_text()
    assert cohort["title"] in report and cohort["citation"].split(",")[0] in report
    cells = ad.read_h5ad(run.folder / f"results/{name}/tcells.h5ad", backed="r").obs
    sheet = {row["sample"]: row["condition"] for row in rows_of(name)}
    assert (cells["condition"].astype(str) == cells["sample"].astype(str).map(sheet)).all()


def test_cells_of_two_lanes_with_the_same_barcode_stay_apart(run):
    cells = table(run, "gse96583_interferon/qc_cells.tsv.gz")
    assert cells["cell"].is_unique
    assert cells["cell"].str.rsplit("_", n=1).str[1].duplicated().any()


def test_archives_are_fetched_once_and_gone_on_with(run):
    names = [name for name, _ in run.requests]
    assert names.count("GSE135779_RAW.tar") == 1
    assert names.count("GSE285773_RAW.tar") == 2
    ranges = [part for name, part in run.requests if name == "perez2022.h5ad"]
    assert ranges[0] is None and ranges[1].startswith("bytes=") and ranges[1] == ranges[2]


def test_what_was_fetched_is_recorded(run):
    with open(run.folder / "results/perez2022_cohort4/retrieved.tsv", newline="") as handle:
        (record,) = csv.DictReader(handle, delimiter="\t")
    assert (record["file"], record["version"]) == ("perez2022.h5ad", "c55dc602")
    assert len(record["sha256"]) == 64
    record = table(run, "gse135779_adults/retrieved.tsv")
    assert len(record) == 2 + 2 * 2 * PER_ARM  # two files of the series, two of each sample
    assert (run.folder / "resources/downloads/GSE135779/lock.json").is_file()


def test_nothing_is_left_to_do(run):
    assert run.planned() == {}


def test_what_was_fetched_is_taken_again_without_the_server(run):
    record = run.folder / "results/gse96583_interferon/retrieved.tsv"
    before = record.read_text()
    record.unlink()
    run.snakemake("results/gse96583_interferon/retrieved.tsv")
    assert record.read_text() == before


def test_the_shipped_configurations_are_sound_and_complete():
    for name in ("lupus", "interferon_control"):
        written = yaml.safe_load((archives.ROOT / f"config/{name}.yaml").read_text())
        settings, found = config.check(written, [archives.ROOT])
        assert found == []
        for cohort in settings["cohorts"].values():
            assert all(cohort[key] for key in ("source", "citation", "licence", "retrieve"))
    arms = {}
    for name in archives.COHORTS:
        rows = config.check({"cohorts": [name]}, [archives.ROOT])[0]["cohorts"][name]["samples"]
        counts = pd.Series([row["condition"] for row in rows]).value_counts()
        arms[name] = counts.to_dict()
    assert arms == {
        "gse285773": {"SLE": 16, "control": 10},
        "gse135779_children": {"SLE": 33, "control": 11},
        "gse135779_adults": {"SLE": 7, "control": 5},
        "perez2022_cohort4": {"SLE": 46, "control": 43},
        "gse96583_interferon": {"ctrl": 8, "stim": 8},
    }
