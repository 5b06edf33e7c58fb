"""Do labels hang on the other cells of a cohort, are probabilities true, does depth matter?

    TILT_REAL_DATA=folder python tests/benchmark/label_mixes.py --out label_mixes.tsv

Sorted T cells (Zheng 2017) in five mixes and thinned to 45 % of their counts; cells drawn from bulk
profiles, whole and in cohorts of half the donors or with one donor doubled; Kang 2018 and
Nehar-Belaid 2020 the same way. Writes rows of task, metric, value, target, and beside them a
reliability diagram: probability said of the label against the share that is right.
"""

import argparse
import logging
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse, special
from sklearn.metrics import f1_score

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "workflow")]

import bulk_simulation  # noqa: E402
from benchmark import annotation_cases as cases  # noqa: E402
from tilt.figures import reliability as figures  # noqa: E402
from tilt.figures import style  # noqa: E402
from tilt.genes import tables as gene_tables  # noqa: E402
from tilt.labels import reference  # noqa: E402
from tilt.labels.reliability import binned, error  # noqa: E402

KEPT = 0.45  # share of counts of thinned cells
POLES = ("CD4_Th22_like", "CD4_Tph_like")
TREG = {"csle.cd4.mem.small": "memory CD4", "csle.treg.small": "Treg"}
RELIABILITY: list[pd.DataFrame] = []  # filled by the tasks


def macro_f1(truth, called) -> float:
    names = sorted(set(truth))
    return f1_score(truth, called, labels=names, average="macro", zero_division=0)


