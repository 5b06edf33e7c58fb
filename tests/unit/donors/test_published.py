import gzip

import pandas as pd
import pytest
from tilt.donors import published

DONORS = pd.DataFrame(
    {
        "cohort": "made",
        "donor": ["A", "B", "C"],
        "condition": ["SLE", "control", "SLE"],
        "batch": "B1",
        "age": ["20", "30", "NA"],
    }
)


def find(table, donor, subset, denominator):
    row = table[(table["donor"] == donor) & (table["subset"] == subset)]
    row = row[row["denominator"] == denominator].iloc[0]
    return row["n"], row["n_denominator"]


def table(**more):
    return pd.DataFrame({"id": ["A", "B", "C"], "x": [5, 0, 7], "y": [5, 20, 3]} | more)


def test_a_published_table_becomes_a_composition():
    made = published.from_table(table(), DONORS, groups={"both": ["x", "y"]})
    assert find(made, "A", "x", "total") == (5, 10)
    assert find(made, "B", "x", "total") == (0, 20)
    assert find(made, "C", "both", "total") == (10, 10)
    assert set(made["kind"]) == {"subset", "group"}


def test_the_long_form_and_samples_of_one_donor_add_up():
    sheet = DONORS.iloc[[0, 0, 1]].assign(sample=["s1", "s2", "s3"])
    long = pd.DataFrame(
        {
            "sample": ["s1", "s1", "s2", "s2", "s3", "s3"],
            "subset": ["x", "y"] * 3,
            "n": [1, 2, 3, 4, 5, 6],
        }
    )
    made = published.from_table(long, sheet, unit="sample")
    assert find(made, "A", "x", "total") == (4, 10)
    assert find(made, "B", "y", "total") == (6, 11)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": [50.5, 20.0, 30.25], "y": [49.5, 80.0, 69.75]}, "look like percentages"),
        ({"x": [0.5, 0.2, 0.3], "y": [0.5, 0.8, 0.7]}, "look like fractions"),
        ({"x": [5.5, 2, 3]}, "donor A, x: 5.5 is not a whole number"),
        ({"x": [5, -2, 3]}, "donor B, x: -2 is negative"),
        ({"x": [5, None, 3]}, "donor B, x: .* is not a count"),
        ({"x": ["5", "many", "3"]}, "donor B, x: 'many' is not a count"),
        ({"id": ["A", "A", "C"]}, "row A is there twice"),
        ({"id": ["A", "B", "Z"]}, "row Z: no such donor"),
        ({"id": ["A", "B", "Z"]}, "donor C of the sample sheet has no row"),
    ],
)
def test_bad_published_tables_are_refused_in_words(change, words):
    with pytest.raises(ValueError, match=words):
        published.from_table(table(**change), DONORS)


def test_unknown_group_members_are_named():
    with pytest.raises(ValueError, match="group T: no column"):
        published.from_table(table(), DONORS, groups={"T": ["z"]})


def test_any_separator_is_read(tmp_path):
    for sep in ",;\t":
        path = tmp_path / "t.csv"
        path.write_text(sep.join(["", "x", "y"]) + "\n" + sep.join(["A", "1", "2"]) + "\n")
        made = published.read_published(path)
        assert made.iloc[0].tolist() == ["A", "1", "2"]


def warned(caplog):
    return " | ".join(record.message for record in caplog.records)


def test_columns_about_donors_and_totals_are_no_subsets(caplog):
    wide = table(Age=[20, 30, 40], Total=[10, 20, 10], batch=["B1"] * 3)
    made = published.from_table(wide, DONORS)
    assert set(made["subset"]) == {"x", "y"}
    assert find(made, "B", "y", "total") == (20, 20)
    assert "Age, batch left out" in warned(caplog)
    assert "Total is the sum of the others" in warned(caplog)


@pytest.mark.parametrize(
    "name", ["n_total", "n_pbmc", "PBMC cells", "cells_per_donor", "All cells", "n cells"]
)
@pytest.mark.parametrize("parts", [1, 2])
def test_a_total_is_seen_by_its_name(name, parts):
    wide = table(**{name: [100, 200, 300]})
    made = published.from_table(wide if parts == 2 else wide.drop(columns="y"), DONORS)
    assert find(made, "A", "x", "total") == (5, 100)
    assert find(made, "C", published.REST, "total") == ([293, 290][parts - 1], 300)
    assert name not in set(made["subset"])


def test_a_total_row_of_the_long_form():
    long = table(total=[100, 200, 300]).melt("id", var_name="subset", value_name="n")
    made = published.from_table(long.rename(columns={"id": "donor"}), DONORS)
    assert find(made, "B", "y", "total") == (20, 200)


def test_a_column_that_may_be_a_total_is_asked_about():
    wide = table(lymphocytes=[100, 100, 100])
    with pytest.raises(ValueError, match=r"lymphocytes is 100 in every row .*total: lymphocytes"):
        published.from_table(wide, DONORS)
    assert find(published.from_table(wide, DONORS, total=""), "A", "x", "total") == (5, 110)
    assert find(published.from_table(wide, DONORS, total="lymphocytes"), "A", "x", "total") == (
        5,
        100,
    )
    with pytest.raises(ValueError, match="total: no column cells"):
        published.from_table(wide, DONORS, total="cells")


def test_a_rest_is_a_subset_and_not_a_total():
    made = published.from_table(table(**{"other cells": [100, 100, 100]}), DONORS)
    assert find(made, "A", "other cells", "total") == (100, 110)


