"""How the comparison of clones does on simulated receptors, with and without planted expansion.

    python tests/benchmark/clones.py [--cohorts 100] [--planted 10]

Cohorts of 8 and 8 donors with 50 Tph-like and 50 Tfh cells each, read from files; prints for every
measure how many cohorts were estimable, the share of p below .05, and the mean effect.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests/truth")]

import clone_cohorts  # noqa: E402
from tilt.simulate import cohort as simulate  # noqa: E402

TPH, TFH = "CD4_Tph_like", "CD4_Tfh_circ"
KINDS = {TPH: 50, TFH: 50}
MEASURES = [(f"clone_{name}", TPH) for name in ("expanded", "gini", "d50")]
MEASURES += [(f"clones_in_{TFH}", TPH), ("clone_expanded", "memory_cd4")]
PLANTED = {TPH: 0.25}  # more of the cells of cases are of expanded clones
SEEDS = {"planted": 6000, "none": 5000}


def table(params: dict, first: int, n: int) -> pd.DataFrame:
    """Estimable cohorts, share of p below .05 and mean effect of each measure, of ``n`` cohorts."""
    rows = []
    for seed in range(first, first + n):
        people = clone_cohorts.tag_cohorts.sheet(8, 8, 2, seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "contigs.csv"
            found = clone_cohorts.measured(params, people, seed, path, KINDS)
        for measure, subset in MEASURES:
            row = clone_cohorts.compared(found, people, measure, subset)
            rows.append({"measure": measure, "subset": subset, **row})
    grouped = pd.DataFrame(rows).groupby(["measure", "subset"])
    said = {"cohorts": ("estimable", "sum"), "effect": ("effect", "mean")}
    return grouped.agg(**said, below=("p", lambda p: (p.dropna() < 0.05).mean()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cohorts", type=int, default=100, help="cohorts without expansion")
    parser.add_argument("--planted", type=int, default=10, help="cohorts with it")
    options = parser.parse_args()
    planted = clone_cohorts.parameters(effects=PLANTED)
    none = simulate.null(planted)
    print("planted", table(planted, SEEDS["planted"], options.planted).to_string(), sep="\n")
    print("nothing planted", table(none, SEEDS["none"], options.cohorts).to_string(), sep="\n")
