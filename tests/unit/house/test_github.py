"""What the workflows on GitHub call is there: targets of the Makefile, Pythons that tilt takes."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def jobs(path: Path) -> dict:
    return yaml.safe_load(path.read_text())["jobs"]


def commands(path: Path) -> list[str]:
    found = [step["run"] for job in jobs(path).values() for step in job["steps"] if "run" in step]
    return [line.strip() for text in found for line in text.splitlines()]


def test_there_are_workflows():
    assert {path.stem for path in WORKFLOWS} == {"tests", "dependencies"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_targets_are_in_the_makefile(path):
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    called = {line.split()[1] for line in commands(path) if line.startswith("make ")}
    assert called and called <= set(phony)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_every_job_checks_out_and_runs_something(path):
    for job in jobs(path).values():
        assert job["steps"][0]["uses"].startswith("actions/checkout@")
        assert any("run" in step for step in job["steps"])


def test_every_python_that_the_project_takes_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    matrix = jobs(ROOT / ".github/workflows/tests.yml")["test"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in range(int(low), int(high))]
    assert "macos-latest" in {extra["os"] for extra in matrix["include"]}


def test_scripts_of_the_workflows_are_there():
    words = [line.split() for line in commands(ROOT / ".github/workflows/tests.yml")]
    files = [word for line in words for word in line if "/" in word]
    assert files == ["envs/Dockerfile", ".ci/run"]
    assert all((ROOT / file).is_file() for file in files)
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
