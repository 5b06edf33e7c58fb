"""The imbalance panel: Tph-like against Th22-like donors, three estimators, interferon."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import (
    CORRECTED,
    ESTIMATORS,
    MEASURED,
    POLE_FLAGS,
    PRIMARY,
    UNIT_KEY,
)
from tilt.core.text import count
from tilt.donors.composition import count_poles
from tilt.figures import activity as activities
from tilt.figures import forest, strips, style
from tilt.figures.names import DARK, GRAY, LIGHT, CohortLabel, pretty
from tilt.figures.registry import title

TITLE = title("imbalance")
RATIOS = (0.1, 0.25, 0.5, 1, 2, 4, 10)


def roomy(values: np.ndarray, least: float = 6.0) -> tuple[float, float]:
    """Limits of a log axis: some room around the values, and at least a factor ``least``."""
    low, high = values.min() / 1.5, values.max() * 1.5
    more = max(np.sqrt(least * low / high), 1.0)
    return low / more, high * more


def draw_poles(ax: Axes, table: pd.DataFrame, cohort: CohortLabel, labeled: bool) -> None:
    """Donors on log axes with lines of equal ratio."""
    x, y = table["pct_th22"].to_numpy(), table["pct_tph"].to_numpy()
    for arm in cohort.arms:
        rows = table[table["condition"] == arm]
        size = 14 if len(table) <= 60 else 6
        ax.scatter(
            rows["pct_th22"],
            rows["pct_tph"],
            s=size,
            c=cohort.color(arm),
            lw=0,
            alpha=0.8,
            zorder=3,
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    (low_x, high_x), (low_y, high_y) = roomy(x), roomy(y)
    ax.set_xlim(low_x, high_x)
    ax.set_ylim(low_y, high_y)
    for ratio in RATIOS:
        ends = np.array([max(low_x, low_y / ratio), min(high_x, high_y / ratio)])
        if ends[1] <= ends[0] * 1.05:
            continue
        style_of: dict[str, Any] = {
            "color": DARK if ratio == 1 else GRAY,
            "lw": 0.7 if ratio == 1 else 0.4,
        }
        ax.plot(ends, ends * ratio, zorder=1, ls="-" if ratio == 1 else (0, (4, 3)), **style_of)
        at_top = ends[1] * ratio >= high_y * 0.999
        ax.annotate(
            f"{ratio:g}:1" if ratio >= 1 else f"1:{1 / ratio:g}",
            (ends[1], ends[1] * ratio),
            xytext=(0, 1.5) if at_top else (1.5, 0),
            textcoords="offset points",
            fontsize=5.5,
            color=GRAY,
            ha="center" if at_top else "left",
            va="bottom" if at_top else "center",
            annotation_clip=False,
        )
    for axis, limits in ((ax.xaxis, (low_x, high_x)), (ax.yaxis, (low_y, high_y))):
        axis.set_major_locator(style.fixed_ticks(style.log_ticks(*limits)))
        axis.set_minor_formatter(style.no_text())
        style.plain_ticks(axis)
    what = ("Th22-like", "Tph-like + Tfh") if labeled else ("Th22-score high", "Tph-score high")
    ax.set_xlabel(f"{what[0]} (% of memory CD4 T cells)")
    ax.set_ylabel(f"{what[1]} (% of memory CD4 T cells)")


def values_of(imbalance: pd.DataFrame, estimator: str) -> pd.DataFrame:
    """Donors' values of one estimator: donor, condition, value, estimable, reason."""
    rows = imbalance[imbalance["estimator"] == estimator].copy()
    rows.loc[~rows["estimable"], "value"] = np.nan
    return rows


def draw_estimator(
    ax: Axes, rows: pd.DataFrame, tests: pd.DataFrame, name: str, cohort: CohortLabel
) -> None:
    """Strip of one estimator with its effect, or the sentence why there is none."""
    own, tested = list(rows.get("reason", [])), list(tests.get("reason", []))
    missing = rows["value"].notna().sum() == 0
    reasons = [*own, *tested] if missing else [*tested, *own]
    reason = next((r for r in reasons if isinstance(r, str) and r), "no donor has a value")
    if missing:
        strips.not_estimable(ax, reason)
        return
    strips.two_arms(ax, rows, cohort)
    ax.set_ylabel(MEASURED[name].axis)
    text = strips.test_text(tests)
    if not text:
        text = style.textwrap.fill(f"no contrast: {reason}", 30)
    ax.text(
        0.5, 1.0, text, transform=ax.transAxes, fontsize=6, va="top", ha="center", color=DARK,
    )  # fmt: skip
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.24 * (high - low))


