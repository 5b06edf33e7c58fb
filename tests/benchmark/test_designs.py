"""Designs beyond two arms on raw cells, up to their tables and figures: what is planted is found.

Run with: pytest tests/benchmark/test_designs.py

What the report says of such tables is tested in tests/unit/report/test_designs.py.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import designs
from running import Workflow
from tilt.core import tables


def done(folder, write, *tables_and_figures):
    """Folder of the results of a small cohort, of which what is named and ``tests.tsv`` is made."""
    workflow = Workflow(folder)
    write(workflow)
    names = ["small/tests.tsv", *tables_and_figures]
    workflow.snakemake(*(f"results/{name}" for name in names))
    return workflow.folder / "results/small"


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    made = ("small/changes.tsv", "figures/small/visits.tsv")
    return done(tmp_path_factory.mktemp("visits"), designs.with_visits, *made)


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    made = ("small/contrasts.tsv", "small/exposures.tsv", "figures/small/groups.tsv")
    return done(tmp_path_factory.mktemp("groups"), designs.with_groups, *made)


def leading(folder, name):
    table = tables.read(folder / name)
    return table[table["leads"]]


def test_a_planted_change_of_cases_is_found_and_none_of_controls(visits):
    """Planted -1.6 in cases, 0 in controls; mislabeled cells shrink it by a third at most."""
    found = leading(visits, "changes.tsv").set_index("among")
    assert found["n"].to_dict() == {"SLE": 5, "control": 4, "SLE minus control": 9}
    assert found["n_any"].to_dict() == {"SLE": 6, "control": 5, "SLE minus control": 11}
    assert -1.9 < found.at["SLE", "effect"] < -1.0 and found.at["SLE", "p"] < 0.05
    assert abs(found.at["control", "effect"]) < 0.5 and found.at["control", "p"] > 0.05
    assert -2.0 < found.at["SLE minus control", "effect"] < -1.0
    assert found.at["SLE minus control", "p"] < 0.05
    assert found.at["SLE", "mixed_effect"] == pytest.approx(found.at["SLE", "effect"], abs=0.3)


def test_the_arms_are_compared_at_the_first_visit_with_each_donor_once(visits):
    tests = tables.read(visits / "tests.tsv")
    primary = tests[tests["role"] == "primary"].iloc[0]
    assert (primary["n_case"], primary["n_control"]) == (6, 5)
    drawn = tables.read(visits.parent / "figures/small/visits.tsv", tables.contracts.FREE)
    lines = drawn[(drawn["panel"] == "a") & (drawn["visit"] == "after")]
    assert len(lines) == 9 and not lines["donor"].isin(["X-C05", "X-S06"]).any()


def test_another_disease_is_compared_and_stays_out_of_the_arms(groups):
    """Planted 2.4 below the controls, and cases above them as in the demo."""
    found = leading(groups, "contrasts.tsv").set_index("contrast")
    assert found.loc["other vs control", ["n_case", "n_control"]].tolist() == [4, 4]
    assert -2.9 < found.at["other vs control", "effect"] < -1.0
    assert found.at["other vs control", "p_holm"] < 0.05
    assert found.at["SLE vs other", "effect"] > 2 and found.at["SLE vs other", "p_holm"] < 0.01
    trend = found.loc["other < control < SLE"]
    assert trend["effect"] > 1 and trend["p"] < 0.01
    tests = tables.read(groups / "tests.tsv")
    primary = tests[tests["role"] == "primary"].iloc[0]
    assert (primary["n_case"], primary["n_control"]) == (8, 4)
    drawn = tables.read(groups.parent / "figures/small/groups.tsv", tables.contracts.FREE)
    sizes = drawn[drawn["panel"] == "a"].groupby("group").size()
    assert sizes.to_dict() == {"control": 4, "SLE": 8, "other": 4}


def test_a_planted_slope_is_found_without_the_missing_value(groups):
    """Planted 0.3 a unit, of which mislabeled cells leave two thirds at least."""
    (row,) = leading(groups, "exposures.tsv").itertuples()
    assert (row.n, row.n_missing) == (7, 1)
    assert 0.17 < row.effect < 0.35 and row.p < 0.05
