"""Activity of transcription factors, inferred from the genes between conditions."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.text import count
from tilt.figures import forest, style, volcano
from tilt.figures.names import DARK, GRAY, CohortLabel, p_text
from tilt.figures.registry import title

TITLE = title("factors")
NO_TABLE = (
    "No table of regulons is given (configuration: stats, regulon), so the activity of "
    "transcription factors was not inferred."
)
ONLY_COUNTS = "Only a table of counts is published, so there are no genes to infer factors from."
MOST_PANELS = 6


def draw(
    tables: dict[str, pd.DataFrame], headings: dict[str, str], cohort: CohortLabel
) -> tuple[Figure, pd.DataFrame]:
    """Score of each factor in each group of cells, from zero; its targets and p beside it.

    ``tables``: by group of cells, factor, n_targets, score (t of the slope of the genes' Wald
    statistic on the factor's targets), p, estimable, reason. ``headings``: title of each group
    that was tested for genes, with its n of donors.
    """
    tables = dict(list(tables.items())[:MOST_PANELS])
    if not tables:
        return style.sentence(cohort, TITLE, NO_TABLE if headings else ONLY_COUNTS)
    most = max(len(table) for table in tables.values())
    columns = min(len(tables), 2)
    lines = -(-len(tables) // columns)
    height = lines * (4.6 * most + 24) + 6
    fig = style.figure(cohort, TITLE, "double" if columns > 1 else "single", height)
    axes = np.ravel(fig.subplots(lines, columns, squeeze=False))
    for ax in axes[len(tables) :]:
        ax.set_axis_off()
    known = pd.concat(list(tables.values()))["score"].abs()
    reach = 1.1 * max(float(known.max()) if known.notna().any() else 0, 2)
    for ax, letter, (name, table) in zip(axes, "abcdefgh", tables.items(), strict=False):
        panel(ax, table, reach, cohort)
        style.mark(ax, letter, headings.get(name, name))
    parts = [table.assign(subset=name) for name, table in tables.items()]
    return fig, pd.concat(parts, ignore_index=True)


def panel(ax: Axes, table: pd.DataFrame, reach: float, cohort: CohortLabel) -> None:
    """One line a factor from zero to its score; text right of the axis."""
    for y, (row, good) in enumerate(zip(table.itertuples(), table["estimable"], strict=True)):
        if good:
            color = cohort.color(cohort.case if row.score > 0 else cohort.control)
            ax.plot([0, row.score], [y, y], color=color, lw=1.4)
            ax.plot(row.score, y, "o", ms=3.6, color=color, mew=0)
            p = f"p {p_text(row.p)}"
            text = f"{forest.signed(row.score, digits=1)}  {p}, {count(row.n_targets, 'target')}"
        else:
            text = forest.missing_text(row.reason, 48)
        ax.text(
            1.02, y, text, va="center", fontsize=6, color=DARK if good else GRAY,
            transform=ax.get_yaxis_transform(), style="normal" if good else "italic",
        )  # fmt: skip
    style.zero_line(ax)
    ax.set_yticks(range(len(table)), table["factor"], style="italic")
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_locator(style.few_ticks(5))
    ax.set_xlabel(f"activity, {cohort.case} − {cohort.control} (t over the targets)")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def draw_cohort(
    factors: dict[str, pd.DataFrame], genes: dict[str, pd.DataFrame], cohort: CohortLabel
) -> tuple[Figure, pd.DataFrame]:
    """:func:`draw` with the headings of the tables of ``genes`` that the factors come from."""
    return draw(factors, volcano.headings(genes, cohort), cohort)
