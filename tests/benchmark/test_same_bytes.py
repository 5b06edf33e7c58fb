"""Results do not hang on the number of cores, nor on the order of cohorts and samples.

Run with: pytest tests/benchmark/test_same_bytes.py (three runs of two small cohorts).
"""

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

import killing
from running import Workflow, small_cohorts

OTHER = (("1", False), ("3", True))  # cores, and whether cohorts and rows are turned around


def made(folder: Path, cores: str, turned: bool) -> dict[str, str]:
    """Digests of the results of a run."""
    workflow = Workflow(folder)
    small_cohorts(workflow)
    if turned:
        config = yaml.safe_load((folder / "config.yaml").read_text())
        workflow.write("config.yaml", config | {"cohorts": config["cohorts"][::-1]})
        for path in folder.glob("small_*.tsv"):
            head, *rows = path.read_text().splitlines(keepends=True)
            path.write_text("".join([head, *rows[3:], *rows[2::-1]]))
    workflow.snakemake("--cores", cores)
    return killing.contents(folder / "results")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return made(tmp_path_factory.mktemp("two"), "2", turned=False)


@pytest.mark.parametrize(("cores", "turned"), OTHER)
def test_the_same_bytes(tmp_path, two, cores, turned):
    found = made(tmp_path, cores, turned)
    assert set(found) == set(two)
    assert [name for name in two if found[name] != two[name]] == []
