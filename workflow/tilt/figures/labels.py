"""Own labels against those of a cohort's authors."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilt.core.text import number
from tilt.figures import embedding, style
from tilt.figures.markers import SHARES
from tilt.figures.names import DARK, CohortLabel, pretty, subset_order
from tilt.figures.registry import title

TITLE, CELLTYPIST_TITLE = title("author_labels"), title("celltypist")


def draw(cells: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Share of each of the authors' labels (rows) that got each of our labels (columns).

    ``cells``: one row a T cell with author_label and subset.
    """
    cells = cells[cells["author_label"].notna() & (cells["author_label"] != "")]
    if cells.empty:
        return style.sentence(cohort, TITLE, "The cohort comes without labels of its authors.")
    counts = pd.crosstab(cells["author_label"].astype(str), cells["subset"])
    return matrix(counts, cohort, TITLE, "the authors'", "with a label of the authors")


def draw_cohort(
    places: pd.DataFrame,
    labels: pd.DataFrame,
    obs: pd.DataFrame,
    samples: pd.DataFrame,
    cohort: CohortLabel,
) -> tuple[Figure, pd.DataFrame]:
    """:func:`draw` from the files of a cohort, by the labels made without those of the authors."""
    cells = embedding.cells_of(places, labels, obs, samples)
    return draw(cells.assign(subset=cells.get("own_subset", cells["subset"])), cohort)


def draw_celltypist(pairs: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """The same for the labels of a CellTypist model; ``pairs``: celltypist, own, n."""
    if pairs.empty:
        return style.sentence(cohort, CELLTYPIST_TITLE, "No T cells were labeled.")
    counts = pairs.pivot_table(index="celltypist", columns="own", values="n", fill_value=0)
    counts.index.name, counts.columns.name = "celltypist", "subset"
    return matrix(counts, cohort, CELLTYPIST_TITLE, "CellTypist's", "with a label of CellTypist")


def matrix(
    counts: pd.DataFrame, cohort: CohortLabel, title: str, whose: str, which: str
) -> tuple[Figure, pd.DataFrame]:
    """Heat map of ``counts`` (their labels x ours) as shares of their labels."""
    counts = counts[subset_order(counts.columns)].astype(int)
    percent = 100 * counts.div(counts.sum(axis=1), axis=0)
    order = np.argsort(percent.to_numpy().argmax(axis=1), kind="stable")
    counts, percent = counts.iloc[order], percent.iloc[order]
    fig = style.figure(cohort, title, "double", 4.4 * len(percent) + 52)
    ax = fig.subplots()
    image = ax.imshow(percent, cmap=SHARES, vmin=0, vmax=100, aspect="auto")
    for row, column in np.ndindex(percent.shape):
        value = percent.iat[row, column]
        if value >= 5:
            color = "white" if value > 65 else DARK
            ax.text(
                column, row, f"{value:.0f}", ha="center", va="center", fontsize=5.5, color=color
            )
    ax.set_xticks(
        range(percent.shape[1]),
        [pretty(s) for s in percent.columns],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    sizes = counts.sum(axis=1)
    names = [f"{str(n)[:34]} ({number(sizes[n])})" for n in percent.index]
    ax.set_yticks(range(len(percent)), names)
    ax.tick_params(length=0)
    bar = fig.colorbar(image, ax=ax, shrink=0.5, aspect=14, pad=0.01)
    bar.set_label(f"% of {whose} label")
    bar.outline.set_visible(False)
    ax.set_title(f"{number(sizes.sum())} T cells {which}; n of cells in brackets")
    table = counts.stack().rename("n").reset_index()
    table["percent"] = percent.stack().to_numpy()
    return fig, table
