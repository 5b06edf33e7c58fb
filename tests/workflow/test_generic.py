"""The profile for other batch systems than Slurm, on a miniature one that speaks like PBS."""

import json
import signal
from pathlib import Path

import batch
import psutil
import pytest

PBS = Path(__file__).parent / "generic/pbs.py"
RETRIED = "simulate_cohort:mem_mb=1000 * attempt"


@pytest.fixture
def system(workflow, monkeypatch):
    """Folder of the records of the miniature system; its commands are the first on the path."""
    commands, records = workflow.folder / "bin", workflow.folder / "jobs"
    commands.mkdir()
    for name in ("qsub", "qstat", "qdel"):
        (commands / name).symlink_to(PBS)
    monkeypatch.setenv("PATH", str(commands), prepend=":")
    monkeypatch.setenv("MINIATURE_PBS", str(records))
    yield records
    for job in jobs(records):
        for process in processes(job):
            process.kill()


@pytest.fixture
def start(workflow):
    """Starts runs, and ends the last when the test is over."""
    runs = []

    def new(*words):
        runs.append(batch.Run(workflow, "generic", *words))
        return runs[-1]

    yield new
    if runs:
        runs[-1].stop()


def jobs(records: Path) -> list[dict]:
    """What was submitted, in order, with how it ended."""
    found = []
    for path in sorted(records.glob("*.json"), key=lambda path: int(path.name.split(".")[0])):
        status = path.with_suffix(".status")
        ended = int(status.read_text()) if status.exists() else None
        found.append(json.loads(path.read_text()) | {"ended": ended})
    return found


def processes(job: dict) -> list[psutil.Process]:
    """Processes of a job, without the one that notes how it ends."""
    try:
        return psutil.Process(job["pid"]).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def works(job: dict) -> list[psutil.Process]:
    """Processes of a job once its script is at work."""
    found = processes(job)
    names = [" ".join(p.cmdline()) for p in found if p.is_running()]
    return found if any(".snakemake/scripts" in name for name in names) else []


def test_killed_failed_and_interrupted_jobs(workflow, system, start):
    batch.one_cohort(workflow, n_cells=200)
    target = "results/small_cd4/qc_waterfall.tsv"

    # A job that dies without a word, as by the memory killer, is tried again with more.
    run = start("--set-resources", RETRIED, "--", "results/simulated/small_cd4")
    for process in run.until(lambda: jobs(system) and works(jobs(system)[0])):
        process.kill()
    run.until(lambda: len(jobs(system)) == 2)
    # SIGTERM: what runs is finished, nothing new begins.
    run.until(lambda: works(jobs(system)[1]))
    run.process.send_signal(signal.SIGTERM)
    run.ended()
    assert [job["ended"] for job in jobs(system)] == [137, 0]
    assert [job["mem_mb"] for job in jobs(system)] == [1000, 2000]
    assert {job["walltime"] for job in jobs(system)} == {30 * 60}

    # Ctrl-C cancels the jobs; samples share jobs, each with the threads and memory of its own.
    run = start(target)
    run.until(lambda: len(jobs(system)) == 4 and works(jobs(system)[2]))
    run.process.send_signal(signal.SIGINT)
    assert run.ended(60) != 0
    cancelled = jobs(system)[2:]
    assert [job["ended"] for job in cancelled] == [271, 271]
    assert not any(processes(job) for job in cancelled)
    assert sorted(job["ncpus"] for job in cancelled) == [3, 4]
    assert all(job["mem_mb"] >= 1000 * job["ncpus"] for job in cancelled)

    # The same command goes on from there.
    start(target).done()
    later = jobs(system)[4:]
    assert [job["ended"] for job in later] == [0, 0, 0]
    assert max(job["walltime"] for job in later) == 120 * 60
    assert (workflow.folder / target).exists()
    assert workflow.planned(target) == {}


def test_a_failed_job_is_seen(workflow, system, start):
    batch.one_cohort(workflow, n_cells=100)
    workflow.snakemake("results/simulated/small_cd4")
    broken = next((workflow.folder / "results/simulated/small_cd4").rglob("*A-C01*/matrix.mtx.gz"))
    broken.write_bytes(b"not a matrix")
    workflow.snakemake("--touch", "results/simulated/small_cd4")
    run = start("--retries", "0", "--", "results/small_cd4/samples/A-C01.h5ad")
    assert run.ended(120) != 0
    assert (
        "sample A-C01" in (workflow.folder / "logs/small_cd4/process_sample/A-C01.log").read_text()
    )
    assert [job["ended"] for job in jobs(system)] == [1]
    assert not (workflow.folder / "results/small_cd4/samples/A-C01.h5ad").exists()
