"""Validation of sample sheets, of cohorts side by side, and of marker and signature tables."""

import pytest
import yaml
from projects import COHORT, MARKERS, SHEET, SIGNATURES
from tilt.config import jobs, user_files

# The sample sheet -------------------------------------------------------------------------------


SHEETS = {
    "column missing": (
        ("donor", "doner"),
        "column `donor` is missing (The person; samples of the same person share it)\n"
        "    found:   sample, doner, condition, batch, age, sex, path\n"
        "    fix:     rename column `doner` to `donor`",
    ),
    "column of files missing": (
        ("path", "folder"),
        "column `path` is missing: format 10x_dir needs it\n"
        "    found:   sample, donor, condition, batch, age, sex, folder\n"
        "    fix:     add a column `path` with the files of each sample",
    ),
    "sample twice": (
        ("S3\tD3", "S1\tD3"),
        "lines 2, 4, column `sample`: sample S1 occurs 2 times\n"
        "    fix:     give every row its own sample name",
    ),
    "samples that differ by case": (
        ("S3\tD3", "s1\tD3"),
        "lines 2, 4, column `sample`: S1 and s1 differ only by case (one file on some systems)\n"
        "    fix:     give every row its own sample name",
    ),
    "donors that differ by case": (
        ("D3", "d1"),
        "column `donor`: D1 and d1 differ only by case\n"
        "    fix:     one person: write the name in one way; two people: make the names differ "
        "more",
    ),
    "donor missing": (
        ("S1\tD1", "S1\tNA"),
        "line 2, column `donor`: missing\n"
        "    found:   NA\n"
        "    fix:     write the name of the donor, or take the row out",
    ),
    "batch missing": (
        ("D3\tSLE\tB2", "D3\tSLE\tnan"),
        "line 4, column `batch`: missing\n"
        "    found:   nan\n"
        "    fix:     write the batch, or the sample's own name if it is not known",
    ),
    "two samples with the same file": (
        ("M\tS3", "M\tS1"),
        "lines 2, 4: samples S1 and S3 have the same file\n"
        "    found:   raw/S1/matrix.mtx.gz\n"
        "    fix:     give each sample its own file; a library of several samples needs "
        "`cell_table`, the table of its barcodes",
    ),
    "condition of neither arm, nearly right": (
        ("D2\tcontrol", "D2\tContrl"),
        "line 3, column `condition`: neither the case nor the control of the cohort\n"
        "    found:   Contrl\n"
        "    allowed: SLE (case), control (control)\n"
        "    fix:     write `control`",
    ),
    "condition of neither arm": (
        ("D3\tSLE", "D3\tRA"),
        "line 4, column `condition`: neither the case nor the control of the cohort\n"
        "    found:   RA\n"
        "    allowed: SLE (case), control (control)\n"
        "    fix:     correct the rows, take them out, correct `contrast`, or name the group under "
        "`contrasts` in "
        "config/cohorts/mine.yaml",
    ),
    "donor with two conditions": (
        ("D2\tcontrol\tB1\t31", "D1\tcontrol\tB1\t30"),
        "column `condition`: donor D1 has 2 values of `condition`\n"
        "    found:   SLE (line 2); control (line 3)\n"
        "    fix:     the donor is the unit: a donor has one value; correct the rows, or, if every "
        "donor was measured in both conditions, write `contrast: {paired: true}` in "
        "config/cohorts/mine.yaml",
    ),
    "rows longer than the header": (
        ("F\tS1", "F\tS1\textra"),
        "line 2: 8 cells for 7 columns\n    found:   S1  D1  SLE  B1  30  F  S1  extra",
    ),
}


@pytest.mark.parametrize("case", SHEETS)
def test_wrong_sheet_and_its_fix(project, case):
    (before, after), told = SHEETS[case]
    project.sheet = SHEET.replace(before, after)
    assert project.problems() == [f"config/samples/mine.tsv: {told}"]


