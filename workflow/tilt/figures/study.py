"""Study flow (samples, barcodes, donors) and the table of the donors by condition."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import UNIT
from tilt.core.text import count, number
from tilt.figures import style
from tilt.figures.names import DARK, LIGHT, CohortLabel
from tilt.figures.registry import title

TITLE = title("study")
HIDDEN = (*UNIT, "sample", "n_samples")
MOST_ROWS = 14


def is_number(values: pd.Series) -> bool:
    """Whether a column of the donor table holds numbers (blank cells aside)."""
    found = pd.to_numeric(values.replace("", np.nan), errors="coerce")
    return bool(found.notna().any()) and found.notna().sum() == values.replace("", np.nan).count()


def donor_summary(donors: pd.DataFrame, cohort: CohortLabel) -> pd.DataFrame:
    """Rows of a table one: characteristic, and its value in each condition.

    Numbers become median and range, words their counts; blanks are counted as not known.
    """
    arms = [arm for arm in cohort.arms if (donors["condition"] == arm).any()]
    donors = donors[donors["condition"].isin(arms)]  # first visits, and no further conditions
    groups = {arm: donors[donors["condition"] == arm] for arm in arms}
    rows = [{"characteristic": "donors", **{a: number(len(g)) for a, g in groups.items()}}]
    for column in donors.columns:
        values = donors[column].replace("", np.nan)
        if column in HIDDEN or values.isna().all():
            continue
        if is_number(donors[column]):
            row = {a: middle(pd.to_numeric(g[column], errors="coerce")) for a, g in groups.items()}
            rows.append({"characteristic": f"{column}, median (range)", **row})
            continue
        levels = values.value_counts()
        if len(levels) > 6:
            row = {a: f"{g[column].nunique()} different" for a, g in groups.items()}
            rows.append({"characteristic": column, **row})
            continue
        for level in sorted(levels.index.astype(str)):
            row = {a: part(g[column].astype(str) == level) for a, g in groups.items()}
            rows.append({"characteristic": f"{column}: {level}", **row})
    return pd.DataFrame(rows)


def middle(values: pd.Series) -> str:
    """Median and range, and how many are not known."""
    known = values.dropna()
    if known.empty:
        return "not known"
    text = f"{known.median():.3g} ({known.min():.3g}–{known.max():.3g})"
    return text + (f", {len(values) - len(known)} not known" if len(known) < len(values) else "")


def part(hits: pd.Series) -> str:
    """Number and percentage."""
    return f"{int(hits.sum())} ({100 * hits.mean():.0f}%)"


def flow_steps(samples: pd.DataFrame, waterfall: pd.DataFrame, donors: pd.DataFrame) -> list:
    """What came in, what left and why, as (text, side text) from top to bottom."""
    skipped = samples[samples["status"] == "skipped"] if len(samples) else samples
    read = waterfall.groupby("sample")["n_left"].max().sum() if len(waterfall) else 0
    left = waterfall.groupby("sample").tail(1)["n_left"].sum() if len(waterfall) else 0
    removed = waterfall[waterfall["n_removed"] > 0].groupby("step", sort=False)["n_removed"].sum()
    why = [f"{number(n)} {str(step).replace('_', ' ')}" for step, n in removed.items()]
    names = ", ".join(skipped["sample"].astype(str)[:4]) + (" …" if len(skipped) > 4 else "")
    gone = f"{count(len(skipped), 'sample')} skipped: {names}" if len(skipped) else ""
    return [
        (f"{count(len(samples), 'sample')} in the sample sheet", gone),
        (f"{number(read)} barcodes read", "\n".join(["removed:", *why]) if why else ""),
        (f"{number(left)} cells kept", ""),
        (f"{count(donors['donor'].nunique(), 'donor')} compared or described", ""),
    ]


def draw(
    samples: pd.DataFrame, waterfall: pd.DataFrame, donors: pd.DataFrame, cohort: CohortLabel
) -> tuple[Figure, pd.DataFrame]:
    """Boxes from samples to donors with what left at each step, and the donor table.

    ``samples``: sample, status (ok, skipped); ``waterfall``: sample, step, n_removed, n_left;
    ``donors``: one row a donor with condition and the columns of the sample sheet.
    """
    summary = donor_summary(donors, cohort)
    steps = flow_steps(samples, waterfall, donors)
    n_rows = min(len(summary), MOST_ROWS)
    lines = steps[1][1].count("\n") + 1
    height = max(4.4 * (n_rows + 1) + 18, 62 + 3 * max(lines - 4, 0))
    fig = style.figure(cohort, TITLE, "double", height)
    left, right = fig.subplots(1, 2, width_ratios=(1, 1.15))
    draw_flow(left, steps)
    draw_table(right, summary, cohort)
    return fig, summary


def draw_flow(ax: Axes, steps: list) -> None:
    """Boxes joined by arrows; what left is written beside the arrow."""
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(len(steps) - 0.6, -0.6)
    for place, (text, gone) in enumerate(steps):
        ax.text(
            0.02, place, text, va="center", ha="left", color=DARK,
            bbox={"boxstyle": "round,pad=0.45", "fc": "#F3F5F7", "ec": LIGHT, "lw": 0.6},
        )  # fmt: skip
        if place + 1 < len(steps):
            arrow = {"arrowstyle": "-|>", "color": DARK, "lw": 0.6, "shrinkA": 7, "shrinkB": 7}
            ax.annotate("", (0.2, place + 1), (0.2, place), arrowprops=arrow)
        if gone:
            ax.text(0.56, place + 0.05, gone, va="top", fontsize=6, color=DARK, linespacing=1.25)
    style.mark(ax, "a", "from samples to donors")


def draw_table(ax: Axes, summary: pd.DataFrame, cohort: CohortLabel) -> None:
    """Donor table as text, a column a condition."""
    arms = [column for column in summary if column != "characteristic"]
    ax.set_axis_off()
    rows = summary.head(MOST_ROWS)
    ax.set_xlim(0, 1)
    ax.set_ylim(max(len(rows), 6) + 0.4, -1.2)
    places = np.linspace(0.46, 0.76, max(len(arms), 2))
    for x, arm in zip(places, arms, strict=False):
        ax.text(x, -0.6, arm, va="center", weight="bold", color=cohort.color(arm))
    for y, row in enumerate(rows.itertuples(index=False)):
        ax.axhline(y - 0.1, color=LIGHT, lw=0.4)
        ax.text(0, y + 0.4, shorten(row[0], 28), va="center", fontsize=6.5)
        for x, value in zip(places, row[1:], strict=False):
            ax.text(x, y + 0.4, shorten(value, 18), va="center", fontsize=6.5)
    if len(summary) > MOST_ROWS:
        more = f"and {count(len(summary) - MOST_ROWS, 'row')} more in the table of this figure"
        ax.text(0, len(rows) + 0.4, more, fontsize=6, color=DARK, va="center")
    style.mark(ax, "b", "donors by condition")


def shorten(text: object, width: int) -> str:
    """Text cut to ``width`` letters."""
    text = str(text)
    return text if len(text) <= width else text[: width - 1] + "…"
