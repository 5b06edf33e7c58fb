"""Does E1 corrected for mislabeling hold what was planted, and how true are the probabilities?

    python tests/benchmark/mislabeled.py --cells folder --out mislabeled.tsv

Cohorts of both demo kinds (as they are, deep, thin, large; with even seeds nothing is planted) are
simulated and labeled by the workflow's own steps; their cells, with truth and probabilities, are
kept in ``folder``. From each of them cohorts of donors are drawn: memory cells of each true type,
with a planted shift of both poles. Writes rows of task, metric, value: the log of the true over the
said odds that a cell of a pole is a mistake, then coverage, mean and width of the corrected and the
plain effect.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[:0] = [
    str(Path(__file__).parents[1] / "truth"),
    str(Path(__file__).parents[1]),
    str(Path(__file__).parents[2] / "workflow"),
]

import road  # noqa: E402
from tilt.cells import groups  # noqa: E402
from tilt.config import check  # noqa: E402
from tilt.donors import composition, imbalance  # noqa: E402
from tilt.simulate import cohort as simulate  # noqa: E402
from tilt.stats import contrast, corrected, design  # noqa: E402

POLES = {k: tuple(v) for k, v in check.defaults()["imbalance"]["poles"].items()}
KINDS = {
    "demo_pbmc": ("demo_pbmc", {}),
    "demo_cd4": ("demo_cd4", {}),
    "pbmc deep": ("demo_pbmc", {"depth": {"median": 4000}}),
    "pbmc large": ("demo_pbmc", {"n_cells": 4000}),
    "cd4 thin": ("demo_cd4", {"depth": {"median": 1400}}),
}
LABELS = road.tables()[0].set_index("label")
MEMORY = set(LABELS.index[LABELS["parent"].eq("CD4") & LABELS["compartment"].eq("memory")])
DONORS = 16
DONOR_SD = 0.5
TRUE = "true"


@dataclass(frozen=True)
class Drawn:
    """How cohorts are drawn; shifts of log shares in cases, ``others`` of two other subsets."""

    name: str
    arms: tuple[int, int]
    cells: int
    tph: float = 0.0
    th22: float = 0.0
    others: float = 0.0

    @property
    def truth(self) -> float:
        return self.tph - self.th22


GRID = [
    Drawn("null 8+8, 230 cells", (8, 8), 230),
    Drawn("null 20+20, 1,000 cells", (20, 20), 1000),
    Drawn("null 60+60, 1,000 cells, others shift", (60, 60), 1000, others=0.7),
    Drawn("+1.8 8+8, 230 cells", (8, 8), 230, 0.9, -0.9),
    Drawn("+1.8 20+20, 230 cells", (20, 20), 230, 0.9, -0.9),
    Drawn("+1.8 20+20, 1,000 cells", (20, 20), 1000, 0.9, -0.9),
    Drawn("+1.5 60+60, 1,000 cells", (60, 60), 1000, 0.9, -0.6),
    Drawn("Th22 alone 20+20, 1,000 cells", (20, 20), 1000, 0.0, -0.7),
    Drawn("Tph alone 20+20, 1,000 cells", (20, 20), 1000, 0.9, 0.0),
    Drawn("-1.4 16+10, 1,000 cells", (16, 10), 1000, -0.7, 0.7),
    Drawn("+0.9 100+100, 3,000 cells", (100, 100), 3000, 0.5, -0.4),
]


def labeled(kind: str, seed: int, folder: Path) -> pd.DataFrame:
    """Cells of the working set: ``true`` type, and the probability of each label."""
    path = folder / f"{kind.replace(' ', '_')}_{seed}.pkl"
    if path.exists():
        return pd.read_pickle(path)
    name, changes = KINDS[kind]
    sheet = simulate.sheet(DONORS // 2, DONORS // 2, batches=2, seed=seed)
    walked = road.walk(name, sheet, seed=seed, null=seed % 2 == 0, **changes)
    labels = walked.labels.reset_index(drop=True)
    inside = groups.working_set(labels)
    chance = walked.scores.drop(columns=["cell", "tph_score", "th22_score", "isg_score"])
    table = chance[inside].reset_index(drop=True)
    doublet = labels["true_is_doublet"].astype(bool)
    table[TRUE] = labels["true_subset"].where(~doublet, "doublet")[inside].to_numpy()
    table.to_pickle(path)
    return table


def said_and_true(cells: pd.DataFrame) -> dict[str, float]:
    """Log of true over said odds of a mistake at each pole."""
    out = {}
    for pole, names in POLES.items():
        r, right = cells[list(names)].sum(axis=1), cells[TRUE].isin(names)
        said, true = float(r @ r / r.sum()), float(r @ right / r.sum())
        out[pole] = float(np.log((1 - true) / true) - np.log((1 - said) / said))
    return out


def draw(cells: pd.DataFrame, how: Drawn, rng: np.random.Generator) -> dict:
    """One cohort: the rows of E1 as they are and corrected."""
    chance = cells.drop(columns=TRUE)
    kinds, code = np.unique(cells[TRUE], return_inverse=True)
    at = [np.flatnonzero(code == k) for k in range(len(kinds))]
    usual = np.log(np.bincount(code) / len(code))
    shift = pd.Series(0.0, kinds)
    shift[[x for x in POLES["tph"] if x in kinds]] = how.tph
    shift[list(POLES["th22"])] = how.th22
    shift[["CD4_Th17", "CD4_CTL"]] = how.others
    # The typical cohort is as the cells are: half of the shift is taken out of both arms.
    usual -= shift.to_numpy() * how.arms[0] / sum(how.arms)
    case = np.r_[np.ones(how.arms[0], bool), np.zeros(how.arms[1], bool)]
    values, names = chance.to_numpy(), list(chance)
    sums, confusion, size = [], np.zeros((len(names),) * 2), []
    for one in case:
        own = rng.normal(0, DONOR_SD, len(kinds))
        own[np.isin(kinds, POLES["tph"])] = own[0]  # of both labels, so that their sum is planted
        logs = usual + own + one * shift.to_numpy()
        n = max(int(rng.lognormal(np.log(how.cells), 0.4)), 30)
        number = rng.multinomial(n, np.exp(logs) / np.exp(logs).sum())
        rows = np.concatenate([rng.choice(at[k], m) for k, m in enumerate(number) if m])
        r = values[rows]
        sums.append(r.sum(axis=0))
        size.append(n)
        confusion += r.T @ r
    sums = pd.DataFrame(sums, columns=names)
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(len(case))]})
    donors["condition"] = np.where(case, "SLE", "control")
    counts = donors.assign(n_cells=size)
    for pole, labels in POLES.items():
        counts[f"n_{pole}"] = sums[list(labels)].sum(axis=1)
    rows = imbalance.ratio_rows(counts, "E1", 1, "")
    plan = contrast.Plan(design.Contrast("SLE", "control"))
    found = contrast.of_values(contrast.DesignCache(donors, plan), rows, "ln ratio")
    made = corrected.mistakes(composition.confusion_table(confusion, names), POLES)
    memory = donors.assign(denominator="memory_cd4", n_denominator=size)
    compositions = pd.concat(
        [memory.assign(subset=x, n_expected=sums[x]) for x in names if x in MEMORY]
    )
    assert made is not None
    return {
        "plain": contrast.compared.main_row(found),
        "corrected": corrected.row(found, rows, counts, compositions, made, how.cells),
    }


def coverage(cells: pd.DataFrame, how: Drawn, cohorts: int, seed: int) -> dict[str, float]:
    """Share of intervals with the truth, means, widths, and share not estimable."""
    found = [draw(cells, how, np.random.default_rng([seed, i])) for i in range(cohorts)]
    out = {}
    for name in ("plain", "corrected"):
        rows = [f[name] for f in found if f[name]["estimable"]]
        table = pd.DataFrame(rows, columns=["effect", "ci_low", "ci_high", "p"]).astype(float)
        inside = (table["ci_low"] <= how.truth) & (how.truth <= table["ci_high"])
        out |= {
            f"{name} estimable": len(table) / cohorts,
            f"{name} coverage": inside.mean() if len(table) else np.nan,
            f"{name} mean effect": table["effect"].mean(),
            f"{name} median width": (table["ci_high"] - table["ci_low"]).median(),
        }
        out[f"{name} p below .05"] = (table["p"] < 0.05).mean()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, required=True, help="folder for labeled cells")
    parser.add_argument("--out", required=True, help="TSV to write")
    parser.add_argument("--cohorts", type=int, default=40, help="drawn from each labeled cohort")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    words = parser.parse_args()
    words.cells.mkdir(parents=True, exist_ok=True)
    rows = []
    for kind in KINDS:
        for seed in words.seeds:
            cells = labeled(kind, seed, words.cells)
            for pole, value in said_and_true(cells).items():
                rows.append(("odds of mistakes", f"{kind} {seed}, {pole}", value))
            for how in GRID:
                for name, value in coverage(cells, how, words.cohorts, seed).items():
                    rows.append((how.name, f"{kind} {seed}, {name}", value))
            pd.DataFrame(rows, columns=["task", "metric", "value"]).to_csv(
                words.out, sep="\t", index=False, float_format="%.3f"
            )
    odds = np.array([value for task, _, value in rows if task == "odds of mistakes"])
    print(f"log odds of mistakes: mean {odds.mean():.2f}, SD {odds.std(ddof=1):.2f}")
    table = pd.DataFrame(rows, columns=["task", "metric", "value"])
    table[["cells", "metric"]] = table["metric"].str.split(", ", n=1, expand=True)
    drawn = table[table["task"] != "odds of mistakes"]
    print(drawn.pivot_table(index="task", columns="metric", values="value").round(3).to_string())


if __name__ == "__main__":
    main()
