"""Killing runs of the workflow as power cuts and memory killers do, and comparing what is left."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from running import ROOT, Workflow

# The report says how long steps took; names of clips in one figure hang on its layout's last bits.
VARIES = ("report.html", "robustness.svg")


def start(workflow: Workflow, *words: str) -> subprocess.Popen:
    """Start a run in the background; ``words`` are targets or options of Snakemake."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
    command += ["--configfile", str(workflow.folder / "config.yaml"), "--rerun-incomplete"]
    return subprocess.Popen(
        [*command, "--directory", str(workflow.folder), "--cores", "2", *words],
        cwd=workflow.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def jobs(process: psutil.Process) -> list[psutil.Process]:
    """Processes of a run that do a job's work (its script)."""
    found = []
    for child in process.children(recursive=True):
        try:
            if any(".snakemake/scripts" in word for word in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def kill(run: subprocess.Popen, what: str) -> str:
    """Kill -9 one job of the run (``what`` = job), the run with all it started (run), or the run
    alone, whose jobs go on (main)."""
    process = psutil.Process(run.pid)
    victims = {
        "job": jobs(process)[:1],
        "run": [process, *process.children(recursive=True)],
        "main": [process],
    }[what]
    for victim in victims:
        try:
            victim.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue
    run.wait(timeout=300)
    return f"{what}: {len(victims)} processes"


def disturbed(
    workflow: Workflow, targets: list[str], n_kills: int, seed: int, longest: float = 6.0
) -> list[str]:
    """Run with ``n_kills`` kills at random moments of work, then to the end; returns the kills.

    A kill comes at most about ``longest`` seconds after a start.
    """
    rng, done = random.Random(seed), []
    while len(done) < n_kills:
        run = start(workflow, *targets)
        what = ("run", "job", "main")[len(done) % 3]
        waited_for = time.monotonic() + rng.uniform(0.2, longest)
        while run.poll() is None:
            working = bool(jobs(psutil.Process(run.pid)))
            if working and time.monotonic() > waited_for:
                break
            if not working:
                waited_for = max(waited_for, time.monotonic() + rng.uniform(0.1, 3))
            time.sleep(0.05)
        if run.poll() is not None:
            break  # finished before it could be killed
        done.append(kill(run, what))
        workflow.snakemake("--unlock")
    workflow.snakemake("--rerun-incomplete", *targets)
    return done


def contents(folder: Path) -> dict[str, str]:
    """Digest of every result that must be the same after any history."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(VARIES)
    }
