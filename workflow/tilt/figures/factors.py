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
ONE_COLOR = "#0072B2"


def draw(
    donors: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    headings: dict[str, str],
    cohort: CohortLabel,
) -> tuple[Figure, pd.DataFrame]:
    """Activity of each factor in donors, and its score in each group of cells.

    ``donors``: table of :data:`tilt.core.contracts.FACTOR_TESTS`. ``tables``: by group of cells,
    factor, n_targets, score (t of the slope of the genes' Wald statistic on the factor's targets),
    p, estimable, reason. ``headings``: title of each group that was tested for genes, with its n of
    donors.
    """
    tables = dict(list(tables.items())[:MOST_PANELS])
    if not tables and donors.empty:
        return style.sentence(cohort, TITLE, NO_TABLE if headings else ONLY_COUNTS)
    columns = min(max(len(tables), 1), 2)
    lines = -(-len(tables) // columns)
    most = max([len(table) for table in tables.values()], default=0)
    upper_height, lower_height = 4.6 * len(donors) + 24, lines * (4.6 * most + 24)
    fig = style.figure(cohort, TITLE, "double", upper_height + lower_height + 6)
    parts = []
    letters = iter("abcdefgh")
    panels = [height for height in (len(donors) and upper_height, lower_height) if height]
    boxes = iter(style.stacked(fig, *panels) if len(panels) > 1 else [fig])
    if len(donors):
        ax, side = next(boxes).subplots(1, 2, width_ratios=(1, 1.3), squeeze=False)[0]
        in_donors(ax, side, donors, cohort, next(letters))
        parts.append(donors.assign(subset="donors"))
    if tables:
        axes = np.ravel(next(boxes).subplots(lines, columns, squeeze=False))
        for ax in axes[len(tables) :]:
            ax.set_axis_off()
        known = pd.concat(list(tables.values()))["score"].abs()
        reach = 1.1 * max(float(known.max()) if known.notna().any() else 0, 2)
        for ax, (name, table) in zip(axes, tables.items(), strict=False):
            panel(ax, table, reach, cohort)
            style.mark(ax, next(letters), headings.get(name, name))
        parts += [table.assign(subset=name) for name, table in tables.items()]
    return fig, pd.concat(parts, ignore_index=True)


def in_donors(ax: Axes, side: Axes, table: pd.DataFrame, cohort: CohortLabel, letter: str) -> None:
    """Difference of the activity of each factor between the conditions, donor by donor."""
    rows = table.assign(y=np.arange(len(table), dtype=float)).reset_index(drop=True)
    forest.draw(ax, side, rows, dict.fromkeys(rows["y"], ONE_COLOR))
    for row, good in zip(rows.itertuples(), forest.estimable(rows), strict=True):
        if good:
            text = count(int(row.n_targets), "target")
            side.text(
                1, row.y, text, va="center", ha="right", fontsize=6, color=GRAY,
                transform=side.get_yaxis_transform(),
            )  # fmt: skip
    ax.set_yticks(rows["y"], rows["factor"], style="italic")
    for one in (ax, side):
        one.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel(f"activity in donors, {cohort.case} − {cohort.control} (t over the targets)")
    known = rows[forest.estimable(rows)]
    n = ""
    if len(known):
        first = known.iloc[0]
        n = f" (n = {int(first.n_case)} {cohort.case}, {int(first.n_control)} {cohort.control})"
    style.mark(ax, letter, f"donors: memory CD4 T cells{n}")


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
    ax.set_xlabel(f"{cohort.case} − {cohort.control} (t over the targets)")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def draw_cohort(
    donors: pd.DataFrame,
    factors: dict[str, pd.DataFrame],
    genes: dict[str, pd.DataFrame],
    cohort: CohortLabel,
) -> tuple[Figure, pd.DataFrame]:
    """:func:`draw` with the headings of the tables of ``genes`` that the factors come from."""
    return draw(donors, factors, volcano.headings(genes, cohort), cohort)
