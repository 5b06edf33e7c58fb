"""Ten kills spread at random over a whole run; run with: pytest tests/benchmark/test_kills.py"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import killing
from running import Workflow, small_cohorts


def test_ten_random_kills(tmp_path):
    quiet, rough = Workflow(tmp_path / "quiet"), Workflow(tmp_path / "rough")
    for workflow in (quiet, rough):
        workflow.folder.mkdir()
        small_cohorts(workflow)
    begun = time.monotonic()
    quiet.snakemake()
    longest = 1.5 * (time.monotonic() - begun) / 10
    kills = killing.disturbed(rough, [], n_kills=10, seed=2, longest=longest)
    assert len(kills) == 10, kills
    found, wanted = (killing.contents(w.folder / "results") for w in (rough, quiet))
    assert set(found) == set(wanted)
    assert [name for name in wanted if found[name] != wanted[name]] == []
    assert not list((rough.folder / "results").rglob("*.part"))
