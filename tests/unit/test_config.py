"""Validation: all problems at once, each with its file, place, value, allowed values and mend."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tilt import checks_tables, config, problems, sheets

REPO = Path(__file__).parents[2]
SHEET = """sample\tdonor\tcondition\tbatch\tage\tsex\tpath
S1\tD1\tSLE\tB1\t30\tF\tS1
S2\tD2\tcontrol\tB1\t31\tF\tS2
S3\tD3\tSLE\tB2\t32\tM\tS3
"""
COHORT = {
    "name": "mine",
    "title": "My cohort",
    "format": "10x_dir",
    "folder": "raw",
    "samples": "config/samples/mine.tsv",
    "cells": "pbmc",
    "contrast": {"case": "SLE", "control": "control"},
    "covariates": ["age"],
    "strata": ["batch"],
}
MARKERS = """level\tlabel\tparent\tpositive\tnegative\tcompartment
0\tT\tPBMC\tCD3D CD3E\t\t
1\tCD4\tT\tCD4\tCD8A\t
2\tCD4_Naive\tCD4\tCCR7\tCCR10\tnaive
"""
SIGNATURES = "gene\tset\tweight\nISG15\tIFN\t1\nMX1\tIFN\t-0.5\n"


class Project:
    """A folder with a configuration, a cohort, a sample sheet and its raw files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = {"cohorts": ["mine"], "resources": {}}
        self.cohort = copy.deepcopy(COHORT)
        self.sheet: str | bytes = SHEET
        self.tables = {}
        for sample in ("S1", "S2", "S3"):
            (folder / "raw" / sample).mkdir(parents=True)
            for name in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"):
                (folder / "raw" / sample / name).touch()
        (folder / "config/cohorts").mkdir(parents=True)
        (folder / "config/samples").mkdir(parents=True)

    def write(self, name: str, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        (self.folder / name).write_bytes(data)

    def check(self):
        self.write("config/cohorts/mine.yaml", yaml.safe_dump(self.cohort))
        self.write("config/samples/mine.tsv", self.sheet)
        for name, text in self.tables.items():
            self.write(f"{name}.tsv", text)
            self.config["resources"][name] = f"{name}.tsv"
        return config.check(self.config, [self.folder, REPO])

    def problems(self) -> list[str]:
        return self.check()[1]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


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
    rules = problems.schema("config")
    assert shipped == config.filled({"cohorts": shipped["cohorts"]}, rules)
    assert problems.violations(shipped, rules, "config/config.yaml") == []


@pytest.mark.parametrize("table", ["markers", "signatures"])
def test_the_shipped_tables_are_sound(table):
    assert getattr(checks_tables, table)(REPO / f"resources/{table}.tsv") == []


@pytest.mark.parametrize("name", ["config", "cohort", "samples", "markers", "signatures"])
def test_every_key_of_every_schema_is_described(name):
    def walk(rules, path):
        for key, rule in rules.get("properties", {}).items():
            assert "type" in rule or "enum" in rule, [*path, key]
            assert rule.get("description", "")[:1].isupper(), [*path, key]
            assert "default" in rule or "examples" in rule or "properties" in rule, [*path, key]
            walk(rule, [*path, key])

    rules = problems.schema(name)
    assert rules["additionalProperties"] is False or name == "samples"
    walk(rules, [])


def test_checking_imports_no_numerical_library():
    code = (
        "import sys; sys.path.insert(0, 'workflow'); import tilt.config; "
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


def test_unknown_key(project):
    project.config["qc"] = {"min_gens": 300}
    assert project.problems() == [
        "config: qc: unknown key `min_gens`; did you mean `min_genes`?\n"
        "    allowed: min_counts, max_counts, min_genes, max_genes, max_pct_mito, n_mads, "
        "min_cells, doublets\n"
        "    mend:    qc:\n"
        "               min_genes: 300"
    ]


def test_wrong_type_and_its_mend(project):
    project.config["seed"] = "7"
    project.config["embed"] = {"resolutions": 1.0}
    assert project.problems() == [
        "config: embed: resolutions: wrong kind of value\n"
        "    found:   1.0\n"
        "    allowed: a list with an entry or more, without repeats\n"
        "    mend:    embed:\n"
        "               resolutions: [1.0]",
        "config: seed: wrong kind of value\n"
        "    found:   '7'\n"
        "    allowed: a whole number at least 0, at most 4294967295\n"
        "    mend:    seed: 7",
    ]


def test_value_out_of_range(project):
    project.config["qc"] = {"max_pct_mito": 120}
    assert project.problems() == [
        "config: qc: max_pct_mito: out of range\n"
        "    found:   120\n"
        "    allowed: a number above 0, at most 100\n"
        "    mend:    qc:\n"
        "               max_pct_mito: 20"
    ]


def test_value_that_is_not_a_choice(project):
    project.config["on_bad_sample"] = "Skip"
    assert project.problems() == [
        "config: on_bad_sample: not one of the allowed values\n"
        "    found:   'Skip'\n"
        "    allowed: stop, skip\n"
        "    mend:    on_bad_sample: skip"
    ]


def test_no_cohorts(project):
    del project.config["cohorts"]
    (wrong,) = project.problems()
    assert wrong.startswith("config: the key `cohorts` is missing (Cohorts to analyse, by name")
    assert wrong.endswith("    mend:    cohorts: [demo_cd4, demo_pbmc]")


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


def test_limits_that_contradict_each_other(project):
    project.config["qc"] = {"min_counts": 500, "max_counts": 400}
    assert project.problems() == [
        "config: qc: max_counts must be above min_counts\n"
        "    found:   min_counts: 500, max_counts: 400"
    ]


def test_names_that_no_table_defines(project):
    project.config["imbalance"] = {"poles": {"tph": ["CD4_Tph"]}, "th22_set": "TH22"}
    project.config["stats"] = {
        "activity_sets": ["IFN1_T_COR"],
        "de_subsets": ["cd4", "CD8"],
        "secondary": [{"quantity": "zzz", "denominator": "cd4"}],
    }
    assert [p.replace("config: ", "") for p in project.problems()] == [
        "imbalance: poles: tph: CD4_Tph is not defined in the table of markers\n"
        "    found:   CD4_Tph\n    mend:    write `CD4_Tph_like`",
        "imbalance: th22_set: TH22 is not defined in the table of signatures\n"
        "    found:   TH22\n    mend:    write `TH22_BLOOD`",
        "stats: activity_sets: IFN1_T_COR is not defined in the table of signatures\n"
        "    found:   IFN1_T_COR\n    mend:    write `IFN1_T_CORE`",
        "stats: secondary: zzz is not defined in the table of markers or signatures\n"
        "    found:   zzz\n    mend:    add it to the table, or take it out",
    ]


def test_keys_inside_lists(project):
    project.config["stats"] = {"secondary": [{"quantity": "MAIT", "denominatr": "t"}]}
    assert project.problems() == [
        "config: stats: secondary: unknown key `denominatr`; did you mean `denominator`?\n"
        "    allowed: quantity, denominator\n"
        "    mend:    denominator: t",
        "config: stats: secondary: the key `denominator` is missing (What it is a part of)\n"
        "    mend:    denominator: memory_cd4",
    ]


def test_missing_resource(project):
    project.config["resources"]["markers"] = "no/markers.tsv"
    assert project.problems() == [
        "config: resources: markers: the file does not exist\n    found:   no/markers.tsv"
    ]


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
        "report)\n    mend:    title: Balasubramanian 2025, sorted CD4 T cells",
        "config/cohorts/mine.yaml: contrast: case: YAML reads an unquoted yes, no, on or off as "
        "true or false; put it in quotes\n"
        "    found:   true\n"
        "    allowed: text not empty\n"
        "    mend:    contrast:\n"
        "               case: SLE",
        "config/cohorts/mine.yaml: qc: unknown key `max_mito`; did you mean `max_pct_mito`?\n"
        "    allowed: min_counts, max_counts, min_genes, max_genes, max_pct_mito, n_mads, "
        "min_cells, doublets\n"
        "    mend:    qc:\n"
        "               max_pct_mito: 12",
    ]


def test_cohort_name(project):
    project.cohort["name"] = "other"
    assert project.problems() == [
        "config/cohorts/mine.yaml: name: differs from the name of the file\n"
        "    found:   other\n"
        "    mend:    name: mine"
    ]


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
        f"    found:   Age\n    allowed: {columns}\n    mend:    write `age`",
        f"config/cohorts/mine.yaml: covariates: `sledai` {where}\n"
        f"    found:   sledai\n    allowed: {columns}\n"
        "    mend:    add the column, or take it out of `covariates`",
        f"config/cohorts/mine.yaml: batch: `lane` {where}\n"
        f"    found:   lane\n    allowed: {columns}\n"
        "    mend:    add the column, or take it out of `batch`",
    ]