def mixes(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Cells of each mix (bool)."""
    rng = np.random.default_rng(0)

    def thinned(*names: str) -> np.ndarray:
        keep = np.ones(len(truth), bool)
        for name in names:
            at = np.flatnonzero(truth == name)
            keep[rng.permutation(at)[int(0.1 * len(at)) :]] = False
        return keep

    memory = np.isin(truth, ["memory CD4", "Treg"])
    memory[np.flatnonzero(truth == "naive CD4")[:30]] = True
    return {
        "as sorted": np.ones(len(truth), bool),
        "few naive": thinned("naive CD4", "naive CD8"),
        "memory and Treg": memory,
        "few memory": thinned("memory CD4"),
        "CD8 alone": np.isin(truth, ["naive CD8", "cytotoxic CD8"]),
    }


TARGETS = {"as sorted": 0.74, "few naive": 0.66, "memory and Treg": 0.66, "few memory": 0.66}
TARGETS["CD8 alone"] = 0.80


def thin(cells: ad.AnnData, share: float) -> ad.AnnData:
    rng = np.random.default_rng(0)
    out = cells.copy()
    out.X = sparse.csr_matrix(cells.X, copy=True)  # zeros are taken out in place
    out.X.data = rng.binomial(out.X.data.astype(int), share)
    out.X.eliminate_zeros()
    out.obs["n_counts"] = np.asarray(out.X.sum(1), dtype=float).ravel()
    return out


def probabilities(found, tables) -> pd.DataFrame:
    """Probability of each sort (cells x sorts)."""
    known = [name for name in found.scores if name in set(tables.markers["label"])]
    return found.scores[known].T.groupby(cases.coarse(pd.Series(known))).sum().T


def supervised(cells: ad.AnnData, truth: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Macro-F1 and calibration error in a mix of what was told the sorts.

    The likelihood and the genes of :mod:`tilt.labels.reference`, but the rates are those of the
    sorts, from four fifths of all their cells, and the shares those of the mix. More than this can
    hardly be had from these genes.
    """
    genes = pd.Index(cells.var["gene_symbol"]).get_indexer(reference.shipped().index)
    counts = sparse.csr_matrix(cells.X)[:, genes[genes >= 0]]
    depth, fold = cells.obs["n_counts"].to_numpy(), np.arange(cells.n_obs) % 5
    names = np.unique(truth)
    out = np.empty((cells.n_obs, len(names)))
    for part in range(5):
        seen = [np.flatnonzero((fold != part) & (truth == name)) for name in names]
        rates = np.stack([(counts[k].sum(0).A1 + 0.5) / depth[k].sum() for k in seen])
        mean = counts[fold != part].sum(0).A1 / depth[fold != part].sum()
        weight = 1 / (1 + mean * np.median(depth) / reference.SIZE)
        told = reference.Reference(
            list(names), np.ones(len(mean)), weight, np.zeros(len(mean)), rates, np.ones(len(names))
        )
        out[fold == part] = told.evidence(counts, depth)[fold == part]
    share = np.array([(truth[mask] == name).mean() for name in names])
    chance = special.softmax(out[mask] + np.log(np.maximum(share, 1e-6)), axis=1)
    best = names[chance.argmax(1)]
    right = best == truth[mask]
    return macro_f1(truth[mask], best), error(binned(chance.max(1), right))


def of_the_sort(called: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Calls in which MAIT and gamma-delta cells of the sort of CD8+ cells are right."""
    inside = (truth == "cytotoxic CD8") & np.isin(called, ["MAIT", "gdT", "Vd1", "Vd2"])
    return np.where(inside, "cytotoxic CD8", called)


def sorted_cells(tables):
    """The five mixes. A sort of CD8+ cells holds naive and MAIT cells too: "of the sort" counts
    any of them as right, macro-F1 does not."""
    cells = cases.read_cells(cases.ZHENG, "celltype", cases.ZHENG_T, tables)
    everyone = cells.obs["truth"].to_numpy().astype(str)
    for mix, keep in mixes(everyone).items():
        some, truth, name = cells[keep].copy(), everyone[keep], f"Zheng, {mix}"
        found = cases.label(some, tables, 0)
        chance = probabilities(found, tables)
        best, top = chance.columns.to_numpy()[chance.to_numpy().argmax(1)], chance.to_numpy().max(1)
        is_cd8 = np.isin(best, ["MAIT", "naive CD8"]) & (truth == "cytotoxic CD8")
        strict, of_sort = (binned(top, r) for r in (best == truth, (best == truth) | is_cd8))
        RELIABILITY.append(of_sort.assign(whose=name))
        called = cases.coarse(found.labels["subset"])
        yield name, "macro-F1", macro_f1(truth, called), TARGETS[mix]
        simple = macro_f1(truth, cases.reference(some, cases.MONACO_T))
        yield name, "macro-F1, highest rank correlation", simple, np.nan
        most, wrong = supervised(cells, everyone, keep)
        yield name, "macro-F1, told the sorts", most, np.nan
        yield name, "calibration error, told the sorts", wrong, np.nan
        full = cases.reference(some, cases.MONACO_ALL_T)
        yield name, "macro-F1, rank correlation, all profiles", macro_f1(truth, full), np.nan
        for tag, words in (("", called), (", rank correlation, all profiles", full)):
            value = macro_f1(truth, of_the_sort(words, truth))
            yield name, f"macro-F1, MAIT and gd right in CD8+{tag}", value, np.nan
        yield name, "calibration error", error(strict), 0.08
        yield name, "calibration error, of the sort", error(of_sort), 0.08
        yield name, "share unassigned", float((called == "unassigned").mean()), np.nan
    called = cases.coarse(cases.label(thin(cells, KEPT), tables, 0).labels["subset"])
    yield "Zheng, 45 % of counts", "macro-F1", macro_f1(everyone, called), np.nan


def other_cohorts(name: str, cells: ad.AnnData, tables, branch=None):
    """Share of cells that keep their label when half the donors are left out or one is doubled."""
    donor = cells.obs["donor"].astype(str).to_numpy()
    names = np.unique(donor)

    def labels(some):
        return cases.label(some, tables, 0, branch=branch).labels["subset"].to_numpy().astype(str)

    whole, half = labels(cells), np.isin(donor, names[::2])
    again = cells[donor == names[1]].copy()
    again.obs_names = "again " + again.obs_names
    again.obs["donor"] = "again"
    more = ad.concat([cells, again])
    more.var = cells.var
    pairs = {
        "half of the donors": (whole[half], labels(cells[half].copy())),
        "a donor doubled": (whole, labels(more)[: cells.n_obs]),
    }
    for tag, (before, after) in pairs.items():
        yield name, f"same label, {tag}", float((before == after).mean()), 0.98
        rare = np.isin(before, POLES)
        if rare.sum() >= 10:
            yield name, f"same label, {tag}, poles", float((before == after)[rare].mean()), 0.95


def rows(tables):
    yield from sorted_cells(tables)
    drawn = bulk_simulation.cells(bulk_simulation.BLOOD)
    cells = gene_tables.standardize(drawn, tables.aliases)
    cells.obs = drawn.obs
    found = cases.label(cells, tables, 0).labels
    truth = cells.obs["truth"].to_numpy().astype(str)
    called = found["subset"].to_numpy().astype(str)
    for label in sorted(set(truth) - {"Treg"}):
        yield "bulk profiles", f"F1, {label}", f1_score(truth == label, called == label), np.nan
    same = np.where(np.char.startswith(called, "CD4_Treg"), "Treg", called) == truth
    table = binned(found["subset_score"].to_numpy(), same)
    RELIABILITY.append(table.assign(whose="bulk profiles, subsets"))
    yield "bulk profiles", "calibration error", error(table), 0.08
    yield from other_cohorts("bulk profiles", cells, tables)
    cells = cases.read_cells(cases.CSLE, "source_object", TREG, tables)
    found = cases.label(cells, tables, 0, branch="CD4")
    chance = probabilities(found, tables)
    best, top = chance.columns.to_numpy()[chance.to_numpy().argmax(1)], chance.to_numpy().max(1)
    table = binned(top, best == cells.obs["truth"].to_numpy().astype(str))
    RELIABILITY.append(table.assign(whose="Nehar-Belaid, memory or Treg"))
    yield "Nehar-Belaid, memory or Treg", "calibration error", error(table), 0.08
    yield from other_cohorts("Nehar-Belaid", cells, tables, "CD4")
    cells = cases.read_cells(cases.KANG, "cell_type", cases.KANG_T, tables)
    yield from other_cohorts("Kang", cells, tables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="TSV to write")
    path = Path(parser.parse_args().out)
    logging.basicConfig(level=logging.ERROR)
    made = pd.DataFrame(rows(cases.read_tables()), columns=["task", "metric", "value", "target"])
    made.to_csv(path, sep="\t", index=False, float_format="%.4g", na_rep="NA")
    print(made.to_string(float_format="%.3f"))
    held = pd.concat(RELIABILITY).assign(level="subset", label="")
    style.save(*figures.draw(held, None), path.with_suffix("").as_posix() + "_reliability")


if __name__ == "__main__":
    main()
