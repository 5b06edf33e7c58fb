"""What a run says while it works: a line a stage, with cells and donors so far and time left.

Knows jobs by the names of their rules, and results by their tables; nothing of Snakemake.
"""

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tilt.core.text import count, number

# Stage -> how the rules of it begin, and processor seconds of one job on the demo (700 cells a
# sample, 12,000 a cohort; its own benchmarks). Weights of jobs not yet done, not promises.
STAGES: dict[str, dict[str, float]] = {
    "raw files": {"retrieve_cohort": 30, "simulate_cohort": 7, "split_cohort": 10},
    "quality control": {"process_sample": 2.1, "gather_cohort": 3, "read_composition": 1.5},
    "embedding": {"select_genes": 1.5, "embed_cells": 7, "cluster_cells": 13, "map_cells": 15},
    "labels": {"annotate_cells": 10, "celltypist_cells": 15, "assemble_tcells": 3},
    "donors": {
        "list_donors": 1,
        "read_droplets": 2,
        "normalize_proteins": 2,
        "write_modalities": 2,
        "count_composition": 1.5,
        "count_proteins": 1,
        "read_receptors": 2,
        "count_clones": 1,
        "sum_pseudobulk": 2,
        "score_activity": 2,
        "estimate_imbalance": 2,
    },
    "comparisons": {
        "compare_donors": 1,
        "compare_mediators": 1,
        "compare_factors": 3,
        "compare_perturbations": 1.5,
        "compare_exposures": 1,
        "compare_groups": 1,
        "compare_visits": 1,
        "compare_expression": 8,
        "compare_signatures": 1.5,
        "explore_specifications": 2.5,
        "combine_cohorts": 4,
    },
    "figures": {"plot_": 8},
    "report": {"write_report": 7},
}
WITHOUT_WORK = ("all", "everything")
EARLY = 0.03  # share of the work before which no time is told


def stage_of(rule: str) -> tuple[str, float]:
    """Stage of a rule and the weight of one of its jobs; "" and 0 for rules without work."""
    if rule in WITHOUT_WORK:
        return "", 0.0
    for stage, rules in STAGES.items():
        for start, weight in rules.items():
            if rule.startswith(start):
                return stage, weight
    return "other", 3.0


class Story:
    """Counts the jobs of a run and says a line when a stage is done.

    Parameters
    ----------
    cohorts
        Names of the cohorts of the run.
    results
        Folder of the results, whose tables tell of cells and donors.
    clock
        Seconds since some moment.
    """

    def __init__(
        self, cohorts: Iterable[str], results: Path, clock: Callable[[], float] = time.monotonic
    ):
        self.cohorts, self.results, self.clock = list(cohorts), results, clock
        self.began = clock()
        self.left: Counter = Counter()
        self.total: Counter = Counter()
        self.work = self.done = 0.0

    def plan(self, jobs: Mapping[str, int]) -> str:
        """Take in how many jobs of each rule there are; the first line."""
        for rule, n in jobs.items():
            stage, weight = stage_of(rule)
            if stage:
                self.total[stage] += n
                self.work += n * weight
        self.left, self.began, self.done = self.total.copy(), self.clock(), 0.0
        n = sum(self.total.values())
        return f"{count(n, 'job')} for {count(len(self.cohorts), 'cohort')}"

    def finished(self, rule: str) -> str:
        """Take in that a job is done; a line when its stage is, else ""."""
        stage, weight = stage_of(rule)
        if not stage or not self.left[stage]:
            return ""
        self.left[stage] -= 1
        self.done += weight
        return "" if self.left[stage] else self.line(stage)

    def line(self, stage: str) -> str:
        """Line of a stage: time gone, stage, jobs, what came out, time left."""
        parts = [count(self.total[stage], "job"), self.so_far(stage), self.remaining()]
        told = "; ".join(part for part in parts if part)
        return f"{span(self.clock() - self.began):>9}  {stage:<16} {told}"

    def status(self) -> str:
        """How far the whole run is, for a line that is written over."""
        n, left = sum(self.total.values()), sum(self.left.values())
        return ", ".join(filter(None, [f"{n - left} of {count(n, 'job')}", self.remaining()]))

    def remaining(self) -> str:
        """Time left, if what is to come runs as fast as what is done; "" when too early or over."""
        share = self.done / self.work if self.work else 0.0
        if share < EARLY or not sum(self.left.values()):
            return ""
        return f"about {span((self.clock() - self.began) * (1 - share) / share)} left"

    def so_far(self, stage: str) -> str:
        """Cells and donors that the tables of all cohorts hold once a stage is done."""
        if stage not in ("quality control", "labels", "donors"):
            return ""
        found = [self._told(stage, name) for name in self.cohorts]
        return ", ".join(filter(None, found))

    def _told(self, stage: str, cohort: str) -> str:
        folder = self.results / cohort
        if stage == "quality control":
            steps = _rows(folder / "qc_waterfall.tsv")
            lineages = _rows(folder / "lineages.tsv")
            if not steps:
                return ""
            last = {row["sample"]: int(row["n_left"]) for row in steps}
            first = sum(int(row["n_left"]) for row in steps if row["step"] == "read")
            t_cells = sum(int(row["n"]) for row in lineages if row["lineage"] == "T")
            donors = len({row["donor"] for row in steps})
            return (
                f"{cohort}: {number(first)} barcodes, {number(sum(last.values()))} cells, "
                f"{number(t_cells)} T cells of {count(donors, 'donor')}"
            )
        if stage == "donors":
            rows = [r for r in _rows(folder / "imbalance.tsv") if r.get("estimable") == "True"]
            return f"{cohort}: {count(len({r['donor'] for r in rows}), 'donor')} measured"
        return ""


def span(seconds: float) -> str:
    """Time as minutes and seconds, or hours and minutes: ``3:07 min``, ``2:05 h``."""
    seconds = round(seconds)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d} min"
    return f"{seconds // 3600}:{seconds % 3600 // 60:02d} h"


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table of results, none when it is not there."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle, delimiter="\t"))
    except OSError:
        return []
