from dataclasses import replace

import pandas as pd
import pytest
from tilt.config import check
from tilt.donors import units
from tilt.stats import plan as declared

ROWS = [
    {"sample": "s1", "donor": "A", "condition": "SLE", "batch": "B1", "age": "30", "path": "x"},
    {"sample": "s2", "donor": "A", "condition": "SLE", "batch": "B2", "age": "30", "path": "y"},
    {"sample": "s3", "donor": "B", "condition": "control", "batch": "B1", "age": "", "path": "z"},
]
SETTINGS = check.defaults()
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
    stats = SETTINGS["stats"] | {
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
    plan = declared.plan_of(SETTINGS["stats"], cohort, units.donors_table(ROWS, "c"), 1)
    assert plan.primary == ("T", "pbmc")
    assert plan.secondary == (("B", "pbmc"),)


def test_labels_of_other_cells_are_refused():
    obs = pd.DataFrame({"sample": ["s1", "s3"], "donor": ["A", "B"]}, index=["c1", "c2"])
    labels = pd.DataFrame({"cell": ["c2", "c1"], "subset": ["x", "y"]})
    cells = units.labeled_cells(obs, labels, ROWS)
    assert cells["subset"].tolist() == ["y", "x"]
    assert cells["condition"].tolist() == ["SLE", "control"]
    with pytest.raises(ValueError, match="not those of the cells"):
        units.labeled_cells(obs, labels.iloc[:1], ROWS)


def test_what_is_declared_reaches_the_plan_and_nothing_else_does():
    donors = units.donors_table(ROWS, "c")
    stats = {
        "secondary": [
            {"quantity": q, "denominator": d}
            for q, d in (("a", "memory_cd4"), ("b", "cd4"), ("c", "t"), ("d", "pbmc"))
        ],
        "permutations": 77,
        "bootstraps": 66,
        "min_donors": 5,
    }
    plan = declared.plan_of(stats, COHORT | {"covariates": ["age"], "strata": ["batch"]}, donors, 9)
    assert plan.secondary == (("a", "memory_cd4"), ("b", "cd4"), ("c", "t"), ("d", "pbmc"))
    assert (plan.permutations, plan.bootstraps, plan.seed, plan.primary) == (77, 66, 9, None)
    made = plan.contrast
    assert (made.case, made.control, made.min_donors, made.pair) == ("SLE", "control", 5, "")
    assert made.covariates == ("age",) and made.strata == ("batch",)
    sorted_cells = declared.plan_of(stats, COHORT | {"cells": "cd4"}, donors, 9)
    assert sorted_cells.secondary == (("a", "memory_cd4"), ("b", "cd4"))
    usual = declared.plan_of(SETTINGS["stats"], COHORT, donors, 0)
    assert (usual.permutations, usual.bootstraps, usual.contrast.min_donors) == (10_000, 2_000, 3)
    table = declared.plan_of(stats, COHORT | {"format": "composition_table"}, donors, 9)
    assert table.secondary == () and table.primary is None
    own = {"primary": "T", "secondary": ["B"]}
    table = declared.plan_of(
        stats, COHORT | {"format": "composition_table", "composition": own}, donors, 9
    )
    assert table.primary == ("T", "total") and table.secondary == (("B", "total"),)


def test_a_paired_contrast_pairs_by_donor():
    cohort = COHORT | {"contrast": {"case": "a", "control": "b", "paired": True}, "strata": ["x"]}
    made = declared.contrast_of(cohort, 3, units.donors_table(ROWS, "c"))
    assert made.pair == "donor" and made.strata == ("x",)


def test_strata_of_units_are_found_by_donor_and_condition():
    donors = units.donors_table(ROWS, "c")
    made = replace(declared.contrast_of(COHORT, 3, donors), strata=("batch", "absent"))
    found = declared.strata_of(donors, made)
    assert list(found.index) == [("A", "SLE"), ("B", "control")]
    assert found.to_numpy().ravel().tolist() == ["B1+B2", "B1"]
    assert declared.strata_of(donors, declared.contrast_of(COHORT, 3, donors)) is None


def test_a_donor_with_later_visits_is_in_its_group_once():
    donors = pd.DataFrame({"donor": list("AAB"), "activity": ["active", "inactive", "control"]})
    donors["condition"] = ["SLE", "SLE (after)", "control"]
    asked = COHORT | {"groups": {"column": "activity"}}
    assert declared.grouped(donors, asked)["condition"].tolist() == ["SLE", "control"]
    donors["condition"] = ["SLE", "other", "control"]
    asked = COHORT | {"groups": {"column": "condition"}}
    assert len(declared.grouped(donors, asked)) == 3
