"""Two runs in one folder: one is refused; jobs of a killed run are ended before another begins."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tilt.core import turns

WORKFLOW = Path(__file__).parents[3] / "workflow"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "_held", [])
    monkeypatch.delenv(turns.VARIABLE, raising=False)
    (tmp_path / ".snakemake").mkdir()
    yield tmp_path / ".snakemake/tilt"
    for number in turns._held:
        turns.os.close(number)


@pytest.fixture
def other():
    """Another process that does something with turns and then waits to be ended."""
    started = []

    def start(call: str, folder: Path, **environment) -> subprocess.Popen:
        code = f"from tilt.core import turns\nturns.{call}\nprint('on', flush=True)\ninput()"
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=folder.parents[1],
            env={"PYTHONPATH": str(WORKFLOW), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        process.first = process.stdout.readline().strip()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_who_holds_the_folder_is_on_the_disk_before_anything_else(folder, monkeypatch):
    """On a shared disk others see what was synced; they must know whom they wait for."""
    synced = []
    monkeypatch.setattr(turns.os, "fsync", synced.append)
    turns.begin(pytest.fail, folder)
    turns.enlist("rule", folder)
    assert synced == turns._held and len(synced) == 2


def test_a_slow_writer_is_not_taken_for_dead(folder, other):
    """A job that has its lock and not yet said who it is stops by itself: another run began."""
    turns.begin(pytest.fail, folder)
    slow = (
        f"os.environ['{turns.VARIABLE}'] = 'before'; write = turns._write; turns._write = "
        "lambda *a: (print('locked', flush=True), input(), write(*a)); turns.enlist('script')"
    )
    job = other(f"os; import os; from tilt.core import turns; {slow}", folder)
    assert job.first == "locked" and turns.jobs(folder) == []  # nobody yet to wait for
    _, said = job.communicate("\n\n")
    assert job.returncode == 1 and "the run that this job belongs to is over" in said


def test_a_second_run_is_refused_while_the_first_lives(folder, other):
    first = other("begin(print)", folder)
    assert first.first == "on"
    with pytest.raises(
        turns.OtherRun, match=f"another run works .*process {first.pid} .*Fix: wait"
    ):
        turns.begin(print, folder)
    first.kill()
    first.wait()
    turns.begin(pytest.fail, folder)


def test_jobs_of_a_killed_run_are_ended_and_named(folder, other):
    jobs = [other(f"enlist({kind!r})", folder) for kind in ("script", "rule")]
    assert [job["kind"] for job in turns.jobs(folder)] == ["rule", "script"], "Snakemake goes first"
    told = []
    turns.begin(told.append, folder)
    assert [job.wait(timeout=5) for job in jobs] == [-9, -9]
    assert "ending jobs that a killed run left behind" in told[0]
    assert all(f"process {job.pid} on" in told[0] for job in jobs)
    assert turns.jobs(folder) == [] and list((folder / "jobs").iterdir()) == []


def test_jobs_on_other_machines_are_waited_for(folder, other, monkeypatch):
    job = other("enlist('script')", folder)
    monkeypatch.setattr(turns.socket, "gethostname", lambda: "elsewhere")
    told = []

    def tell(words):
        told.append(words)
        job.communicate("\n")

    turns.begin(tell, folder)
    assert len(told) == 1 and told[0].startswith("waiting for jobs of a killed run: process")
    assert job.returncode == 0, "it came to its own end"


def test_a_job_that_starts_late_belongs_to_a_run_that_is_over(folder, other, monkeypatch):
    turns.begin(print, folder)
    mine = turns.os.environ[turns.VARIABLE]
    assert other("enlist('script')", folder, TILT_RUN=mine).first == "on"
    late = other("enlist('script')", folder, TILT_RUN="another")
    assert late.wait(timeout=5) == 1 and "another has begun in this folder" in late.stderr.read()
    assert other("enlist('script')", folder).first == "on", "a job that knows no run"


def test_nothing_is_held_outside_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "_held", [])
    turns.enlist("script", tmp_path / "no/tilt")
    assert turns._held == [] and list(tmp_path.iterdir()) == []


def test_a_job_that_ends_takes_its_name_away(folder, other):
    job = other("enlist('script')", folder)
    job.communicate("\n")
    assert list((folder / "jobs").iterdir()) == []
    job = other("enlist('script')", folder)
    job.kill()
    job.wait()
    begun = time.monotonic()
    assert turns.jobs(folder) == [] and time.monotonic() - begun < 5
