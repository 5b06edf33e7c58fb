"""What this machine has, and what files weigh."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

# Where a container or a batch system writes the memory it allows (cgroup 2, then 1).
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
# Memory of the largest job (MB): a base and so much for each MB of raw files. On 1.26 million cells
# in an h5ad of 4.3 bytes a count it was 0.3 (tests/benchmark/scale.py); gzipped Matrix Market files
# hold a count in half of that.
BASE_MB = 1_000
PER_RAW_MB = 0.6


class ShellPath(str):
    """A path that a shell takes as one word wherever it is formatted into a command.

    Snakemake (9.27) writes ``sys.executable`` into its commands as it is, so an environment below
    a folder with a blank in its name could not run a job. As an item of a list it is the path.
    """

    def __format__(self, spec: str) -> str:
        """The path, quoted where a shell would split it."""
        return format(shlex.quote(str(self)), spec)


def memory_mb(limits: Iterable[Path] = LIMITS) -> int:
    """Memory (MB) that jobs on this machine may use together.

    That is what is built in, or the limit of the container if that is lower.
    """
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in limits:
        words = path.read_text().strip() if path.is_file() else ""
        found += [int(words)] if words.isdigit() else []
    return min(found) // 1_000_000


def size_mb(paths: Iterable[str | Path]) -> float:
    """Size of files and of folders with all that is in them (MB).

    Raises FileNotFoundError for what is not there.
    """
    total = 0
    for path in map(Path, paths):
        total += path.stat().st_size
        if path.is_dir():
            total += sum(part.stat().st_size for part in path.rglob("*"))
    return total / 1e6


def shortage(raw: Iterable[str | Path], available: float) -> str:
    """Says so if the largest job of a cohort will hardly fit into memory; else empty.

    Parameters: ``raw`` the cohort's raw files, those not there yet left out; ``available`` memory
    (MB). What the largest job needs is estimated from the size of the files (``BASE_MB``,
    ``PER_RAW_MB``).
    """
    size = size_mb(path for path in raw if Path(path).exists())
    need = BASE_MB + PER_RAW_MB * size
    if need <= available:
        return ""
    return (
        f"its {size / 1000:.1f} GB of raw files need up to {need / 1000:.1f} GB of memory in the "
        f"largest job; this machine has {available / 1000:.1f} GB. Fix: run it on a larger "
        "machine or a cluster (README), or leave out samples; without that a job may be killed"
    )
