"""Robustness: the specification curve and the null of random gene sets."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import PROTEIN_AXIS
from tilt.core.text import number
from tilt.figures import forest, style
from tilt.figures.names import CASE_COLOR, DARK, NAMES, CohortLabel, p_text, pretty, times
from tilt.figures.registry import title
from tilt.stats.readable import FOLDS

TITLE = title("robustness")
COLORS = {"E1": "#0072B2", "E2": "#009E73", "E3": "#D55E00", PROTEIN_AXIS: "#CC79A7"}


def draw(
    curve: pd.DataFrame, random: pd.DataFrame, cohort: CohortLabel
) -> tuple[Figure, pd.DataFrame]:
    """Effect of every specification by size, with the choices that made it; the random-set null.

    ``curve``: estimator, family, specification, leads, effect, unit, ci_low, ci_high, p, fold and
    its limits, n_case, n_control, estimable, reason; families that end in `` out`` (one donor,
    batch or gene left out) share a row. ``random``: draw (0 is the observed axis), effect, t.
    """
    good = curve[forest.estimable(curve)] if len(curve) else curve
    if good.empty:
        reasons = [r for r in curve.get("reason", []) if isinstance(r, str) and r]
        text = f"No specification can be estimated: {reasons[0] if reasons else 'no contrast'}."
        return style.sentence(cohort, TITLE, text)
    groups = {e: rows_of(good[good["estimator"] == e]) for e in COLORS}
    groups = {e: rows for e, rows in groups.items() if rows}
    sizes = [len(rows) + 1 for rows in groups.values()]
    height = 3.4 * sum(sizes) + 11 * len(groups)
    shrink = min(1.0, (style.MAX_HEIGHT - 58) / height)
    fig = style.figure(cohort, TITLE, "double", height * shrink + 58)
    upper, lower = style.stacked(fig, height * shrink, 46)
    axes = upper.subplots(len(groups), 2, width_ratios=(1, 0.8), height_ratios=sizes, squeeze=False)
    for line, (letter, name) in enumerate(zip("abcd", groups, strict=False)):
        mine = curve[curve["estimator"] == name]
        failed = int((~forest.estimable(mine)).sum())
        panel(axes[line][0], axes[line][1], groups[name], name, cohort, 6 * max(shrink, 0.75))
        extra = f"; {failed} not estimable" if failed else ""
        style.mark(axes[line][0], letter, f"{name}: {len(mine) - failed} specifications{extra}")
    ax, note = lower.subplots(1, 2, width_ratios=(1, 0.8))
    note.set_axis_off()
    if len(random) and (random["draw"] > 0).sum() >= 20:
        null_panel(ax, note, random, "abcde"[len(groups)])
    else:
        text = "No random gene sets were drawn, as the pseudobulk axis (E3) is not estimable."
        style.say(ax, text, 60)
    columns = ["estimator", "family", "specification", "leads", "effect", "unit", "ci_low"]
    columns += ["ci_high", "p", *FOLDS, "n_case", "n_control", "estimable", "reason"]
    parts = [curve[columns].assign(panel="specifications")]
    if len(random):
        parts.append(random[["draw", "effect"]].assign(panel="random sets"))
    return fig, pd.concat(parts, ignore_index=True)


def rows_of(good: pd.DataFrame) -> list[pd.DataFrame]:
    """One table a row of the panel, by (median) effect: a specification, or a family left out."""
    left_out = good["family"].str.endswith(" out")
    rows = [good[~left_out].iloc[[n]] for n in range(int((~left_out).sum()))]
    rows += [family for _, family in good[left_out].groupby("family", sort=True)]
    return sorted(rows, key=lambda r: (r["effect"].median(), r["specification"].iloc[0]))


def panel(ax: Axes, side: Axes, rows: list, name: str, cohort: CohortLabel, size: float) -> None:
    """Specifications of one estimator in order of their effect; the declared one is a diamond."""
    labels = []
    for y, row in enumerate(rows):
        main = row["family"].iloc[0] == "main"
        several = row["family"].iloc[0].endswith(" out")
        text = range_text(row) if several else single_text(next(row.itertuples()))
        side.text(0, y, text, fontsize=size, va="center", transform=side.get_yaxis_transform())
        labels.append("as declared" if main else spec_name(row))
        marks: dict[str, Any]
        if several:
            marks = {"marker": "|", "ms": 5, "mew": 0.5}
        else:
            ax.plot([row["ci_low"].iloc[0], row["ci_high"].iloc[0]], [y] * 2, color=COLORS[name])
            marks = {
                "marker": "D" if main else "o",
                "ms": 4 if main else 3,
                "mew": 0,
            }
        color = DARK if main else COLORS[name]
        ax.plot(row["effect"], [y] * len(row), ls="", color=color, zorder=3, **marks)
    style.zero_line(ax)
    # an interval by permutation of few donors can be endless: others give the limits
    own = pd.concat([row for row in rows if row["family"].iloc[0] != "method"] or rows)
    ends = own[["ci_low", "ci_high", "effect"]].to_numpy(float)
    low, high = min(0.0, np.nanmin(ends)), max(0.0, np.nanmax(ends))
    ax.set_xlim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    ax.set_ylim(len(rows) - 0.3, -0.7)
    ax.set_yticks(range(len(rows)), labels, fontsize=size)
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == "as declared" else "normal")
    ax.tick_params(axis="y", length=0)
    unit = rows[0]["unit"].iloc[0]
    ax.set_xlabel(f"{cohort.case} − {cohort.control} ({unit}), 95% CI; ticks: effects alone")
    ax.xaxis.set_major_locator(style.few_ticks(6))
    side.set_axis_off()
    side.set_ylim(*ax.get_ylim())


def spec_name(row: pd.DataFrame) -> str:
    """Name of a specification, cut to fit; of a family left out, with the number of its runs."""
    family = row["family"].iloc[0]
    if family.endswith(" out"):
        return f"{family} ({len(row)} runs)"
    words = [pretty(w) if w in NAMES else w for w in row["specification"].iloc[0].split(" ")]
    text = " ".join(f"{int(w):,}" if w.isdigit() else w for w in words)
    text = text.replace("T cells cells", "T cells")
    return text if len(text) <= 46 else text[:45] + "…"


def single_text(row: Any) -> str:
    """Effect, interval, p and n of one specification."""
    n = f"n = {int(row.n_case)} + {int(row.n_control)}" if row.n_case == row.n_case else ""
    return f"{forest.effect_text(row)}  {n}"


def range_text(rows: pd.DataFrame) -> str:
    """Range of the effects of a family, as folds if they are, and how many intervals are clear."""
    clear = int(((rows["ci_low"] > 0) | (rows["ci_high"] < 0)).sum())
    ends, null = [forest.signed(v) for v in (rows["effect"].min(), rows["effect"].max())], 0
    if rows["fold"].notna().all():
        ends, null = [f"×{times(v)}" for v in (rows["fold"].min(), rows["fold"].max())], 1
    return f"{ends[0]} to {ends[1]}; 95% CI leaves out {null} in {clear} of {len(rows)}"


def null_panel(ax: Axes, note: Axes, random: pd.DataFrame, letter: str) -> None:
    """Histogram of the t of random set pairs, which p is made of, and the line of the observed."""
    first = random[random["draw"] == 0].iloc[0]
    observed = float(first["t"])
    null = random.loc[random["draw"] > 0, "t"].dropna().to_numpy()
    ax.hist(null, bins=40, color="#C7CED6")
    ax.axvline(observed, color=CASE_COLOR, lw=1.2)
    ax.set_xlabel("t of the difference between conditions")
    ax.set_ylabel("random set pairs")
    ax.set_xlim(min(null.min(), observed) - 0.1, max(null.max(), observed) + 0.1)
    style.mark(ax, letter, f"{number(len(null))} random gene-set pairs matched for expression")
    beyond = int((np.abs(null) >= abs(observed)).sum())
    p = (beyond + 1) / (len(null) + 1)
    text = (
        f"line: the axis of the question, t {observed:+.2f} (effect {first['effect']:+.2f} SD)\n"
        f"{number(beyond)} of {number(len(null))} random pairs lie as far from 0 (p {p_text(p)})"
    )
    note.text(0, 0.6, text.replace("-", "−"), color=DARK, transform=note.transAxes)