def test_same_case_and_control(project):
    project.cohort["contrast"] = {"case": "SLE", "control": "SLE"}
    assert "contrast: case and control are the same condition" in project.problems()[0]


# The sample sheet -------------------------------------------------------------------------------


def test_missing_column(project):
    project.sheet = SHEET.replace("donor", "doner")
    assert project.problems() == [
        "config/samples/mine.tsv: column `donor` is missing (The person; samples of the same "
        "person share it)\n"
        "    found:   sample, doner, condition, batch, age, sex, path\n"
        "    mend:    rename column `doner` to `donor`"
    ]


def test_missing_file_column(project):
    project.sheet = SHEET.replace("path", "folder")
    assert project.problems() == [
        "config/samples/mine.tsv: column `path` is missing: format 10x_dir needs it\n"
        "    found:   sample, donor, condition, batch, age, sex, folder\n"
        "    mend:    add a column `path` with the files of each sample"
    ]


def test_duplicate_sample(project):
    project.sheet = SHEET.replace("S3\tD3", "S1\tD3")
    assert project.problems() == [
        "config/samples/mine.tsv: lines 2, 4, column `sample`: sample S1 occurs 2 times\n"
        "    mend:    give every row its own sample name"
    ]


def test_samples_that_differ_by_case(project):
    project.sheet = SHEET.replace("S3\tD3", "s1\tD3")
    assert "S1 and s1 differ only by case (one file on some systems)" in project.problems()[0]


