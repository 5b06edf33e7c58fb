"""Validation: all problems at once, each with its file, place, value, allowed values and fix."""

import os
import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft202012Validator
from projects import MARKERS, REPO, SHEET, SIGNATURES
from tilt.config import check as config
from tilt.config import cohorts, disk, messages, resources


def test_a_sound_project_has_no_problems_and_every_default(project):
    settings, found = project.check()
    assert found == [] and settings["notes"] == []
    assert settings["config"]["qc"]["min_counts"] == 500
    assert settings["config"]["qc"]["doublets"]["method"] == "scrublet"
    assert settings["config"]["resources"]["gene_aliases"].endswith("resources/gene_aliases.tsv")
    cohort = settings["cohorts"]["mine"]
    assert cohort["folder"] == "raw" and cohort["batch"] == "batch"
    assert cohort["sheet"] == "config/samples/mine.tsv"
    assert cohort["qc"] == settings["config"]["qc"]
    assert cohort["samples"][1] == {
        "sample": "S2",
        "donor": "D2",
        "condition": "control",
        "batch": "B1",
        "age": "31",
        "sex": "F",
        "path": "S2",
    }


def test_the_shipped_configuration_writes_out_the_defaults_of_the_schema():
    shipped = yaml.safe_load((REPO / "config/config.yaml").read_text())
    rules = messages.schema("config")
    assert shipped == config.filled({"cohorts": shipped["cohorts"]}, rules)
    assert messages.violations(shipped, rules, "config/config.yaml") == []


@pytest.mark.parametrize("table", ["markers", "signatures"])
def test_the_shipped_tables_are_sound(table):
    assert getattr(resources, table)(REPO / f"resources/{table}.tsv") == []


@pytest.mark.parametrize("name", ["config", "cohort", "samples", "markers", "signatures"])
def test_every_key_of_every_schema_is_described(name):
    def walk(rules, path):
        for key, rule in rules.get("properties", {}).items():
            assert "type" in rule or "enum" in rule, [*path, key]
            assert rule.get("description", "")[:1].isupper(), [*path, key]
            assert "default" in rule or "examples" in rule or "properties" in rule, [*path, key]
            walk(rule, [*path, key])

    rules = messages.schema(name)
    Draft202012Validator.check_schema(rules)
    assert rules["additionalProperties"] is False or name == "samples"
    walk(rules, [])


