"""Kill -9 of a run and of a job: afterwards the results are those of an undisturbed run."""

import killing
from running import small_cohorts

TARGETS = ["results/small_cd4/qc_waterfall.tsv"]


def test_killed_and_started_again(workflow, small_run):
    small_cohorts(workflow)
    kills = killing.disturbed(workflow, TARGETS, n_kills=4, seed=1)
    assert len(kills) == 4, kills
    results = workflow.folder / "results"
    found = killing.contents(results)
    undisturbed = killing.contents(small_run.folder / "results")
    assert found == {name: undisturbed.get(name) for name in found}
    assert "small_cd4/qc_waterfall.tsv" in found
    assert not list(results.rglob("*.part")), "a partial file was left"