def test_donor_with_two_conditions(project):
    project.sheet = SHEET.replace("D2\tcontrol\tB1\t31", "D1\tcontrol\tB1\t30")
    assert project.problems() == [
        "config/samples/mine.tsv: column `condition`: donor D1 has 2 values of `condition`\n"
        "    found:   SLE (line 2); control (line 3)\n"
        "    mend:    the donor is the unit: a donor has one value; correct the rows, or, if every "
        "donor was measured in both conditions, write `contrast: {paired: true}` in "
        "config/cohorts/mine.yaml"
    ]


def test_donor_with_both_conditions_in_a_paired_design(project):
    project.cohort["contrast"]["paired"] = True
    project.sheet = SHEET.replace("D2\tcontrol\tB1\t31", "D1\tcontrol\tB1\t30")
    assert project.problems() == []


def test_composition_table_cohort(project):
    project.cohort |= {"format": "composition_table", "file": "counts.tsv", "folder": "."}
    assert project.problems() == [
        "config/cohorts/mine.yaml: file: the file does not exist\n"
        "    found:   counts.tsv\n"
        "    mend:    correct `folder` or `file`"
    ]
    project.write("counts.tsv", "donor\tTph\nD1\t4\n")
    assert project.problems() == []
    del project.cohort["file"]
    assert project.problems() == [
        "config/cohorts/mine.yaml: file: the cohort file lacks `file`, which format "
        "composition_table needs"
    ]


def test_donor_with_two_ages_or_strata(project):
    project.sheet = SHEET.replace("S3\tD3", "S3\tD1")
    assert [p.splitlines()[0].split(": ", 1)[1] for p in project.problems()] == [
        "column `age`: donor D1 has 2 values of `age`",
        "column `batch`: donor D1 has 2 values of `batch`",
    ]


def test_condition_that_is_neither_case_nor_control(project):
    project.sheet = SHEET.replace("D2\tcontrol", "D2\tContrl").replace("D3\tSLE", "D3\tRA")
    assert project.problems() == [
        "config/samples/mine.tsv: line 3, column `condition`: neither the case nor the control of "
        "the cohort\n"
        "    found:   Contrl\n"
        "    allowed: SLE (case), control (control)\n"
        "    mend:    write `control`",
        "config/samples/mine.tsv: line 4, column `condition`: neither the case nor the control of "
        "the cohort\n"
        "    found:   RA\n"
        "    allowed: SLE (case), control (control)\n"
        "    mend:    correct the rows, take them out, or correct `contrast` in "
        "config/cohorts/mine.yaml",
    ]


