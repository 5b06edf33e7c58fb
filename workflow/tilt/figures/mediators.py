"""Interferon, AHR and JUN: difference between the arms, and how the imbalance goes with each."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import ESTIMATORS
from tilt.figures import forest, style
from tilt.figures.names import DARK, CohortLabel, pretty
from tilt.figures.registry import title

TITLE = title("mediators")
SHADES = {"none": "#0072B2", "the others": "#009E73", "the others and handling": "#D55E00"}
WORDS = {"none": "alone", "the others": "+ the others"}
WORDS["the others and handling"] = "+ handling genes"


def draw(mediators: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Difference, slope and share of every mediator, with numbers beside them.

    ``mediators``: table of :data:`tilt.core.contracts.MEDIATORS`, empty without cells.
    """
    if mediators.empty or not forest.estimable(mediators).any():
        reasons = [r for r in mediators.get("reason", []) if isinstance(r, str) and r]
        why = reasons[0] if reasons else "there are no cells to score signatures in"
        return style.sentence(cohort, TITLE, f"Mediators are not compared: {why}.")
    n = mediators[mediators["n_case"].notna()].iloc[0]
    estimator = mediators["estimator"].iloc[0]
    tables = {
        question: rows_of(mediators[mediators["question"] == question])
        for question in ("difference", "slope", "share")
    }
    most = max(len(tables["difference"]), len(tables["slope"]))
    heights = (most + 2, len(tables["share"]) + 2)
    fig = style.figure(cohort, TITLE, "double", 5.2 * sum(heights) + 34)
    upper, lower = style.stacked(fig, *heights)
    axes = upper.subplots(1, 4, width_ratios=(1, 0.95, 1, 0.95), squeeze=False)[0]
    people = f"n = {int(n.n_case)} {cohort.case}, {int(n.n_control)} {cohort.control}"
    panel(axes[0], axes[1], tables["difference"], named=True)
    axes[0].set_xlabel(f"{cohort.case} − {cohort.control} (SD of donors)")
    style.mark(axes[0], "a", f"score by condition ({people})")
    panel(axes[2], axes[3], tables["slope"], named=False)
    axes[2].set_xlabel(f"{ESTIMATORS[estimator].axis} per SD")
    style.mark(axes[2], "b", "imbalance against score, within the arms")
    ax, side, note = lower.subplots(1, 3, width_ratios=(1, 0.95, 1.95), squeeze=False)[0]
    panel(ax, side, tables["share"], named=True)
    ax.set_xlabel("share of the difference of the imbalance")
    style.mark(ax, "c", "share that goes with the score")
    note.set_axis_off()
    note.text(0, 0.5, e_text(tables["slope"]), va="center", color=DARK, fontsize=6)
    return fig, mediators


def rows_of(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with their place ``y`` from the top, mediators apart."""
    order = {name: place for place, name in enumerate(dict.fromkeys(rows["mediator"]))}
    block = rows["mediator"].map(order).to_numpy()
    return rows.assign(y=np.arange(len(rows)) + 0.6 * block).reset_index(drop=True)


def panel(ax: Axes, side: Axes, rows: pd.DataFrame, named: bool) -> None:
    """Forest of one question; a color and a word for what is adjusted for."""
    colors = {row.y: SHADES.get(row.adjusted, DARK) for row in rows.itertuples()}
    forest.draw(ax, side, rows, colors)
    several = rows["adjusted"].nunique() > 1
    labels = [
        f"{pretty(row.mediator)}" + (f", {WORDS[row.adjusted]}" if several else "")
        if row.adjusted == "none" or not several
        else WORDS[row.adjusted]
        for row in rows.itertuples()
    ]
    ax.set_yticks(rows["y"], labels if named else [])
    low, high = rows["y"].min(), rows["y"].max()
    for one in (ax, side):
        one.set_ylim(high + 0.6, low - 0.6)


def e_text(slopes: pd.DataFrame) -> str:
    """The E-values of the slopes adjusted for the most, and what the figure cannot say."""
    last = slopes[slopes["e_value"].notna()].drop_duplicates("mediator", keep="last")
    words = [
        f"{pretty(row.mediator)} {row.e_value:.1f} (limit of the interval {row.e_value_limit:.1f})"
        for row in last.itertuples()
    ]
    text = (
        "Associations between donors. Blood taken at one time cannot show what drives what: the "
        "imbalance may change the score, or something unmeasured both."
    )
    if words:
        text += (
            " To explain a slope away, such a thing would have to go with both by a risk ratio "
            f"of at least (E-value): {'; '.join(words)}."
        )
    return style.textwrap.fill(text, 66)
