"""What is known of a cell where its subset is not: the deepest level that is likelier than not.

From fine to coarse: the subset, the subsets of its branch in one compartment (``memory CD4``), its
branch (``CD4``), T cell.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tilt.core.terms import KNOWN_LEVELS
from tilt.genes import taxonomy

T_CELL = "T"


def homes(markers: pd.DataFrame, names: Sequence[str]) -> dict[str, list[str]]:
    """For each level of :data:`tilt.core.terms.KNOWN_LEVELS` the label above each of ``names``.

    A label without compartment (MAIT) has its branch there.
    """
    place = markers.set_index("label")["compartment"]
    branches = [taxonomy.branch(markers, name) for name in names]
    parts = zip(names, branches, strict=True)
    nested = [f"{place[name]} {branch}" if place[name] else branch for name, branch in parts]
    labels = (list(names), nested, branches, [T_CELL] * len(names))
    return dict(zip(KNOWN_LEVELS, labels, strict=True))


def deepest(
    chance: np.ndarray, names: Sequence[str], markers: pd.DataFrame, least: float
) -> pd.DataFrame:
    """Deepest label whose summed probability reaches ``least``, one row a cell.

    Parameters: ``chance`` cells x names, rows sum to 1; ``least`` above which no two labels of a
    level can be (1/2).

    Returns known, known_level (a word of :data:`tilt.core.terms.KNOWN_LEVELS`) and known_score
    (the summed probability; 1 of a cell of which no more is known than that it is a T cell).
    """
    rows = np.arange(len(chance))
    label, score = np.full(len(rows), T_CELL, dtype=object), np.ones(len(rows))
    level = np.full(len(rows), KNOWN_LEVELS[-1], dtype=object)
    above = homes(markers, names)
    for word in reversed(KNOWN_LEVELS[:-1]):  # what is finer overwrites
        code, unique = pd.factorize(np.array(above[word], dtype=object))
        summed = chance @ np.eye(len(unique))[code]
        best, top = np.asarray(unique, dtype=object)[summed.argmax(1)], summed.max(1)
        finer = top >= least
        if word == "compartment":  # a branch without any stays a branch
            finer &= ~np.isin(best, above["branch"])
        label[finer], score[finer], level[finer] = best[finer], top[finer], word
    return pd.DataFrame({"known": label, "known_level": level, "known_score": score})