def test_all_wrong_rows_are_told_at_once(project):
    project.sheet = SHEET.replace("D2\tcontrol", "D2\tContrl").replace("D3\tSLE", "D3\tRA")
    assert [p.split(": ")[1] for p in project.problems()] == [
        "line 3, column `condition`",
        "line 4, column `condition`",
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
        "    fix:     correct `folder` or `file`"
    ]
    project.write("counts.tsv", "donor\tTph\nD1\t4\n")
    assert project.problems() == []
    del project.cohort["file"]
    assert project.problems() == [
        "config/cohorts/mine.yaml: file: the cohort file lacks `file`, which format "
        "composition_table needs"
    ]


def test_a_published_table_may_have_its_own_poles(project):
    own = {"tph": ["Tph cells", "Tfh cells"], "th22": ["Th22 cells"]}
    usual = project.check()[0]["cohorts"]["mine"]["imbalance"]
    assert usual["poles"] == {"tph": ["CD4_Tph_like", "CD4_Tfh_circ"], "th22": ["CD4_Th22_like"]}
    project.config["imbalance"] = {"min_memory_cells": 77}
    project.cohort |= {
        "format": "composition_table",
        "file": "c.tsv",
        "composition": {"poles": own},
    }
    assert project.check()[0]["cohorts"]["mine"]["imbalance"] == usual | {
        "poles": own,
        "min_memory_cells": 77,
    }


def test_donor_with_two_sexes_or_strata(project):
    project.cohort["covariates"] = ["age", "sex"]  # two ages are averaged, see test_covariates
    project.sheet = SHEET.replace("S3\tD3", "S3\tD1")
    assert [p.splitlines()[0].split(": ", 1)[1] for p in project.problems()] == [
        "column `sex`: donor D1 has 2 values of `sex`",
        "column `batch`: donor D1 has 2 values of `batch`",
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
        "    fix:     correct the row, fetch the file, or take the row out"
    ]


def test_wrong_folder_is_one_problem(project):
    project.cohort["folder"] = "row"
    assert project.problems() == [
        "config/cohorts/mine.yaml: folder: the files of none of the 3 samples are there\n"
        "    found:   row (first missing: row/S1/matrix.mtx.gz)\n"
        "    fix:     set `folder` to the folder that holds the files"
    ]


def test_what_is_there_in_place_of_a_file_is_told_before_work(project):
    """Cell Ranger's own folder, a zarr store, an object of R: each with its way out."""
    for sample in ("S1", "S2", "S3"):
        inside = project.folder / "raw" / sample / "outs/filtered_feature_bc_matrix"
        inside.mkdir(parents=True)
        for file in (project.folder / "raw" / sample).glob("*.gz"):
            file.rename(inside / file.name)
    (told,) = project.problems()
    assert told.startswith("config/samples/mine.tsv: lines 2-4: missing file")
    assert told.endswith(
        "fix:     its matrix lies further down: add /outs/filtered_feature_bc_matrix to the path "
        "in the sheet"
    )
    (project.folder / "raw/S1/.zgroup").touch()
    store = project.problems()[0]
    assert "the path is a zarr store" in store and "set format: h5ad_per_sample" in store
    project.cohort["format"] = "h5ad_per_sample"
    project.sheet = project.sheet.replace("S2\n", "S2.rds\n").replace("S3\n", "S3.h5ad\n")
    (project.folder / "raw/S2.rds").touch()
    (project.folder / "raw/S3.h5ad").touch()
    (r,) = project.problems()  # a store may stand for an h5ad
    assert "line 3 (sample S2): the file is an object of R" in r
    assert "Matrix::writeMM" in r


def test_simulated_cohort_needs_no_files(project):
    project.cohort |= {"folder": "results/simulated/mine", "simulated": "parameters.yaml"}
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
        f"    fix:     {safe}"
    ]


