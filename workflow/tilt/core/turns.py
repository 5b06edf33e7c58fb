"""One run at a time in a folder, and no job of a run that is gone.

A run that is killed leaves jobs behind, which go on writing; two runs in one folder write the same
files. So a run holds a lock for as long as it lives, each job holds one of its own, and a run that
begins ends the jobs that others left. Locks are those of the system (flock): they go with their
process, whatever ended it. Where a file system has none, nothing is held and nothing refused.
"""

import atexit
import contextlib
import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(".snakemake/tilt")
VARIABLE = "TILT_RUN"  # in the environment of jobs: the run that they belong to
PAUSE = 0.1  # seconds between two looks at jobs that are being ended
TELL_EVERY = 60.0  # seconds between two words about jobs that are waited for
_held: list[int] = []  # open for the life of the process


class OtherRun(RuntimeError):
    """Another run works in this folder, or has taken the place of this one."""


def begin(tell: Callable[[str], None], folder: Path = FOLDER) -> None:
    """Take the folder for this run, and end or wait for the jobs of one that was killed.

    ``tell`` is called with what is ended or waited for, in words. Raises OtherRun while another
    run is alive.
    """
    (folder / "jobs").mkdir(parents=True, exist_ok=True)
    number = os.open(folder / "run", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    if _lock(number) is False:
        who = _about(folder / "run")
        os.close(number)
        raise OtherRun(
            f"another run works in this folder ({_who(who)}): two would write the same files. Fix: "
            "wait for it or end it, or start in a folder of your own with --directory"
        )
    _held.append(number)
    about = _myself("run")
    os.environ[VARIABLE] = about["run"] = f"{about['host']}-{about['pid']}-{time.time_ns()}"
    _write(number, about)
    _end_jobs(folder, tell)


def enlist(kind: str, folder: Path = FOLDER) -> None:
    """Say that this process works for a run, until it ends.

    ``kind``: ``rule`` for Snakemake that runs a rule, ``script`` for its script. Raises OtherRun
    if the run is over and another has begun.
    """
    if not folder.parent.is_dir():
        return  # not in a folder of a run
    with contextlib.suppress(OSError):  # a folder that cannot be written is told by the rule
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
        about = _myself(kind)
        path = (folder / "jobs" / f"{about['host']}-{about['pid']}-{kind}").absolute()
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        atexit.register(path.unlink, missing_ok=True)
        _lock(number)
        _held.append(number)
        _write(number, about)
    mine, now = os.environ.get(VARIABLE), _about(folder / "run").get("run")
    if mine and now and mine != now:
        raise OtherRun("the run that this job belongs to is over: another has begun in this folder")


def jobs(folder: Path = FOLDER) -> list[dict]:
    """Jobs at work: kind, pid and host of each; those of Snakemake first."""
    found = []
    for path in sorted((folder / "jobs").iterdir()):
        try:
            number = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if _lock(number) is False:
                found.append(_about(path))
            else:
                path.unlink(missing_ok=True)  # its process is gone
        finally:
            os.close(number)
    return sorted((job for job in found if job), key=lambda job: job["kind"])


def _end_jobs(folder: Path, tell: Callable[[str], None]) -> None:
    told = 0.0
    while there := jobs(folder):
        here = [job for job in there if job["host"] == socket.gethostname()]
        away = [job for job in there if job not in here]
        if here:
            tell("ending jobs that a killed run left behind: " + ", ".join(map(_who, here)))
        for job in here:
            with contextlib.suppress(ProcessLookupError):
                os.kill(job["pid"], signal.SIGKILL)
        if away and time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell("waiting for jobs of a killed run: " + ", ".join(map(_who, away)))
        time.sleep(PAUSE)


def _myself(kind: str) -> dict:
    return {"kind": kind, "pid": os.getpid(), "host": socket.gethostname()}


def _who(about: dict) -> str:
    return f"process {about.get('pid', '?')} on {about.get('host', '?')}"


def _lock(number: int) -> bool | None:
    """Whether the lock was got; None where there are no locks."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _write(number: int, about: dict) -> None:
    os.ftruncate(number, 0)
    os.pwrite(number, json.dumps(about).encode(), 0)
    with contextlib.suppress(OSError):
        os.fsync(number)  # so that other machines see it on a shared disk


def _about(path: Path) -> dict:
    """What a process wrote of itself; empty when it has not yet, or is gone."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
