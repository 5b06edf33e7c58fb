"""Published tables: what is taken for a total, a share or a count, at the edges."""

import gzip

import numpy as np
import pandas as pd
import pytest
from tilt.donors import published

DONORS = pd.DataFrame(
    {"cohort": "c", "donor": ["A", "B", "C"], "condition": ["SLE", "control", "SLE"]}
)
KEY = ["donor", "subset"]


def made(sheet=DONORS, groups=None, unit="donor", denominator="total", **columns):
    table = pd.DataFrame({"id": ["A", "B", "C"]} | columns)
    return published.from_table(table, sheet, groups, unit, denominator)


def numbers(table):
    return {(r.donor, r.subset): (r.n, r.n_denominator, r.kind) for r in table.itertuples()}


def test_every_row_of_a_composition():
    table = made(x=[1, 2, 3], y=[4, 5, 6], groups={"all": ["x", "y"]}, denominator="cd4")
    assert numbers(table) == {
        **{
            ("A", "x"): (1, 5, "subset"),
            ("A", "y"): (4, 5, "subset"),
            ("A", "all"): (5, 5, "group"),
        },
        **{
            ("B", "x"): (2, 7, "subset"),
            ("B", "y"): (5, 7, "subset"),
            ("B", "all"): (7, 7, "group"),
        },
        **{
            ("C", "x"): (3, 9, "subset"),
            ("C", "y"): (6, 9, "subset"),
            ("C", "all"): (9, 9, "group"),
        },
    }
    assert (table["denominator"] == "cd4").all() and (table["cohort"] == "c").all()
    assert table.set_index("donor")["condition"].to_dict() == {
        **{"A": "SLE", "B": "control", "C": "SLE"}
    }
    assert table["n"].dtype.kind == "i"


def test_samples_of_a_donor_in_two_conditions_stay_apart():
    sheet = pd.DataFrame(
        {
            "cohort": "c",
            "donor": ["A", "A", "A"],
            "condition": ["SLE", "SLE", "control"],
            "sample": ["A", "B", "C"],
        }
    )
    table = made(sheet, unit="sample", x=[1, 2, 3], y=[4, 5, 6])
    rows = table.set_index(["condition", "subset"])["n"].to_dict()
    assert rows == {
        ("SLE", "x"): 3, ("SLE", "y"): 9, ("control", "x"): 3, ("control", "y"): 6
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "subsets"),
    [
        ({"x": [1, 2, 3], "y": [4, 5, 6], "s": [5, 7, 9]}, {"x", "y"}),  # the sum of all others
        ({"x": [1, 2, 3], "y": [4, 5, 6], "s": [5, 7, 8]}, {"x", "y", "s"}),
        (
            {"x": [1, 2, 3], "total": [1, 2, 3]},
            {"x"},
        ),  # a total is no subset, beside one column too
        ({"x": [1, 2, 3], "y": [4, 5, 6], "n_total": [5, 7, 9]}, {"x", "y"}),
        ({"x": [1, 2, 3], "y": [4, 5, 6], "Total cells": [6, 7, 9]}, {"x", "y", "not listed"}),
        ({"x": [1, 2, 3], "y": [4, 5, 6], "all": [5, 7, 10]}, {"x", "y", "not listed"}),
        ({"x": [0, 0, 0], "y": [0, 0, 0], "total": [5, 7, 10]}, {"x", "y", "total"}),
    ],
)
def test_what_is_a_total(columns, subsets):
    assert set(made(**columns)["subset"]) == subsets


def test_two_rows_that_add_up_by_chance_are_no_total():
    table = pd.DataFrame({"id": ["A", "B"], "x": [1, 2], "y": [4, 5], "s": [5, 7]})
    found = published.from_table(table, DONORS.iloc[:2])
    assert set(found["subset"]) == {"x", "y", "s"}


