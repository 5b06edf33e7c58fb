"""Which statistic of a donor finds most: labels or probabilities, E1, E3, or both together?

    python tests/benchmark/combined.py --cells folder --out combined.tsv [--tables 300]
        [--kinds demo_pbmc "cd4 thin"] [--places "10+8, 230" ...]

Tables of donors are drawn over cells, donors, depth, unequal spread, heavy tails and lymphopenia:
memory cells of each type; labeled and expected counts of both poles from the labels and
probabilities that the workflow gave to such cells (``folder``, made by mislabeled.py); summed
counts of the genes of both signatures from what the simulator says each type expresses, with
donors' own levels of genes. Power is at equal size: p below the 5% quantile of the p of as many
tables without a difference.
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
from tilt.donors import imbalance, pseudobulk, z_scores  # noqa: E402
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
    tails: str = "normal"


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
    Grid("10+8, 1,000 cells, t3 donors", (10, 8), 1000, 0.26, tails="t3"),
]
ROUNDS = 80  # of expectation maximization


class Bank:
    """Cells of one kind by true type: what they count at both poles, and what they express.

    ``counted`` (cells x 4, a table a type): probabilities of both poles, and whether it is labeled
    so; ``called`` (3 x 3): share of cells of a true pole or neither (columns) that is labeled as
    such (rows).
    """

    def __init__(self, kind: str, seed: int, folder: Path):
        name, changes = mislabeled.KINDS[kind]
        markers, signatures, *_ = tables()
        params = simulate.read_parameters(RESOURCES / f"demo/{name}.yaml")
        params = simulate.override(params, **changes)
        world = worlds.build(params, markers, signatures)
        cells = mislabeled.labeled(kind, seed, folder)
        types = [t for t in world.types.index if (cells[TRUE] == t).sum() >= EXACT]
        likeliest = cells.drop(columns=TRUE).idxmax(axis=1)
        counted = [cells[list(names)].sum(axis=1).to_numpy() for names in POLES.values()]
        counted += [likeliest.isin(names).to_numpy(float) for names in POLES.values()]
        counted = np.column_stack(counted)
        self.counted = [counted[cells[TRUE] == t] for t in types]
        self.share = np.array([len(c) for c in self.counted]) / len(cells)
        truly = [cells[TRUE].isin(names).to_numpy() for names in POLES.values()]
        truly.append(~(truly[0] | truly[1]))
        labeled = [counted[where, 2:].mean(axis=0) for where in truly]
        self.called = np.array([[*row, 1 - row.sum()] for row in labeled]).T
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
        """Expected and labeled counts of both poles (4,) from ``n`` cells of a type."""
        pool = self.counted[kind]
        if n <= EXACT:
            return pool[rng.integers(0, len(pool), n)].sum(axis=0)
        drawn = rng.multivariate_normal(n * pool.mean(axis=0), n * np.cov(pool.T))
        return np.maximum(drawn, 0)


def draw(bank: Bank, how: Grid, effect: float, rng: np.random.Generator) -> dict[str, float]:
    """p of each way in one table."""
    case = np.r_[np.ones(how.arms[0]), np.zeros(how.arms[1])]
    stretch = np.where(case == 1, how.spread, 1.0)[:, None]
    shape = (len(case), len(bank.types))
    far = rng.standard_t(3, shape) / np.sqrt(3) if how.tails == "t3" else rng.normal(size=shape)
    logs = np.log(bank.share) + DONOR_SD * stretch * far
    for pole, sign in (("tph", 1), ("th22", -1)):
        logs[:, np.isin(bank.types, POLES[pole])] += sign * effect * case[:, None]
    share = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    typical = how.cells * np.where(case == 1, how.case_cells, 1.0)
    cells = np.maximum(rng.lognormal(np.log(typical), 0.4).astype(int), 30)
    number = np.array([rng.multinomial(n, p) for n, p in zip(cells, share, strict=True)])
    poles = np.array([sum(bank.sums(k, n, rng) for k, n in enumerate(row) if n) for row in number])
    axis = []
    total = number @ bank.rest
    for rate, weight in bank.sets:
        level = number @ rate * np.exp(GENE_SD * rng.normal(size=(len(case), rate.shape[1])))
        counts = rng.poisson(level).astype(float)
        whole = np.column_stack([counts, np.maximum(total - counts.sum(axis=1), 1)])
        z = z_scores.standardize(pseudobulk.log_cpm(whole)[:, :-1])
        seen = z_scores.seen_genes(counts)
        axis.append(z[:, seen] @ weight[seen] / np.abs(weight[seen]).sum())
    matrix = np.column_stack([np.ones(len(case)), case])
    found = by_labels(bank, cells.astype(float), poles[:, 2:], matrix)
    value, variance = imbalance.ratio_values(cells.astype(float), *poles[:, :2].T)
    return found | ways(value, variance, axis[1] - axis[0], matrix)


def by_labels(
    bank: Bank, cells: np.ndarray, labeled: np.ndarray, matrix: np.ndarray
) -> dict[str, float]:
    """p by labels in place of probabilities (``labeled`` donors x 2), as they are and corrected.

    Corrected: each donor's true counts by expectation maximization, the mistakes known exactly.
    """
    counts = np.column_stack([labeled, np.maximum(cells - labeled.sum(axis=1), 0)])
    share = np.full(counts.shape, 1 / 3)
    for _ in range(ROUNDS):
        parts = share[:, None, :] * bank.called  # donors x labeled as x truly
        parts /= np.maximum(parts.sum(axis=2, keepdims=True), 1e-300)
        share = np.einsum("dl,dlt->dt", counts, parts) / counts.sum(axis=1, keepdims=True)
    true = share * cells[:, None]
    out = {}
    for name, n in (("labels", labeled), ("labels, donors corrected", true[:, :2])):
        value, variance = imbalance.ratio_values(cells, *n.T)
        root, _ = precision.root_weights(value, variance, matrix)
        out[f"E1 by {name}"] = inference.ols(value * root, matrix * root[:, None]).p
    return out


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
        "E1 unweighted": inference.ols(value, matrix),
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
    parser.add_argument("--places", nargs="+", default=[""], help="how names of places begin")
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    rows = []
    for kind in words.kinds:
        bank = Bank(kind, words.seed, words.cells)
        for how in (g for g in GRID if g.name.startswith(tuple(words.places))):
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
