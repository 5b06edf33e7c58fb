"""Numbers in braces on the command line are numbers; text that is none is told."""

import pytest
from tilt.config import command_line
from tilt.config.messages import schema


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"qc": {"max_pct_mito": "15"}}, {"qc": {"max_pct_mito": 15}}),
        ({"qc": {"n_mads": "null"}}, {"qc": {"n_mads": None}}),
        ({"qc": {"doublets": {"threshold": "0.3"}}}, {"qc": {"doublets": {"threshold": 0.3}}}),
        ({"embed": {"resolutions": ["0.5", "1"]}}, {"embed": {"resolutions": [0.5, 1]}}),
        ({"embed": {"harmony": "false"}}, {"embed": {"harmony": False}}),
        ({"cohorts": ["001"]}, {"cohorts": ["001"]}),  # a name stays one
        ({"stats": {"regulon": "5"}}, {"stats": {"regulon": "5"}}),
        ({"qc": {"max_pct_mito": "many"}}, {"qc": {"max_pct_mito": "many"}}),
        ({"qc": {"max_pct_mito": "[1"}}, {"qc": {"max_pct_mito": "[1"}}),
        ({"sead": "3"}, {"sead": "3"}),
    ],
)
def test_text_is_read_as_the_schema_wants_it(given, meant):
    assert command_line.typed(given, given, schema("config")) == meant


def test_only_what_was_given_is_read():
    written = {"qc": {"max_pct_mito": "15", "min_counts": "100"}}
    found = command_line.typed(written, {"qc": {"max_pct_mito": "15"}}, schema("config"))
    assert found == {"qc": {"max_pct_mito": 15, "min_counts": "100"}}
    assert written["qc"]["max_pct_mito"] == "15"


def test_a_run_takes_the_number(project):
    project.config["qc"] = {"max_pct_mito": "15"}
    _, found = project.check()
    assert "wrong kind of value" in found[0]
    settings, found = project.check(given={"qc": {"max_pct_mito": "15"}})
    assert found == [] and settings["cohorts"]["mine"]["qc"]["max_pct_mito"] == 15
