"""How sure the labels are: score and margin by subset, and coverage against accuracy."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from tilt.core.terms import BRANCH, LEVELS
from tilt.core.text import number
from tilt.figures import style
from tilt.figures.names import DARK, GRAY, CohortLabel, pretty, subset_color, subset_order
from tilt.figures.registry import title

MEASURES = {
    "score": "score: probability of the subset",
    "margin": "margin: probability above that of the next subset",
}
TICKS = (0, 0.5, 0.9, 0.99, 0.999, 0.9999)
LEVEL_COLORS = {BRANCH: "#332288", "subset": "#44AA99"}
SCORES_TITLE, COVERAGE_TITLE = title("label_scores"), title("label_coverage")
QUALITY = {"accuracy": "-", "macro_f1": (0, (3, 1.2))}
QUALITY_NAMES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
NOT_CALLED = "#4D4D4D"
DEFAULT: dict[str, Any] = {"ls": "", "marker": "D", "ms": 3.2, "mec": DARK, "mew": 0.5}


def draw_scores(table: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Histogram of score and margin of the cells of every subset, unassigned cells on top in gray.

    ``table``: columns subset, measure (score or margin), bin_low, bin_high, n_called,
    n_unassigned. Every row has its own scale; names carry n and the share left unassigned.
    """
    if table.empty:
        return style.sentence(cohort, SCORES_TITLE, "No T cells were labeled.")
    order = subset_order(table["subset"])
    fig = style.figure(cohort, SCORES_TITLE, "double", 4.8 * len(order) + 30)
    axes = fig.subplots(1, 2, sharey=True)
    one = table[table["measure"] == "score"].groupby("subset")[["n_called", "n_unassigned"]].sum()
    for ax, letter, measure in zip(axes, "ab", MEASURES, strict=True):
        style.mark(ax, letter, MEASURES[measure])
        for row, subset in enumerate(order):
            part = table[(table["subset"] == subset) & (table["measure"] == measure)]
            ridge(ax, part.sort_values("bin_low"), row, subset_color(subset))
        nines_axis(ax)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    axes[0].set_ylim(len(order) - 0.9, -1.0)
    total, left = int(one.to_numpy().sum()), int(one["n_unassigned"].sum())
    places = np.arange(len(order)) - 0.3
    axes[0].set_yticks(places, [row_name(one.loc[s], s) for s in order])
    fig.legend(
        handles=[
            Patch(fc="#7FA6CB", label="called (own scale in every row)"),
            Patch(fc=NOT_CALLED, label="left unassigned"),
            Line2D([], [], color=DARK, lw=0.9, label="median"),
        ],
        loc="outside lower left",
        ncols=3,
        title=f"{number(total)} T cells, {number(left)} ({share(left, total)}) left unassigned; in "
        "brackets n of cells nearest to the subset and the share of them left unassigned",
        title_fontsize=6.5,
        alignment="left",
    )
    return fig, table


def nines(p: ArrayLike) -> np.ndarray:
    """Place of a probability on the axis: -log10(1 - p), 1 at the end of the last bin."""
    return -np.log10(np.maximum(1 - np.asarray(p, dtype=float), 1e-5))


def nines_axis(ax: Axes) -> None:
    """Axis of probabilities that spreads those near 1."""
    ax.set_xlim(-0.04, 5.04)
    ax.set_xticks(nines(TICKS), [f"{p:g}" for p in TICKS])


def share(part: int, whole: int) -> str:
    """Percentage as it is written beside a subset."""
    percent = 100 * part / max(whole, 1)
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.1f}%" if 0 < percent < 9.95 else f"{percent:.0f}%"


def row_name(n: pd.Series, subset: str) -> str:
    """Name of a subset with n of its cells and the share left unassigned."""
    whole = int(n["n_called"] + n["n_unassigned"])
    return f"{pretty(subset)} ({number(whole)}; {share(int(n['n_unassigned']), whole)})"


def ridge(ax: Axes, part: pd.DataFrame, row: int, color: str) -> None:
    """One subset's histogram standing on its line, with the median of all its cells."""
    edges = nines(np.append(part["bin_low"], part["bin_high"].iloc[-1]))
    called, left = part["n_called"].to_numpy(), part["n_unassigned"].to_numpy()
    both = called + left
    scale = 0.82 / max(both.max(), 1)
    low = row - called * scale
    ax.stairs(low, edges, baseline=row, fill=True, fc=color, ec=GRAY, lw=0.3)
    if left.any():
        ax.stairs(row - both * scale, edges, baseline=low, fill=True, fc=NOT_CALLED, lw=0)
    if both.sum():
        at = np.searchsorted(np.cumsum(both), both.sum() / 2)
        middle = (edges[at] + edges[at + 1]) / 2
        ax.plot([middle, middle], [row, row - 0.86], color=DARK, lw=0.9)


