"""One log per job: to the rule's log file and to the console, tracebacks included."""

import logging
import os
import sys
import warnings
from pathlib import Path

THREAD_VARIABLES = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)


def begin(path: str | Path, threads: int = 1) -> logging.Logger:
    """Start the log of a job and keep numerical libraries to ``threads`` threads.

    Must be called before numpy or numba is imported: both read the environment once.
    Records and any uncaught traceback go to ``path`` and to standard error.
    """
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger("tilt")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers.clear()
    shape = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    to_file = logging.FileHandler(path, mode="w")
    to_file.setFormatter(shape)
    to_console = logging.StreamHandler(sys.stderr)
    to_console.setFormatter(logging.Formatter("%(message)s"))
    to_console.setLevel(logging.WARNING)
    log.addHandler(to_file)
    log.addHandler(to_console)
    warnings.simplefilter("ignore", FutureWarning)
    warnings.simplefilter("ignore", DeprecationWarning)

    def report(kind, error, trace):
        log.error("%s", error, exc_info=(kind, error, trace))

    sys.excepthook = report
    return log
