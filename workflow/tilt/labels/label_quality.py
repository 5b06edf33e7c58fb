"""How sure our labels are: scores and margins by label, and coverage against accuracy.

Small tables for figures, from the labels and probabilities of :mod:`tilt.labels.annotate`.
"""

import numpy as np
import pandas as pd

from tilt.core.contracts import LABEL_COVERAGE, LABEL_SCORES
from tilt.core.terms import BRANCH, LEVELS, UNASSIGNED
from tilt.genes import taxonomy

MEASURES = {"score": "subset_score", "margin": "subset_margin"}
NINES = np.linspace(0, 5, 26)  # probability in nines, -log10(1 - p): most labels are near 1
BINS = np.append(1 - 10.0 ** -NINES[:-1], 1.0)
CUTS = BINS[:-1]  # least margins at which cells are called,
SHARES = np.arange(10, 96, 5) / 100  # and those that so many of the cells do not reach
HISTOGRAM = list(LABEL_SCORES.columns)
COVERAGE = list(LABEL_COVERAGE.columns)


def likeliest(labels: pd.DataFrame, scores: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """For every cell the label it would have if it had to have one, and its margin.

    Parameters: ``labels`` and ``scores`` of :func:`tilt.labels.annotate.label`, in one order.

    Returns level1, subset (never "unassigned": the most probable label instead), level1_margin
    and subset_margin (probability above that of the next label of the level, 0 to 1).
    """
    names = np.array([name for name in scores if name in set(markers["label"])], dtype=object)
    chance = scores[list(names)].to_numpy()
    code, branches = pd.factorize(np.array([taxonomy.branch(markers, name) for name in names]))
    by_branch = chance @ np.eye(len(branches))[code]
    found = {}
    for level, words, values in ((BRANCH, branches, by_branch), ("subset", names, chance)):
        own = labels[level].to_numpy()
        best = np.asarray(words, dtype=object)[values.argmax(1)]
        found[level] = np.where(own == UNASSIGNED, best, own)
    upper = np.sort(np.pad(by_branch, ((0, 0), (1, 0))), axis=1)[:, -2:]
    found[f"{BRANCH}_margin"] = upper[:, 1] - upper[:, 0]
    found["subset_margin"] = labels["subset_margin"].clip(lower=0).to_numpy()
    return pd.DataFrame(found)


def histograms(labels: pd.DataFrame, best: pd.DataFrame) -> pd.DataFrame:
    """Cells by score and by margin of each subset, called and left unassigned.

    Parameters: ``labels`` as of :func:`tilt.labels.annotate.label`; ``best`` of :func:`likeliest`:
    an unassigned cell counts with the subset it was nearest to.

    Returns subset, measure (score or margin), bin_low, bin_high, n_called, n_unassigned.
    """
    unassigned = (labels["subset"] == UNASSIGNED).to_numpy()
    code, subsets = pd.factorize(best["subset"], sort=True)
    rows = []
    for measure, column in MEASURES.items():
        place = np.clip(np.digitize(labels[column], BINS) - 1, 0, len(BINS) - 2)
        n = np.zeros((len(subsets), len(BINS) - 1, 2), dtype=int)
        np.add.at(n, (code, place, unassigned.astype(int)), 1)
        rows += [
            (name, measure, BINS[k], BINS[k + 1], *n[row, k])
            for row, name in enumerate(subsets)
            for k in range(len(BINS) - 1)
        ]
    return pd.DataFrame(rows, columns=HISTOGRAM)


def of_t_cells(truth: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """``truth`` (level1, subset) without labels of other lineages, which a T cell never gets."""
    lineages = set(markers.loc[markers["level"] == 0, "label"]) - {"T"}
    kept = truth.copy()
    kept[kept[BRANCH].isin(lineages)] = UNASSIGNED
    return kept


def coverage(
    labels: pd.DataFrame, best: pd.DataFrame, truth: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Share of cells called, and how right the calls are, as the demands on the margin rise.

    Parameters
    ----------
    labels
        As of :func:`tilt.labels.annotate.label`.
    best
        Of :func:`likeliest`.
    truth
        Labels known from elsewhere, one row a cell: level1, subset ("unassigned" where none is
        known); None without any.

    Returns a table with, for each level that has several labels, a row for each least margin
    (rule ``margin``, every cell called by its most probable label) and one for what tilt gives
    out (rule ``default``, cut missing): n_cells, n_called, coverage; of the cells with a truth
    n_truth, n_truth_called, truth_coverage, accuracy and macro_f1 of the called (over the true
    labels among them), missing where no cell is left.
    """
    parts = [pd.DataFrame(columns=COVERAGE)]
    for level in LEVELS:
        if best[level].nunique() < 2 and level == BRANCH:
            continue
        part = curve(
            best[level].to_numpy(),
            best[f"{level}_margin"].to_numpy(),
            (labels[level] != UNASSIGNED).to_numpy(),
            None if truth is None else truth[level].to_numpy(),
        )
        parts.append(part.assign(level=level))
    return pd.concat(parts[1:] or parts, ignore_index=True)[COVERAGE]


def curve(
    best: np.ndarray, margin: np.ndarray, usual: np.ndarray, truth: np.ndarray | None = None
) -> pd.DataFrame:
    """The table of :func:`coverage` for one set of labels, without the level.

    Parameters: ``best`` label of every cell, its ``margin``, whether it is called as a rule
    (``usual``), and its true label ("unassigned" where none is known).
    """
    cuts = np.unique(np.append(CUTS, np.quantile(margin, SHARES) if len(margin) else []))
    called = [("margin", cut, margin >= cut) for cut in cuts]
    rows = []
    for rule, cut, inside in [*called, ("default", np.nan, usual)]:
        n = int(inside.sum())
        share = n / max(len(inside), 1)
        rows.append((rule, cut, len(inside), n, share, *rightness(truth, best, inside)))
    return pd.DataFrame(rows, columns=COVERAGE[1:])


def rightness(truth: np.ndarray | None, called: np.ndarray, inside: np.ndarray) -> tuple:
    """Number with a truth, number of them inside, their share, and accuracy and macro-F1 inside."""
    given = np.zeros(len(called), bool) if truth is None else truth != UNASSIGNED
    use = given & inside
    n, left = int(given.sum()), int(use.sum())
    if truth is None or not left:
        return n, left, left / n if n else np.nan, np.nan, np.nan
    code, names = pd.factorize(np.concatenate([truth[use], called[use]]))
    true, own = code[:left], code[left:]
    sizes, calls, hits = (
        np.bincount(part, minlength=len(names)) for part in (true, own, true[true == own])
    )
    there = sizes > 0
    f1 = 2 * hits[there] / (sizes[there] + calls[there])
    return n, left, left / n, hits.sum() / left, float(f1.mean())
