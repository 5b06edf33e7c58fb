"""Robustness: the specification curve and the null of random gene sets."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilt.figures import forest, style
from tilt.figures.names import CASE_COLOUR, DARK, Cohort, number

TITLE = "robustness of the imbalance"
COLOURS = {"E1": "#0072B2", "E2": "#009E73", "E3": "#D55E00"}


def draw(curve: pd.DataFrame, random: pd.DataFrame, cohort: Cohort) -> tuple[Figure, pd.DataFrame]:
    """Effect of every specification by size, with the choices that made it; the random-set null.

    ``curve``: estimator, family, specification, leads, effect, unit, ci_low, ci_high, estimable,
    reason; ``random``: draw (0 is the observed axis), effect.
    """
    good = curve[forest.estimable(curve)] if len(curve) else curve
    if good.empty:
        reasons = [r for r in curve.get("reason", []) if isinstance(r, str) and r]
        text = f"No specification can be estimated: {reasons[0] if reasons else 'no contrast'}."
        return style.sentence(cohort, TITLE, text)
    groups = [e for e in COLOURS if (good["estimator"] == e).any()]
    sizes = [int((good["estimator"] == e).sum()) for e in groups]
    height = 3.1 * sum(sizes) + 9 * len(groups) + 16
    with_null = (random["draw"] > 0).sum() >= 20 if len(random) else False
    shrink = min(1.0, (style.MAX_HEIGHT - 50) / height)
    fig = style.figure(cohort, TITLE, "double", height * shrink + 44)
    upper, lower = fig.subfigures(2, 1, height_ratios=(height * shrink, 40))
    axes = upper.subplots(
        len(groups), 2, width_ratios=(1, 0.75), height_ratios=sizes, squeeze=False
    )
    for line, (letter, name) in enumerate(zip("abc", groups, strict=False)):
        rows = good[good["estimator"] == name].sort_values(["effect", "specification"])
        failed = int((curve["estimator"] == name).sum()) - len(rows)
        panel(axes[line][0], axes[line][1], rows, name, cohort, 6 * max(shrink, 0.75))
        extra = f"; {failed} not estimable" if failed else ""
        style.mark(axes[line][0], letter, f"{name}: {len(rows)} specifications{extra}")
    letter = "abcd"[len(groups)]
    ax, note = lower.subplots(1, 2, width_ratios=(1, 0.75))
    note.set_axis_off()
    if with_null:
        null_panel(ax, note, random, letter)
    else:
        style.say(
            ax,
            "No random gene sets were drawn, because the pseudobulk axis (E3) is not estimable.",
            60,
        )
    columns = [
        "estimator",
        "family",
        "specification",
        "leads",
        "effect",
        "unit",
        "ci_low",
        "ci_high",
    ]
    parts = [curve[[*columns, "p", "estimable", "reason"]].assign(panel="specifications")]
    parts.append(random[["draw", "effect"]].assign(panel="random sets"))
    return fig, pd.concat([p for p in parts if len(p)], ignore_index=True)


def panel(ax, side, rows: pd.DataFrame, name: str, cohort: Cohort, size: float) -> None:
    """Specifications of one estimator in order of their effect; the declared one is a diamond."""
    y = np.arange(len(rows))
    main = (rows["family"] == "main").to_numpy()
    ax.hlines(y, rows["ci_low"], rows["ci_high"], color=COLOURS[name], lw=0.7, alpha=0.7)
    ax.plot(rows["effect"][~main], y[~main], "o", ms=2.4, color=COLOURS[name], mew=0)
    ax.plot(rows["effect"][main], y[main], "D", ms=4, color=DARK, mew=0)
    style.zero_line(ax)
    ax.set_ylim(len(rows) - 0.3, -0.7)
    names = [spec_name(row) for row in rows.itertuples()]
    ax.set_yticks(y, names, fontsize=size)
    for label, bold in zip(ax.get_yticklabels(), main, strict=True):
        label.set_weight("bold" if bold else "normal")
    ax.tick_params(axis="y", length=0)
    unit = rows["unit"].dropna().astype(str)
    ax.set_xlabel(
        f"{cohort.case} − {cohort.control} ({unit.iloc[0] if len(unit) else 'effect'}), 95% CI"
    )
    ax.xaxis.set_major_locator(style.few_ticks(6))
    side.set_axis_off()
    side.set_ylim(*ax.get_ylim())
    for place, row in zip(y, rows.itertuples(), strict=True):
        n = f"n = {int(row.n_case)} + {int(row.n_control)}" if row.n_case == row.n_case else ""
        text = f"{forest.effect_text(row)}  {n}"
        side.text(0, place, text, fontsize=size, va="center", transform=side.get_yaxis_transform())


def spec_name(row) -> str:
    """Name of a specification, cut to fit."""
    text = "as declared" if row.family == "main" else str(row.specification)
    return text if len(text) <= 52 else text[:51] + "…"


def null_panel(ax, note, random: pd.DataFrame, letter: str) -> None:
    """Histogram of the effects of random set pairs and the line of the observed effect."""
    observed = float(random.loc[random["draw"] == 0, "effect"].iloc[0])
    null = random.loc[random["draw"] > 0, "effect"].dropna().to_numpy()
    ax.hist(null, bins=40, color="#C7CED6")
    ax.axvline(observed, color=CASE_COLOUR, lw=1.2)
    ax.set_xlabel("effect of the axis (SD)")
    ax.set_ylabel("random set pairs")
    ax.set_xlim(min(null.min(), observed) - 0.1, max(null.max(), observed) + 0.1)
    style.mark(ax, letter, f"{number(len(null))} random gene-set pairs matched for expression")
    beyond = (np.abs(null) >= abs(observed)).mean()
    text = f"observed {observed:+.2f} (line)\n{100 * beyond:.1f}% of random pairs lie as far from 0"
    note.text(0, 0.6, text.replace("-", "−"), color=DARK, transform=note.transAxes)
