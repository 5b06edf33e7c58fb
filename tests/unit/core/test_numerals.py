"""What counts as a number, in checks and in statistics alike."""

import pytest
from tilt.core import numerals

AGES = [str(25 + i) for i in range(12)]


@pytest.mark.parametrize(
    ("text", "value"), [("34", 34), (" -1.5 ", -1.5), ("1e3", 1000), (".5", 0.5)]
)
def test_numbers_are_read(text, value):
    assert numerals.number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(">89", "33+34", "36,5", "34 y", "2024-01-03", "1,000,000", "inf", "-inf", "1e999"),
        *("nan", "1_000", "0x1A", "٣٤", "40-49", "", "NA"),
    ],
)
def test_what_is_no_number_is_none(text):
    assert numerals.number(text) is None


@pytest.mark.parametrize("text", [">89", "33+34", "36,5", "34 y", "2024-01-03", "inf"])
def test_one_stray_is_found_among_numbers(text):
    values = [*AGES, text, "", "NA"]
    assert numerals.is_numeric(values)
    assert numerals.strays(values) == [12]


def test_categories_have_no_strays():
    for values in (["F", "M"] * 6, ["1a", "2b"] * 6, ["<5", "5-10", ">10"] * 4, ["B1", "2"] * 5):
        assert not numerals.is_numeric(values)
        assert numerals.strays(values) == []


@pytest.mark.parametrize("mark", ["{} y", "{},5", ">{}", "19{}-01-01"])
def test_a_column_of_numbers_written_wrongly_throughout_is_no_category(mark):
    values = [mark.format(age) for age in AGES]
    assert numerals.strays(values) == list(range(12))


def test_codes_and_far_values_are_told_apart_from_the_rest():
    assert numerals.doubtful([*AGES, "-9"]) == ([12], [])
    assert numerals.doubtful([*AGES, "999"]) == ([12], [])
    assert numerals.doubtful([*AGES, "1000000"]) == ([], [12])
    assert numerals.doubtful([*AGES, "60"]) == ([], [])
    assert numerals.doubtful(["-12", "-3", "0", "4", "-9", "8", "2"]) == ([], [])
    assert numerals.doubtful(["900", "950", "999", "1010", "1100"]) == ([], [])
    assert numerals.doubtful(["0", "0", "0", "0", "4", "0", "12"])[0] == []
