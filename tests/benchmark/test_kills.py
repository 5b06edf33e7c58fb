"""Kills spread at random over whole runs; run with: pytest tests/benchmark/test_kills.py

One run of ten kills; KILLS=100 in the environment makes it ten such runs.
"""

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import killing
from running import Workflow, small_cohorts

SOON = 15  # a kill comes within this part of a whole run, so that ten come before its end
RUNS = int(os.environ.get("KILLS", "10")) // 10


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """An undisturbed run, and how long it took (s)."""
    workflow = Workflow(tmp_path_factory.mktemp("quiet"))
    small_cohorts(workflow)
    begun = time.monotonic()
    workflow.snakemake()
    workflow.seconds = time.monotonic() - begun
    return workflow


@pytest.mark.parametrize("seed", range(2, 2 + RUNS))
def test_ten_random_kills(tmp_path, quiet, seed):
    rough = Workflow(tmp_path)
    small_cohorts(rough)
    kills = killing.disturbed(rough, [], n_kills=10, seed=seed, longest=quiet.seconds / SOON)
    assert len(kills) == 10, kills
    found, wanted = (killing.contents(w.folder / "results") for w in (rough, quiet))
    assert set(found) == set(wanted)
    assert [name for name in wanted if found[name] != wanted[name]] == []
    assert not list((rough.folder / "results").rglob("*.part"))
