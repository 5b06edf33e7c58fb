"""The column `raw` of a sample sheet: what is wrong with it is told before any work."""

import pytest
from projects import SHEET
from tilt.config import jobs

TAGGED = {"protein": {"from": "features"}}


def named(project, *files, tagged=True):
    """A sheet whose samples name these files ("" for none)."""
    head, *rows = SHEET.splitlines()
    lines = [f"{head}\traw", *(f"{row}\t{file}" for row, file in zip(rows, files, strict=True))]
    project.sheet = "\n".join(lines) + "\n"
    project.cohort |= TAGGED if tagged else {}
    for file in set(files) - {"", "gone.h5"}:
        project.write(f"raw/{file}", "x")
    return project


def of_the_column(project) -> list[str]:
    return [told for told in project.problems() if "`raw`" in told or "missing file" in told]


@pytest.mark.parametrize(
    ("files", "tagged", "said"),
    [
        (("a.h5", "b.h5", "c.h5"), False, "serve antibody tags alone"),
        (("a.h5", "", "c.h5"), True, "2 of 3 samples have an unfiltered matrix"),
        (("a.h5", "b.h5", "c.mtx"), True, "line 4 (sample S3), column `raw`: no HDF5 file"),
        (("a.h5", "b.h5", "gone.h5"), True, "line 4 (sample S3): missing file"),
        (("a.h5", "b.h5", "a.h5"), True, "samples S1 and S3 name the same matrix"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(project, files, tagged, said):
    (told,) = of_the_column(named(project, *files, tagged=tagged))
    assert said in told


def test_a_good_column_is_no_problem_and_is_read_by_its_own_job(project):
    assert of_the_column(named(project, "a.h5", "b.h5", "c.h5")) == []
    rows = [{"sample": f"S{i}", "donor": "D", "condition": "SLE", "raw": f"{i}.h5"} for i in (1, 2)]
    cohort = {"name": "c", "format": "10x_dir", "folder": "x", "samples": rows} | TAGGED
    assert jobs.droplet_files(cohort) == {"S1": "x/1.h5", "S2": "x/2.h5"}
    assert jobs.with_droplets(cohort) and not jobs.with_droplets(cohort | {"protein": None})
    assert "raw" not in jobs.row_of(cohort, "S1")


def test_samples_without_tags_and_samples_of_one_lane_are_let_through(project):
    named(project, "a.h5", "", "a.h5")
    table = {"file": "cells.tsv", "match": {"batch": "lane"}}
    project.cohort |= {"protein": {"from": "folder"}, "cell_table": table}
    assert of_the_column(project) == []
