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


COLUMN = {"column": "activity"}
GROUPS = {"groups": COLUMN, "contrasts": [{"case": "active", "control": "inactive"}]}


def test_groups_of_a_column_pass_and_donors_of_no_named_group_are_told(design):
    design.cohort |= GROUPS
    settings, problems = design.check()
    assert problems == []
    assert settings["cohorts"]["mine"]["groups"] == {"column": "activity", "order": []}
    assert [note for note in settings["notes"] if "activity" in note] == [
        "cohort mine: 1 sample of no group that is named in `contrasts` or `order` (activity: "
        "control): not in these comparisons"
    ]


def test_a_third_condition_passes_where_it_is_named(design):
    design.sheet = ROWS + "S4\tD4\tnephritis\tB1\t40\tS1b\t\t\n"
    for name in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"):
        (design.folder / "raw/S1b").mkdir(exist_ok=True)
        (design.folder / "raw/S1b" / name).write_text("other")
    found = only(design)
    assert "neither the case nor the control" in found and "name the group under" in found
    design.cohort["contrasts"] = [{"case": "nephritis", "control": "SLE"}]
    assert design.problems() == []
    order = {"order": ["control", "SLE", "nephritis"]}
    design.cohort |= {"contrasts": [], "groups": order}
    assert design.problems() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"groups": {"column": "activity"}}, "nothing is asked of them"),
        (GROUPS | {"groups": {"column": "activty"}}, "`activty` is not a column"),
        (GROUPS | {"groups": COLUMN | {"order": ["control", "active"]}}, "three groups"),
        (
            {"groups": COLUMN, "contrasts": [{"case": "activ", "control": "control"}]},
            "no sample is of this group",
        ),
        ({"contrasts": [{"case": "control", "control": "SLE"}]}, "is the same as `contrast`"),
        (GROUPS | {"contrasts": GROUPS["contrasts"] + [{"case": "inactive", "control": "active"}]},
         "is the same as entry 1"),
        (GROUPS | {"contrasts": [{"case": "active", "control": "active"}]}, "are the same group"),
    ],
)  # fmt: skip
def test_groups_that_cannot_be_are_told_with_the_fix(design, change, said):
    assert said in only(design, **change).splitlines()[0]


def test_a_donor_is_in_one_group(design):
    design.sheet = ROWS.replace("D3", "D1").replace("B2", "B1")
    found = only(design, **GROUPS)
    assert "donor D1 has 2 values of `activity`" in found


VISITS = """sample\tdonor\tcondition\tbatch\tage\tpath\tvisit
S1\tD1\tSLE\tB1\t30\tS1\tflare
S2\tD2\tcontrol\tB1\t31\tS2\tflare
S3\tD1\tSLE\tB2\t32\tS3\tafter
"""


def test_later_visits_are_units_of_their_own(project):
    project.sheet = VISITS
    project.cohort["visits"] = {"column": "visit", "order": ["flare", "after"]}
    settings, problems = project.check()
    assert problems == []  # batches and ages of two visits may differ
    rows = settings["cohorts"]["mine"]["samples"]
    assert [row["condition"] for row in rows] == ["SLE", "control", "SLE (after)"]
    assert not [note for note in settings["notes"] if "the mean is used" in note]
    project.cohort.pop("visits")
    assert "donor D1 has 2 values of `batch`" in only(project)


@pytest.mark.parametrize(
    ("change", "sheet", "said"),
    [
        ({"column": "visits"}, VISITS, "`visits` is not a column"),
        ({}, VISITS.replace("after", "aftr"), "line 4, column `visit`: no visit named in `visits`"),
        ({}, VISITS.replace("S3\tD1", "S3\tD3"), "no donor has a sample of flare and of a later"),
        ({"order": ["flare"]}, VISITS.replace("B2", "B1"), "visits: order"),
    ],
)
def test_visits_that_cannot_be_are_told_with_the_fix(project, change, sheet, said):
    project.sheet = sheet
    visits = {"column": "visit", "order": ["flare", "after"]} | change
    project.cohort |= {"visits": visits, "strata": [], "covariates": []}
    found = [text for text in project.problems() if said in text]
    assert len(found) == 1 and len(project.problems()) == 1, project.problems()


def test_samples_that_are_added_up_are_told_with_their_number(project):
    project.sheet = VISITS.replace("B2", "B1").replace("32", "30")
    (note,) = [note for note in project.check()[0]["notes"] if "added up" in note]
    assert "cells of 2 samples of 1 donor are added up (D1: S1, S3): technical repeats" in note
    project.cohort["visits"] = {"column": "visit", "order": ["flare", "after"]}
    settings, problems = project.check()
    assert problems == [] and not [note for note in settings["notes"] if "added up" in note]


def test_donors_who_came_late_are_told(project):
    project.sheet = VISITS + "S4\tD4\tcontrol\tB1\t40\tS4\tafter\n"
    for name in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"):
        (project.folder / "raw/S4").mkdir(exist_ok=True)
        (project.folder / "raw/S4" / name).write_text("other")
    project.cohort["visits"] = {"column": "visit", "order": ["flare", "after"]}
    settings, problems = project.check()
    assert problems == []
    assert [n for n in settings["notes"] if "flare" in n] == [
        "cohort mine: 1 donor without a sample of flare (D4): not in the comparison of the arms"
    ]
