"""Pseudobulk differential expression: one volcano a group of cells."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tilt.core.text import number
from tilt.figures import style
from tilt.figures.names import DARK, CohortLabel, pretty
from tilt.figures.registry import title

TITLE = title("volcano")
FDR = 0.05
MOST_NAMED = 12
MOST_PANELS = 6


def draw(tables: dict[str, pd.DataFrame], cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Volcano of each group of cells, or the reason why it was not tested.

    ``tables``: by group of cells, the table of genes (gene_symbol, log2fc, p, q, n_case,
    n_control, estimable, reason); a table without genes carries the reason.
    """
    tables = dict(list(tables.items())[:MOST_PANELS])
    if not tables:
        reason = "Only a table of counts is published, so expression was not tested."
        return style.sentence(cohort, TITLE, reason)
    tested = {name: usable(table) for name, table in tables.items()}
    if not any(len(table) for table in tested.values()):
        words = [f"{pretty(n)}: {reason_of(t)}" for n, t in tables.items()]
        return style.sentence(cohort, TITLE, "Expression was not tested. " + "; ".join(words) + ".")
    columns = min(len(tables), 3)
    lines = -(-len(tables) // columns)
    fig = style.figure(cohort, TITLE, "double", 70 * lines + 10)
    axes = np.ravel(fig.subplots(lines, columns, squeeze=False))
    for ax in axes[len(tables) :]:
        ax.set_axis_off()
    for ax, letter, (name, table) in zip(axes, "abcdefgh", tested.items(), strict=False):
        if table.empty:
            style.say(ax, f"Not tested: {reason_of(tables[name])}", 28)
        else:
            panel(ax, table, cohort)
        style.mark(ax, letter, style.textwrap.fill(heading(name, table, cohort), 120 // columns))
    layout = fig.get_layout_engine()
    assert isinstance(layout, ConstrainedLayoutEngine)  # style.figure made it
    layout.set(wspace=0.04)
    kept = ["gene_symbol", "log2fc", "p", "q"]
    parts = [t[kept].assign(subset=name) for name, t in tested.items() if len(t)]
    return fig, pd.concat(parts, ignore_index=True)


def usable(table: pd.DataFrame) -> pd.DataFrame:
    """Genes with a fold change and a p value."""
    if "gene_symbol" not in table:
        return table.iloc[:0]
    return table[table["log2fc"].notna() & table["p"].notna() & table["gene_symbol"].notna()]


def reason_of(table: pd.DataFrame) -> str:
    """First reason in a table of genes."""
    reasons = [r for r in table.get("reason", []) if isinstance(r, str) and r]
    return reasons[0] if reasons else "no reason given"


def headings(tables: dict[str, pd.DataFrame], cohort: CohortLabel) -> dict[str, str]:
    """Title of each group of cells, tested or not."""
    return {name: heading(name, usable(table), cohort) for name, table in tables.items()}


def heading(name: str, table: pd.DataFrame, cohort: CohortLabel) -> str:
    """Group of cells with the n of both conditions."""
    if table.empty:
        return pretty(name)
    row = table.iloc[0]
    n = f"n = {int(row['n_case'])} {cohort.case}, {int(row['n_control'])} {cohort.control}"
    return f"{pretty(name)}, {n}"


def panel(ax: Axes, table: pd.DataFrame, cohort: CohortLabel) -> None:
    """Fold change against p; genes with q below 5% colored by direction, the clearest named."""
    y = -np.log10(table["p"].clip(lower=1e-300))
    clear = table["q"] < FDR
    colors = np.where(table["log2fc"] > 0, cohort.color(cohort.case), cohort.color(cohort.control))
    ax.scatter(table["log2fc"][~clear], y[~clear], s=2, c="#C8C8C8", lw=0, rasterized=True)
    ax.scatter(
        table["log2fc"][clear], y[clear], s=4, c=colors[clear], lw=0, rasterized=clear.sum() > 800
    )
    reach = float(np.nanquantile(np.abs(table["log2fc"]), 0.999)) * 1.25 or 1.0
    reach = max(reach, float(np.abs(table["log2fc"][clear]).max()) * 1.15 if clear.any() else 0)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-0.03 * y.max(), y.max() * 1.2 + 0.2)
    name_genes(ax, table[clear], y[clear], reach)
    style.zero_line(ax)
    for sign, word, arm in ((1, "up", cohort.case), (-1, "down", cohort.control)):
        n = int((clear & (np.sign(table["log2fc"]) == sign)).sum())
        ax.text(
            0.5 + 0.49 * sign, 0.99, f"{number(n)} {word}", ha="right" if sign > 0 else "left",
            va="top", fontsize=6, transform=ax.transAxes, color=cohort.color(arm),
        )  # fmt: skip
    ax.set_xlabel(f"log2 fold change, {cohort.case} / {cohort.control}")
    ax.set_ylabel("−log10 p (colored: q < 0.05)")
    ax.xaxis.set_major_locator(style.few_ticks(5))


def name_genes(ax: Axes, table: pd.DataFrame, y: pd.Series, reach: float) -> None:
    """Names of the clearest genes in a column at each edge, joined to their points."""
    top = table.assign(y=y).sort_values(["p", "gene_symbol"]).head(MOST_NAMED)
    low, high = ax.get_ylim()
    for side in (1, -1):
        rows = top[np.sign(top["log2fc"]) == side].sort_values("y")
        if rows.empty:
            continue
        places = apart(rows["y"].to_numpy(), 0.05 * (high - low), low, 0.93 * high)
        for row, place in zip(rows.itertuples(), places, strict=True):
            ax.plot(
                [row.log2fc, side * reach * 1.04], [row.y, place], color="#B5B5B5", lw=0.3, zorder=1
            )
            ax.text(
                side * reach * 1.06, place, row.gene_symbol, fontsize=5.5, style="italic",
                va="center", ha="left" if side > 0 else "right", color=DARK,
            )  # fmt: skip
        ax.set_xlim(*sorted([-side * abs(ax.get_xlim()[0 if side > 0 else 1]), side * reach * 1.5]))


def apart(places: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Ascending ``places`` moved as little as needed to be ``gap`` apart within low and high."""
    moved = np.clip(places.astype(float), low, high)
    for n in range(len(moved) - 2, -1, -1):
        moved[n] = min(moved[n], moved[n + 1] - gap)
    if moved[0] < low:
        moved[0] = low
        for n in range(1, len(moved)):
            moved[n] = max(moved[n], moved[n - 1] + gap)
    return moved
