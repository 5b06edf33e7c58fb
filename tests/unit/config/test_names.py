"""Names with characters that are not seen, look like others, or control a terminal."""

import re

import pytest
from projects import SHEET
from tilt.config import names
from tilt.core.text import plain


def test_harmless_characters_are_made_plain():
    assert plain("SLE\u00a0") == "SLE"
    assert plain("\ufeffP\u20091\u200b") == "P 1"
    assert plain("Jose\u0301") == "Jos\u00e9"
    assert plain("a  b\u3000c") == "a b c"
    assert plain("a\tb\x1b") == "a\tb\x1b"  # not harmless: left for the check


@pytest.mark.parametrize("blank", ["\u00a0", " ", "\u200b", "\u2009"])
def test_a_condition_with_an_unseen_character_is_the_condition(project, blank):
    project.sheet = SHEET.replace("\tSLE\tB1", f"\tSLE{blank}\tB1")
    settings, found = project.check()
    assert found == []
    assert {row["condition"] for row in settings["cohorts"]["mine"]["samples"]} == {
        "SLE",
        "control",
    }
    notes = [note for note in settings["notes"] if "not seen: read without them" in note]
    assert len(notes) == (blank == "\u200b")  # blanks at the end are taken off without a word
    assert all(" of config/samples/mine.tsv with blanks" in note for note in notes)


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ("D1", "D1\u200b", r"D1 is written in 2 ways that differ in what is not seen"),
        ("Jos\u00e9", "Jose\u0301", "José is written in 2 ways"),
        ("CD1", "\u0421D1", r"letters of another alphabet: 'CD1', '\\u0421D1'"),
        ("01", "1", r"01 and 1 look like one \(leading zeros or decimals\)"),
        ("1", "1.0", r"1 and 1.0 look like one \(leading zeros or decimals\)"),
        ("P 1", "p1", r"P 1 and p1 look like one \(blanks\)"),
        ("P1", "p1", "P1 and p1 differ only by case"),
    ],
)
def test_donors_that_may_be_one_person_are_asked_about(project, one, two, said):
    project.sheet = SHEET.replace("S1\tD1", f"S1\t{one}").replace("S3\tD3", f"S3\t{two}")
    found = [text for text in project.problems() if "one person: write the name" in text]
    assert len(found) == 1
    assert re.search(said, found[0]), found[0]


@pytest.mark.parametrize(
    ("one", "two"), [("P10", "P1"), ("S1-1", "S11"), ("100", "10"), ("A", "B")]
)
def test_donors_that_differ_are_two(project, one, two):
    project.sheet = SHEET.replace("S1\tD1", f"S1\t{one}").replace("S3\tD3", f"S3\t{two}")
    assert project.problems() == []


@pytest.mark.parametrize("bad", ["\x00", "\x1b[31m", "\u202e", "\x0b", "\u2028", "\x85"])
def test_characters_that_control_are_told_and_never_printed(project, bad):
    project.sheet = SHEET.replace("S1\tD1", f"S1\tD{bad}1")
    found = project.problems()
    assert any("column `donor`: holds characters that control" in text for text in found)
    assert not any(bad[0] in text for text in found)


@pytest.mark.parametrize("bad", ["#N/A", "-", "?", "unknown", "NULL", "#REF!"])
def test_words_for_nobody_are_no_donors(project, bad):
    project.sheet = SHEET.replace("S1\tD1", f"S1\t{bad}")
    (found,) = project.problems()
    assert found.startswith("config/samples/mine.tsv: line 2, column `donor`: missing"), found


@pytest.mark.parametrize(
    ("cell", "runs"),
    [
        *(("=1+1", True), ("@SUM(A1)", True), ("-2+3+cmd|' /C calc'!A0", True)),
        *(("+1", False), ("-80", False), ("- thawed", False), ("CD4+", False)),
    ],
)
def test_what_a_spreadsheet_would_run_is_told(project, cell, runs):
    lines = SHEET.splitlines()
    project.sheet = "\n".join([f"{lines[0]}\tnote", f"{lines[1]}\t{cell}", *lines[2:]]) + "\n"
    found = project.problems()
    assert [("a formula, which a spreadsheet would run" in text) for text in found] == [True] * runs


def test_cells_of_a_column_without_a_name_are_told(project):
    rows = [line.split("\t", 1) for line in SHEET.splitlines()]
    project.sheet = "".join(f"{first}\t\t{rest}\n" for first, rest in rows)
    assert project.problems() == []
    project.sheet = project.sheet.replace("S2\t\t", "S2\tkeep me\t")
    (found,) = project.problems()
    assert found == (
        "config/samples/mine.tsv: line 3: a cell of a column that has no name\n"
        "    found:   keep me\n    fix:     name the column in line 1, or take it out"
    )


def test_long_names_are_told_and_cut(project):
    project.sheet = SHEET.replace("S1\tD1", "S1\t" + "D" * 5000)
    (found,) = project.problems()
    assert "line 2, column `donor`: longer than 100 characters" in found
    assert "(5000 characters)" in found and len(found) < 400


def test_markup_is_shown_as_it_is_written():
    assert names.shown("<b>\x1b") == "<b>\\x1b"


def test_names_of_digits_keep_their_zeros(project):
    """Samples 001 and 1 are two; neither becomes a number."""
    project.sheet = SHEET.replace("S1\tD1", "001\t01").replace("S2\tD2", "1\t2")
    settings, found = project.check()
    assert found == []
    rows = settings["cohorts"]["mine"]["samples"]
    assert [(row["sample"], row["donor"]) for row in rows] == [
        ("001", "01"),
        ("1", "2"),
        ("S3", "D3"),
    ]
