import pandas as pd
import pytest
from tilt.donors import units

ROWS = [
    {"sample": "s1", "donor": "B", "condition": "SLE", "batch": "b2", "age": "30", "path": "x"},
    {"sample": "s2", "donor": "A", "condition": "control", "batch": "b1", "age": "", "path": "y"},
    {"sample": "s3", "donor": "B", "condition": "SLE", "batch": "b1", "age": "30", "path": "z"},
]


def test_donors_stand_in_the_order_of_the_sheet_with_what_is_known_of_them():
    table = units.donors_table(ROWS, "c")
    assert table.columns.tolist() == ["cohort", "donor", "condition", "n_samples", "batch", "age"]
    assert table["cohort"].tolist() == ["c", "c"]
    assert table["donor"].tolist() == ["B", "A"]
    assert table["n_samples"].tolist() == [2, 1]
    assert table["batch"].tolist() == ["b1+b2", "b1"]
    assert table["age"].iloc[0] == "30" and pd.isna(table["age"].iloc[1])


def test_a_sheet_of_files_only_still_gives_donors():
    rows = [{k: row[k] for k in ("sample", "donor", "condition", "path")} for row in ROWS]
    table = units.donors_table(rows, "c")
    assert table.columns.tolist() == ["cohort", "donor", "condition", "n_samples"]
    assert table["n_samples"].tolist() == [2, 1]


def test_conditions_are_by_sample():
    assert units.conditions(ROWS) == {"s1": "SLE", "s2": "control", "s3": "SLE"}


def labels(cells):
    return pd.DataFrame({"cell": cells, "subset": [f"of_{c}" for c in cells]})


def test_labels_come_in_the_order_of_the_store_with_donor_and_condition():
    obs = pd.DataFrame({"sample": ["s2", "s1"], "donor": ["A", "B"]}, index=["c1", "c2"])
    found = units.labeled_cells(obs, labels(["c2", "c1"]), ROWS)
    assert found.index.tolist() == ["c1", "c2"]
    assert found["subset"].tolist() == ["of_c1", "of_c2"]
    assert found["donor"].tolist() == ["A", "B"]
    assert found["condition"].tolist() == ["control", "SLE"]


@pytest.mark.parametrize("cells", [["c1"], ["c1", "c2", "c3"], ["c1", "c1"], ["c1", "x"]])
def test_labels_that_are_not_of_the_cells_are_refused(cells):
    obs = pd.DataFrame({"sample": ["s2", "s1"], "donor": ["A", "B"]}, index=["c1", "c2"])
    with pytest.raises(ValueError, match="not those of the cells"):
        units.labeled_cells(obs, labels(cells), ROWS)


def table(values, column="age"):
    rows = [
        {"sample": f"s{i}", "donor": donor, "condition": "SLE", "batch": str(i % 2), column: value}
        for i, (donor, value) in enumerate(values)
    ]
    return units.donors_table(rows, "c").set_index("donor")


def test_numbers_of_a_donor_are_averaged_and_others_stay_as_written():
    found = table([("A", "25"), ("A", "26"), ("B", "40.0"), ("C", ""), ("C", "31")])
    assert found["age"].tolist() == ["25.5", "40.0", "31"]


def test_names_are_joined_also_where_batches_are_numbered():
    found = table([("A", "x"), ("A", "y"), ("B", "x"), ("B", "x")], "site")
    assert found["site"].tolist() == ["x+y", "x"]
    assert found["batch"].tolist() == ["0+1", "0+1"]


def test_a_column_with_text_among_its_numbers_is_not_averaged():
    found = table([("A", "25"), ("A", "26"), ("B", ">89"), ("C", "31")])
    assert found.loc["A", "age"] == "25+26"
    assert pd.isna(table([("A", "NA"), ("B", "1"), ("C", "2")]).loc["A", "age"])


def test_rows_of_some_donors_are_those_of_both_donor_and_condition():
    donors = pd.DataFrame({"donor": [1, 2], "condition": ["SLE", "control"]})
    table = pd.DataFrame({"donor": ["1", "1", "2"], "condition": ["SLE", "control", "control"]})
    assert units.rows_of(table, donors).index.tolist() == [0, 2]
    whole = table.iloc[[0, 2]]
    assert units.rows_of(whole, donors) is whole
    assert units.rows_of(table.iloc[:0], donors).empty


def test_numbers_of_a_column_are_floats_and_missing_where_not_known():
    found = units.numbers(pd.Series(["3", " 4.5", "", "NA", None, "1e2"]))
    assert found.dtype == float
    assert found.tolist()[:2] == [3, 4.5] and found.iloc[5] == 100
    assert found.isna().tolist() == [False, False, True, True, True, False]