def draw_coverage(
    table: pd.DataFrame, cohort: CohortLabel | None, whose: str = "the authors' labels"
) -> tuple[Figure, pd.DataFrame]:
    """Cells called as the demands on the margin rise, and how right the called ones are.

    ``table``: level, rule (margin or default), cut, n_cells, n_called, coverage, n_truth,
    n_truth_called, truth_coverage, accuracy, macro_f1 (missing where there is no truth).
    """
    if table.empty:
        return style.sentence(cohort, COVERAGE_TITLE, "There are no two labels to tell apart.")
    known = table[table["n_truth_called"] >= style.FEW]
    fig = style.figure(cohort, COVERAGE_TITLE, "double", 74)
    axes = fig.subplots(1, 2, width_ratios=(1, 1) if len(known) else (1.6, 1))
    style.mark(axes[0], "a", f"T cells called, n = {number(table['n_cells'].max())}")
    for shift, (level, rows) in zip((0, 2), table.groupby("level", sort=False), strict=False):
        color = LEVEL_COLORS.get(level, DARK)
        cuts, usual = rows[rows["rule"] == "margin"], rows[rows["rule"] == "default"]
        cuts = cuts[nines(cuts["cut"]) < nines(1)]  # beyond it the axis ends
        axes[0].plot(nines(cuts["cut"]), 100 * cuts["coverage"], color=color)
        for y in 100 * usual["coverage"]:
            axes[0].axhline(y, color=color, lw=0.8, ls=(shift, (1.5, 2.5)))
    nines_axis(axes[0])
    axes[0].set_xlabel("least margin of a called cell")
    axes[0].set_ylabel("coverage: share of cells called (%)")
    axes[0].set_ylim(0, 102)
    if known.empty:
        style.mark(axes[1], "b")
        reason = f"Accuracy is not known: the cohort has no map from {whose} to those of tilt."
        style.say(axes[1], reason, 34)
    else:
        n = known.groupby("level", sort=False)["n_truth"].max()
        cells = ", ".join(f"{number(n[level])} ({LEVELS[level]})" for level in n.index)
        style.mark(axes[1], "b", f"against {whose}, n = {cells}")
        right(axes[1], known)
    for ax in axes[: 2 if len(known) else 1]:
        ax.grid(color="#F0F0F0", lw=0.4)
        ax.set_axisbelow(True)
    keys = handles(list(table["level"].unique()), len(known) > 0)
    fig.legend(handles=keys, loc="outside lower left", ncols=6)
    return fig, table


def right(ax: Axes, known: pd.DataFrame) -> None:
    """Accuracy and macro-F1 of the called cells by their share, with tilt's default."""
    for level, rows in known.groupby("level", sort=False):
        color = LEVEL_COLORS.get(level, DARK)
        cuts, usual = rows[rows["rule"] == "margin"], rows[rows["rule"] == "default"]
        for quality, dashes in QUALITY.items():
            x, y = (100 * cuts[c] for c in ("truth_coverage", quality))
            ax.plot(x, y, color=color, ls=dashes)
            x, y = (100 * usual[c] for c in ("truth_coverage", quality))
            ax.plot(x, y, **DEFAULT, color=color)
    ax.set_xlabel("coverage: share of these cells called (%)")
    ax.set_ylabel("right among the called (%)")
    ax.set_xlim(0, 102)
    low = 100 * known[list(QUALITY)].min().min()
    ax.set_ylim(max(0, min(low - 5, 80)), 101)
    ax.yaxis.set_major_locator(style.few_ticks(5))
    style.plain_ticks(ax.yaxis)


def handles(levels: list[str], known: bool) -> list[Line2D]:
    """Legend of the curves: color for the level, line for the measure, mark for the default."""
    found = [
        Line2D([], [], color=LEVEL_COLORS.get(level, DARK), label=LEVELS.get(level, level))
        for level in levels
    ]
    found.append(Line2D([], [], color=GRAY, lw=0.8, ls=(0, (1.5, 2.5)), label="a: default of tilt"))
    if known:
        found += [
            Line2D([], [], color=GRAY, ls=dashes, label=f"b: {QUALITY_NAMES[quality]}")
            for quality, dashes in QUALITY.items()
        ]
        found.append(Line2D([], [], **DEFAULT, color=GRAY, label="b: default of tilt"))
    return found
