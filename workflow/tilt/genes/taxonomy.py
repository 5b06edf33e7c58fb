"""From the marker table to a design: which labels can be called, and what each says of a gene."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from tilt.core.contracts import MARKERS_FOUND

MIN_POSITIVE = 3  # measurable positive genes a label needs
MIN_SHARE = 1 / 3  # share of its positive genes that must be measurable
MAIN_BRANCH = 0.1  # typical share above which a branch may be inferred without genes of its own
ALIKE = 0.5  # share of genes in common (Jaccard) above which labels are alike
MIN_UNIQUE = 2  # positive genes that tell it from each other label


def design(markers: pd.DataFrame, labels: Sequence[str], symbols: Collection[str]) -> np.ndarray:
    """Signs of genes for labels: +1 positive, -1 negative, 0 not named (labels x genes).

    A label of a T-cell branch (level 1 and below) takes over the genes of its parents; where they
    disagree the label itself leads.
    """
    row = markers.set_index("label")
    column = {symbol: i for i, symbol in enumerate(symbols)}
    signs = np.zeros((len(labels), len(symbols)), dtype=np.int8)
    for k, label in enumerate(labels):
        for name in reversed(_line(row, label)):
            for sign, genes in ((-1, row.at[name, "negative"]), (1, row.at[name, "positive"])):
                for gene in genes:
                    if gene in column:
                        signs[k, column[gene]] = sign
    return signs


def branch(markers: pd.DataFrame, label: str) -> str:
    """Branch of a label: the level-1 label above ``label`` (or itself)."""
    row = markers.set_index("label")
    line = _line(row, label)
    return next((name for name in line if row.at[name, "level"] == 1), line[-1])


def _line(row: pd.DataFrame, label: str) -> list[str]:
    """The label and its parents, without the lineage unless the label is one."""
    line = [label]
    while True:
        parent = row.at[line[-1], "parent"]
        if parent not in row.index or row.at[parent, "level"] == 0:
            return line
        line.append(parent)


def lineage_labels(markers: pd.DataFrame, measured: Collection[str]) -> list[str]:
    """Level-0 labels with at least two measurable positive genes of their own.

    Lineages differ so much that fewer genes will do than for subsets.
    """
    return _callable(markers[markers["level"] == 0], markers, set(measured), 2, 0, 1)


def subset_labels(markers: pd.DataFrame, measured: Collection[str]) -> list[str]:
    """Labels of T cells that can be called from the measured genes.

    Level-2 labels with enough measurable positive genes, of which some tell it from each other
    label, and branches none of whose subsets can be called. Of two labels that can't be
    told apart, the one with fewer genes of its own goes. A rare branch (gamma-delta, MAIT) needs a
    measurable gene that no other branch has.
    """
    measured = set(measured)
    fine = _callable(
        markers[markers["level"] == 2], markers, measured, MIN_POSITIVE, MIN_SHARE, MIN_UNIQUE
    )
    share = markers.set_index("label")["share"]
    fine = [
        label
        for label in fine
        if share[branch(markers, label)] >= MAIN_BRANCH
        or measured & signature_genes(markers, branch(markers, label))
    ]
    taken = {branch(markers, label) for label in fine}
    coarse = markers[(markers["level"] == 1) & (markers["parent"] == "T")]
    coarse = coarse[~coarse["label"].isin(taken)]
    chosen = [
        *fine,
        *(
            row.label
            for row in coarse.itertuples()
            if len(measured & set(row.positive)) >= MIN_POSITIVE
            and len(measured & signature_genes(markers, row.label)) >= MIN_UNIQUE
        ),
    ]
    return [label for label in markers["label"] if label in chosen]


def _callable(
    rows: pd.DataFrame,
    markers: pd.DataFrame,
    measured: set[str],
    min_positive: int,
    min_share: float,
    min_unique: int,
) -> list[str]:
    genes = {row.label: measured & set(row.positive) for row in rows.itertuples()}
    share = {row.label: len(genes[row.label]) / len(row.positive) for row in rows.itertuples()}
    kept = [
        label
        for label, found in genes.items()
        if len(found) >= min_positive and share[label] >= min_share
    ]
    symbols = sorted(measured)
    while len(kept) > 1:
        positive = design(markers, kept, symbols) > 0
        alone = [
            min(int((positive[i] & ~positive[j]).sum()) for j in range(len(kept)) if j != i)
            for i in range(len(kept))
        ]
        worst = min(range(len(kept)), key=lambda i: (alone[i], share[kept[i]]))
        if alone[worst] >= min_unique:
            break
        kept.pop(worst)
    return kept


def groups(markers: pd.DataFrame, labels: Sequence[str]) -> list[str]:
    """Group of each label: the units that differ in profile.

    Labels of one branch and compartment are a group, as in ``CD4/memory``. A label that shares
    most positive genes with a label of another branch, and fewer with its own group, stands alone
    (cytotoxic CD4 cells look like effector CD8 cells).
    """
    row = markers.set_index("label")
    positive = {label: set(row.at[label, "positive"]) for label in labels}
    branches = {label: branch(markers, label) for label in labels}
    group = {label: f"{branches[label]}/{row.at[label, 'compartment']}" for label in labels}

    def likeness(label: str, others: list[str]) -> float:
        return max(
            (
                len(positive[label] & positive[o]) / len(positive[label] | positive[o])
                for o in others
            ),
            default=0.0,
        )

    out = []
    for label in labels:
        mates = [o for o in labels if o != label and group[o] == group[label]]
        strangers = [o for o in labels if branches[o] != branches[label]]
        like = likeness(label, strangers)
        alone = bool(mates) and like > ALIKE and like > likeness(label, mates)
        out.append(f"{group[label]}/{label}" if alone else group[label])
    return out


def signature_genes(markers: pd.DataFrame, name: str) -> set[str]:
    """Positive genes of a branch that no label of another branch lists as positive."""
    row = markers.set_index("label")
    others = markers[(markers["level"].isin([1, 2])) & (markers["label"] != name)]
    taken = {
        gene
        for other in others.itertuples()
        if branch(markers, other.label) != name
        for gene in other.positive
    }
    return set(row.at[name, "positive"]) - taken


def found_table(
    markers: pd.DataFrame, measured: Collection[str], labels: Collection[str]
) -> pd.DataFrame:
    """Every marker of every label: level, label, gene, sign (+ or -), found, callable (bool)."""
    measured = set(measured)
    children = markers.groupby("parent")["label"].agg(set).to_dict()

    def can(label: str) -> bool:
        return label in labels or any(can(child) for child in children.get(label, ()))

    rows = [
        (row.level, row.label, gene, sign, gene in measured, can(row.label))
        for row in markers.itertuples()
        for sign, genes in (("+", row.positive), ("-", row.negative))
        for gene in genes
    ]
    return pd.DataFrame(rows, columns=list(MARKERS_FOUND.columns))
