"""One number a donor by condition, and two numbers a donor against each other."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tilt.figures import forest, style
from tilt.figures.names import DARK, GRAY, CohortLabel


def two_arms(ax: Axes, rows: pd.DataFrame, cohort: CohortLabel, names: bool = True) -> None:
    """Values of donors by condition (:func:`by_group`)."""
    by_group(ax, rows.assign(group=rows["condition"]), list(cohort.arms), cohort, names)


def by_group(
    ax: Axes, rows: pd.DataFrame, groups: list[str], cohort: CohortLabel, names: bool = True
) -> None:
    """Values of donors by group with the mean and its 95% interval beside the points.

    ``rows``: group, condition (which gives the color), value. A group without a value gets no place
    on the axis.
    """
    rows = rows[rows["value"].notna()]
    arms = [a for a in groups if (rows["group"] == a).any()]
    labels = []
    for place, arm in enumerate(arms):
        mine = rows[rows["group"] == arm]
        values = mine["value"].to_numpy()
        size = 9 if len(values) <= 30 else 4
        x = place - 0.06 + style.swarm(values, 0.2)
        for condition in dict.fromkeys(mine["condition"]):
            own = (mine["condition"] == condition).to_numpy()
            color = cohort.color(condition)
            ax.scatter(x[own], values[own], s=size, c=color, lw=0, alpha=0.75)
        mean, low, high = style.mean_interval(values)
        if low == low:
            ax.plot([place + 0.28] * 2, [low, high], color=DARK, lw=1)
        ax.plot(place + 0.28, mean, "o", ms=3, color=DARK, mew=0)
        labels.append(f"{arm}\nn = {len(values)}" if names else f"n = {len(values)}")
    ax.set_xticks(range(len(arms)), labels)
    ax.set_xlim(-0.5, max(len(arms), 1) - 0.4)
    ax.tick_params(axis="x", length=0)
    ax.yaxis.set_major_locator(style.few_ticks(5))


def test_text(tests: pd.DataFrame) -> str:
    """Effect, interval and p of the first row of ``tests``, in two lines; "" when there is none."""
    good = tests[forest.estimable(tests)] if len(tests) else tests
    if good.empty:
        return ""
    row = next(good.itertuples())
    return forest.effect_text(row).replace("  ", "\n")


def relation(
    ax: Axes, rows: pd.DataFrame, cohort: CohortLabel, x_label: str, y_label: str
) -> pd.DataFrame:
    """Scatter of ``x`` against ``y`` by condition, with Spearman's rho and its 95% interval.

    The interval is from Fisher's z with variance 1.06 / (n - 3) (Fieller 1957,
    doi:10.1093/biomet/44.3-4.470). Returned as a one-row table (n, rho, ci_low, ci_high).
    """
    good = rows[rows["x"].notna() & rows["y"].notna()]
    for arm in cohort.arms:
        part = good[good["condition"] == arm]
        ax.scatter(part["x"], part["y"], s=9, c=cohort.color(arm), lw=0, alpha=0.8)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.xaxis.set_major_locator(style.few_ticks(4))
    ax.yaxis.set_major_locator(style.few_ticks(5))
    rho, low, high = spearman(good["x"].to_numpy(float), good["y"].to_numpy(float))
    if rho == rho:
        text = f"ρ {rho:+.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")
        ax.text(0.5, 1, text, transform=ax.transAxes, fontsize=6, color=DARK, ha="center", va="top")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.15 * (high - low))  # room for the text
    return pd.DataFrame([{"n": len(good), "rho": rho, "ci_low": low, "ci_high": high}])


def spearman(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Rank correlation with its 95% interval; NaN below five pairs or without variance."""
    if len(x) < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    rho = float(np.corrcoef(*(pd.Series(values).rank() for values in (x, y)))[1, 0])
    half = 1.96 * np.sqrt(1.06 / (len(x) - 3))
    z = np.arctanh(np.clip(rho, -0.999999, 0.999999))
    return rho, float(np.tanh(z - half)), float(np.tanh(z + half))


def not_estimable(ax: Axes, reason: str, width: int = 26) -> None:
    """Panel with the reason instead of an axis."""
    style.say(ax, f"Not estimable: {reason}", width)
    ax.texts[-1].set_color(GRAY)
