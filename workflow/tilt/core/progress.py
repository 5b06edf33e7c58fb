"""How far a long job is: cells done, rate, time left, in the log of the job."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

log = logging.getLogger(__name__)

EVERY = 10.0  # seconds between two lines


def watch(
    blocks: Iterable[tuple[int, Any]],
    total: int,
    what: str,
    every: float = EVERY,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[int, Any]]:
    """Pass on ``(start, block)`` pairs and log how far they are, at most once in ``every`` seconds.

    Parameters
    ----------
    blocks
        As from ``blocks.iter_rows``: start row of each block, and the block (with ``shape``).
    total
        Number of rows of all blocks.
    what
        Name of the pass, as it stands in the log.
    every, clock
        Seconds between two lines, and where the time comes from.
    """
    begin = last = clock()
    done = 0
    for start, block in blocks:
        yield start, block
        done = start + block.shape[0]
        now = clock()
        if now - last >= every and done < total:
            rate = done / (now - begin)
            left = (total - done) / rate
            log.info(
                "%s: %s of %s cells, %s a second, %s left",
                *(what, f"{done:,}", f"{total:,}", f"{rate:,.0f}", in_words(left)),
            )
            last = now
    log.info("%s: %s cells in %s", what, f"{done:,}", in_words(clock() - begin))


def in_words(seconds: float) -> str:
    """Duration: ``4 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