def test_checking_imports_no_numerical_library():
    code = (
        "import sys; sys.path.insert(0, 'workflow'); import tilt.config.check; "
        "print(sorted({'numpy', 'pandas', 'anndata', 'scipy', 'scanpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_all_problems_are_shown_at_once(project):
    project.config["qc"] = {"min_gens": 3}
    project.cohort["cells"] = "blood"
    project.sheet = SHEET.replace("D2\tcontrol", "D2\thealthy")
    project.tables["markers"] = MARKERS.replace("CD4_Naive\tCD4", "CD4_Naive\tCD5")
    project.tables["signatures"] = SIGNATURES.replace("-0.5", "half")
    found = project.problems()
    assert len(found) == 5
    text = config.report(found)
    assert text.startswith("tilt cannot start: 5 problems in what you wrote.\n\n1. config: qc: ")
    for number in range(1, 6):
        assert f"\n{number}. " in text


# The configuration ------------------------------------------------------------------------------


WRONG = {
    "unknown key": (
        {"qc": {"min_gens": 300}},
        "qc: unknown key `min_gens`; did you mean `min_genes`?\n"
        "    allowed: min_counts, max_counts, min_genes, max_genes, max_pct_mito, n_mads, "
        "min_cells, doublets\n"
        "    fix:     qc:\n"
        "               min_genes: 300",
    ),
    "a number for a list": (
        {"embed": {"resolutions": 1.0}},
        "embed: resolutions: wrong kind of value\n"
        "    found:   1.0\n"
        "    allowed: a list with an entry or more, without repeats\n"
        "    fix:     embed:\n"
        "               resolutions: [1.0]",
    ),
    "text for a number": (
        {"seed": "7"},
        "seed: wrong kind of value\n"
        "    found:   '7'\n"
        "    allowed: a whole number at least 0, at most 4294967295\n"
        "    fix:     seed: 7",
    ),
    "out of range": (
        {"qc": {"max_pct_mito": 120}},
        "qc: max_pct_mito: out of range\n"
        "    found:   120\n"
        "    allowed: a number above 0, at most 100\n"
        "    fix:     qc:\n"
        "               max_pct_mito: 20",
    ),
    "not a choice": (
        {"on_bad_sample": "Skip"},
        "on_bad_sample: not one of the allowed values\n"
        "    found:   'Skip'\n"
        "    allowed: stop, skip\n"
        "    fix:     on_bad_sample: skip",
    ),
    "limits that contradict each other": (
        {"qc": {"min_counts": 500, "max_counts": 400}},
        "qc: max_counts must be above min_counts\n    found:   min_counts: 500, max_counts: 400",
    ),
    "no such table": (
        {"resources": {"markers": "no/markers.tsv"}},
        "resources: markers: the file does not exist\n    found:   no/markers.tsv",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_value_and_its_fix(project, case):
    values, told = WRONG[case]
    project.config |= values
    assert project.problems() == [f"config: {told}"]


def test_no_cohorts(project):
    del project.config["cohorts"]
    (wrong,) = project.problems()
    assert wrong.startswith("config: the key `cohorts` is missing (Cohorts to analyze, by name")
    assert wrong.endswith("    fix:     cohorts: [demo_cd4, demo_pbmc]")


def test_cohort_that_does_not_exist(project):
    project.config["cohorts"] = ["mine", "yours"]
    (wrong,) = project.problems()
    assert wrong.startswith("config: cohorts: no cohort is named yours\n    found:   yours\n")
    assert "mine, " in wrong and "or the path of a cohort file" in wrong


def test_cohort_by_path(project):
    project.config["cohorts"] = ["config/cohorts/mine.yaml"]
    assert list(project.check()[0]["cohorts"]) == ["mine"]
    project.config["cohorts"] = ["elsewhere/theirs.yaml"]
    assert "there is no cohort file elsewhere/theirs.yaml" in project.problems()[0]


def test_names_that_no_table_defines(project):
    project.config["imbalance"] = {"poles": {"tph": ["CD4_Tph"]}, "th22_set": "TH22"}
    project.config["stats"] = {
        "activity_sets": ["IFN1_T_COR"],
        "de_subsets": ["cd4", "CD8"],
        "secondary": [{"quantity": "zzz", "denominator": "cd4"}],
    }
    assert [p.replace("config: ", "") for p in project.problems()] == [
        "imbalance: poles: tph: CD4_Tph is not defined in the table of markers\n"
        "    found:   CD4_Tph\n    fix:     write `CD4_Tph_like`",
        "imbalance: th22_set: TH22 is not defined in the table of signatures\n"
        "    found:   TH22\n    fix:     write `TH22_BLOOD`",
        "stats: activity_sets: IFN1_T_COR is not defined in the table of signatures\n"
        "    found:   IFN1_T_COR\n    fix:     write `IFN1_T_CORE`",
        "stats: secondary: zzz is not defined in the table of markers or signatures\n"
        "    found:   zzz\n    fix:     add it to the table, or take it out",
    ]


def test_map_of_author_labels(project):
    project.cohort["label_map"] = {"Th": "CD4_Tph", "B cells": "B", "junk": "unassigned"}
    where = "config/cohorts/mine.yaml: label_map"
    assert project.problems() == [
        f"{where}: there are no labels to map\n    fix:     name their column as `author_labels`",
        f"{where}: Th: CD4_Tph is not defined in the table of markers\n"
        "    found:   CD4_Tph\n    fix:     write `CD4_Tph_like`",
    ]


def test_keys_inside_lists(project):
    project.config["stats"] = {"secondary": [{"quantity": "MAIT", "denominatr": "t"}]}
    assert project.problems() == [
        "config: stats: secondary: unknown key `denominatr`; did you mean `denominator`?\n"
        "    allowed: quantity, denominator\n"
        "    fix:     denominator: t",
        "config: stats: secondary: the key `denominator` is missing (What it is a part of)\n"
        "    fix:     denominator: memory_cd4",
    ]


def test_folder_that_cannot_be_written_or_is_full(project, monkeypatch):
    monkeypatch.setattr(cohorts.os, "access", lambda path, mode: False)
    assert project.problems() == [
        f"{project.folder}: this folder cannot be written\n"
        "    fix:     start in a folder of your own, or with --directory <folder>"
    ]
    monkeypatch.undo()
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(disk, "MIN_FREE", 10**18)
    (wrong,) = project.problems()
    assert f"{project.folder}: the disk is full: " in wrong


def test_series_that_cannot_answer_are_refused_by_name(project):
    project.config["cohorts"] = ["mine", "GSE189050", "gse137029"]
    assert project.problems() == [
        "config: cohorts: GSE189050 is refused: its cells were depleted of T cells (CD2) before "
        "sequencing\n    found:   GSE189050\n    fix:     take GSE189050 out",
        "config: cohorts: GSE137029 is refused: pools without donor names, of the same people as "
        "Perez 2022 (cohort perez2022_cohort4)\n"
        "    found:   gse137029\n    fix:     take gse137029 out",
    ]
    project.config["cohorts"] = ["mine"]
    project.cohort["source"] = "GEO GSE189050"
    (wrong,) = project.problems()
    assert wrong.startswith("config/cohorts/mine.yaml: GSE189050 is refused: its cells were")


def test_fetched_cohorts_live_in_the_download_folder(project, monkeypatch):
    monkeypatch.setenv("DISK", "/large")
    project.config["downloads"] = "$DISK/tilt"
    project.cohort |= {
        "folder": "GSE1",
        "retrieve": [{"name": "a.tar", "urls": ["a"], "unpack": True}],
    }
    assert project.problems() == [
        "config/cohorts/mine.yaml: retrieve: the files of an archive come into one folder, format "
        "10x_dir wants a folder a sample\n"
        "    fix:     unpack the archive by hand and take `retrieve` out; or format: triplets"
    ]
    del project.cohort["retrieve"][0]["unpack"]
    settings, found = project.check()
    assert found == []
    assert settings["cohorts"]["mine"]["folder"] == "/large/tilt/GSE1"


# The cohort file --------------------------------------------------------------------------------


def test_cohort_override_of_qc(project):
    project.cohort["qc"] = {"max_pct_mito": 12, "doublets": {"method": "none"}}
    settings, found = project.check()
    assert found == []
    qc = settings["cohorts"]["mine"]["qc"]
    assert (qc["max_pct_mito"], qc["min_counts"]) == (12, 500)
    assert qc["doublets"] == {**settings["config"]["qc"]["doublets"], "method": "none"}


def test_cohort_file_with_wrong_keys(project):
    project.cohort["qc"] = {"max_mito": 12}
    project.cohort["contrast"] = {"case": True, "control": "control"}
    del project.cohort["title"]
    assert project.problems() == [
        "config/cohorts/mine.yaml: the key `title` is missing (One line for figures and the "
        "report)\n    fix:     title: Balasubramanian 2025, sorted CD4 T cells",
        "config/cohorts/mine.yaml: contrast: case: YAML reads an unquoted yes, no, on or off as "
        "true or false; put it in quotes\n"
        "    found:   true\n"
        "    allowed: text not empty\n"
        "    fix:     contrast:\n"
        "               case: SLE",
        "config/cohorts/mine.yaml: qc: unknown key `max_mito`; did you mean `max_pct_mito`?\n"
        "    allowed: min_counts, max_counts, min_genes, max_genes, max_pct_mito, n_mads, "
        "min_cells, doublets\n"
        "    fix:     qc:\n"
        "               max_pct_mito: 12",
    ]


def test_cohort_name(project):
    project.cohort["name"] = "other"
    settings, found = project.check()
    assert found == [] and list(settings["cohorts"]) == ["other"]
    told = "cohort other: its file is called mine.yaml; results are under other"
    assert settings["notes"] == [told]


def test_yaml_that_is_broken_or_repeats_a_key(project):
    project.check()
    project.write("config/cohorts/mine.yaml", "name: mine\nfolder: [raw\n")
    found = config.check(project.config, [project.folder, REPO])[1]
    assert len(found) == 1 and found[0].startswith("config/cohorts/mine.yaml: line ")
    assert "not valid YAML" in found[0]
    project.write("config/cohorts/mine.yaml", "name: mine\nfolder: a\nfolder: b\n")
    found = config.check(project.config, [project.folder, REPO])[1]
    assert found == ["config/cohorts/mine.yaml: line 3: not valid YAML: key `folder` twice"]


def test_columns_named_in_the_cohort_file(project):
    project.cohort |= {"covariates": ["Age", "sledai"], "batch": "lane"}
    columns = "sample, donor, condition, batch, age, sex, path"
    where = "is not a column of the sample sheet config/samples/mine.tsv"
    assert project.problems() == [
        f"config/cohorts/mine.yaml: covariates: `Age` {where}\n"
        f"    found:   Age\n    allowed: {columns}\n    fix:     write `age`",
        f"config/cohorts/mine.yaml: covariates: `sledai` {where}\n"
        f"    found:   sledai\n    allowed: {columns}\n"
        "    fix:     add the column, or take it out of `covariates`",
        f"config/cohorts/mine.yaml: batch: `lane` {where}\n"
        f"    found:   lane\n    allowed: {columns}\n"
        "    fix:     add the column, or take it out of `batch`",
    ]


def test_same_case_and_control(project):
    project.cohort["contrast"] = {"case": "SLE", "control": "SLE"}
    assert "contrast: case and control are the same condition" in project.problems()[0]


def test_model_file_of_celltypist(project):
    project.config["celltypist_model"] = "all.pkl"
    project.cohort["celltypist_model"] = "own.pkl"
    fix = "    fix:     name a .pkl file that you have, or take it out"
    assert project.problems() == [
        f"{where}: celltypist_model: the model file does not exist\n    found:   {name}\n{fix}"
        for where, name in (("config", "all.pkl"), ("config/cohorts/mine.yaml", "own.pkl"))
    ]
    for name in ("all.pkl", "own.pkl"):
        project.write(name, b"no pickle")
    assert [text.splitlines()[0] for text in project.problems()] == [
        f"{where}: celltypist_model: the file is no pickle, as models of CellTypist are"
        for where in ("config", "config/cohorts/mine.yaml")
    ]
    for name in ("all.pkl", "own.pkl"):
        project.write(name, b"\x80\x04N.")
    model = project.check()[0]["cohorts"]["mine"]["celltypist_model"]
    assert model.endswith("own.pkl")
    del project.cohort["celltypist_model"]
    settings, found = project.check()
    assert found == [] and settings["cohorts"]["mine"]["celltypist_model"].endswith("all.pkl")
    project.cohort["celltypist_model"] = ""
    assert project.check()[0]["cohorts"]["mine"]["celltypist_model"] == ""
    del project.config["celltypist_model"], project.cohort["celltypist_model"]
    assert "celltypist_model" not in project.check()[0]["cohorts"]["mine"]


def test_results_that_are_dated_in_the_future(project):
    made = project.folder / "results/mine/tests.tsv"
    made.parent.mkdir(parents=True)
    made.write_text("x")
    assert project.check()[0]["notes"] == []
    os.utime(made, (4e9, 4e9))
    settings, found = project.check()
    assert found == []
    (note,) = settings["notes"]
    assert "1 result dated in the future" in note and "results/mine/tests.tsv" in note


@pytest.mark.parametrize("key", ["protein", "h5ad", "groups", "visits", "composition", "contrast"])
def test_text_in_place_of_keys_with_values_is_told_once(project, key):
    project.cohort |= {key: " "}
    (found,) = project.problems()
    assert found.startswith(f"config/cohorts/mine.yaml: {key}: wrong kind of value")


def test_paths_longer_than_file_systems_have_are_not_there(project):
    long = "x" * 5000
    project.cohort["simulated"] = project.cohort["celltypist_model"] = long
    project.config["stats"] = {"perturbations": long}
    project.config["resources"]["gene_aliases"] = long
    found = [text.splitlines()[0] for text in project.problems()]
    assert found[:2] == [
        "config/cohorts/mine.yaml: celltypist_model: the model file does not exist",
        "config/cohorts/mine.yaml: simulated: the parameter file does not exist",
    ]
    assert "config: stats: perturbations: the file does not exist" in found
    assert "config: resources: gene_aliases: the file does not exist" in found
    del project.cohort["simulated"], project.cohort["celltypist_model"]
    project.config = {"cohorts": ["mine"], "resources": {}}
    project.cohort["folder"] = long
    (found,) = project.problems()
    assert "folder: the files of none of the 3 samples are there" in found
    project.cohort["folder"] = "raw"
    project.sheet = SHEET.replace("\tS2\n", f"\t{long}\n")
    (found,) = project.problems()
    assert "line 3, column `path`: no path: names of files have 255 bytes at most" in found