def test_an_unclosed_quote_swallows_no_row(tmp_path):
    path = tmp_path / "counts.tsv"
    path.write_text('id\tx\tnote\nA\t5\t"late draw\nB\t0\tok\nC\t7\t"again"\n')
    with pytest.raises(ValueError, match=r'A\t5\t"late draw: a quote \("\) that is not closed'):
        published.read_published(path)
    path.write_text('id\tx\tnote\nA\t5\t"late draw"\nB\t0\t5" tall\nC\t7\t\n')
    read = published.read_published(path)
    assert read["id"].tolist() == ["A", "B", "C"]
    assert read["note"].tolist() == ["late draw", '5" tall', ""]


def test_a_total_of_more_than_the_subsets_makes_a_rest():
    made = published.from_table(table(n_cells=[15, 20, 12]), DONORS)
    assert find(made, "A", "x", "total") == (5, 15)
    assert find(made, "A", published.REST, "total") == (5, 15)
    assert find(made, "B", published.REST, "total") == (0, 20)


def test_a_total_below_its_parts_is_refused():
    with pytest.raises(ValueError, match="column total is less than the sum of the others in C"):
        published.from_table(table(total=[10, 20, 9]), DONORS)


def test_a_turned_table_is_turned_back():
    turned = table().set_index("id").T.rename_axis("cell type").reset_index()
    made = published.from_table(turned, DONORS)
    assert find(made, "A", "x", "total") == (5, 10)
    assert find(made, "B", "y", "total") == (20, 20)


def test_pairs_that_the_long_form_leaves_out_have_no_cells(caplog):
    long = pd.DataFrame({"donor": list("AABC"), "subset": list("xyyx"), "n": [5, 5, 20, 7]})
    made = published.from_table(long, DONORS)
    assert find(made, "B", "x", "total") == (0, 20)
    assert find(made, "C", "y", "total") == (0, 7)
    assert "2 pairs of donor and subset without a row" in warned(caplog)


def test_an_empty_count_of_the_long_form_is_not_taken_for_zero():
    long = pd.DataFrame({"donor": list("ABC"), "subset": "x", "n": ["1", "", "2"]})
    with pytest.raises(ValueError, match="donor B, x: '' is not a count"):
        published.from_table(long, DONORS)


def test_cells_without_a_label_stay_in_the_total():
    long = pd.DataFrame(
        {"donor": list("AABBCC"), "subset": ["x", "NA"] * 3, "n": [1, 2, 3, 4, 5, 6]}
    )
    made = published.from_table(long, DONORS)
    assert find(made, "A", "unnamed", "total") == (2, 3)


def test_a_donor_in_two_conditions_needs_rows_by_sample():
    sheet = pd.concat([DONORS, DONORS.iloc[[0]].assign(condition="control")])
    with pytest.raises(ValueError, match="unit: sample"):
        published.from_table(table(), sheet)


def test_rows_of_others_are_left_out_aloud(caplog):
    made = published.from_table(table(), DONORS.iloc[:2])
    assert set(made["donor"]) == {"A", "B"}
    assert "1 rows are not in the sample sheet: C left out" in warned(caplog)


def test_a_donor_without_cells_keeps_its_rows(caplog):
    made = published.from_table(table(x=[5, 0, 7], y=[5, 0, 3]), DONORS)
    assert find(made, "B", "x", "total") == (0, 0)
    assert "donor B has no cells" in warned(caplog)


def test_many_bad_entries_are_named_briefly():
    wide = pd.DataFrame({"id": ["A", "B", "C"]} | {f"s{i}": ["1", "x", "2"] for i in range(40)})
    with pytest.raises(ValueError, match="and 35 more in") as error:
        published.from_table(wide, DONORS)
    assert str(error.value).count("\n") == published.SHOWN + 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": [51, 20, 30], "y": [49, 81, 70]}, "look like percentages"),
        ({"x": [51.2, 0, 30.1], "y": [48.8, 0, 69.9]}, "look like percentages"),  # B: no cells
        ({"x": [5.2, 0.1, 3.7], "y": [1.5, 2.2, 9.4]}, "100% of the entries are not whole"),
    ],
)
def test_shares_are_told_from_counts(change, words):
    with pytest.raises(ValueError, match=words):
        published.from_table(table(**change), DONORS)


def test_headers_of_spreadsheets_and_of_r_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"CD4 T / naive";"NK, bright"\n"A";1;2\n\n;;\n"B";3;4\n')
    made = published.read_published(path)
    assert made.columns.tolist() == ["", "CD4 T / naive", "NK, bright"]
    assert made.iloc[1].tolist() == ["B", "3", "4"]
    zipped = tmp_path / "t.tsv.gz"
    zipped.write_bytes(gzip.compress(b"\xef\xbb\xbfdonor\tx\r\n007\t5\r\n"))
    assert published.read_published(zipped).iloc[0].tolist() == ["007", "5"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("donor,x,x\nA,1,2\n", "column 'x' is there twice"),
        ("donor,x,y\nA,1,2\nB,1\n", "row 3 has 2 cells, the header 3"),
        ("donor,x,y\n", "no rows"),
    ],
)
def test_tables_that_cannot_be_read_are_refused_in_words(tmp_path, text, words):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        published.read_published(path)


def test_a_spreadsheet_is_not_read_as_text(tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ValueError, match="save the table as CSV or TSV"):
        published.read_published(path)


def test_rows_named_by_sample_are_told_from_strangers():
    sheet = DONORS.assign(sample=["s1", "s2", "s3"])
    with pytest.raises(ValueError, match="named by sample: write `unit: sample`"):
        published.from_table(table(id=["s1", "s2", "s3"]), sheet)
    made = published.from_table(table(id=["s1", "s2", "s3"]), sheet, unit="sample")
    assert find(made, "A", "x", "total") == (5, 10)
