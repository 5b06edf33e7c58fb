"""Effects across cohorts: forest with prediction interval, one panel a quantity."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilt.figures import forest, style
from tilt.figures.names import CASE_COLOUR, DARK, pretty

MOST_PANELS = 4


def draw(
    table: pd.DataFrame, labels: dict[str, str], title: str = "effects across cohorts"
) -> tuple[Figure, pd.DataFrame]:
    """Forest of cohorts and their random-effects mean, one panel a quantity.

    ``table``: columns quantity, cohort ("" or NA for the mean over cohorts), effect, ci_low,
    ci_high, p, n_case, n_control, estimable, reason, and for means n_cohorts, tau2, i2, pi_low,
    pi_high, method, unit. ``labels`` gives the title of each cohort.
    """
    table = table.copy()
    table["cohort"] = table["cohort"].fillna("").astype(str)
    quantities = list(dict.fromkeys(table["quantity"]))[:MOST_PANELS]
    if not quantities:
        reason = "No quantity was estimated in any cohort, so nothing can be combined."
        return style.sentence(None, title, reason)
    groups = [table[table["quantity"] == q] for q in quantities]
    rows = [len(g) + 0.6 for g in groups]
    fig = style.figure(None, title, "double", 8.0 * sum(rows) + 16 * len(rows) + 12)
    axes = fig.subplots(len(groups), 3, width_ratios=(0.02, 1, 0.72), squeeze=False)
    for line, (quantity, group) in enumerate(zip(quantities, groups, strict=True)):
        _, ax, side = axes[line]
        axes[line][0].set_axis_off()
        panel(ax, side, group.reset_index(drop=True), labels)
        style.mark(ax, "abcdefgh"[line], pretty(quantity))
    return fig, table[table["quantity"].isin(quantities)]


def panel(ax, side, group: pd.DataFrame, labels: dict[str, str]) -> None:
    """One quantity: a row a cohort, then the mean as a diamond over its prediction interval."""
    single, mean = group[group["cohort"] != ""], group[group["cohort"] == ""]
    rows = pd.concat([single, mean], ignore_index=True)
    rows["y"] = np.arange(len(rows)) + (rows["cohort"] == "") * 0.4
    forest.draw(ax, side, rows[rows["cohort"] != ""] if len(single) else rows)
    names = []
    for row in rows.itertuples():
        n = ""
        if getattr(row, "n_case", np.nan) == getattr(row, "n_case", np.nan):
            n = f" (n = {int(row.n_case)} + {int(row.n_control)})"
        if row.cohort:
            names.append(style.textwrap.fill(labels.get(row.cohort, row.cohort), 34) + n)
            continue
        names.append(mean_name(row))
        if forest.estimable(rows[rows["cohort"] == ""]).any():
            draw_mean(ax, side, row)
        else:
            text = forest.missing_text(getattr(row, "reason", ""))
            side.text(
                0, row.y, text, va="center", fontsize=5.5, color=style.GREY, style="italic",
                transform=side.get_yaxis_transform(),
            )  # fmt: skip
    ax.set_yticks(rows["y"], names)
    limit = (rows["y"].max() + 0.6, -0.6)
    ax.set_ylim(*limit)
    side.set_ylim(*limit)
    unit = rows.get("unit", pd.Series(dtype=str)).dropna()
    ax.set_xlabel(f"effect, case − control ({unit.iloc[0]})" if len(unit) else "effect")
    values = (
        rows[["ci_low", "ci_high", "pi_low", "pi_high"]]
        if "pi_low" in rows
        else rows[["ci_low", "ci_high"]]
    )
    reach = np.nanmax(np.abs(values.to_numpy(dtype=float)), initial=0)
    if np.isfinite(reach) and reach > 0:
        ends = np.array([np.nanmin(values.to_numpy(float)), np.nanmax(values.to_numpy(float))])
        ends = np.array([min(ends[0], 0), max(ends[1], 0)])
        ax.set_xlim(*(ends + np.array([-0.05, 0.05]) * np.ptp(ends)))


def mean_name(row) -> str:
    """What the mean is a mean of."""
    n = getattr(row, "n_cohorts", np.nan)
    text = f"mean of {int(n)} cohorts" if n == n else "mean"
    tau2, i2 = getattr(row, "tau2", np.nan), getattr(row, "i2", np.nan)
    if tau2 == tau2 and i2 == i2:
        share = i2 if i2 > 1 else 100 * i2
        text += f"\nτ² = {tau2:.2g}, I² = {share:.0f}%"
    return text


def draw_mean(ax, side, row) -> None:
    """Diamond from end to end of the interval; thin line of the prediction interval."""
    low, high = getattr(row, "pi_low", np.nan), getattr(row, "pi_high", np.nan)
    if low == low and high == high:
        ax.plot([low, high], [row.y] * 2, color=CASE_COLOUR, lw=0.8)
        ax.plot([low, high], [row.y] * 2, "|", color=CASE_COLOUR, ms=4, mew=0.8)
    x = [row.ci_low, row.effect, row.ci_high, row.effect]
    ax.fill(x, [row.y, row.y - 0.22, row.y, row.y + 0.22], color=DARK, lw=0, zorder=3)
    text = forest.effect_text(row)
    if low == low:
        text += f"\nprediction [{low:.2f}, {high:.2f}]".replace("-", "−")
    side.text(0, row.y, text, va="center", fontsize=6, transform=side.get_yaxis_transform())
