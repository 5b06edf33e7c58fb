"""Marker dot plot with negative markers, and the detectability of the genes of the question."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tilt.core.text import count, number
from tilt.figures import style
from tilt.figures.names import DARK, GRAY, LIGHT, CohortLabel, pretty, subset_order
from tilt.figures.registry import title

DOTS_TITLE, DETECTED_TITLE = title("markers"), title("detectability")
ACROSS_TITLE = title("across/detectability")
GENES_A_ROW = 46  # gene names that stay readable side by side on a double column
MEANS = LinearSegmentedColormap.from_list("means", ["#EEF2F6", "#6BAED6", "#08306B"])
SHARES = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", "#A1C9B8", "#00686F"])


def draw_dots(expression: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Share of cells with the gene (area) and mean (color) of every marker in every subset.

    ``expression``: columns subset, n_cells, gene, sign (``+`` or ``-`` where the gene is a
    marker of that subset), fraction, mean. A ring marks a subset's own positive marker, a cross
    its negative marker. Subsets of fewer than ``style.FEW`` cells are light gray.
    """
    if expression.empty:
        reason = "No T cells were labeled, so there is no marker to show."
        return style.sentence(cohort, DOTS_TITLE, reason)
    order = subset_order(expression["subset"])
    genes = gene_order(expression, order)
    rows = -(-len(genes) // GENES_A_ROW)
    across = -(-len(genes) // rows)
    blocks = [genes[n : n + across] for n in range(0, len(genes), across)]
    height = len(blocks) * (3.0 * len(order) + 17) + 20
    fig = style.figure(cohort, DOTS_TITLE, "double", height)
    axes = fig.subplots(len(blocks), 1, squeeze=False)[:, 0]
    sizes = expression.drop_duplicates("subset").set_index("subset")["n_cells"]
    top = float(expression.groupby("gene")["mean"].max().clip(lower=1e-9).quantile(0.9)) or 1.0
    short = min(1.0, style.MAX_HEIGHT / height)
    for ax, block in zip(axes, blocks, strict=True):
        rows = expression[expression["gene"].isin(block)]
        x = rows["gene"].map({gene: n for n, gene in enumerate(block)})
        y = rows["subset"].map({subset: n for n, subset in enumerate(order)})
        area = 26 * short * rows["fraction"].clip(0, 1)
        few = rows["n_cells"] < style.FEW
        dots = ax.scatter(
            x[~few], y[~few], s=area[~few], c=rows["mean"][~few], cmap=MEANS, vmin=0, vmax=top, lw=0
        )
        ax.scatter(x[few], y[few], s=area[few], c=LIGHT, lw=0)
        own, against = rows["sign"].isin(["+", "positive"]), rows["sign"].isin(["-", "negative"])
        ring = {"s": 26 * short, "facecolors": "none", "edgecolors": DARK, "lw": 0.4}
        ax.scatter(x[own & ~few], y[own & ~few], **ring)
        ax.scatter(x[own & few], y[own & few], **ring | {"edgecolors": LIGHT})
        cross = {"marker": "x", "s": 5 * short}
        ax.scatter(x[against], y[against], **cross, c="white", lw=1.3)  # seen on dark dots too
        ax.scatter(x[against], y[against], **cross, c="#B2182B", lw=0.5)
        ax.set_xlim(-0.8, max(across, 20) - 0.2)
        ax.set_ylim(len(order) - 0.4, -0.6)
        ax.set_xticks(range(len(block)), block, rotation=90, fontsize=5.5, style="italic")
        names = [f"{pretty(s)} ({number(sizes[s])})" for s in order]
        ax.set_yticks(range(len(order)), names, fontsize=6 if short > 0.95 else 5)
        for name, subset in zip(ax.get_yticklabels(), order, strict=True):
            name.set_color(GRAY if sizes[subset] < style.FEW else DARK)
        ax.tick_params(length=0)
        ax.grid(color="#F0F0F0", lw=0.4)
        ax.set_axisbelow(True)
    bar = fig.colorbar(
        dots, ax=list(axes), shrink=min(0.5, 30 / height), aspect=12, pad=0.01, anchor=(0, 1)
    )
    bar.set_label("mean log1p\nCP10k")
    bar.outline.set_visible(False)
    handles = [dot(share, short) for share in (0.1, 0.5, 1.0)]
    handles.append(
        Line2D(
            [],
            [],
            ls="",
            marker="o",
            ms=5,
            mfc="none",
            mec=DARK,
            mew=0.4,
            label="positive marker of the subset",
        )
    )
    handles.append(
        Line2D(
            [],
            [],
            ls="",
            marker="x",
            ms=2.5,
            mec="#B2182B",
            mew=0.6,
            label="negative marker of the subset",
        )
    )
    total = number(sizes.sum())
    fig.legend(
        handles=handles,
        loc="outside lower left",
        ncols=5,
        title=f"n of cells in brackets, {total} T cells in all; area: cells with at least one UMI"
        + (f"; gray: fewer than {style.FEW} cells" if (sizes < style.FEW).any() else ""),
        title_fontsize=6.5,
        alignment="left",
    )
    return fig, expression


def dot(share: float, short: float) -> Line2D:
    """Legend entry of a dot's area."""
    size = np.sqrt(26 * short * share)
    return Line2D(
        [], [], ls="", marker="o", ms=size, mfc=GRAY, mew=0, label=f"{share:.0%} of cells"
    )


def gene_order(expression: pd.DataFrame, order: list[str]) -> list[str]:
    """Genes in the order of the subsets of which they are positive markers, then the others."""
    place = {subset: n for n, subset in enumerate(order)}
    own = expression[expression["sign"].isin(["+", "positive"])]
    own = own.sort_values("subset", key=lambda s: s.map(place), kind="stable")
    return list(dict.fromkeys([*own["gene"], *expression["gene"]]))


def draw_detectability(table: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Heat map: share of cells and of donors in which each gene of the question is seen.

    ``table``: columns gene, n_cells, pct_cells, n_donors, pct_donors.
    """
    if table.empty:
        reason = "The working set (memory CD4 T cells without Treg) has no cells."
        return style.sentence(cohort, DETECTED_TITLE, reason)
    height = 3.6 * len(table) + 34
    fig = style.figure(cohort, DETECTED_TITLE, "single", height)
    ax = fig.subplots()
    heat(ax, table[["pct_cells", "pct_donors"]].to_numpy(), list(table["gene"]))
    ax.set_xticks([0, 1], ["cells (%)", "donors (%)"])
    # Denominators follow from any gene that was seen: n and its percentage.
    seen = table[(table["pct_cells"] > 0) & (table["pct_donors"] > 0)]
    if len(seen):
        best = seen.loc[seen["pct_cells"].idxmax()]
        cells = round(100 * best["n_cells"] / best["pct_cells"])
        donors = round(100 * best["n_donors"] / best["pct_donors"])
        text = f"at least one UMI; about {number(cells)} cells, {count(donors, 'donor')}"
    else:
        text = "none of these genes was seen"
    ax.set_title(text)
    return fig, table


def draw_detectability_across(
    table: pd.DataFrame, labels: dict[str, str]
) -> tuple[Figure, pd.DataFrame]:
    """Heat map genes x cohorts of the percentage of cells; ``labels``: title of each cohort.

    ``table``: columns cohort, gene, pct_cells.
    """
    wide = table.pivot(index="gene", columns="cohort", values="pct_cells")
    wide = wide.reindex(index=list(dict.fromkeys(table["gene"])), columns=list(labels))
    fig = style.figure(None, ACROSS_TITLE, "single", 3.6 * len(wide) + 45)
    ax = fig.subplots()
    heat(ax, wide.to_numpy(), list(wide.index))
    few = len(labels) <= 3
    names = [style.textwrap.fill(labels[c], 48 // len(labels) if few else 22) for c in wide.columns]
    turned: dict[str, Any] = (
        {} if few else {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    )
    ax.set_xticks(range(len(names)), names, **turned)
    return fig, table


def draw_across(
    tables: dict[str, pd.DataFrame], labels: dict[str, str]
) -> tuple[Figure, pd.DataFrame]:
    """:func:`draw_detectability_across` from the tables by cohort; a sentence without any."""
    if not tables:
        none = "No cohort has cells here: of published counts there is no detection to show."
        return style.sentence(None, ACROSS_TITLE, none)
    found = [table.assign(cohort=name) for name, table in tables.items()]
    return draw_detectability_across(pd.concat(found, ignore_index=True), labels)


def heat(ax: Axes, values: np.ndarray, genes: list[str]) -> None:
    """Percentages as color (root scale) and number; below 0.1% gray and bracketed."""
    ax.imshow(np.sqrt(values), cmap=SHARES, vmin=0, vmax=10, aspect="auto")
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        if not np.isfinite(value):
            text = "no gene"
        else:
            text = f"{value:.2g}" if value < 1 else f"{value:.1f}" if value < 99.95 else "100"
        color = "white" if np.isfinite(value) and value > 45 else GRAY if not value >= 0.1 else DARK
        ax.text(column, row, text, ha="center", va="center", fontsize=6, color=color)
    ax.set_yticks(range(len(genes)), genes, style="italic")
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
