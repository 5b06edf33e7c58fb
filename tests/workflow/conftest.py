"""A small run of the workflow, shared by the tests of this folder."""

import fcntl
import os
import shutil

import pytest
from running import Workflow, small_cohorts


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A finished run on the small cohorts, made by the first worker of ``pytest -n`` to need it."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    workflow = Workflow(common / "small_run")
    said = common / "small_run.txt"
    with open(common / "small_run.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            small_cohorts(workflow)
            said.write_text(workflow.snakemake().stdout)
    workflow.output = said.read_text()
    return workflow


@pytest.fixture
def small_copy(small_run, tmp_path):
    """A copy of the finished run that a test may change."""
    shutil.copytree(small_run.folder, tmp_path / "run", symlinks=True)
    return Workflow(tmp_path / "run")


@pytest.fixture
def workflow(tmp_path):
    """An empty working folder."""
    return Workflow(tmp_path)
