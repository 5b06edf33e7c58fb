"""The column `vdj` of a sample sheet: what is wrong with it is told before any work."""

import pytest
from projects import SHEET
from tilt.config import jobs
from tilt.io import layouts

HEAD = "barcode,chain,v_gene,j_gene,productive,cdr3,cdr3_nt,umis\n"


def named(project, *files, text=HEAD):
    """A sheet whose samples name these files ("" for none), which hold a header."""
    head, *rows = SHEET.splitlines()
    lines = [f"{head}\tvdj", *(f"{row}\t{file}" for row, file in zip(rows, files, strict=True))]
    project.sheet = "\n".join(lines) + "\n"
    for file in set(files) - {"", "NA", "gone.csv"}:
        project.write(f"raw/{file}", text)
    return project


def test_a_good_column_is_no_problem_and_gaps_are_told(project):
    settings, problems = named(project, "a.csv", "", "NA").check()
    assert problems == []
    told = [note for note in settings["notes"] if "receptors" in note]
    assert told == ["cohort mine: 2 samples of 3 without receptors (column `vdj` is empty): S2, S3"]


@pytest.mark.parametrize(
    ("files", "text", "said"),
    [
        (("a.csv", "gone.csv", ""), HEAD, ["line 3 (sample S2): missing file", "raw/gone.csv"]),
        (
            ("a.csv", "b.csv", "a.csv"),
            HEAD,
            ["lines 2, 4", "samples S1 and S3 name the same table"],
        ),
        (
            ("a.csv", "", ""),
            "clonotype_id,frequency,proportion,cdr3s_aa\n",
            ["line 2 (sample S1), column `vdj`", "lacks 6 columns", "filtered_contig_annotations"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(project, files, text, said):
    (told,) = named(project, *files, text=text).problems()
    assert [part for part in said if part not in told] == []


def test_two_links_to_one_table_are_one_table(project):
    named(project, "a.csv", "b.csv", "", text=HEAD)
    (project.folder / "raw/b.csv").unlink()
    (project.folder / "raw/b.csv").symlink_to(project.folder / "raw/a.csv")
    (told,) = project.problems()
    assert "lines 2, 3, column `vdj`: samples S1 and S2 name the same table" in told


def test_a_file_that_is_no_archive_is_told_and_other_faults_with_it(project):
    named(project, "a.csv.gz", "", "", text="no archive")
    (told,) = project.problems()
    assert "column `vdj`: cannot be read (Not a gzipped file" in told and "fetch it again" in told
    del project.cohort["format"]
    assert len(project.problems()) >= 2


def test_a_table_of_counts_has_no_receptors(project):
    named(project, "a.csv", "", "")
    project.cohort |= {"format": "composition_table", "file": "c.tsv"}
    project.write("raw/c.tsv", "donor\tx\n")
    assert any("has no cells with receptors" in text for text in project.problems())


def test_a_secondary_comparison_may_be_of_clones(project):
    pair = {"quantity": "clone_expanded", "denominator": "memory_cd4"}
    project.config["stats"] = {"secondary": [pair]}
    assert not [text for text in project.problems() if "clone_expanded" in text]
    project.config["stats"] = {"secondary": [pair | {"quantity": "clone_expandd"}]}
    assert any("clone_expanded" in text for text in project.problems())


ROWS = [
    {"sample": "S1", "path": "S1", "vdj": "S1/c.csv"},
    {"sample": "S2", "path": "S2", "vdj": ""},
]


def test_what_the_jobs_read():
    cohort = {"name": "c", "format": "10x_dir", "folder": "raw", "samples": ROWS, "batch": "batch"}
    assert jobs.with_receptors(cohort) and jobs.receptor_files(cohort) == {"S1": "raw/S1/c.csv"}
    assert jobs.receptor_inputs(cohort) == ["raw/S1/c.csv"]
    assert jobs.receptor_inputs(cohort | {"simulated": "x"}) == ["raw"]
    assert jobs.receptor_inputs(cohort | {"retrieve": []}) == ["results/c/retrieved.tsv"]
    assert "S1/c.csv" in layouts.files_wanted(cohort), "fetched with the others"
    assert "raw/S1/c.csv" not in layouts.raw_files(cohort), "samples do not hang on it"
    assert "vdj" not in jobs.row_of(cohort, "S1")
    assert all("vdj" not in row for row in jobs.people(cohort)), "a file, no trait of a donor"
    assert not jobs.with_receptors(cohort | {"samples": ROWS[1:]})
    assert not jobs.with_receptors(cohort | {"format": "composition_table"})
