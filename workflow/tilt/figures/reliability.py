"""Are probabilities of labels true? Said against right, in bins and by label."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import LEVELS
from tilt.core.text import number
from tilt.figures import style
from tilt.figures.names import DARK, GRAY, CohortLabel, pretty, subset_color, subset_order
from tilt.figures.registry import title
from tilt.labels.reliability import error

TITLE = title("reliability")
COLUMNS = 3  # panels beside each other where there are none of labels
ROW, BINNED = 3.8, 46.0  # mm of a label, and of a panel of bins


def draw(table: pd.DataFrame, cohort: CohortLabel | None) -> tuple[Figure, pd.DataFrame]:
    """A panel of bins for each level, and below it one of labels, for everyone held against.

    ``table``: whose, level, label ("" in the rows of bins), low, high, n, said, right.
    """
    bins = table[table["label"] == ""]
    if bins.empty:
        return style.sentence(cohort, TITLE, "No cell has a label from elsewhere.")
    named = table[(table["label"] != "") & (table["n"] >= style.FEW)]
    most = int(named.groupby(["whose", "level"]).size().max()) if len(named) else 0
    columns = len(LEVELS) if most else COLUMNS
    rows = [
        (height, panels[k : k + columns])
        for height, panels in shelves(bins, named, most)
        for k in range(0, len(panels), columns)
    ]
    heights = [height for height, _ in rows]
    fig = style.figure(cohort, TITLE, "double", sum(heights) + 16)
    axes = fig.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    for line, (_, panels) in zip(axes, rows, strict=True):
        for ax in line[len(panels) :]:
            ax.set_axis_off()
        for ax, (draw_panel, (whose, level), part) in zip(line, panels, strict=False):
            text = f"{LEVELS[level]}, {whose}" if most else whose
            draw_panel(ax, next(letters), text, part, most)
    return fig, table


def shelves(bins: pd.DataFrame, named: pd.DataFrame, most: int) -> list[tuple[float, list]]:
    """Rows of the figure: height (mm), and the panels as function, (whose, level), rows.

    Bins stand above the labels of the same level; beside them, where there is but one level.
    """
    if not most:
        return [(BINNED, _panels(binned, bins))]
    found: list[tuple[float, list]] = []
    for whose, part in bins.groupby("whose", sort=False):
        upper = _panels(binned, part)
        lower = _panels(by_label, named[named["whose"] == whose])
        labels = ROW * most + 16
        if len(upper) == 1:
            found.append((max(BINNED, labels), upper + lower))
        else:
            found += [(BINNED, upper), (labels, lower)]
    return found


def _panels(draw_panel: Callable, rows: pd.DataFrame) -> list[tuple]:
    return [(draw_panel, *one) for one in rows.groupby(["whose", "level"], sort=False)]


def binned(ax: Axes, letter: str, text: str, part: pd.DataFrame, most: int) -> None:
    """Share right by probability said; a dot has the area of its cells."""
    n = part["n"].sum()
    style.mark(ax, letter, text)
    # In the corner that true probabilities leave free.
    told = f"n = {number(n)}\noff by {error(part):.2f}"
    ax.text(0.98, 0.04, told, ha="right", va="bottom", color=DARK, transform=ax.transAxes)
    ax.plot([0, 1], [0, 1], color=GRAY, lw=0.6, ls=(0, (3, 1.2)))
    ax.plot(part["said"], part["right"], color=DARK, lw=0.8)
    area = np.maximum(120 * part["n"] / n, 1.5)
    ax.scatter(part["said"], part["right"], s=area, color=DARK, clip_on=False, zorder=3)
    unit(ax)
    ax.set_xlabel("probability said")
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("share right")


def by_label(ax: Axes, letter: str, text: str, part: pd.DataFrame, most: int) -> None:
    """For each label, of ``most`` rows, what is said (hollow) and right (filled), with n."""
    order = subset_order(part["label"])
    rows = part.set_index("label").loc[order]
    style.mark(ax, letter, f"{text}: said ○, right ●")
    for y, (name, row) in enumerate(rows.iterrows()):
        color = subset_color(str(name))
        ax.plot([row["said"], row["right"]], [y, y], color=color, lw=0.8, zorder=1)
        ax.plot(row["right"], y, "o", ms=4, color=color, clip_on=False, zorder=2)
        ax.plot(row["said"], y, "o", ms=4, mfc="white", mec=color, clip_on=False, zorder=3)
    names = [f"{pretty(name)} ({number(n)})" for name, n in rows["n"].items()]
    ax.set_yticks(range(len(order)), names)
    ax.set_ylim(most - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    unit(ax)
    ax.set_xlabel("probability said, share right")


def unit(ax: Axes) -> None:
    """Axis of probabilities."""
    ax.set_xlim(0, 1.02)
    ax.set_xticks([0, 0.5, 1])
