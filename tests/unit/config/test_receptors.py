"""The column `vdj` of a sample sheet: what is wrong with it is told before any work."""

import pytest
from projects import SHEET

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
