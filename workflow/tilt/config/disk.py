"""Checks of the folder that a run works in: may it be written, is there room, are times right."""

import os
import shutil
import time
from pathlib import Path

from tilt.config.messages import problem
from tilt.core.text import count

MOST_AHEAD = 600  # seconds that clocks of machines that share a disk may be apart
MIN_FREE = 200_000_000  # bytes; the bundled demo takes about a third of it


def place(folder: Path) -> list[str]:
    """Whether results can be written below ``folder``: allowed, and some room left."""
    results = folder / "results"
    target = results if results.is_dir() else folder
    if not os.access(target, os.W_OK):
        fix = "start in a folder of your own, or with --directory <folder>"
        return [problem(target, "", "this folder cannot be written", fix=fix)]
    free = shutil.disk_usage(target).free
    if free < MIN_FREE:
        wrong = (
            f"the disk is full: {free / 1e6:.0f} MB are free, {MIN_FREE / 1e6:.0f} MB are needed"
        )
        return [problem(target, "", wrong, fix="free space, or start in a folder elsewhere")]
    return []


def clock(folder: Path) -> list[str]:
    """Note: results that are dated later than now, as after the clock was set back.

    What is made anew would look older than what was made of it.
    """
    now = time.time() + MOST_AHEAD
    found = sorted(path for path in folder.glob("results/*/*") if _dated(path) > now)
    if not found:
        return []
    return [
        f"{count(len(found), 'result')} dated in the future ({found[0]}): was the clock set back? "
        "Set it right; if it is right, delete results/ or add --forceall, for what hangs on what "
        "goes by these times"
    ]


def _dated(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
