"""Author labels beside our own: mapping, agreement, and labels in which the authors lead."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tilt.core import contracts
from tilt.core.terms import BRANCH, LEVELS, UNASSIGNED
from tilt.genes import taxonomy

AGREEMENT = list(contracts.AGREEMENT.columns)
CONFUSION = list(contracts.CONFUSION.columns)


def _words(author: pd.Series) -> pd.Series:
    """Labels as text; "" where there is none."""
    return author.astype(object).where(author.notna(), "").astype(str)


def translate(author: pd.Series, mapping: Mapping[str, str], markers: pd.DataFrame) -> pd.Series:
    """Author labels in the words of the marker table; "unassigned" where the authors gave none.

    Parameters: ``author`` one label a cell (missing or "" where there is none); ``mapping`` author
    label -> label of ``markers`` or "unassigned".

    Raises ValueError naming every author label that is not mapped and every target that the
    marker table does not know.
    """
    text = _words(author)
    known = set(markers["label"]) | {UNASSIGNED}
    lost = sorted(set(text) - set(mapping) - {""})
    wrong = sorted({label for label in mapping.values() if label not in known})
    problems = []
    if lost:
        problems.append(f"author labels without a mapping: {lost}")
    if wrong:
        problems.append(f"mapped to labels that the marker table does not know: {wrong}")
    if problems:
        raise ValueError("; ".join(problems))
    return text.map({**mapping, "": UNASSIGNED})


def lead(labels: pd.DataFrame, translated: pd.Series, markers: pd.DataFrame) -> pd.DataFrame:
    """Let the authors' labels lead and keep our own beside them.

    Parameters: ``labels`` as of :func:`tilt.labels.annotate.label`; ``translated`` from
    :func:`translate`, in the same order. A cell to which the authors gave no label keeps ours; a
    branch that has subsets (``CD4``) leaves the subset unassigned.

    Returns the table with level1, subset and compartment of the authors, and our own in
    own_level1, own_subset, own_compartment. States, poles and scores stay as they are.
    """
    names = np.asarray(translated, dtype=object)
    given = names != UNASSIGNED
    row = markers.set_index("label")
    table = labels.copy()
    for column in (BRANCH, "subset", "compartment"):
        table[f"own_{column}"] = labels[column]
    unique = sorted(set(names[given]))
    parents = set(markers["parent"])
    theirs = {
        BRANCH: {name: taxonomy.branch(markers, name) for name in unique},
        "subset": {name: UNASSIGNED if name in parents else name for name in unique},
        "compartment": {name: row.at[name, "compartment"] for name in unique},
    }
    for column, words in theirs.items():
        table.loc[given, column] = [words[name] for name in names[given]]
    return table


def by_level(labels: pd.DataFrame, meant: pd.Series, markers: pd.DataFrame) -> pd.DataFrame:
    """The authors' labels in our words: level1 and subset, "unassigned" where they say nothing.

    Another lineage (``NK``) is a word of level1 only: it says nothing of subsets of T cells.

    Parameters: ``labels`` as of :func:`tilt.labels.annotate.label`; ``meant`` of :func:`translate`.
    """
    theirs = lead(labels, meant, markers)[list(LEVELS)].copy()
    theirs[np.asarray(meant) == UNASSIGNED] = UNASSIGNED
    lineages = markers.loc[markers["level"] == 0, "label"]
    theirs.loc[theirs["subset"].isin(lineages), "subset"] = UNASSIGNED
    return theirs


def confusion(author: pd.Series, own: pd.Series) -> pd.DataFrame:
    """Cells of each pair of labels: author, own, n, share (of the author label)."""
    table = pd.crosstab(np.asarray(author, dtype=str), np.asarray(own, dtype=str))
    tidy = table.rename_axis("author").rename_axis("own", axis=1).stack().rename("n").reset_index()
    tidy["share"] = tidy["n"] / tidy.groupby("author")["n"].transform("sum")
    return tidy


def compare(
    author: pd.Series, labels: pd.DataFrame, meant: pd.Series | None, markers: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How far our labels agree with the authors', at the level of branches and of subsets.

    Parameters: ``author`` one label a cell ("" or missing where there is none); ``labels`` as of
    :func:`tilt.labels.annotate.label`; ``meant`` from :func:`translate`, or None without a map. A
    branch among the authors' labels (``CD4``), or another lineage, takes part at the level of
    branches only.

    Returns level, n, ari, macro_f1 (missing without a map, for which words must be the same) and
    the table of :func:`confusion` of the cells that have a label; both empty without labels.
    """
    text = _words(author).to_numpy()
    given = text != ""
    if not given.any():
        return pd.DataFrame(columns=AGREEMENT), pd.DataFrame(columns=CONFUSION)
    pairs = confusion(text[given], labels["subset"].to_numpy()[given])
    levels = list(LEVELS)
    if meant is None:
        theirs = pd.DataFrame({level: np.where(given, text, UNASSIGNED) for level in levels})
    else:
        theirs = by_level(labels, meant, markers)
    found = pd.DataFrame(
        [{"level": level, **agreement(theirs[level], labels[level])} for level in levels]
    )
    if meant is None:
        found["macro_f1"] = float("nan")
    return found[AGREEMENT], pairs


def agreement(author: pd.Series, own: pd.Series) -> dict[str, float]:
    """Agreement of two labelings in the same words.

    Returns n (cells the authors labeled), ari (adjusted Rand index), macro_f1 (over the authors'
    labels; a cell that we leave unassigned counts as wrong).
    """
    from sklearn.metrics import adjusted_rand_score, f1_score

    author, own = np.asarray(author, dtype=str), np.asarray(own, dtype=str)
    given = author != UNASSIGNED
    author, own = author[given], own[given]
    if not len(author):
        return {"n": 0, "ari": float("nan"), "macro_f1": float("nan")}
    names = sorted(set(author))
    return {
        "n": len(author),
        "ari": float(adjusted_rand_score(author, own)),
        "macro_f1": float(f1_score(author, own, labels=names, average="macro", zero_division=0)),
    }
