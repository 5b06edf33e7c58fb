"""Inline SVG that can be zoomed: donors that tell their numbers to pointer and keyboard."""

import html

import numpy as np
import pandas as pd

from tilt.core.terms import POLE_FLAGS, UNIT_KEY
from tilt.donors.composition import count_poles
from tilt.figures.names import CohortLabel

SIZE = 460
EDGE = 46


def _frame(inside: str, label: str, extra: str = "") -> str:
    """Zoomable SVG with its buttons."""
    buttons = "".join(
        f'<button type="button" data-zoom="{factor}" aria-label="{name}">{sign}</button>'
        for factor, name, sign in ((0.7, "zoom in", "+"), (1.4, "zoom out", "−"), (0, "reset", "⟲"))
    )
    return (
        f'<div class="zoom"><div class="zoom-buttons">{buttons}</div>'
        f'<svg viewBox="0 0 {SIZE} {SIZE}" role="group" aria-label="{html.escape(label)}">'
        f"{inside}</svg>{extra}</div>"
    )


def donor_scatter(
    composition: pd.DataFrame,
    imbalance: pd.DataFrame,
    cohort: CohortLabel,
    poles: dict,
) -> str:
    """Tph-like against Th22-like donors on log axes; each point tells its donor on hover.

    "" when no donor has memory CD4 T cells.
    """
    rows = imbalance[imbalance["estimator"] == "E1"]
    labeled = bool(rows["value"].notna().any())
    table = count_poles(composition, poles if labeled else POLE_FLAGS)
    if table.empty:
        return ""
    logs = np.log10(table[["pct_th22", "pct_tph"]].to_numpy())
    low, high = logs.min(axis=0) - 0.15, logs.max(axis=0) + 0.15
    span = SIZE - 2 * EDGE
    place = (logs - low) / np.maximum(high - low, 1e-9)
    x, y = EDGE + span * place[:, 0], SIZE - EDGE - span * place[:, 1]
    values = imbalance.pivot_table(
        index=UNIT_KEY, columns="estimator", values="value", aggfunc="first"
    )
    points = []
    for row, px, py in zip(table.itertuples(), x, y, strict=True):
        told = [f"{row.donor} ({row.condition})"]
        told += [f"Tph side {row.n_tph}, Th22 side {row.n_th22} of {row.n_memory_cd4} memory CD4"]
        key = (row.donor, row.condition)
        if key in values.index:
            told += [f"{n} {v:+.2f}" for n, v in values.loc[key].items() if v == v]
        text = html.escape("; ".join(told))
        points.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="5.5" fill="{cohort.color(row.condition)}" '
            f'fill-opacity=".8" tabindex="0" role="img" aria-label="{text}" '
            f'data-donor="{html.escape(str(row.donor))}"><title>{text}</title></circle>'
        )
    what = ("Th22-like", "Tph-like + Tfh") if labeled else ("Th22-score high", "Tph-score high")
    axes = (
        f'<path d="M{EDGE} {EDGE}V{SIZE - EDGE}H{SIZE - EDGE}" fill="none" stroke="#333"/>'
        + _ticks(low, high, span)
        + f'<text x="{SIZE / 2}" y="{SIZE - 8}" text-anchor="middle">'
        f"{what[0]} (% of memory CD4)</text>"
        f'<text transform="translate(14 {SIZE / 2}) rotate(-90)" text-anchor="middle">'
        f"{what[1]} (% of memory CD4)</text>"
    )
    label = f"{len(table)} donors of {cohort.label}: {what[1]} against {what[0]}"
    return _frame(axes + "".join(points), label)


def _ticks(low: np.ndarray, high: np.ndarray, span: float) -> str:
    """Tick marks and numbers of both log axes."""
    out = []
    for axis in (0, 1):
        for power in range(-4, 3):
            for step in (1, 2, 5):
                value = step * 10.0**power
                at = (np.log10(value) - low[axis]) / max(high[axis] - low[axis], 1e-9)
                if not 0 <= at <= 1:
                    continue
                text = f"{value:g}"
                if axis == 0:
                    x = EDGE + span * at
                    out.append(f'<path d="M{x:.1f} {SIZE - EDGE}v4" stroke="#333"/>')
                    below = SIZE - EDGE + 16
                    out.append(f'<text x="{x:.1f}" y="{below}" text-anchor="middle">{text}</text>')
                else:
                    y = SIZE - EDGE - span * at
                    out.append(f'<path d="M{EDGE} {y:.1f}h-4" stroke="#333"/>')
                    out.append(
                        f'<text x="{EDGE - 7}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
                    )
    return "".join(out)
