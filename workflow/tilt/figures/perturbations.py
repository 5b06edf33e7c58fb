"""Responses to perturbations along the imbalance of donors, each beside its random sets."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import ESTIMATORS
from tilt.core.text import count
from tilt.figures import forest, style
from tilt.figures.names import CohortLabel, p_text, pretty
from tilt.figures.registry import title

TITLE = title("perturbations")
MOST = 20  # perturbations drawn, the furthest first; all are in the table
NULL_COLOR = "#C4C4C4"
COLOR = "#0072B2"
HEIGHT = 0.7  # of a histogram, in rows


def draw(
    perturbations: pd.DataFrame, nulls: pd.DataFrame, cohort: CohortLabel
) -> tuple[Figure, pd.DataFrame]:
    """Projection of every response with its interval over the histogram of its random sets.

    ``perturbations``, ``nulls``: tables of :data:`tilt.core.contracts.PERTURBATIONS` and
    :data:`tilt.core.contracts.PERTURBATION_NULLS`, empty without cells.
    """
    if perturbations.empty or not forest.estimable(perturbations).any():
        reasons = [r for r in perturbations.get("reason", []) if isinstance(r, str) and r]
        why = reasons[0] if reasons else "there are no cells whose genes could be looked at"
        text = f"No response to a perturbation is laid along the imbalance: {why}."
        return style.sentence(cohort, TITLE, text)
    rows = perturbations.head(MOST).reset_index(drop=True)
    rows["y"] = np.arange(len(rows), dtype=float)
    fig = style.figure(cohort, TITLE, "double", 8.5 * len(rows) + 30)
    ax, side = fig.subplots(1, 2, width_ratios=(1, 1.1), squeeze=False)[0]
    for row in rows.itertuples():
        histogram(ax, nulls[nulls["perturbation"] == row.perturbation], row.y)
    shown = rows[forest.estimable(rows)]
    forest.draw(ax, None, shown, dict.fromkeys(shown["y"], COLOR))
    reach(ax, rows, nulls)
    for row, good in zip(rows.itertuples(), forest.estimable(rows), strict=True):
        text = numbers(row) if good else forest.missing_text(row.reason, 60)
        side.text(0, row.y, text, va="center", fontsize=6, transform=side.get_yaxis_transform())
    side.set_axis_off()
    ax.set_yticks(rows["y"], [pretty(name) for name in rows["perturbation"]])
    for one in (ax, side):
        one.set_ylim(len(rows) - 0.4, -0.8)
    known = shown.iloc[0]
    n = f"n = {int(known.n_case)} {cohort.case}, {int(known.n_control)} {cohort.control}"
    ax.set_xlabel(f"genes of the response (SD) per SD of {ESTIMATORS[known.estimator].axis}")
    style.mark(ax, "a", f"responses along the imbalance, within the arms ({n})")
    return fig, perturbations


def histogram(ax: Axes, null: pd.DataFrame, y: float) -> None:
    """Random sets of one response, upward from its line."""
    if null.empty or not null["n"].max():
        return
    height = HEIGHT * null["n"].to_numpy(float) / null["n"].max()
    width = (null["bin_high"] - null["bin_low"]).to_numpy(float)
    ax.bar(null["bin_low"], -height, width, y, align="edge", color=NULL_COLOR, lw=0, zorder=1)


def reach(ax: Axes, rows: pd.DataFrame, nulls: pd.DataFrame) -> None:
    """Widen the axis to all random sets that are drawn."""
    mine = nulls[nulls["perturbation"].isin(rows["perturbation"]) & (nulls["n"] > 0)]
    low, high = ax.get_xlim()
    ax.set_xlim(min([low, *mine["bin_low"]]), max([high, *mine["bin_high"]]))
    ax.xaxis.set_major_locator(style.few_ticks(5))


def numbers(row: Any) -> str:
    """Effect, interval and q by donors; p against random sets and the genes in a second line."""
    return (
        f"{forest.effect_text(row)}\n"
        f"random sets {forest.signed(row.null_low)} to {forest.signed(row.null_high)}, "
        f"q {p_text(row.q_random)}; {int(row.n_genes_found)} of {count(int(row.n_genes), 'gene')}"
    )
