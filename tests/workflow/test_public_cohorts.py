"""Each public cohort as shipped, scaled down, from a web server on this machine to clean cells."""

import csv
import sys
from pathlib import Path

import pandas as pd
import public_archives as archives
import pytest
import yaml
from running import Workflow
from tilt import config

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

import loopback

CXG = "curation/v1/collections/436154da-bcf1-4130-9c8b-120ff9a888f2/datasets"


def from_here(server, workflow, name: str) -> None:
    """Write a shipped cohort with its addresses turned to the server and its sheet cut short."""
    cohort, rows = archives.shipped(name)
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
    expected = archives.build(web)
    workflow = Workflow(folder)
    targets = [f"results/{name}/qc_waterfall.tsv" for name in archives.COHORTS]
    with loopback.serve(web) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        release = web / "perez2022.h5ad"
        server.answers[f"{CXG}/218acb0f-9f2f-4f76-b90b-15a4b7c7f629"] = {
            "dataset_version_id": "c55dc602",
            "assets": [
                {
                    "filetype": "H5AD",
                    "filesize": release.stat().st_size,
                    "url": server.url("perez2022.h5ad"),
                }
            ],
        }
        for name in archives.COHORTS:
            from_here(server, workflow, name)
        workflow.write("config.yaml", {"cohorts": list(archives.COHORTS), "qc": {"min_cells": 10}})
        server.fault("perez2022.h5ad", "drop", "503")
        server.fault("GSE285773_RAW.tar", "503")
        workflow.snakemake("--until", "retrieve_cohort")
        workflow.requests = list(server.requests)
    workflow.output = workflow.snakemake(*targets).stdout
    workflow.expected = expected
    return workflow


@pytest.mark.parametrize("name", archives.COHORTS)
def test_every_sample_has_the_cells_it_was_given(run, name):
    _, rows = archives.shipped(name)
    for row in rows:
        path = run.folder / f"results/{name}/samples/{row['sample']}.cells.tsv.gz"
        cells = pd.read_csv(path, sep="\t", dtype={"donor": str, "sample": str})
        assert len(cells) == run.expected[row["sample"]], row["sample"]
        assert set(cells["donor"]) == {row["donor"]}
        assert set(cells["condition"]) == {row["condition"]}
        assert cells["kept"].mean() > 0.5


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
    table = pd.read_csv(run.folder / "results/gse135779_adults/retrieved.tsv", sep="\t")
    assert len(table) == 2 + 2 * 2  # two files of the series, two of each sample
    assert (run.folder / "resources/downloads/GSE135779/lock.json").is_file()


def test_nothing_is_left_to_do(run):
    targets = [f"results/{name}/qc_waterfall.tsv" for name in archives.COHORTS]
    assert run.planned(*targets) == {}


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
