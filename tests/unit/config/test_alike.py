"""Like problems are told once with their lines; unlike ones stay apart, in order."""

from tilt.config import alike
from tilt.config.messages import problem


def empty(line, sample="S1", column="condition", found="", fix=""):
    where = f"line {line} (sample {sample}), column `{column}`"
    return problem("s.tsv", where, "empty", found, "text not empty", fix)


def test_many_become_one_line_with_ranges():
    texts = [empty(n, f"S{n}") for n in (2, 3, 4, 7)]
    assert alike.collapsed(texts) == [
        "s.tsv: lines 2-4, 7, column `condition`: empty\n    allowed: text not empty"
    ]


def test_two_stay_two_and_other_columns_stay_apart():
    texts = [empty(2), empty(3), empty(2, column="donor"), "config: seed: wrong"]
    assert alike.collapsed(texts) == texts


def test_what_was_found_is_listed_once_each_and_the_place_is_kept():
    texts = ["a", *(empty(n, found=f"x{n % 2}", fix=f"y{n}") for n in range(2, 6)), "b"]
    first, one, last = alike.collapsed(texts)
    assert (first, last) == ("a", "b")
    assert one.split("\n") == [
        "s.tsv: lines 2-5, column `condition`: empty",
        "    found:   x0, x1",
        "    allowed: text not empty",
        "    fix:     y2, and so on",
    ]


def test_missing_files_of_several_lines():
    texts = [
        problem("s.tsv", f"line {n} (sample S{n})", "missing file", f"a{n}\nb{n}", fix="fetch it")
        for n in range(2, 20)
    ]
    assert alike.collapsed(texts) == [
        "s.tsv: lines 2-19: missing file\n    found:   a2, a3, a4, a5, a6 and 13 more\n"
        "    fix:     fetch it"
    ]


def test_eighteen_empty_conditions_of_a_new_sheet(project):
    rows = project.sheet.splitlines()
    head = rows[0].split("\t")
    project.sheet = "\n".join(
        [rows[0]]
        + [
            "\t".join({"condition": ""}.get(name, f"x{n}") for name in head)
            for n in range(18)
        ]
    )  # fmt: skip
    _, found = project.check()
    assert sum("column `condition`: empty" in text for text in found) == 1
    assert any("lines 2-19, column `condition`: empty" in text for text in found)