def test_cells_that_are_empty_or_not_allowed(project):
    project.sheet = SHEET.replace("S1\tD1", "S1\t").replace("31\tF", "31y\tfemale")
    assert [p.replace("config/samples/mine.tsv: ", "") for p in project.problems()] == [
        "line 2 (sample S1), column `donor`: empty\n    allowed: text not empty",
        "line 3 (sample S2), column `age`: not an allowed value\n"
        "    found:   31y\n    allowed: text like 34 (Age in years, 120 at most)",
        "line 3 (sample S2), column `sex`: not an allowed value\n"
        "    found:   female\n    allowed: F, M, NA, ''",
    ]


def test_names_of_donors_are_text_and_never_numbers(project):
    project.sheet = SHEET.replace("D1", "007").replace("D2", "8").replace("D3", "Pat. 3 ü")
    settings, found = project.check()
    assert found == []
    donors = [row["donor"] for row in settings["cohorts"]["mine"]["samples"]]
    assert donors == ["007", "8", "Pat. 3 ü"]


def test_windows_line_ends_bom_and_blank_lines_are_tolerated(project):
    expected = project.check()[0]["cohorts"]["mine"]["samples"]
    text = SHEET.replace("\n", "\r\n") + "\r\n\t\t\t\r\n"
    project.sheet = b"\xef\xbb\xbf" + text.encode()
    settings, found = project.check()
    assert found == [] and settings["cohorts"]["mine"]["samples"] == expected


def test_sheet_saved_with_commas_or_in_another_encoding(project):
    for mark in (",", ";", "  "):
        project.sheet = SHEET.replace("\t", mark)
        assert project.problems() == [
            "config/samples/mine.tsv: line 1: columns are separated by commas, semicolons or "
            "spaces, not by tabs\n"
            f"    found:   {SHEET.splitlines()[0].replace(chr(9), mark)}\n"
            "    fix:     save the table as tab-separated text (TSV)"
        ]
    project.sheet = SHEET.encode("utf-16")
    assert "config/samples/mine.tsv: not UTF-8 text" in project.problems()[0]
    project.sheet = "\n"
    assert "config/samples/mine.tsv: the table is empty" in project.problems()[0]


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
        "config/samples/second.tsv: column `sample`: 3 samples named as in cohort mine\n"
        "    found:   S1, S2, S3\n"
        "    fix:     make the names differ, for instance second_S1",
        "config/samples/second.tsv: column `donor`: 3 donors named as in cohort mine\n"
        "    found:   D1, D2, D3\n"
        "    fix:     other people: make the names differ, for instance second_D1\n"
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


def test_names_shared_by_many_cohorts_are_one_problem_a_cohort(project):
    other = second(project, SHEET)
    third = {**other, "name": "third", "samples": "config/samples/third.tsv"}
    project.write("config/cohorts/third.yaml", yaml.safe_dump(third))
    project.write("config/samples/third.tsv", SHEET.replace("\nS3", "\nT3"))
    project.config["cohorts"] = ["mine", "second", "third"]
    found = project.problems()
    assert len(found) == 4
    assert "third.tsv: column `sample`: 2 samples named as in cohorts mine, second\n" in found[2]
    assert "third.tsv: column `donor`: 3 donors named as in cohorts mine, second\n" in found[3]
    assert found[3].endswith("`same_donors_as: [mine, second]` in config/cohorts/third.yaml")


# Markers and signatures -------------------------------------------------------------------------