def test_one_arm_is_a_note_not_a_problem(project):
    project.sheet = SHEET.replace("D2\tcontrol", "D2\tSLE")
    settings, found = project.check()
    assert found == []
    assert settings["notes"] == [
        "cohort mine: no donor has condition control: cell types and composition are made, the "
        "contrast is not possible"
    ]


def test_missing_raw_file(project):
    (project.folder / "raw/S2/barcodes.tsv.gz").unlink()
    assert project.problems() == [
        "config/samples/mine.tsv: line 3 (sample S2): missing file\n"
        "    found:   raw/S2/barcodes.tsv.gz\n"
        "    mend:    correct the row, fetch the file, or take the row out"
    ]


def test_wrong_folder_is_one_problem(project):
    project.cohort["folder"] = "row"
    assert project.problems() == [
        "config/cohorts/mine.yaml: folder: the files of none of the 3 samples are there\n"
        "    found:   row (first missing: row/S1/matrix.mtx.gz)\n"
        "    mend:    set `folder` to the folder that holds the files"
    ]


def test_simulated_cohort_needs_no_files(project):
    project.cohort |= {"folder": "not/yet", "simulated": "parameters.yaml"}
    project.write("parameters.yaml", "{}")
    assert project.problems() == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [("S 3", "S_3"), ("Spendér/3", "Spender_3"), ("-S3", "S3"), ("患者3", "3")],
)
def test_sample_names_that_are_not_safe_in_paths(project, name, safe):
    project.sheet = SHEET.replace("S3\tD3", f"{name}\tD3")
    assert project.problems() == [
        "config/samples/mine.tsv: line 4, column `sample`: not an allowed value\n"
        f"    found:   {name}\n"
        "    allowed: text of letters, digits, . _ and -, starting with a letter or digit\n"
        f"    mend:    {safe}"
    ]


def test_cells_that_are_empty_or_not_allowed(project):
    project.sheet = SHEET.replace("S1\tD1", "S1\t").replace("31\tF", "31y\tfemale")
    assert [p.replace("config/samples/mine.tsv: ", "") for p in project.problems()] == [
        "line 2 (sample S1), column `donor`: empty\n    allowed: text not empty",
        "line 3 (sample S2), column `age`: not an allowed value\n"
        "    found:   31y\n    allowed: text like 34 (Age in years)",
        "line 3 (sample S2), column `sex`: not an allowed value\n"
        "    found:   female\n    allowed: F, M, NA, ''",
    ]


def test_windows_line_ends_bom_and_blank_lines_are_tolerated(project):
    expected = project.check()[0]["cohorts"]["mine"]["samples"]
    text = SHEET.replace("\n", "\r\n") + "\r\n\t\t\t\r\n"
    project.sheet = b"\xef\xbb\xbf" + text.encode()
    settings, found = project.check()
    assert found == [] and settings["cohorts"]["mine"]["samples"] == expected


def test_sheet_saved_with_commas_or_in_another_encoding(project):
    project.sheet = SHEET.replace("\t", ",")
    assert project.problems() == [
        "config/samples/mine.tsv: line 1: columns are separated by commas or semicolons, not by "
        "tabs\n"
        "    found:   sample,donor,condition,batch,age,sex,path\n"
        "    mend:    save the table as tab-separated text (TSV)"
    ]
    project.sheet = SHEET.encode("utf-16")
    assert "config/samples/mine.tsv: not UTF-8 text" in project.problems()[0]
    project.sheet = "\n"
    assert "config/samples/mine.tsv: the table is empty" in project.problems()[0]


def test_rows_longer_than_the_header(project):
    project.sheet = SHEET.replace("F\tS1", "F\tS1\textra")
    assert "line 2: 8 cells for 7 columns" in project.problems()[0]


# Several cohorts --------------------------------------------------------------------------------


def second(project, sheet):
    other = {**COHORT, "name": "second", "samples": "config/samples/second.tsv"}
    project.write("config/cohorts/second.yaml", yaml.safe_dump(other))
    project.write("config/samples/second.tsv", sheet)
    project.config["cohorts"] = ["mine", "second"]
    return other


