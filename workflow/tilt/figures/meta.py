"""Effects across cohorts: forest of cohorts, their average and mean, one panel a quantity."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import MEASURED, WORKING_SET
from tilt.figures import forest, style
from tilt.figures.names import CASE_COLOR, DARK, p_text, pretty, times
from tilt.figures.registry import title
from tilt.stats import combined
from tilt.stats.readable import RATIO

QUANTITIES = (*MEASURED, "CD4_Tph_like", "CD4_Tfh_circ", "CD4_Th22_like")
TITLE = title("across/meta")
MANY = 12  # cohorts, above which each has one line, and subsets are left to the table
ROW, LINE = 9.5, 2.6  # mm of a row with up to three lines of text, and of a further line
WRAP = 30  # letters of a line of a cohort's title


def pick(table: pd.DataFrame) -> pd.DataFrame:
    """Rows to draw of the quantities of the question: cohorts, their average, and the mean.

    The method and the model of the mean are those in front (``combined.front``).
    """
    ahead = combined.front(table)
    ahead = ahead[ahead["quantity"].isin(QUANTITIES) & (ahead["denominator"] == WORKING_SET)]
    key = ["quantity", "denominator", "method"]
    rows = table.merge(ahead[[*key, "model"]].rename(columns={"model": "front"}), on=key)
    single = ~rows["cohort"].astype(str).str.startswith("without ") & (rows["cohort"] != "all")
    mean = rows["model"].eq(combined.COMMON) | rows["leads"]
    return rows[single | ((rows["cohort"] == "all") & mean)].drop(columns="front")


def draw(table: pd.DataFrame, labels: dict[str, str]) -> tuple[Figure, pd.DataFrame]:
    """Forest of cohorts, their average and the mean of random effects, one panel a quantity.

    ``table``: the meta table (columns of ``meta_table.COLUMNS``). ``labels`` gives the title of
    each cohort.
    """
    table = pick(table)
    quantities = [q for q in QUANTITIES if q in set(table["quantity"])]
    if not forest.estimable(table).any():
        reason = "No quantity of the imbalance was estimated in any cohort."
        return style.sentence(None, TITLE, reason)
    many, heading = table["cohort"].nunique() - 1 > MANY, TITLE
    if many:
        known = table.loc[forest.estimable(table), "quantity"]
        quantities = [q for q in MEASURED if q in set(known)] or quantities[:1]
        heading = f"{TITLE}; subsets and what was not estimated: meta.tsv"
        table = table[table["quantity"].isin(quantities)]
    groups = [table[table["quantity"] == q] for q in quantities]
    rows = [len(g) + 0.6 for g in groups]
    columns = 1 if len(groups) == 1 else 2
    lines = -(-len(groups) // columns)
    long = max(len(style.textwrap.wrap(name, WRAP)) for name in labels.values()) - 2
    row = LINE if many else ROW + LINE * max(long, 0)
    height = max(rows) * row * lines + 15 * lines + 12
    fig = style.figure(None, heading, "double", height)
    parts = np.ravel(fig.subfigures(lines, columns, squeeze=False))
    for part, letter, quantity, group in zip(parts, "abcdefgh", quantities, groups, strict=False):
        ax, side = part.subplots(1, 2, width_ratios=(1.35, 1), sharey=True)
        panel(ax, side, group.reset_index(drop=True), labels, many)
        working = pretty(WORKING_SET).removesuffix(" cells")
        what = f"{pretty(quantity)} of {working}" if quantity[0] == "C" else ""
        style.mark(ax, letter, what or pretty(quantity))
    return fig, table


def panel(
    ax: Axes, side: Axes, group: pd.DataFrame, labels: dict[str, str], many: bool = False
) -> None:
    """One quantity: a row a cohort, then their average and the mean; numbers in ``side``.

    ``many``: one line of text a row.
    """
    total = group["cohort"] == "all"
    last = group["leads"].astype(bool)
    rows = pd.concat([group[~total], group[total & ~last], group[last]], ignore_index=True)
    rows["y"] = np.arange(len(rows)) + (rows["cohort"] == "all") * 0.3
    single = rows[rows["cohort"] != "all"]
    forest.draw(ax, None, single[forest.estimable(single)])
    names: list[str] = []
    step = 3 if many else 1  # lines of text of the means
    rows.loc[rows["cohort"] == "all", "y"] += (step - 1) * np.arange(
        (rows["cohort"] == "all").sum()
    )
    for row, good in zip(rows.itertuples(), forest.estimable(rows), strict=True):
        mean = row.cohort == "all"
        names.append(mean_name(row) if mean else cohort_name(row, labels, many))
        if mean and good:
            draw_mean(ax, row)
        text = row_text(row) if good else forest.missing_text(row.reason, 30)
        if many and not mean:
            text = forest.effect_text(row) if good else "not estimable"
        side.text(
            0.0, row.y, text, va="center", fontsize=5 if many else 5.5,
            color=DARK if good else style.GRAY, style="normal" if good else "italic",
            transform=side.get_yaxis_transform(), linespacing=1.15,
        )  # fmt: skip
    side.set_axis_off()
    ax.set_yticks(rows["y"], names, fontsize=5 if many else 6)
    ax.set_ylim(rows["y"].max() + (1.6 if many else 0.45), -0.75)
    scale = [text for text in group["scale"].dropna().astype(str) if text]
    ax.set_xlabel(f"case − control ({scale[0]})" if scale else "case − control")
    ends = rows[["ci_low", "ci_high", "pi_low", "pi_high"]].to_numpy(dtype=float)
    if np.isfinite(ends).any():
        low, high = min(np.nanmin(ends), 0), max(np.nanmax(ends), 0)
        ax.set_xlim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    else:
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)


def cohort_name(row: Any, labels: dict[str, str], many: bool = False) -> str:
    """Title of a cohort with its n, wrapped, or of ``many`` cut to one line."""
    whole = labels.get(row.cohort, row.cohort)
    if many:
        name, n = style.textwrap.shorten(whole, 26, placeholder="…"), "{} ({} + {})"
    else:
        name, n = style.textwrap.fill(whole, WRAP), "{}\nn = {} + {}"
    return n.format(name, int(row.n_case), int(row.n_control)) if row.n_case > 0 else name


def mean_name(row: Any) -> str:
    """What the mean is a mean of, in which model."""
    if row.effect != row.effect:
        return "mean of cohorts"
    if row.model == combined.COMMON:
        return f"average of these {int(row.n_cohorts)} cohorts\n(common effect)"
    text = f"mean of such cohorts\n({row.model})"
    if row.tau2 == row.tau2 and row.i2 == row.i2:
        text += f"\nτ² {tau2_text(row.tau2)}, I² {100 * row.i2:.0f}%"
    return text


def tau2_text(value: float) -> str:
    """Variance between cohorts, in full."""
    return "0" if value == 0 else "< 0.001" if value < 0.001 else f"{value:.2g}"


def row_text(row: Any) -> str:
    """Effect, interval, p (of a posterior: the other sign) and the prediction interval."""
    text = forest.effect_text(row).replace("  ", "\n")
    if str(row.model).startswith(combined.HALF_NORMAL):
        text = f"{forest.effect_text(row._replace(p=np.nan))}\nP(other sign) {p_text(row.p / 2)}"
    if row.cohort == "all" and row.pi_low == row.pi_low:
        text += f"\nprediction {prediction(row)}".replace("-", "−")
    return text


def prediction(row: Any) -> str:
    """Prediction interval, of a ratio as a fold."""
    if row.scale == RATIO:
        return f"×[{times(np.exp(row.pi_low))}, {times(np.exp(row.pi_high))}]"
    return f"[{row.pi_low:.2f}, {row.pi_high:.2f}]"


def draw_mean(ax: Axes, row: Any) -> None:
    """Diamond from end to end of the interval, open for the average of these cohorts.

    Thin orange line: prediction interval.
    """
    if row.pi_low == row.pi_low:
        ax.plot([row.pi_low, row.pi_high], [row.y] * 2, color=CASE_COLOR, lw=0.8)
        ax.plot([row.pi_low, row.pi_high], [row.y] * 2, "|", color=CASE_COLOR, ms=4, mew=0.8)
    x = [row.ci_low, row.effect, row.ci_high, row.effect]
    face = "white" if row.model == combined.COMMON else DARK
    ax.fill(x, [row.y, row.y - 0.13, row.y, row.y + 0.13], fc=face, ec=DARK, lw=0.8, zorder=3)
