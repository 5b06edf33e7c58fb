"""Matrices, copies, keys and quantities that would be passed over are named with their number."""

import shutil

import pytest
from projects import Project


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def told(project, word):
    (found,) = [text for text in project.problems() if word in text]
    return found


def test_a_second_matrix_in_the_folder_of_a_sample(project):
    (project.folder / "raw/S2/matrix.mtx").touch()
    assert project.problems() == [], "the same once more, unpacked"
    (project.folder / "raw/S2/raw_matrix.mtx.gz").touch()
    assert told(project, "matrices") == (
        "config/samples/mine.tsv: line 3 (sample S2): its folder holds 3 matrices, and one of "
        "them would be read\n"
        "    found:   matrix.mtx\n"
        "             matrix.mtx.gz\n"
        "             raw_matrix.mtx.gz\n"
        "    fix:     leave one there, or use format: triplets and name the file in the column "
        "`matrix`"
    )


def test_equal_counts_under_two_names(project):
    for sample, counts in (("S1", b"same"), ("S2", b"else"), ("S3", b"same")):
        (project.folder / f"raw/{sample}/matrix.mtx.gz").write_bytes(counts)
    assert told(project, "same counts").startswith(
        "config/samples/mine.tsv: lines 2, 4: samples S1 and S3 have the same counts\n"
        "    found:   raw/S1/matrix.mtx.gz\n"
        "             raw/S3/matrix.mtx.gz\n"
    )
    (project.folder / "raw/S3/matrix.mtx.gz").write_bytes(b"Same")
    assert project.problems() == []


def test_a_link_is_told_once(project):
    (project.folder / "raw/S1/matrix.mtx.gz").write_bytes(b"one")
    shutil.rmtree(project.folder / "raw/S2")
    (project.folder / "raw/S2").symlink_to(project.folder / "raw/S1")
    assert "have the same file" in told(project, "samples S1 and S2")


def test_keys_and_columns_that_the_format_does_not_read(project):
    project.cohort |= {"genes_file": "genes.tsv", "h5ad": {"counts": "X"}}
    rows = project.sheet.splitlines()
    project.sheet = "\n".join([rows[0] + "\tprefix", *(row + "\tx" for row in rows[1:]), ""])
    found, problems = project.check()
    assert problems == []
    assert found["notes"] == [
        "cohort mine: format 10x_dir does not use `genes_file`, `h5ad`",
        "cohort mine: format 10x_dir does not use 1 column of the sample sheet: `prefix`",
    ]


def test_quantities_that_cannot_be_counted_in_a_sort(project):
    project.cohort["cells"] = "cd4"
    found, problems = project.check()
    assert problems == []
    assert found["notes"] == [
        "cohort mine: 3 of 11 secondary quantities cannot be counted among sorted CD4 T cells and "
        "are not tested here: CD8_TEMRA_GZMH in t, CD8_EM_GZMK in t, MAIT in t"
    ]
