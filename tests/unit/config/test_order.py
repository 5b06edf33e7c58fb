"""How cohorts and rows are listed changes nothing that the rules see."""

import pytest
import yaml
from projects import SHEET, Project


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def test_order_of_rows_and_cohorts_changes_nothing_that_rules_see(project):
    found, problems = project.check()
    head, *rows = SHEET.splitlines(keepends=True)
    project.sheet = "".join([head, rows[2], rows[0], rows[1]])
    again, more = project.check()
    assert problems == more == []
    assert again["cohorts"]["mine"]["sheet_order"] == ["S3", "S1", "S2"]
    for settings in (found, again):
        settings["cohorts"]["mine"].pop("sheet_order")
    assert again["cohorts"] == found["cohorts"]
    other = project.cohort | {"name": "also"}
    sheet = SHEET.replace("S1\tD1", "T1\tE1").replace("S2\tD2", "T2\tE2")
    project.write("config/samples/also.tsv", sheet.replace("S3\tD3", "T3\tE3"))
    project.write(
        "config/cohorts/also.yaml",
        yaml.safe_dump(other | {"samples": "config/samples/also.tsv"}),
    )
    for names in (["mine", "also"], ["also", "mine"]):
        project.config["cohorts"] = names
        found, problems = project.check()
        assert problems == [] and list(found["cohorts"]) == ["also", "mine"]
