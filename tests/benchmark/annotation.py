"""How right are the labels? tilt's annotation beside simple methods, on cells with known labels.

    TILT_REAL_DATA=folder python tests/benchmark/annotation.py --out annotation.tsv

writes rows of task, metric, value, target (targets where one is set) and prints them; beside the
file, coverage against accuracy of each task as a figure (PDF, SVG, PNG) with its table.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score, f1_score

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "workflow")]

import annotation_cases as cases  # noqa: E402
import annotation_figure  # noqa: E402
from tilt.figures import style  # noqa: E402
from tilt.labels import annotate, label_quality  # noqa: E402
from tilt.simulate import cohort as simulate  # noqa: E402

SEEDS = (0, 1, 2)
COVERAGE = (1.0, 0.9, 0.8, 0.6)
RARE = ("CD4_Tph_like", "CD4_Th22_like")
RARE_SHARES = (0.005, 0.01, 0.02)  # of the T cells of every donor
DEPTHS = {"shallow": 1750, "deep": 5000}  # median counts of a T cell: 10x v2, 10x v3
CURVES: list[pd.DataFrame] = []  # filled by the tasks


def macro_f1(truth, called) -> float:
    """Mean F1 over the true labels; a cell left unassigned counts as wrong."""
    names = sorted(set(truth))
    return f1_score(truth, called, labels=names, average="macro", zero_division=0)


def trade_off(name: str, method: str, chance, words, truth, usual=None) -> None:
    """Keep coverage against accuracy of ``chance`` (cells x labels, in ``words`` of the truth)."""
    unique, code = np.unique(np.asarray(words, dtype=str), return_inverse=True)
    most = np.full((len(unique), len(chance)), -np.inf)
    if method == annotation_figure.TILT:
        most[:] = 0
        np.add.at(most, code, chance.T)
    else:
        np.maximum.at(most, code, chance.T)
    upper = np.sort(most, axis=0)[-2:]
    usual = np.ones(len(chance), bool) if usual is None else usual
    best = unique[most.argmax(0)].astype(object)
    curve = label_quality.curve(best, upper[1] - upper[0], usual, truth.astype(object))
    CURVES.append(curve.assign(task=name, method=method))


def lineage_task(name: str, cells, tables, to_truth, target: float, labels: list[str]):
    """Rows of one lineage task."""
    truth = cells.obs["truth"].to_numpy().astype(str)
    start = time.perf_counter()
    called = annotate.lineages(cells, tables.markers)
    seconds = time.perf_counter() - start
    _, embedding = cases.prepare(cells, tables, 0)
    names = np.array([to_truth(label) for label in labels])
    scores = cases.marker_scores(cells, tables.markers, labels)
    yield name, "macro-F1", macro_f1(truth, called["lineage"].map(to_truth)), target
    yield name, "macro-F1, marker score", macro_f1(truth, names[scores.argmax(1)]), np.nan
    near = cases.smooth(scores, embedding)
    trade_off(name, annotation_figure.BASELINE, near, names, truth)
    smooth = near.argmax(1)
    yield name, "macro-F1, marker score over 15 neighbors", macro_f1(truth, names[smooth]), np.nan
    yield name, "macro-F1, supervised bound", macro_f1(truth, cases.bound(embedding, truth)), np.nan
    if "Platelet" in truth:  # clustered with platelets, but T cells that carry them
        counted = called["lineage"].mask(called["look_alike"] == "T_Platelet", "Platelet")
        value = macro_f1(truth, counted.map(to_truth))
        yield name, "macro-F1, T cells that carry platelets as platelets", value, np.nan
    for true in sorted(set(truth)):
        value = f1_score(truth == true, called["lineage"].map(to_truth) == true)
        yield name, f"F1, {true}", value, np.nan
    usual = (called["lineage"] != "unassigned").to_numpy()
    margin = called["lineage_margin"].to_numpy()
    best = called["lineage"].map(to_truth).to_numpy().astype(object)
    curve = label_quality.curve(best, np.where(usual, margin, 0), usual, truth.astype(object))
    CURVES.append(curve.assign(task=name, method=annotation_figure.TILT))
    yield name, "share assigned", float(usual.mean()), np.nan
    yield name, "seconds", seconds, np.nan


def subset_task(name: str, cells, tables, to_truth, target: float, labels: list[str], types=None):
    """Rows of one task among T cells; ``to_truth`` maps a label table to the words of truth."""
    truth = cells.obs["truth"].to_numpy().astype(str)
    small, embedding = cases.prepare(cells, tables, 0)
    start = time.perf_counter()
    runs = [
        annotate.label(small, embedding, tables.markers, tables.signatures, seed) for seed in SEEDS
    ]
    seconds = (time.perf_counter() - start) / len(SEEDS)
    found = runs[0].labels
    called = to_truth(found)
    words = to_truth(pd.DataFrame({"subset": labels, "level1": [x[:3] for x in labels]}))
    scores = cases.marker_scores(cells, tables.markers, labels)
    yield name, "macro-F1", macro_f1(truth, called), target
    yield name, "macro-F1, marker score", macro_f1(truth, words[scores.argmax(1)]), np.nan
    near = cases.smooth(scores, embedding)
    trade_off(name, annotation_figure.BASELINE, near, words, truth)
    smooth = near.argmax(1)
    yield name, "macro-F1, marker score over 15 neighbors", macro_f1(truth, words[smooth]), np.nan
    if types:
        yield name, "macro-F1, SingleR-like", macro_f1(truth, cases.reference(cells, types)), np.nan
    yield name, "macro-F1, supervised bound", macro_f1(truth, cases.bound(embedding, truth)), np.nan
    for true in sorted(set(truth)):
        yield name, f"F1, {true}", f1_score(truth == true, called == true), np.nan
    usual = called != "unassigned"
    yield name, "share assigned", float((found["subset"] != "unassigned").mean()), np.nan
    known = [name for name in runs[0].scores if name in set(tables.markers["label"])]
    word = to_truth(pd.DataFrame({"subset": known, "level1": [x[:3] for x in known]}))
    trade_off(name, annotation_figure.TILT, runs[0].scores[known].to_numpy(), word, truth, usual)
    chance = runs[0].scores[known].T.groupby(word).sum().T.to_numpy()
    order = np.argsort(-chance.max(1), kind="stable")
    for share in COVERAGE:
        kept = order[: int(share * len(order))]
        accuracy = float((called[kept] == truth[kept]).mean())
        yield name, f"accuracy at coverage {share:.1f}", accuracy, np.nan
    pairs = [(a, b) for a in range(len(SEEDS)) for b in range(a)]
    agreement = [
        adjusted_rand_score(runs[a].labels["subset"], runs[b].labels["subset"]) for a, b in pairs
    ]
    yield name, "ARI between seeds, least", min(agreement), 0.95
    yield name, "seconds", seconds, np.nan


def simulated_task(cohort: str, tables, seed: int = 1):
    """Recall of planted rare populations, and the other subsets, in a simulated cohort."""
    sheet = pd.DataFrame(
        {
            "sample": [f"s{i}" for i in range(6)],
            "donor": [f"d{i}" for i in range(6)],
            "condition": ["SLE", "control"] * 3,
            "batch": ["b1", "b1", "b2", "b2", "b1", "b2"],
            "sex": "F",
        }
    )
    params = simulate.read_parameters(cases.RESOURCES / "demo" / f"{cohort}.yaml")
    cells = cases.good_t_cells(params, sheet, tables, seed)
    truth = cells.obs["truth"].to_numpy()
    branch = "CD4" if cohort.endswith("cd4") else None
    small, embedding = cases.prepare(cells, tables, 0)
    runs = [
        annotate.label(small, embedding, tables.markers, tables.signatures, s, branch=branch)
        for s in SEEDS
    ]
    called = runs[0].labels["subset"].to_numpy().astype(str)
    name = f"simulated {cohort}"
    often = [
        label for label, n in zip(*np.unique(truth, return_counts=True), strict=True) if n > 20
    ]
    inside = np.isin(truth, often)
    known = np.where(inside, truth, "unassigned")
    labels = [name for name in runs[0].scores if name in set(tables.markers["label"])]
    chance = runs[0].scores[labels].to_numpy()
    trade_off(name, annotation_figure.TILT, chance, labels, known, called != "unassigned")
    near = cases.smooth(cases.marker_scores(cells, tables.markers, labels), embedding)
    trade_off(name, annotation_figure.BASELINE, near, labels, known)
    yield name, "macro-F1, all subsets", macro_f1(truth[inside], called[inside]), np.nan
    for label in often:
        hit = called[truth == label] == label
        share = 100 * (truth == label).mean()
        yield name, f"recall, {label} ({share:.1f} % of cells)", float(hit.mean()), np.nan
        precise = (truth[called == label] == label).mean() if (called == label).any() else 0.0
        yield name, f"precision, {label}", float(precise), np.nan
    agreement = [
        adjusted_rand_score(runs[0].labels["subset"], other.labels["subset"]) for other in runs[1:]
    ]
    yield name, "ARI between seeds, least", min(agreement), 0.95


def planted_task(tables, seed: int = 1):
    """Recall and precision of planted rare populations, at two depths."""
    for kind, depth in DEPTHS.items():
        for share in RARE_SHARES:
            cells = cases.planted(tables, RARE, share, depth, seed)
            truth = cells.obs["truth"].to_numpy()
            called = cases.label(cells, tables, 0).labels["subset"].to_numpy().astype(str)
            name = f"planted {100 * share:g} %, {kind}"
            yield name, "median counts", float(np.median(cells.obs["n_counts"])), np.nan
            for label in RARE:
                true, own = truth == label, called == label
                yield name, f"n, {label}", float(true.sum()), np.nan
                yield name, f"recall, {label}", float(own[true].mean()), np.nan
                precise = float(true[own].mean()) if own.any() else 0.0
                yield name, f"precision, {label}", precise, np.nan


def rows(tables):
    def zheng_lineage(label):
        return "Mono" if str(label).startswith("Mono") else label

    cells = cases.read_cells(cases.ZHENG, "subpop", cases.ZHENG_LINEAGE, tables)
    labels = ["T", "B", "NK", "Mono_classical", "Mono_nonclassical", "Progenitor"]
    yield from lineage_task("Zheng lineages", cells, tables, zheng_lineage, 0.97, labels)
    cells = cases.read_cells(cases.ZHENG, "celltype", cases.ZHENG_T, tables)
    fine = [
        label
        for label, level in zip(tables.markers["label"], tables.markers["level"], strict=True)
        if level == 2 and label[:3] in ("CD4", "CD8")
    ]

    def five(table):
        return cases.coarse(table["subset"])

    yield from subset_task("Zheng T subsets", cells, tables, five, 0.72, fine, cases.MONACO_T)
    cells = cases.read_cells(cases.KANG, "cell_type", cases.KANG_LINEAGE, tables)
    labels = sorted(set(cases.KANG_LINEAGE.values()))
    yield from lineage_task("Kang lineages", cells, tables, lambda label: label, 0.82, labels)
    cells = cases.read_cells(cases.KANG, "cell_type", cases.KANG_T, tables)

    def two(table):
        return table["level1"].to_numpy().astype(str)

    yield from subset_task("Kang CD4 or CD8", cells, tables, two, 0.80, fine)
    for cohort in ("demo_cd4", "demo_pbmc"):
        yield from simulated_task(cohort, tables)
    yield from planted_task(tables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="TSV to write")
    path = parser.parse_args().out
    if "TILT_REAL_DATA" not in os.environ:
        sys.exit("set TILT_REAL_DATA to the folder of the real cells")
    logging.basicConfig(level=logging.WARNING)
    table = pd.DataFrame(rows(cases.read_tables()), columns=["task", "metric", "value", "target"])
    table.to_csv(path, sep="\t", index=False, float_format="%.4g", na_rep="NA")
    print(table.to_string(float_format="%.3f"))
    curves = pd.concat(CURVES, ignore_index=True)
    style.save(*annotation_figure.draw(curves), Path(path).with_suffix("").as_posix() + "_coverage")


if __name__ == "__main__":
    main()
