"""The profile for other batch systems than Slurm, on a miniature one that speaks like PBS."""

import json
import signal
import time
from pathlib import Path

import batch
import psutil
import pytest
from running import Workflow

PBS = Path(__file__).parent / "generic/pbs.py"
SAMPLES = "results/small_cd4/samples/{}.h5ad"
RETRIED = "simulate_cohort:mem_mb=1000 * attempt"


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """A small cohort; the tests below bring it on its way, one after the other."""
    workflow = Workflow(tmp_path_factory.mktemp("generic"))
    batch.one_cohort(workflow, n_cells=200)
    return workflow


@pytest.fixture(scope="module")
def system(workflow):
    """Folder of the records of the miniature system; its commands are the first on the path."""
    commands, records = workflow.folder / "bin", workflow.folder / "jobs"
    commands.mkdir()
    for name in ("qsub", "qstat", "qdel"):
        (commands / name).symlink_to(PBS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(commands), prepend=":")
        patch.setenv("MINIATURE_PBS", str(records))
        yield records
    batch.kill([process for job in jobs(records) for process in processes(job)])


@pytest.fixture
def start(workflow):
    """Starts runs, and ends the last when the test is over."""
    runs = []

    def new(*words):
        runs.append(batch.Run(workflow, "generic", *words))
        return runs[-1]

    yield new
    runs[-1].stop()


def jobs(records: Path) -> list[dict]:
    """What was submitted, in order, with how it ended."""
    found = []
    for path in sorted(records.glob("*.json"), key=lambda path: int(path.name.split(".")[0])):
        status = path.with_suffix(".status")
        ended = int(status.read_text()) if status.exists() else None
        found.append(json.loads(path.read_text()) | {"ended": ended})
    return found


def questions(records: Path) -> int:
    """How often Snakemake has asked for the state of a job."""
    asked = records / "asked"
    return len(asked.read_text().splitlines()) if asked.exists() else 0


def processes(job: dict) -> list[psutil.Process]:
    """Processes of a job, without the one that notes how it ends."""
    try:
        return psutil.Process(job["pid"]).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def works(job: dict) -> list[psutil.Process]:
    """Processes of a job once its script is at work."""
    found = processes(job)
    return found if batch.scripts(found) else []


def test_a_job_that_dies_is_tried_again_with_more_and_sigterm_lets_jobs_end(system, start):
    run = start("--set-resources", RETRIED, "--", "results/simulated/small_cd4")
    # As by the memory killer: it has no time to say anything.
    batch.kill(run.until(lambda: jobs(system) and works(jobs(system)[0])))
    run.until(lambda: len(jobs(system)) == 2 and works(jobs(system)[1]))
    run.process.send_signal(signal.SIGTERM)
    run.ended()
    assert [job["ended"] for job in jobs(system)] == [137, 0]
    assert [job["mem_mb"] for job in jobs(system)] == [1000, 2000]
    assert {job["walltime"] for job in jobs(system)} == {30 * 60}


def test_a_failed_job_is_seen(workflow, system, start):
    before, simulated = len(jobs(system)), workflow.folder / "results/simulated"
    matrix = next(simulated.rglob("*A-C01*/matrix.mtx.gz"))
    whole = matrix.read_bytes()
    matrix.write_bytes(b"not a matrix")
    run = start("--retries", "0", "--", SAMPLES.format("A-C01"))
    assert run.ended() != 0
    matrix.write_bytes(whole)
    assert [job["ended"] for job in jobs(system)[before:]] == [1]
    log = workflow.folder / "logs/small_cd4/process_sample/A-C01.log"
    assert "sample A-C01" in log.read_text()


def test_ctrl_c_cancels_jobs_and_the_same_command_goes_on(workflow, system, start):
    before = len(jobs(system))
    targets = [SAMPLES.format(name) for name in ("A-C01", "A-C02", "A-C03", "A-S01", "A-S02")]
    words = ["--set-resources", "process_sample:runtime=240", "--", *targets]
    run = start("--seconds-between-status-checks", "3", *words)
    run.until(lambda: len(jobs(system)) == before + 2 and works(jobs(system)[before]))
    for process in [p for job in jobs(system)[before:] for p in processes(job)]:
        process.suspend()  # so that no job ends by itself
    # While Snakemake asks how jobs do it would cancel none of them: just after it has asked.
    seen = questions(system)
    run.until(lambda: questions(system) > seen)
    time.sleep(1)
    run.process.send_signal(signal.SIGINT)
    assert run.ended() != 0
    canceled = jobs(system)[before:]
    assert [job["ended"] for job in canceled] == [271, 271]
    assert not any(processes(job) for job in canceled)

    start(*words).done()
    done = jobs(system)[before + 2 :]
    assert [job["ended"] for job in done] == [0, 0]
    # Samples share jobs, each with threads and memory of its own; more than an hour is understood.
    assert sorted(job["ncpus"] for job in done) == [1, 4]
    assert all(job["mem_mb"] >= 500 * job["ncpus"] for job in done)
    assert {job["walltime"] for job in done} == {240 * 60}
    assert all((workflow.folder / target).exists() for target in targets)
    assert workflow.planned(*targets) == {}
