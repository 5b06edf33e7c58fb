"""One log per job: to the rule's log file and to the console, tracebacks included."""

import atexit
import contextlib
import ctypes
import errno
import gc
import logging
import os
import resource
import sys
import warnings
from pathlib import Path
from types import TracebackType

from tilt.core import progress, turns

THREAD_VARIABLES = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)

ARENA_MAX = -8  # M_ARENA_MAX of malloc.h

# New objects after which Python looks for circles of unused ones. With its own 700 it goes, again
# and again, through all that libraries make while they load: a tenth of the time of small jobs.
NEW_OBJECTS = 5_000
DRAWN = 50_000  # a drawing is many small objects that stay: a tenth of the time, 40 MB more

CACHES = {"NUMBA_CACHE_DIR": "numba", "MPLCONFIGDIR": "matplotlib"}

DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is used up",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EROFS: "the disk can only be read",
    errno.EACCES: "this place may not be written or read by you",
}


def begin(path: str | Path, new_objects: int = NEW_OBJECTS) -> logging.Logger:
    """Start the log of a job and keep numerical libraries to one thread.

    Sums over several threads are rounded in another order, so that results would hang on the
    number of cores; steps that gain by threads share out work whose parts do not meet. Must be
    called before numpy or numba is imported: both read the environment once.
    Records and any uncaught traceback go to ``path``; warnings and the words of an error go to
    standard error too, and in a terminal the progress of long passes. ``new_objects``: when Python
    looks for circles of unused ones (``NEW_OBJECTS``, or ``DRAWN`` where figures are drawn).
    """
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    one_heap()
    gc.set_threshold(new_objects)
    keep_caches()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger("tilt")
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.raiseExceptions = False  # a log that cannot be written must not hide why
    log.handlers.clear()
    shape = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    to_file = logging.FileHandler(path, mode="w")
    to_file.setFormatter(shape)
    to_console = logging.StreamHandler(sys.stderr)
    to_console.setFormatter(_Words())
    shown = (progress.log.name,) if sys.stderr.isatty() else ()
    to_console.addFilter(lambda record: record.levelno >= logging.WARNING or record.name in shown)
    log.addHandler(to_file)
    log.addHandler(to_console)
    warnings.simplefilter("ignore", FutureWarning)
    warnings.simplefilter("ignore", DeprecationWarning)

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        told = "Fix:" in str(error) or disk(error)
        words = str(error) if told else f"{kind.__name__}: {error} (how it came about: {path})"
        log.error("%s", words, exc_info=(kind, error, trace))
        if disk(error):
            log.error("%s", disk(error))

    sys.excepthook = report
    turns.enlist("script")
    atexit.register(lambda: log.info("peak memory %.0f MB", peak_memory()))
    return log


class _Words(logging.Formatter):
    """The message alone: how an error came about is in the log."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage()


def one_heap() -> None:
    """Let all threads of this process take memory from one heap, where the C library is GNU's.

    Each thread that reads blocks would keep a heap of its own, with what it once held. At 30,000
    cells that made the labels' job 533 MB instead of 425, and the graph's 497 instead of 389.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(ARENA_MAX, 1)


def keep_caches(folder: Path = turns.FOLDER) -> None:
    """Let libraries keep what they compile and the fonts they find in the run's own folder.

    The home may be read-only, missing or of another machine. Where the user has named places in
    the environment, these hold; outside of a run nothing is set.
    """
    if not folder.parent.is_dir():
        return
    for variable, name in CACHES.items():
        os.environ.setdefault(variable, str((folder / "cache" / name).absolute()))


def peak_memory() -> float:
    """Most memory (MB) that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def disk(error: BaseException | None) -> str:
    """What is wrong with the disk and how to fix it, if that is why ``error`` came; else empty."""
    while error is not None:
        words = DISK.get(getattr(error, "errno", None) or 0)
        if words:
            fix = "Fix: make room, or start in a folder elsewhere, and run again"
            where = f" ({name})" if (name := getattr(error, "filename", None)) else ""
            return f"{words}{where}. {fix}: what is finished is kept."
        error = error.__cause__ or error.__context__
    return ""
