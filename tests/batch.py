"""Running the workflow through a batch system in the background, for tests."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

import psutil
from running import ROOT, Workflow, small_cohorts

PROFILES = ROOT / "workflow/profiles"


class Run:
    """A run of Snakemake with one of the shipped profiles; its output is in ``run.log``.

    ``words`` are added to the command; ``python`` is what the interpreter runs.
    """

    def __init__(
        self, workflow: Workflow, profile: str, *words: str, python: tuple = ("-m", "snakemake")
    ):
        self.log = workflow.folder / "run.log"
        self.start = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, *python, "-s", str(ROOT / "Snakefile")]
        command += ["--configfile", str(workflow.folder / "config.yaml")]
        command += ["--workflow-profile", str(PROFILES / profile), "--latency-wait", "5"]
        command += ["--seconds-between-status-checks", "1", *words]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command,
                cwd=workflow.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"OMP_NUM_THREADS": "1", "TILT_CONSOLE": "full"},
                preexec_fn=hear_ctrl_c,
            )

    @property
    def output(self) -> str:
        """What this run has said so far."""
        return self.log.read_bytes()[self.start :].decode()

    def until(self, condition, seconds: float = 120):
        """Wait for ``condition()`` to give something while the run goes on, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            over = self.process.poll() is not None
            if found := condition():
                return found
            assert not over, f"the run ended first: {self.output[-6000:]}"
            time.sleep(0.1)
        raise AssertionError(f"nothing came in {seconds} s: {self.output[-6000:]}")

    def ended(self, seconds: float = 300) -> int:
        """Wait for the end; the exit code."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"still running: {self.output[-6000:]}") from None

    def done(self, seconds: float = 300) -> None:
        """Wait for the end, which must be a good one."""
        assert self.ended(seconds) == 0, self.output[-6000:]

    def stop(self) -> None:
        """End the run, whatever it does, as a fixture must when a test has failed."""
        for sign in (signal.SIGINT, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(sign)
                try:
                    self.process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    continue


def hear_ctrl_c() -> None:
    """Undo what a shell does to commands in the background, which are deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def kill(processes: list[psutil.Process]) -> None:
    """Kill -9 of processes, of which some may be gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def scripts(processes: Iterable[psutil.Process]) -> list[str]:
    """Paths of the workflow's scripts at which processes are at work."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found += [word for word in process.cmdline() if ".snakemake/scripts" in word]
    return found


def one_cohort(workflow: Workflow, n_cells: int) -> None:
    """The simulated cohort of 7 sorted CD4 samples alone."""
    small_cohorts(workflow, n_cells)
    config = (workflow.folder / "config.yaml").read_text()
    (workflow.folder / "config.yaml").write_text(config.replace("- small_pbmc.yaml\n", ""))