def test_donors_and_samples_in_two_cohorts(project):
    other = second(project, SHEET)
    assert project.problems() == [
        "config/samples/second.tsv: column `sample`: 3 samples are named as in cohort mine\n"
        "    found:   S1, S2, S3\n"
        "    mend:    make the names differ, for instance second_S1",
        "config/samples/second.tsv: column `donor`: 3 donors are named as in cohort mine\n"
        "    found:   D1, D2, D3\n"
        "    mend:    other people: make the names differ, for instance second_D1\n"
        "             same people: write `same_donors_as: [mine]` in config/cohorts/second.yaml",
    ]
    project.write("config/samples/second.tsv", SHEET.replace("\nS", "\nT"))
    project.write(
        "config/cohorts/second.yaml", yaml.safe_dump({**other, "same_donors_as": ["mine"]})
    )
    settings, found = project.check()
    assert found == []
    assert settings["notes"] == [
        "cohorts mine and second share 3 donors: they are not independent of each other"
    ]


# Markers and signatures -------------------------------------------------------------------------


def test_marker_table_problems(project):
    project.tables["markers"] = MARKERS + (
        "2\tCD4_Naive\tCD4\tSELL\t\tnaive\n"
        "2\tCD4_Th1\tCD44\tTBX21\t\tmemory\n"
        "2\tCD4_Th2\tCD4_Naive\tGATA3,CCR4\tCCR7\tmemory\n"
        "2\tCD4_Th22\tCD4\tCCR10\tCCR10\teffector\n"
    )
    assert [p.replace("markers.tsv: ", "") for p in project.problems()] == [
        "line 8 (label CD4_Th22), column `compartment`: not an allowed value\n"
        "    found:   effector\n    allowed: '', naive, memory, treg",
        "lines 4, 5, column `label`: label CD4_Naive occurs 2 times\n"
        "    mend:    give every row its own label name",
        "line 6 (label CD4_Th1), column `parent`: parent CD44 is unknown\n"
        "    found:   CD44\n    allowed: T, CD4, PBMC\n    mend:    write `CD4`",
        "line 7 (label CD4_Th2), column `parent`: parent CD4_Naive is not of a higher level\n"
        "    found:   CD4_Naive\n    allowed: T, CD4, PBMC",
        "line 7 (label CD4_Th2), column `positive`: genes must be separated by spaces\n"
        "    found:   GATA3,CCR4\n    mend:    GATA3 CCR4",
        "line 8 (label CD4_Th22): CCR10 is both positive and negative\n"
        "    mend:    take it out of one of the columns",
    ]


def test_unknown_column_of_the_marker_table(project):
    project.tables["markers"] = MARKERS.replace("negative", "negatve")
    assert project.problems() == [
        "markers.tsv: unknown column `negatve`\n"
        "    allowed: level, label, parent, positive, negative, compartment, source, evidence, "
        "note\n"
        "    mend:    rename it to `negative`"
    ]


def test_signature_table_problems(project):
    project.tables["signatures"] = SIGNATURES + "MX1\tIFN\t1\nIFI6\tIFN\tup\nIFI6\tmy set\t1\n"
    assert [p.replace("signatures.tsv: ", "") for p in project.problems()] == [
        "line 5 (gene IFI6), column `weight`: not an allowed value\n"
        "    found:   up\n"
        "    allowed: text like 1 (Weight of the gene, a number)",
        "line 6 (gene IFI6), column `set`: not an allowed value\n"
        "    found:   my set\n"
        "    allowed: text of letters, digits, . _ and -, starting with a letter or digit\n"
        "    mend:    my_set",
        "lines 3, 4, column `gene`: gene MX1 occurs 2 times in set IFN\n"
        "    mend:    keep one of the rows",
    ]


def test_tables_are_read_with_line_numbers(tmp_path):
    (tmp_path / "t.tsv").write_text("gene\tset\tweight\n\nA\tx\t1\n")
    columns, rows, found = sheets.read_table(tmp_path / "t.tsv", "signatures")
    assert columns == ["gene", "set", "weight"] and found == []
    assert rows == [(3, {"gene": "A", "set": "x", "weight": "1"})]
