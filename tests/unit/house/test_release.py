"""One version in all the places that name it, and a changelog that has come to it."""

import re
import tomllib
from pathlib import Path

import tilt
import yaml

ROOT = Path(__file__).parents[3]


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    latest = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    versions = {project["version"], tilt.__version__, citation["version"], latest[1]}
    assert len(versions) == 1, versions
    released = re.fullmatch(r"\d{4}-\d\d-\d\d", latest[2])
    assert released or latest[2] == "unreleased"
    assert str(citation.get("date-released", "unreleased")) == latest[2]
    assert citation["license"] == project["license"]


def test_types_are_told_to_those_who_import_tilt():
    assert (ROOT / "workflow/tilt/py.typed").is_file()