def draw(
    composition: pd.DataFrame,
    imbalance: pd.DataFrame,
    tests: pd.DataFrame,
    interferon: pd.DataFrame,
    cohort: CohortLabel,
    poles: dict,
    permuted: pd.DataFrame | None = None,
    methods: pd.DataFrame | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Scatter of the two poles; E1, E2 and E3 by condition; their effects; axis and interferon.

    ``interferon``: donor, condition, value (score of each donor). ``poles``: labels of ``tph`` and
    ``th22`` in E1.
    ``permuted``: histogram of the effects with permuted labels (estimator, bin_low, bin_high, n).
    ``methods``: the comparisons by other methods, of which that corrected for mislabeled cells is
    drawn below its estimator.
    """
    imbalance, composition = cohort.own(imbalance), cohort.own(composition)
    values = {name: values_of(imbalance, name) for name in ESTIMATORS}
    effects = forest.main(tests[tests["quantity"].isin(ESTIMATORS)])
    labeled = bool(values["E1"]["value"].notna().any())
    pole = count_poles(composition, poles if labeled else POLE_FLAGS)
    if pole.empty:
        return style.sentence(cohort, TITLE, "No donor has memory CD4 T cells.")
    fig = style.figure(cohort, TITLE, "double", 152)
    top, bottom = style.stacked(fig, 1.35, 1)
    left, right = top.subplots(1, 2, width_ratios=(1.15, 1))
    draw_poles(left, pole, cohort, labeled)
    style.mark(left, "a", f"{count(len(pole), 'donor')}; lines: equal Tph to Th22 ratio")
    left.set_title(left.get_title(loc="left"), loc="left", pad=11)  # room for the ratios
    corrected = corrected_rows(methods)
    null = draw_effects(right, effects, values, cohort, permuted, corrected)
    axes = bottom.subplots(1, 4)
    for ax, letter, name in zip(axes, "cde", ESTIMATORS, strict=False):
        draw_estimator(ax, values[name], effects[effects["quantity"] == name], name, cohort)
        style.mark(ax, letter, pretty(name))
    lead = lead_estimator(effects, values)
    related = relate(axes[3], values[lead], interferon, lead, cohort)
    counts = pole["condition"].value_counts().to_dict()
    fig.legend(handles=style.arm_handles(cohort, counts), loc="outside lower left", ncols=2)
    return fig, plotted(pole, values, pd.concat([effects, corrected]), null, related)


def draw_effects(
    ax: Axes,
    effects: pd.DataFrame,
    values: dict,
    cohort: CohortLabel,
    permuted: pd.DataFrame | None,
    corrected: pd.DataFrame,
) -> pd.DataFrame:
    """Standardized effects on one axis; the effect in its own unit is written above each.

    Below each, what permuted labels give, and hollow the effect corrected for mislabeled cells.
    Returns the histogram that is drawn.
    """
    rows = effects.set_index("quantity").reindex(list(ESTIMATORS)).reset_index()
    rows["y"] = np.arange(len(rows)) * 1.0
    rows["estimable"] = rows["estimable"].eq(True)
    rows["reason"] = [reason_of(row, values) for row in rows.itertuples()]
    good = forest.estimable(rows)
    bars = rows[good].copy()
    # the interval of the test in standard deviations: it leaves out 0 just where the test does
    scale = (bars["smd"] / bars["effect"]).astype(float)
    bars["ci_low"], bars["ci_high"] = bars["ci_low"] * scale, bars["ci_high"] * scale
    bars["effect"] = bars["smd"]
    forest.draw(ax, None, bars[bars["effect"].notna()])
    margin = (bars["margin"].astype(float) * scale.abs()).dropna() if "margin" in bars else ()
    for place, half in dict(margin).items():
        low, high = bars.loc[place, "y"] - 0.12, bars.loc[place, "y"] + 0.12
        ax.fill_betweenx([low, high], -half, half, color=LIGHT, lw=0, zorder=-1)
    null = [draw_null(ax, row, permuted) for row in rows[good].itertuples()]
    null = pd.concat([pd.DataFrame(), *null], ignore_index=True)
    more = "; gray: labels permuted" if len(null) else ""
    if len(margin):
        more = f"{'; gray: permuted' if more else ''}; box: margin"
    style.mark(ax, "b", f"{cohort.case} − {cohort.control}, 95% CI{more}")
    names = []
    for row, fine in zip(rows.itertuples(), good, strict=True):
        names.append(pretty(row.quantity) + ("\n(leads)" if row.role == PRIMARY else ""))
        own = fine and isinstance(row.unit, str) and not getattr(row, "fold", np.nan) > 0
        unit = f" {row.unit}" if own else ""
        text = forest.effect_text(row).replace("]  ", f"]{unit}\n") if fine else ""
        if fine:
            text += draw_corrected(ax, row, corrected)
        ax.text(
            0.0, row.y - 0.14, text or forest.missing_text(row.reason, 48), va="bottom",
            fontsize=6, color=DARK if fine else GRAY, transform=ax.get_yaxis_transform(),
            style="normal" if fine else "italic", linespacing=1.15, zorder=3,
            bbox={"fc": "white", "ec": "none", "pad": 0.8, "alpha": 0.85},
        )  # fmt: skip
    ax.set_yticks(rows["y"], names)
    ax.set_ylim(len(rows) - 0.5, -0.7)
    if len(bars):
        ax.set_xlabel("standardized difference (Hedges g)")
    else:
        ax.spines["bottom"].set_visible(False)
        ax.set_xticks([])
    return null


def corrected_rows(methods: pd.DataFrame | None) -> pd.DataFrame:
    """Rows of effects corrected for mislabeled cells."""
    if methods is None:
        return pd.DataFrame()
    return methods[methods["method"].str.startswith(CORRECTED)].reset_index(drop=True)


def draw_corrected(ax: Axes, row: Any, corrected: pd.DataFrame) -> str:
    """Draw the corrected effect of one estimator below its own, and give it in words."""
    mine = corrected[corrected["quantity"] == row.quantity] if len(corrected) else corrected
    if mine.empty:
        return ""
    found = next(mine.itertuples())
    if not found.estimable:
        return "\ncorrected for mislabeling: not estimable"
    scale = row.smd / row.effect
    y = row.y + 0.17
    ax.plot([scale * found.ci_low, scale * found.ci_high], [y, y], color=GRAY, lw=0.8)
    ax.plot(scale * found.effect, y, marker="D", ms=3.4, mfc="white", mec=GRAY, mew=0.8)
    low, high = ax.get_xlim()
    ends = scale * found.ci_low, scale * found.ci_high
    ax.set_xlim(min(low, 1.05 * min(ends)), max(high, 1.05 * max(ends)))
    return "\ncorrected for mislabeling: " + forest.effect_text(found)


def draw_null(ax: Axes, row: Any, permuted: pd.DataFrame | None) -> pd.DataFrame:
    """Histogram of the effects with permuted labels below the row of one estimator.

    Drawn on the axis of the standardized effect, so both are divided by the same deviation.
    """
    if permuted is None or not (row.smd == row.smd and row.effect):
        return pd.DataFrame()
    null = permuted[permuted["estimator"] == row.quantity]
    if null.empty:
        return null
    scale = row.smd / row.effect
    height = 0.3 * null["n"] / null["n"].max()
    floor = row.y + 0.42
    steps = scale * np.append(null["bin_low"], null["bin_high"].iloc[-1])
    ax.stairs(floor - height, steps, baseline=floor, fill=True, color=LIGHT, lw=0, zorder=0)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, 1.05 * steps.min()), max(high, 1.05 * steps.max()))
    return null


def reason_of(row: Any, values: dict) -> str:
    """Reason of a test, else the first reason a donor's value is missing."""
    if isinstance(row.reason, str) and row.reason:
        return row.reason
    reasons = [r for r in values[row.quantity].get("reason", []) if isinstance(r, str) and r]
    return reasons[0] if reasons else "no test was made"


def lead_estimator(effects: pd.DataFrame, values: dict) -> str:
    """The primary estimator, else E3, else the first with values."""
    primary = effects.loc[effects["role"] == PRIMARY, "quantity"]
    for name in [*primary, "E3", *ESTIMATORS]:
        if values[name]["value"].notna().any():
            return name
    return "E3"


def relate(
    ax: Axes,
    values: pd.DataFrame,
    interferon: pd.Series,
    lead: str,
    cohort: CohortLabel,
) -> pd.DataFrame:
    """Lead estimator against the interferon score."""
    key = UNIT_KEY
    label = "type I interferon score"
    rows = interferon[[*key, "value"]].merge(values[[*key, "value"]], on=key)
    rows = rows.rename(columns={"value_x": "x", "value_y": "y"})
    rows = rows[rows["x"].notna() & rows["y"].notna()]
    if len(rows) < 5:
        style.say(ax, f"{label}: fewer than 5 donors have both values.", 24)
        style.mark(ax, "f")
        return pd.DataFrame()
    found = strips.relation(ax, rows, cohort, label, ESTIMATORS[lead].axis)
    style.mark(ax, "f", f"{lead}, n = {len(rows)} donors")
    return pd.concat([rows.assign(panel="f", y_is=lead, x_is=label), found.assign(panel="f")])


def plotted(
    pole: pd.DataFrame,
    values: pd.DataFrame,
    effects: pd.DataFrame,
    null: pd.DataFrame,
    related: pd.DataFrame,
) -> pd.DataFrame:
    """Everything plotted, by panel, in one table."""
    parts = [pole.assign(panel="a"), effects.assign(panel="b"), null.assign(panel="b, permuted")]
    for letter, name in zip("cde", ESTIMATORS, strict=True):
        columns = ["donor", "condition", "estimator", "value", "estimable", "reason"]
        rows = values[name]
        parts.append(rows[[c for c in columns if c in rows]].assign(panel=letter))
    parts.append(related)
    joined = pd.concat([p for p in parts if len(p)], ignore_index=True)
    return joined[["panel", *[c for c in joined if c != "panel"]]]


def draw_cohort(
    composition: pd.DataFrame,
    imbalance: pd.DataFrame,
    tests: pd.DataFrame,
    activity: pd.DataFrame,
    permuted: pd.DataFrame,
    methods: pd.DataFrame,
    cohort: CohortLabel,
    poles: dict,
) -> tuple[Figure, pd.DataFrame]:
    """:func:`draw` with the interferon score of each donor from the table of activity."""
    interferon = activities.donor_scores(activity)
    return draw(composition, imbalance, tests, interferon, cohort, poles, permuted, methods)
