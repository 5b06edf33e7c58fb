import pandas as pd
import pytest
from tilt.donors import units
from tilt.stats import plan as declared

ROWS = [
    {"sample": "s1", "donor": "A", "condition": "SLE", "batch": "B1", "age": "30", "path": "x"},
    {"sample": "s2", "donor": "A", "condition": "SLE", "batch": "B2", "age": "30", "path": "y"},
    {"sample": "s3", "donor": "B", "condition": "control", "batch": "B1", "age": "", "path": "z"},
]
COHORT = {"format": "10x_dir", "cells": "pbmc", "contrast": {"case": "SLE", "control": "control"}}


def test_donors_have_one_row_and_samples_that_differ_are_joined():
    table = units.donors_table(ROWS, "c")
    assert table.columns.tolist() == ["cohort", "donor", "condition", "n_samples", "batch", "age"]
    assert table["batch"].tolist() == ["B1+B2", "B1"]
    assert table["n_samples"].tolist() == [2, 1]
    assert pd.isna(table["age"].iloc[1])


def test_paired_donors_have_a_row_per_condition():
    rows = [*ROWS, {**ROWS[2], "sample": "s4", "condition": "SLE"}]
    assert len(units.donors_table(rows, "c")) == 3


def test_a_stratum_of_pairs_makes_a_paired_contrast():
    donors = pd.DataFrame(
        {
            "donor": list("ABCDEF"),
            "condition": ["SLE", "control"] * 3,
            "twins": ["1", "1", "2", "2", "3", "3"],
        }
    )
    made = declared.contrast_of(COHORT | {"strata": ["twins"]}, 3, donors)
    assert made.pair == "twins"
    assert made.strata == ()


def test_sorted_cells_have_no_family_members_outside_the_sort():
    stats = {
        "secondary": [
            {"quantity": "MAIT", "denominator": "t"},
            {"quantity": "CD4_Naive", "denominator": "cd4"},
        ]
    }
    donors = units.donors_table(ROWS, "c")
    plan = declared.plan_of(stats, COHORT | {"cells": "cd4"}, donors, 1)
    assert plan.secondary == (("CD4_Naive", "cd4"),)


def test_a_published_table_declares_its_own_endpoints():
    own = {
        "denominator": "pbmc",
        "primary": "T",
        "secondary": ["B"],
    }
    cohort = COHORT | {"format": "composition_table", "composition": own}
    plan = declared.plan_of({}, cohort, units.donors_table(ROWS, "c"), 1)
    assert plan.primary == ("T", "pbmc")
    assert plan.secondary == (("B", "pbmc"),)


def test_labels_of_other_cells_are_refused():
    obs = pd.DataFrame({"sample": ["s1", "s3"], "donor": ["A", "B"]}, index=["c1", "c2"])
    labels = pd.DataFrame({"cell": ["c2", "c1"], "subset": ["x", "y"]})
    cells = units.labelled_cells(obs, labels, ROWS)
    assert cells["subset"].tolist() == ["y", "x"]
    assert cells["condition"].tolist() == ["SLE", "control"]
    with pytest.raises(ValueError, match="not those of the cells"):
        units.labelled_cells(obs, labels.iloc[:1], ROWS)
