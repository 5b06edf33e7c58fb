"""A killed run whose jobs go on, and two runs at once: files have one writer at a time."""

import signal
import time

import killing
import psutil
import pytest
from running import small_cohorts

FIRST = "results/simulated/small_cd4"


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.fixture
def running(workflow):
    """A run at work on its first job, and the process of the job's script."""
    small_cohorts(workflow)
    run = killing.start(workflow, FIRST, "--nolock")
    job = until(lambda: killing.jobs(psutil.Process(run.pid)))[0]
    until(lambda: (workflow.folder / "logs/small_cd4/simulate_cohort.log").exists())
    yield workflow, run, job
    if run.poll() is None:
        killing.kill(run, "run")


def test_a_second_run_is_refused_and_the_first_goes_on(running):
    workflow, run, job = running
    job.send_signal(signal.SIGSTOP)  # so that it is at work for as long as this takes
    for words in (["--nolock"], ["--nolock", "--rerun-incomplete"]):
        second = workflow.snakemake(FIRST, *words, check=False)
        assert second.returncode == 1
        assert f"another run works in this folder (process {run.pid} on " in second.stdout
        assert "Fix: wait for it or end it" in second.stdout
        assert "Traceback" not in second.stdout
    assert workflow.planned(FIRST, "--nolock")["simulate_cohort"] == 1, "a look is free"
    job.send_signal(signal.SIGCONT)
    assert run.wait(timeout=300) == 0
    assert (workflow.folder / FIRST).is_dir()


def test_jobs_that_a_killed_run_left_are_ended_first(running):
    workflow, run, job = running
    job.send_signal(signal.SIGSTOP)
    killing.kill(run, "main")
    assert job.is_running()
    workflow.snakemake("--unlock")
    done = workflow.snakemake("--rerun-incomplete", FIRST)
    assert f"process {job.pid} on" in done.stdout
    assert "ending jobs that a killed run left behind" in done.stdout
    assert not job.is_running()
    assert (workflow.folder / FIRST).is_dir()
    assert not list((workflow.folder / "results").rglob("*.part"))