def test_marker_table_problems(project):
    project.tables["markers"] = MARKERS + (
        "2\tCD4_Naive\tCD4\tSELL\t\tnaive\n"
        "2\tCD4_Th1\tCD44\tTBX21\t\tmemory\n"
        "2\tCD4_Th2\tCD4_Naive\tGATA3,CCR4\tCCR7\tmemory\n"
        "2\tCD4_Th22\tCD4\tCCR10\tCCR10\teffector\n"
    )
    assert [p.replace("markers.tsv: ", "") for p in project.problems()] == [
        "line 9 (label CD4_Th22), column `compartment`: not an allowed value\n"
        "    found:   effector\n    allowed: '', naive, memory, treg",
        "lines 4, 6, column `label`: label CD4_Naive occurs 2 times\n"
        "    fix:     give every row its own label name",
        "line 7 (label CD4_Th1), column `parent`: parent CD44 is unknown\n"
        "    found:   CD44\n    allowed: T, CD4, PBMC\n    fix:     write `CD4`",
        "line 8 (label CD4_Th2), column `parent`: parent CD4_Naive is not of a higher level\n"
        "    found:   CD4_Naive\n    allowed: T, CD4, PBMC",
        "line 8 (label CD4_Th2), column `positive`: genes must be separated by spaces\n"
        "    found:   GATA3,CCR4\n    fix:     GATA3 CCR4",
        "line 9 (label CD4_Th22): CCR10 is both positive and negative\n"
        "    fix:     take it out of one of the columns",
    ]


def test_unknown_column_of_the_marker_table(project):
    project.tables["markers"] = MARKERS.replace("negative", "negatve")
    assert project.problems() == [
        "markers.tsv: unknown column `negatve`\n"
        "    allowed: level, label, parent, positive, negative, compartment, source, evidence, "
        "note\n"
        "    fix:     rename it to `negative`"
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
        "    fix:     my_set",
        "lines 3, 4, column `gene`: gene MX1 occurs 2 times in set IFN\n"
        "    fix:     keep one of the rows",
    ]


def test_tables_are_read_with_line_numbers(tmp_path):
    (tmp_path / "t.tsv").write_text("gene\tset\tweight\n\nA\tx\t1\n")
    columns, rows, found = user_files.read_table(tmp_path / "t.tsv", "signatures")
    assert columns == ["gene", "set", "weight"] and found == []
    assert rows == [(3, {"gene": "A", "set": "x", "weight": "1"})]


def test_an_unclosed_quote_swallows_no_row(project):
    project.sheet = SHEET.replace("S2\t", '"S2\t')
    assert project.problems() == [
        'config/samples/mine.tsv: line 3: a quote (") that is not closed in its cell\n'
        f"    found:   {project.sheet.splitlines()[2].strip()}\n"
        "    fix:     close the quote, or take it out"
    ]


def test_line_ends_of_an_old_mac(project):
    project.sheet = SHEET.replace("\n", "\r")
    assert project.problems() == []
    assert len(project.check()[0]["cohorts"]["mine"]["samples"]) == len(SHEET.splitlines()) - 1


def test_mediators_are_scored_even_if_not_asked_for():
    stats = {
        "activity_sets": ["A", "B"],
        "mediators": ["B", "C"],
        "handling_sets": ["D"],
        "activity_subsets": ["cd4"],
    }
    assert jobs.scored_sets(stats) == ["A", "B", "C", "D"]
    assert jobs.scored_subsets(stats) == ["memory_cd4", "cd4"]


def test_labels_out_of_place(project):
    rows = "2\tCD4_x\tT\tCD8B\t\t\n1\tPBMC\tT\tCD8A\t\t\n"
    project.tables = {"markers": MARKERS + rows, "signatures": SIGNATURES + "CD4\tCD4\t1\n"}
    found = [text.splitlines()[0] for text in project.problems()]
    assert [text for text in found if text.startswith("markers.tsv")] == [
        "markers.tsv: line 7, column `label`: PBMC has a meaning of its own",
        "markers.tsv: line 6 (label CD4_x), column `parent`: the parent of a subset (level 2) is "
        "a kind of T cell (level 1)",
    ]
    project.tables["markers"] = MARKERS
    assert "config: resources: CD4 is a label and a signature" in [
        text.splitlines()[0] for text in project.problems()
    ]
