"""Designs beyond two arms on raw cells, the whole way: what is planted is found, told and drawn."""

import re

import designs
import pytest
from running import Workflow
from tilt.core import tables


def done(folder, write):
    """A finished run of a small cohort, its tables, and the words of its report."""
    workflow = Workflow(folder)
    write(workflow)
    workflow.snakemake("--quiet")
    page = (workflow.folder / "results/report.html").read_text()
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    words = " ".join(re.sub("<[^>]+>", " ", page).split())
    return workflow.folder / "results/small", words


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    return done(tmp_path_factory.mktemp("visits"), designs.with_visits)


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    return done(tmp_path_factory.mktemp("groups"), designs.with_groups)


def leading(folder, name):
    table = tables.read(folder / name)
    return table[table["leads"]]


def test_a_planted_change_of_cases_is_found_and_none_of_controls(visits):
    """Planted -1.6 in cases, 0 in controls; mislabeled cells shrink it by a third at most."""
    found = leading(visits[0], "changes.tsv").set_index("among")
    assert found["n"].to_dict() == {"SLE": 5, "control": 4, "SLE minus control": 9}
    assert found["n_any"].to_dict() == {"SLE": 6, "control": 5, "SLE minus control": 11}
    assert -1.9 < found.at["SLE", "effect"] < -1.0 and found.at["SLE", "p"] < 0.02
    assert abs(found.at["control", "effect"]) < 0.5 and found.at["control", "p"] > 0.05
    assert -2.0 < found.at["SLE minus control", "effect"] < -1.0
    assert found.at["SLE minus control", "p"] < 0.01
    assert found.at["SLE", "mixed_effect"] == pytest.approx(found.at["SLE", "effect"], abs=0.3)


def test_the_arms_are_compared_at_the_first_visit_with_each_donor_once(visits):
    tests = tables.read(visits[0] / "tests.tsv")
    primary = tests[tests["role"] == "primary"].iloc[0]
    assert (primary["n_case"], primary["n_control"]) == (6, 5)
    drawn = tables.read(visits[0].parent / "figures/small/visits.tsv", tables.contracts.FREE)
    lines = drawn[(drawn["panel"] == "a") & (drawn["visit"] == "after")]
    assert len(lines) == 9 and not lines["donor"].isin(["X-C05", "X-S06"]).any()
    study = tables.read(visits[0].parent / "figures/small/study.tsv", tables.contracts.FREE)
    assert "visit: after" not in set(study["characteristic"])


def test_the_report_tells_of_the_change(visits):
    words = visits[1]
    assert re.search(r"from flare to after, SLE: fell \(.{5,60}p by Holm = [0-9.]+; n = 5", words)
    assert "with the 1 who came once, in a mixed model," in words
    assert "from flare to after, control: no change shown" in words
    assert "change of SLE minus that of control: lower" in words
    assert "Repeated samples: arms were compared at the first visit" in words


def test_another_disease_is_compared_and_stays_out_of_the_arms(groups):
    """Planted 2.4 below the controls, and cases above them as in the demo."""
    found = leading(groups[0], "contrasts.tsv").set_index("contrast")
    assert found.loc["other vs control", ["n_case", "n_control"]].tolist() == [4, 4]
    assert -2.9 < found.at["other vs control", "effect"] < -1.0
    assert found.at["other vs control", "p_holm"] < 0.05
    assert found.at["SLE vs other", "effect"] > 2 and found.at["SLE vs other", "p_holm"] < 0.01
    trend = found.loc["other < control < SLE"]
    assert trend["effect"] > 1 and trend["p"] < 0.01
    tests = tables.read(groups[0] / "tests.tsv")
    primary = tests[tests["role"] == "primary"].iloc[0]
    assert (primary["n_case"], primary["n_control"]) == (8, 4)
    drawn = tables.read(groups[0].parent / "figures/small/groups.tsv", tables.contracts.FREE)
    sizes = drawn[drawn["panel"] == "a"].groupby("group").size()
    assert sizes.to_dict() == {"control": 4, "SLE": 8, "other": 4}


def test_a_planted_slope_is_found_and_the_missing_value_told(groups):
    """Planted 0.3 a unit, of which mislabeled cells leave two thirds at least."""
    (row,) = leading(groups[0], "exposures.tsv").itertuples()
    assert (row.n, row.n_missing) == (7, 1)
    assert 0.17 < row.effect < 0.35 and row.p < 0.05
    words = groups[1]
    assert re.search(r"rose with SLEDAI in 7 SLE donors, 1 not known \(.{5,60}per SD", words)
    assert "other vs control: lower (" in words
    assert "trend over other &lt; control &lt; SLE: rising" in words
    assert "Exposures, SLEDAI: slope of each" in words and "Further groups: contrasts" in words