@pytest.mark.parametrize(
    ("name", "total"),
    [
        *(("total", True), ("N", False), ("n cells", True), ("Sum", True), ("n.total", True)),
        *(("ALL_counts", True), ("totally", False), ("T cells", False), ("all n", True)),
    ],
)
def test_names_of_totals(name, total):
    assert (published.TOTAL.fullmatch(name.strip().lower()) is not None) == total


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x": [51.0, 21.0, 31.0], "y": [52.0, 81.0, 71.0]}, "percentages"),  # within 3 %
        ({"x": [55.0, 20.0, 30.0], "y": [52.0, 80.0, 70.0]}, None),
        ({"x": [50, 20, 30], "y": [50, 80, 70]}, None),  # counts of a hundred cells each
        ({"x": [50, 20, 31], "y": [50, 80, 70]}, "percentages"),
        ({"x": [0.5, 0.2, 0.3], "y": [0.5, 0.81, 0.7]}, "fractions"),
        ({"x": [1, 0, 1], "y": [0, 1, 0]}, None),  # one cell each
        ({"x": [1.5, 2, 3], "y": [4.5, 5, 6], "z": [1, 2, 3]}, "22% of the entries are not whole"),
        ({"x": [1.5, 2, 3], "y": [4, 5, 6], "z": [1, 2, 3]}, "x: 1.5 is not a whole number"),
        ({"x": [np.inf, 2, 3], "y": [4, 5, 6]}, "donor A, x: .*inf.* is not a count"),
        ({"x": [-1.0, 2, 3], "y": [4, 5, 6]}, "donor A, x: -1 is negative"),
        ({"x": [0, 2, 3], "y": [4, 5, 6]}, None),
    ],
)
def test_counts_are_told_from_what_is_none(columns, words):
    if words is None:
        assert set(made(**columns)["subset"]) == set(columns)
    else:
        with pytest.raises(ValueError, match=words):
            made(**columns)


def test_problems_of_one_kind_are_shown_up_to_five():
    names = list("ABCDEFGH")
    sheet = pd.DataFrame({"cohort": "c", "donor": names, "condition": "SLE"})
    table = pd.DataFrame({"id": names, "x": [1] * 8, "y": [-1] * 6 + [1, 1], "z": [2] * 8})
    with pytest.raises(ValueError) as caught:
        published.from_table(table, sheet)
    lines = str(caught.value).splitlines()[1:]
    assert lines[-1].strip() == "... and 1 more in y: is negative" and len(lines) == 6
    with pytest.raises(ValueError) as caught:
        published.from_table(table.assign(id=[*"ABCDE", "X", "Y", "Z"], y=1), sheet)
    text = str(caught.value)
    assert [f"row {n}: no such donor" in text for n in "XYZ"] == [True] * 3
    assert "donor F of the sample sheet has no row" in text and "more without" not in text
    with pytest.raises(ValueError, match=r"\.\.\. and 3 more without a row"):
        published.from_table(table.assign(y=1).iloc[:0].reindex([0]).assign(id="Q"), sheet)


def test_groups_must_be_new_names_of_known_columns():
    with pytest.raises(ValueError, match="group x has the name of a column"):
        made(x=[1, 2, 3], y=[4, 5, 6], groups={"x": ["y"]})
    with pytest.raises(ValueError, match=r"group g: no column \['q', 'z'\]; there are"):
        made(x=[1, 2, 3], y=[4, 5, 6], groups={"g": ["z", "x", "q"]})


def test_donors_without_cells_are_told(caplog):
    table = made(x=[1, 0, 3], y=[4, 0, 6])
    assert numbers(table)["B", "x"] == (0, 0, "subset")
    said = [r.message for r in caplog.records if "has no cells" in r.message]
    assert said == ["composition table: donor B has no cells: left out of every share"]


def test_a_table_with_donors_as_columns_needs_most_of_them(caplog):
    turned = pd.DataFrame({"type": ["x", "y"], "A": [1, 2], "B": [3, 4], "Z": [9, 9]})
    found = numbers(published.from_table(turned, DONORS.iloc[:2]))
    assert found["B", "y"] == (4, 7, "subset")
    assert "each column is a donor: table turned" in caplog.text
    with pytest.raises(ValueError, match="donor B of the sample sheet has no row"):
        published.from_table(turned[["type", "A"]], DONORS.iloc[:2])


def test_the_separator_of_most_columns_is_taken(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("id,a\tx\ty\nA,1\t1\t2\nB,2\t3\t4\n")
    table = published.read_published(path)
    assert table.columns.tolist() == ["id,a", "x", "y"]
    assert table.to_numpy().tolist() == [["A,1", "1", "2"], ["B,2", "3", "4"]]
    path.write_text(" id ; x \n A ; 1 \n")
    table = published.read_published(path)
    assert table.columns.tolist() == ["id", "x"] and table.iloc[0].tolist() == ["A", "1"]
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"id\tx\nA\t1\n"))
    assert published.read_published(tmp_path / "t.gz").iloc[0].tolist() == ["A", "1"]


def test_one_row_below_the_header_is_a_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,x\nA,1\n")
    assert len(published.read_published(path)) == 1
    path.write_text("id,x\n\n , \n")
    with pytest.raises(ValueError, match="no rows below the header"):
        published.read_published(path)


def test_a_row_of_another_length_is_named_by_its_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,x,y\nA,1,2\nB,1,2,3\nC,1,2\n")
    with pytest.raises(ValueError, match="row 3 has 4 cells, the header 3"):
        published.read_published(path)
