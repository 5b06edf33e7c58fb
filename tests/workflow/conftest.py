"""A small run of the workflow, shared by the tests of this folder."""

import shutil

import pytest
from running import Workflow, small_cohorts


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A finished run on the small cohorts."""
    workflow = Workflow(tmp_path_factory.mktemp("small"))
    small_cohorts(workflow)
    workflow.output = workflow.snakemake().stdout
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
