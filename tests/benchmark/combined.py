"""Would one statistic of labels (E1) and expression (E3) together find more than either alone?

    python tests/benchmark/combined.py --cells folder --out combined.tsv [--tables 300]

Tables of donors are drawn over cells, donors, unequal spread and lymphopenia: memory cells of each
type; expected counts of both poles from the probabilities that the workflow's labels gave to such
cells (``folder``, made by mislabeled.py); summed counts of the genes of both signatures from what
the simulator says each type expresses, with donors' own levels of genes. Power is at equal size:
p below the 5% quantile of the p of as many tables without a difference.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parent)]

import mislabeled  # noqa: E402  (first: it names the folders of the workflow)
from mislabeled import POLES, TRUE  # noqa: E402
from road import RESOURCES, tables  # noqa: E402
from tilt.donors import imbalance, pseudobulk  # noqa: E402
from tilt.simulate import cohort as simulate  # noqa: E402
from tilt.simulate import world as worlds  # noqa: E402
from tilt.stats import inference, precision  # noqa: E402

EXACT = 30  # cells of a type up to which each is drawn; more have the moments of their sum
DONOR_SD, GENE_SD = 0.5, 0.15  # of shares of subsets, and of a donor's own level of a gene


@dataclass(frozen=True)
class Grid:
    """One place of the grid; ``effect``: shift of Tph/Tfh, and of Th22-like cells by its minus."""

    name: str
    arms: tuple[int, int]
    cells: int
    effect: float
    spread: float = 1.0
    case_cells: float = 1.0


GRID = [
    Grid("5+5, 300 cells", (5, 5), 300, 0.52),
    Grid("5+5, 3,000 cells", (5, 5), 3000, 0.39),
    Grid("10+8, 100 cells", (10, 8), 100, 0.45),
    Grid("10+8, 230 cells", (10, 8), 230, 0.33),
    Grid("10+8, 1,000 cells", (10, 8), 1000, 0.26),
    Grid("10+8, 5,000 cells", (10, 8), 5000, 0.26),
    Grid("20+20, 100 cells", (20, 20), 100, 0.26),
    Grid("20+20, 600 cells", (20, 20), 600, 0.20),
    Grid("100+100, 100 cells", (100, 100), 100, 0.13),
    Grid("100+100, 1,000 cells", (100, 100), 1000, 0.08),
    Grid("8+32, cases spread x2, 600 cells", (8, 32), 600, 0.39, spread=2.0),
    Grid("20+20, cases have a tenth of 2,000 cells", (20, 20), 2000, 0.26, case_cells=0.1),
]


class Bank:
    """Cells of one kind by true type: probabilities at both poles, and what a cell expresses."""

    def __init__(self, kind: str, seed: int, folder: Path):
        name, changes = mislabeled.KINDS[kind]
        markers, signatures, *_ = tables()
        params = simulate.read_parameters(RESOURCES / f"demo/{name}.yaml")
        params = simulate.override(params, **changes)
        world = worlds.build(params, markers, signatures)
        cells = mislabeled.labeled(kind, seed, folder)
        types = [t for t in world.types.index if (cells[TRUE] == t).sum() >= EXACT]
        chance = [cells[list(names)].sum(axis=1).to_numpy() for names in POLES.values()]
        self.chance = [np.column_stack(chance)[cells[TRUE] == t] for t in types]
        self.share = np.array([len(c) for c in self.chance]) / len(cells)
        self.types = types
        at = world.types.index.get_indexer(types)
        rate = (world.shared + world.identity)[at] * params["depth"]["median"]
        sets = signatures[signatures["set"].isin(["TPH_BLOOD", "TH22_BLOOD"])]
        genes = world.genes["gene"].to_numpy()
        self.sets = []
        for _, one in sets.groupby("set"):  # TH22 first
            known = one[one["gene"].isin(genes)]
            columns = pd.Index(genes).get_indexer(known["gene"])
            self.sets.append((rate[:, columns], known["weight"].to_numpy()))
        self.rest = rate.sum(axis=1)

    def sums(self, kind: int, n: int, rng: np.random.Generator) -> np.ndarray:
        """Expected counts of both poles from ``n`` cells of a type."""
        pool = self.chance[kind]
        if n <= EXACT:
            return pool[rng.integers(0, len(pool), n)].sum(axis=0)
        drawn = rng.multivariate_normal(n * pool.mean(axis=0), n * np.cov(pool.T))
        return np.maximum(drawn, 0)


def draw(bank: Bank, how: Grid, effect: float, rng: np.random.Generator) -> dict[str, float]:
    """p of each way in one table."""
    case = np.r_[np.ones(how.arms[0]), np.zeros(how.arms[1])]
    stretch = np.where(case == 1, how.spread, 1.0)[:, None]
    logs = np.log(bank.share) + DONOR_SD * stretch * rng.normal(size=(len(case), len(bank.types)))
    for pole, sign in (("tph", 1), ("th22", -1)):
        logs[:, np.isin(bank.types, POLES[pole])] += sign * effect * case[:, None]
    share = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    typical = how.cells * np.where(case == 1, how.case_cells, 1.0)
    cells = np.maximum(rng.lognormal(np.log(typical), 0.4).astype(int), 30)
    number = np.array([rng.multinomial(n, p) for n, p in zip(cells, share, strict=True)])
    poles = np.array([sum(bank.sums(k, n, rng) for k, n in enumerate(row) if n) for row in number])
    value, variance = imbalance.ratio_values(cells.astype(float), poles[:, 0], poles[:, 1])
    axis = []
    total = number @ bank.rest
    for rate, weight in bank.sets:
        level = number @ rate * np.exp(GENE_SD * rng.normal(size=(len(case), rate.shape[1])))
        counts = rng.poisson(level).astype(float)
        whole = np.column_stack([counts, np.maximum(total - counts.sum(axis=1), 1)])
        z = imbalance.standardize(pseudobulk.log_cpm(whole)[:, :-1])
        seen = imbalance.seen_genes(counts)
        axis.append(z[:, seen] @ weight[seen] / np.abs(weight[seen]).sum())
    return ways(value, variance, axis[1] - axis[0], np.column_stack([np.ones(len(case)), case]))


def ways(
    value: np.ndarray, variance: np.ndarray, axis: np.ndarray, matrix: np.ndarray
) -> dict[str, float]:
    """p by each statistic; scales are over all donors, blind to the arms."""
    root, _ = precision.root_weights(value, variance, matrix)
    blind = np.ones((len(value), 1))
    shrink = precision.between(value, variance, blind)
    trust = shrink / (shrink + variance)  # reliability of each donor's E1
    center = value - np.average(value, weights=trust + 1e-9)
    z1, z3 = center / value.std(ddof=1), (axis - axis.mean()) / axis.std(ddof=1)
    found = {
        "E1": inference.ols(value * root, matrix * root[:, None]),
        "E3": inference.ols(axis, matrix),
        "mean z": inference.ols(z1 + z3, matrix),
        "mean z, E1 by reliability": inference.ols(trust * z1 + z3, matrix),
        "mean z, weighted as E1": inference.ols((z1 + z3) * root, matrix * root[:, None]),
    }
    return {name: one.p for name, one in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, required=True, help="folder of mislabeled.py")
    parser.add_argument("--out", required=True, help="TSV to write")
    parser.add_argument("--tables", type=int, default=300, help="with and without a difference")
    parser.add_argument("--kinds", nargs="+", default=["demo_pbmc", "demo_cd4"])
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    rows = []
    for kind in words.kinds:
        bank = Bank(kind, words.seed, words.cells)
        for how in GRID:
            p = {
                effect: pd.DataFrame(
                    draw(bank, how, effect, np.random.default_rng([words.seed, i, effect > 0]))
                    for i in range(words.tables)
                )
                for effect in (0.0, how.effect)
            }
            for way in p[0.0]:
                null, found = p[0.0][way], p[how.effect][way]
                limit = null.quantile(0.05)
                rows.append((kind, how.name, way, (null < 0.05).mean(), (found <= limit).mean()))
            columns = ["kind", "grid", "way", "size", "power"]
            table = pd.DataFrame(rows, columns=columns)
            table.to_csv(words.out, sep="\t", index=False, float_format="%.3f")
    wide = table.pivot_table(index=["kind", "grid"], columns="way", values="power", sort=False)
    print(wide.round(2).to_string())
    print(wide.mean().round(3).to_string())
    print(table.groupby("way")["size"].agg(["mean", "max"]).round(3).to_string())


if __name__ == "__main__":
    main()
