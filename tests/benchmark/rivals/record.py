"""Steps of a rival's script with their seconds and the peak memory of the process so far."""

import csv
import resource
import sys
import time


class Record:
    """Writes step, seconds, max_rss_mb to ``path``, a row at the end of each step."""

    def __init__(self, path: str) -> None:
        self.path, self.rows, self.began = path, [], time.time()

    def __call__(self, name: str) -> None:
        seconds = time.time() - self.began
        peak = max(
            resource.getrusage(who).ru_maxrss
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        self.rows.append([name, round(seconds, 2), round(peak / 1024)])
        with open(self.path, "w", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerows([["step", "seconds", "max_rss_mb"], *self.rows])
        print(f"{name}\t{seconds:.1f} s\t{peak / 1024:.0f} MB", file=sys.stderr, flush=True)
        self.began = time.time()
