"""Designs beyond two arms: what is wrong with them is told before work, with the fix."""

import pytest

ROWS = """sample\tdonor\tcondition\tbatch\tage\tpath\tsledai\tactivity
S1\tD1\tSLE\tB1\t30\tS1\t4\tactive
S2\tD2\tcontrol\tB1\t31\tS2\t\tcontrol
S3\tD3\tSLE\tB2\t32\tS3\t8\tinactive
"""


@pytest.fixture
def design(project):
    project.sheet = ROWS
    return project


def only(project, **change) -> str:
    project.cohort |= change
    found = project.problems()
    assert len(found) == 1, found
    return found[0]


def test_exposures_that_are_numbers_pass(design):
    design.cohort["exposures"] = ["sledai"]
    settings, problems = design.check()
    assert problems == []
    assert settings["cohorts"]["mine"]["exposures"] == ["sledai"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"exposures": ["sledia"]}, "`sledia` is not a column of the sample sheet"),
        ({"exposures": ["activity"]}, "an exposure is a number"),
        ({"exposures": ["condition"]}, "`condition` is what is compared"),
        ({"exposures": ["sledai"], "exposures_all": ["sledai"]}, "of cases and of all donors"),
        ({"exposures": "sledai"}, "exposures"),
    ],
)
def test_exposures_that_cannot_be_are_told_with_the_fix(design, change, said):
    found = only(design, **change)
    assert said in found.splitlines()[0] and ("fix:" in found or "allowed" in found)


def test_a_stray_value_of_an_exposure_is_told_with_its_line(design):
    design.sheet = ROWS.replace("\t8\t", "\t~8\t") + "S4\tD4\tSLE\tB1\t40\tS1\t2\tactive\n"
    design.cohort["exposures"] = ["sledai"]
    (told,) = [text for text in design.problems() if "sledai" in text]
    assert told.startswith("config/samples/mine.tsv: line 4 (donor D3), column `sledai`: not a num")
    assert "~8" in told


def test_an_exposure_that_no_case_has(design):
    design.sheet = ROWS.replace("\t4\t", "\t\t").replace("\t8\t", "\t\t").replace("\t\tc", "\t3\tc")
    assert "no SLE sample has a value of `sledai`" in only(design, exposures=["sledai"])


def test_all_donors_of_pairs_would_count_twice(design):
    design.sheet = ROWS.replace("D2", "D1")
    paired = {"case": "SLE", "control": "control", "paired": True}
    found = only(design, contrast=paired, exposures_all=["sledai"])
    assert "paired: each donor would count twice" in found and "`exposures`" in found
