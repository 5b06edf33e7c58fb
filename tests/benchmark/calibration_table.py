"""The calibration table as it is made: rows kept in a file as they come, and their notes."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tilt import __version__ as version

RATE, COVER = (0.03, 0.07), (0.93, 0.97)  # of p below 0.05, and of 95% intervals; two-sided

# Why a row can lie outside its target; written beside it only where it does.
NOTES = (
    (
        r"coverage, .*x2 Tph share",
        "shares of eight donors that spread widely are skewed: too narrow on the scale of shares; "
        "the ratio, whose logarithm is tested, keeps its interval",
    ),
    (
        r"3\+3.*(permutation|mann_whitney)",
        "three donors against three: there is no p below 0.1",
    ),
    (
        r"x2 .*mann_whitney",
        "rank tests suppose arms that differ in place only: too many are called where the smaller "
        "arm spreads wider, too few where the larger does; sensitivity only",
    ),
    (
        r"x2 .*Tph share",
        "an arm that spreads wider has a larger mean share where its median is the same: on these "
        "scales the arms do differ",
    ),
    (
        r"lymphopenia.*Tph share",
        "on this scale cells that are few bend the mean share",
    ),
    (
        r"rare Th22.*(E1)",
        "one expected cell: half a cell flattens what is left after its mean pull is taken out",
    ),
    (
        r"(t3|outliers|3\+3|3\+8|8\+3)",
        "few donors or far-out ones: few degrees of freedom carry the comparison, which makes it "
        "conservative; where a rate is high read an interval of so few donors with care",
    ),
    (
        r"worst subset",
        "the subset whose biology varies most borrows a variance too small; over all subsets the "
        "level is kept",
    ),
    (
        r"visits.* mixed",
        "wide, not narrow: a variance beyond what the cells leave to chance cannot fall below "
        "none; sensitivity only",
    ),
    (
        r"visits 5\+4 change permutation",
        "the signs of five changes can be given in 32 ways, of which two are the most extreme: p "
        "is never below .06",
    ),
    (
        r"permutation.*",
        "labels permuted in few donors, or in arms that spread differently: sensitivity only",
    ),
    (
        r"meta-analysis, coverage (half-normal|modified)",
        "wide, not narrow: no interval that allows for differences between cohorts is exact where "
        "there are none or small ones",
    ),
    (
        r"ULM factors",
        "genes are taken as independent, which they are not: read as a ranking",
    ),
)


class Table:
    """Rows of the calibration table, kept in a file as they come.

    The file has the columns ``names`` and, above them, comment lines with command and version.
    """

    names = ("task", "metric", "value", "target_low", "target_high", "cohorts", "seed", "note")

    def __init__(self, path: Path, n: int, seed: int):
        self.path, self.n, self.seed = path, n, seed
        self.rows = {}
        if path.exists():
            known = pd.read_csv(path, sep="\t", comment="#", keep_default_na=False)
            for row in known.itertuples(index=False):
                self.rows[row.task, row.metric] = tuple(row)

    @property
    def seeds(self) -> range:
        """One seed a cohort; runs with another seed share none."""
        return range(self.seed * 10**5, self.seed * 10**5 + self.n)

    def add(self, task: str, metric: str, value: float, target: tuple[float, float], n: int):
        """Take a row and write the file: a run that is stopped keeps what it has."""
        value = float(f"{value:.4g}")
        note = "" if target[0] <= value <= target[1] else note_of(task, metric)
        error = float(np.sqrt(0.05 * 0.95 / max(n, 1)))
        away = max(target[0] - value, value - target[1])
        if note and target in (RATE, COVER) and away <= 2 * error:
            note = f"within two standard errors ({error:.3f}) of the target"
        self.rows[task, metric] = (task, metric, value, *target, n, self.seed, note)
        self.write()

    def write(self) -> None:
        head = (
            f"# Calibration of tilt {version} by simulation, cohorts drawn from a known truth.\n"
            "# Made by: python tests/benchmark/calibration.py --out resources/calibration.tsv "
            f"--seed {self.seed}, with the --cohorts of each row\n"
        )
        rows = self.frame().to_csv(sep="\t", index=False, float_format="%.4g")
        self.path.write_text(head + rows, encoding="utf-8")

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(list(self.rows.values()), columns=list(self.names))

    def report(self) -> None:
        """How many rows lie in their targets, to standard error."""
        frame = self.frame()
        inside = frame["value"].between(frame["target_low"], frame["target_high"])
        print(f"{inside.sum()} of {len(frame)} within their targets", file=sys.stderr)


def note_of(task: str, metric: str) -> str:
    """What is known about a row outside its target; "not explained" otherwise."""
    told = (note for pattern, note in NOTES if re.search(pattern, f"{task} {metric}"))
    return next(told, "not explained")
