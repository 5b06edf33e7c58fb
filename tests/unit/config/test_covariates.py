"""Numbers of covariates, and columns that have another part: told before work."""

from pathlib import Path

import pytest
from tilt.config import covariates

SHEET = Path("config/samples/mine.tsv")


def rows(**changed):
    """Twelve donors with a body mass index; ``changed``: line (as L4) -> value."""
    values = [str(20 + i) for i in range(12)]
    for line, value in changed.items():
        values[int(line[1:]) - 2] = value
    return [
        (i + 2, {"donor": f"D{i}", "condition": "SLE" if i % 2 else "control", "bmi": v})
        for i, v in enumerate(values)
    ]


def cohort(**more):
    return {"name": "mine", "path": "mine.yaml", "covariates": ["bmi"], "strata": []} | more


@pytest.mark.parametrize("text", [">89", "33+34", "36,5", "34 y", "2020-01-31", "inf"])
def test_text_among_numbers_is_a_problem_with_its_line_and_the_fix(text):
    found, notes = covariates.numbers(cohort(), SHEET, rows(L5=text))
    assert len(found) == 1 and notes == []
    assert found[0].startswith(
        "config/samples/mine.tsv: line 5 (donor D3), column `bmi`: not a number"
    )
    assert f"found:   {text}" in found[0]
    assert "decimal point" in found[0] and "`strata` in mine.yaml" in found[0]


def test_a_column_of_strays_names_five_and_the_other_lines():
    wrong = {f"L{i}": f"{i} kg" for i in range(2, 14)}
    found, _ = covariates.numbers(cohort(), SHEET, rows(**wrong))
    assert len(found) == 6
    assert "lines 7, 8, 9, 10, 11 and 2 more" in found[-1]


@pytest.mark.parametrize("code", ["-9", "-99", "999", "9999"])
def test_a_code_for_missing_is_a_problem(code):
    found, _ = covariates.numbers(cohort(), SHEET, rows(L3=code))
    assert len(found) == 1 and "code for a missing value" in found[0] and "line 3" in found[0]


def test_a_value_far_from_all_others_is_questioned_and_stops_nothing():
    found, notes = covariates.numbers(cohort(), SHEET, rows(L3="1000000"))
    assert found == []
    assert notes == [
        "cohort mine: bmi 1000000 of donor D1 (line 3) is far from all others: is it right?"
    ]


def test_a_donor_with_two_numbers_is_averaged_and_told():
    both = rows()
    both.append((14, both[3][1] | {"bmi": "24"}))
    found, notes = covariates.numbers(cohort(), SHEET, both)
    assert found == []
    assert notes == [
        "cohort mine: `bmi` differs between the samples of 1 donor: the mean is used: D3 (23, 24)"
    ]


def test_the_whole_check_lets_two_ages_of_a_donor_pass_and_two_sexes_not(project):
    project.cohort |= {"covariates": ["age", "sex"], "strata": []}
    project.sheet = project.sheet.replace("S3\tD3\tSLE\tB2\t32\tM", "S3\tD1\tSLE\tB2\t31\tF")
    settings, found = project.check()
    assert found == []
    assert any("the mean is used: D1 (30, 31)" in note for note in settings["notes"])
    project.sheet = project.sheet.replace("31\tF\tS3", "31\tM\tS3")
    assert any("donor D1 has 2 values of `sex`" in text for text in project.check()[1])


def test_text_in_a_column_is_told_by_the_whole_check(project):
    project.cohort["covariates"] = ["bmi"]
    project.sheet = "\n".join(
        f"{line}\t{bmi}"
        for line, bmi in zip(project.sheet.splitlines(), ["bmi", "20", "21", ">40"], strict=True)
    )
    _, found = project.check()
    assert len(found) == 1 and "line 4 (donor D3), column `bmi`: not a number" in found[0]


@pytest.mark.parametrize("name", ["condition", "donor", "sample"])
@pytest.mark.parametrize("key", ["covariates", "strata"])
def test_what_is_compared_cannot_be_adjusted_for(project, key, name):
    project.cohort |= {"covariates": [], "strata": []} | {key: [name]}
    _, found = project.check()
    assert any(f"`{name}` is" in text and "cannot be adjusted for" in text for text in found)


def test_the_condition_cannot_be_the_batch(project):
    project.cohort["batch"] = "condition"
    assert any("would take the effect away" in text for text in project.check()[1])


def test_a_covariate_that_is_a_stratum_is_told_and_not_read_as_number():
    both = cohort(strata=["bmi"])
    found, notes = covariates.numbers(both, SHEET, rows(L5="B7"))
    assert found == []
    assert notes == ["cohort mine: `bmi` is a stratum and a covariate: counted once, as stratum"]
    assert covariates.declared(both) == []
