"""Are probabilities of labels true? What is said of cells against the share that is right.

Against labels from elsewhere: the authors', in tilt's words, or those of antibody tags.
"""

import numpy as np
import pandas as pd

from tilt.core.contracts import RELIABILITY
from tilt.core.terms import BRANCH, LEVELS, UNASSIGNED
from tilt.genes import taxonomy
from tilt.labels.protein import KEPT

BINS = 10


def binned(said: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """Cells, mean probability and share right in ten bins of probability (low, high].

    Parameters: ``said`` probability of the label of each cell; ``right`` whether it is right.
    Returns low, high, n, said, right; bins without cells are left out.
    """
    place = np.clip(np.ceil(np.asarray(said) * BINS).astype(int), 1, BINS)
    rows = [
        ((k - 1) / BINS, k / BINS, int(inside.sum()), said[inside].mean(), right[inside].mean())
        for k in range(1, BINS + 1)
        if (inside := place == k).any()
    ]
    return pd.DataFrame(rows, columns=["low", "high", "n", "said", "right"])


def error(table: pd.DataFrame) -> float:
    """Expected calibration error of the bins of :func:`binned`; NaN without cells."""
    if not table["n"].sum():
        return float("nan")
    return float((table["n"] * (table["said"] - table["right"]).abs()).sum() / table["n"].sum())


def of_labels(
    best: pd.DataFrame, scores: pd.DataFrame, truth: pd.DataFrame, markers: pd.DataFrame, whose: str
) -> pd.DataFrame:
    """Said against right at each level, in bins and for each label.

    Parameters
    ----------
    best
        Of :func:`tilt.labels.label_quality.likeliest`: the label of every cell, at each level.
    scores
        Probability of every label, a column each.
    truth
        Labels from elsewhere: level1, subset ("unassigned" where none is known).
    whose
        Whose labels these are.

    Returns
    -------
    Table of :data:`tilt.core.contracts.RELIABILITY`; a level has rows where some cell has a truth.
    """
    names = [name for name in scores if name in set(markers["label"])]
    chance = scores[names].to_numpy()
    words = {BRANCH: [taxonomy.branch(markers, name) for name in names], "subset": names}
    parts = [pd.DataFrame(columns=list(RELIABILITY.columns))]
    for level in LEVELS:
        given = (truth[level] != UNASSIGNED).to_numpy()
        called = best[level].to_numpy()[given]
        said = chance[given] * (np.array(words[level])[None, :] == called[:, None])
        said, right = said.sum(1), (truth[level].to_numpy()[given] == called).astype(float)
        found = binned(said, right).assign(label="")
        one = pd.DataFrame({"label": called, "said": said, "right": right}).groupby("label")
        by_label = one.agg(n=("said", "size"), said=("said", "mean"), right=("right", "mean"))
        by_label = by_label.reset_index().assign(low=0.0, high=1.0)
        both = pd.concat([part for part in (found, by_label) if len(part)] or [found])
        parts.append(both.assign(whose=whose, level=level))
    table = pd.concat([part for part in parts[1:] if len(part)] or parts, ignore_index=True)
    return table[list(RELIABILITY.columns)]


def by_proteins(told: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Labels by antibody tags alone: level1 and subset, "unassigned" where they do not tell.

    A label is named where its evidence is ahead of that of every other label of the level by what
    a single protein tells at best. ``told``: log evidence, cells x labels
    (:func:`tilt.labels.protein.of_cells`).
    """
    words = {BRANCH: [taxonomy.branch(markers, name) for name in told], "subset": list(told)}
    found = {}
    for level, labels in words.items():
        most = told.T.groupby(np.array(labels)).max().T
        upper = np.sort(most.to_numpy(), axis=1)
        best = most.columns.to_numpy(dtype=object)[most.to_numpy().argmax(1)]
        ahead = np.inf if most.shape[1] < 2 else np.log(KEPT / (1 - KEPT))
        clear = (upper[:, -1] - upper[:, -2 if most.shape[1] > 1 else -1]) >= ahead - 1e-9
        found[level] = np.where(clear, best, UNASSIGNED)
    return pd.DataFrame(found, index=told.index)
