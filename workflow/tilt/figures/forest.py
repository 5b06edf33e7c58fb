"""Effects with confidence intervals in rows, numbers beside them, reasons where there is none."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tilt.core.terms import MAIN_METHODS, PRIMARY, SECONDARY
from tilt.figures import style
from tilt.figures.names import DARK, GRAY, p_text, times
from tilt.stats.readable import estimable

# One row of the tests table a quantity is the main one; the others add a p or an interval to it.
FILLED = {PRIMARY: "D", SECONDARY: "o"}


def effect_text(row: Any) -> str:
    """Effect, interval and (adjusted) p value of one row of the tests table, in words.

    As a fold with its interval and in percentage points, where the row has them.
    """
    text = f"{signed(row.effect)} [{signed(row.ci_low, '')}, {signed(row.ci_high, '')}]"
    if getattr(row, "fold", np.nan) == getattr(row, "fold", np.nan):
        text = f"×{times(row.fold)} [{times(row.fold_low)}, {times(row.fold_high)}]"
        points = getattr(row, "points", np.nan)
        text += f", {signed(points, digits=1)} pp" if points == points else ""
    for name in ("q", "p"):
        p = getattr(row, name, np.nan)
        if p == p:
            return f"{text}  {name} {p_text(p)}"
    return text


def signed(value: float, sign: str = "+", digits: int = 2) -> str:
    """Number with ``digits`` decimals, a true minus, and no sign on what rounds to zero."""
    text = f"{value:{sign}.{digits}f}"
    return text.replace("-", "−") if text.strip("+-0.") else text.strip("+-")


def main(tests: pd.DataFrame) -> pd.DataFrame:
    """The main test of every quantity and denominator: by method, else its first row."""
    rank = (~tests["method"].isin(MAIN_METHODS)).astype(int)
    rows = tests.assign(rank=rank).sort_values("rank", kind="stable")
    rows = rows.drop_duplicates(["quantity", "denominator"])
    return rows.drop(columns="rank").reset_index(drop=True)


def missing_text(reason: str, width: int = 42) -> str:
    """Reason of a missing estimate, cut to two lines."""
    lines = textwrap.wrap(f"not estimable: {reason}", width, max_lines=2, placeholder=" …")
    return "\n".join(lines)


def draw(
    ax: Axes,
    side: Axes | None,
    rows: pd.DataFrame,
    colors: Sequence[str] | Mapping[float, str] | None = None,
    size: float = 6,
) -> None:
    """Draw ``rows`` (columns y, effect, ci_low, ci_high, estimable, reason, role, p, q).

    ``side`` is the panel right of ``ax`` in which the numbers are written; without it they are
    left out. Rows of role ``primary`` are diamonds.
    """
    style.zero_line(ax)
    shown = estimable(rows)
    for row, good in zip(rows.itertuples(), shown, strict=True):
        if not good:
            text = missing_text(getattr(row, "reason", "") or "no reason given")
            (side or ax).text(
                0, row.y, text, va="center", fontsize=size - 0.5, color=GRAY, style="italic",
                transform=(side or ax).get_yaxis_transform(), linespacing=1.1,
            )  # fmt: skip
            continue
        color = colors[row.y] if colors else DARK
        if row.ci_low == row.ci_low:
            ax.plot([row.ci_low, row.ci_high], [row.y] * 2, color=color, lw=1.1)
        marker = FILLED.get(getattr(row, "role", ""), "o")
        ax.plot(row.effect, row.y, marker=marker, ms=3.6, color=color, mew=0)
        if side is not None:
            side.text(
                0, row.y, effect_text(row), va="center", fontsize=size,
                transform=side.get_yaxis_transform(),
            )  # fmt: skip
    if side is not None:
        side.set_axis_off()
    # Symmetric limits would waste room; keep zero in view and do not let one interval rule.
    if shown.any():
        good = rows[shown]
        low = np.nanmin([0, *good["effect"], *good["ci_low"].dropna()])
        high = np.nanmax([0, *good["effect"], *good["ci_high"].dropna()])
        pad = 0.06 * max(high - low, 1e-6)
        ax.set_xlim(low - pad, high + pad)
    else:
        ax.set_xticks([])
    ax.xaxis.set_major_locator(style.few_ticks(4))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
