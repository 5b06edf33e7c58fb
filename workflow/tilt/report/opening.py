"""How the report opens: one plain sentence a cohort, and a dot for every donor beside it."""

import html
import math
from typing import Any

import numpy as np

from tilt.core.terms import MEASURED, RATIOS, TABLE_DENOMINATOR, UNIT_KEY
from tilt.core.text import figures
from tilt.figures.names import pretty
from tilt.report import answer
from tilt.report.answer import CohortResults

WHAT = {
    "E1": ("Tph/Tfh cells", "Th22-like cell"),
    "E2": ("cells with a high Tph score", "cell with a high Th22 score"),
}
POINTS = ("points", "points_low", "points_high")
WIDTH, LANE, EDGE = 300, 34, 10


def sentence(results: CohortResults) -> str:
    """What the cohort says, without a term of statistics but the interval.

    Log-ratios are told as times as many; shares in percentage points; the pseudobulk axis and
    scores in their unit; what is not estimable with its reason.
    """
    cohort = results.cohort
    row = answer.primary_row(results.table("tests"))
    if row is None:
        return "No comparison of the balance was declared for this cohort."
    if not row.estimable or row.effect != row.effect:
        return f"The balance could not be compared: {answer.clean(row.reason)}."
    people = f"{int(row.n_case)} + {int(row.n_control)} donors"
    if row.quantity in RATIOS and str(row.unit).startswith("ln"):
        many, one = WHAT[row.quantity]
        times, low, high = (math.exp(x) for x in (row.effect, row.ci_low, row.ci_high))
        as_many = "as many" if figures(times) == "1" else f"{figures(times)} times as many"
        text = (
            f"About {as_many} {many} per {one} in {cohort.case} as in "
            f"{cohort.control} (95% CI {figures(low)} to {figures(high)}; {people})"
        )
        return text + decided(low > 1 or high < 1)
    points = getattr(row, "points", math.nan)
    names = ("effect", "ci_low", "ci_high") if points != points else POINTS
    effect, *ends = (getattr(row, name) * np.sign(row.effect) for name in names)
    moved, pole = ("higher", "Tph") if row.effect > 0 else ("lower", "Th22")
    unit = f" {row.unit}" if isinstance(row.unit, str) and row.unit else ""
    if points == points:
        whole = "all cells" if row.denominator == TABLE_DENOMINATOR else pretty(row.denominator)
        start = f"The share of {pretty(row.quantity)} among {whole} is {figures(effect)} "
        start += f"percentage points {moved} in {cohort.case} than in {cohort.control}"
    elif row.quantity in MEASURED:
        start = f"The balance of {cohort.case} lies {figures(effect)}{unit} further to the "
        start += f"{pole} side than that of {cohort.control}"
    else:
        start = f"{pretty(row.quantity)} is {figures(effect)}{unit} {moved} "
        start += f"in {cohort.case} than in {cohort.control}"
    low, high = sorted(ends)
    text = f"{start} (95% CI {figures(low)} to {figures(high)}; {people})"
    return text + decided(row.ci_low * row.ci_high > 0)


def decided(known: bool) -> str:
    """End of the sentence: a full stop, or that the interval leaves it open."""
    return "." if known else ": too wide to say which way, so this cohort alone leaves it open."


def dots(results: CohortResults) -> str:
    """SVG: each donor's value of the leading estimator, a lane a condition, bars the medians.

    "" when no donor has a value.
    """
    cohort, values = results.cohort, results.table("imbalance")
    row: Any = answer.primary_row(results.table("tests"))
    if row is None or values.empty:
        return ""
    table = values[(values["estimator"] == row.quantity) & values["value"].notna()]
    if table.empty:
        return ""
    low, high = float(table["value"].min()), float(table["value"].max())
    span = max(high - low, 1e-9)
    parts = []
    for lane, arm in enumerate(cohort.arms):
        rows = table[table["condition"] == arm].sort_values(UNIT_KEY, kind="stable")
        y = EDGE + LANE * (lane + 0.5)
        shade = cohort.color(arm)
        for n, one in enumerate(rows.itertuples()):
            x = place(one.value, low, span)
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y + 7 * ((n * 0.618) % 1 - 0.5):.1f}" r="4" '
                f'fill="{shade}" fill-opacity=".75"/>'
            )
        if len(rows):
            x = place(float(rows["value"].median()), low, span)
            parts.append(f'<path d="M{x:.1f} {y - 11}v22" stroke="currentColor" stroke-width="2"/>')
        name = f"{arm} ({len(rows)})"
        parts.append(
            f'<text x="0" y="{y + 4}" font-size="12" fill="currentColor">{html.escape(name)}</text>'
        )
    below = EDGE + 2 * LANE + 12
    ends = ("← more Th22", "more Tph →")
    parts.append(
        f'<text x="110" y="{below}" font-size="11" fill="currentColor">{ends[0]}</text>'
        f'<text x="{WIDTH - 4}" y="{below}" font-size="11" text-anchor="end" '
        f'fill="currentColor">{ends[1]}</text>'
    )
    label = f"{row.quantity} of {len(table)} donors by condition; bars are medians"
    return (
        f'<svg class="dots" viewBox="0 0 {WIDTH} {below + 6}" role="img" '
        f'aria-label="{html.escape(label)}">{"".join(parts)}</svg>'
    )


def place(value: float, low: float, span: float) -> float:
    """Horizontal place of a value in the dot plot."""
    return 112 + (WIDTH - 122) * (value - low) / span
