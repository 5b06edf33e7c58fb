"""Repeated samples: the imbalance of each donor from visit to visit, and the mean changes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import ESTIMATORS, UNIT_KEY
from tilt.core.text import at_visit
from tilt.figures import forest, strips, style
from tilt.figures.names import DARK, CohortLabel
from tilt.figures.registry import title

TITLE = title("visits")


def draw(
    changes: pd.DataFrame, imbalance: pd.DataFrame, cohort: CohortLabel, order: list[str]
) -> tuple[Figure, pd.DataFrame]:
    """A line a donor over the visits by estimator, and the changes of the leading one.

    ``changes``: table of :data:`tilt.core.contracts.CHANGES`; ``order``: names of the visits.
    """
    rows = changes[changes["leads"]] if changes["leads"].any() else changes
    rows = rows[rows["estimator"] == rows["estimator"].iloc[0]] if len(rows) else rows
    rows = rows.reset_index(drop=True).assign(y=np.arange(len(rows)) * 1.0)
    values = by_visit(imbalance, cohort, order)
    fig = style.figure(cohort, TITLE, "double", 90 + 9 * len(rows))
    top, bottom = style.stacked(fig, 60, 18 + 9 * len(rows))
    shown = []
    for ax, letter, estimator in zip(top.subplots(1, 3), "abc", ESTIMATORS, strict=True):
        mine = values[values["estimator"] == estimator]
        people = mine.groupby("donor")["place"].nunique()
        n = int((people > 1).sum())
        style.mark(ax, letter, f"{estimator}, n = {n} with two visits")
        if mine.empty:
            strips.not_estimable(ax, "no donor has it")
            continue
        lines(ax, mine, cohort, order)
        ax.set_ylabel(ESTIMATORS[estimator].axis)
        shown.append(mine.drop(columns="place").assign(panel=letter))
    ax, side = bottom.subplots(1, 2, width_ratios=(1, 1.1))
    forest.draw(ax, side, rows.assign(p=rows["p_holm"]))
    names = [
        f"{row.since} to {row.visit}\n{row.among}, n = {int(row.n)}" for row in rows.itertuples()
    ]
    ax.set_yticks(rows["y"], names, fontsize=6)
    estimator = rows["estimator"].iloc[0] if len(rows) else "E1"
    ax.set_xlabel(f"change ({ESTIMATORS[estimator].unit})")
    for one in (ax, side):
        one.set_ylim(len(rows) - 0.4, -0.6)
    donors = values.drop_duplicates(UNIT_KEY)["condition"].value_counts().to_dict()
    fig.legend(handles=style.arm_handles(cohort, donors), loc="outside lower left", ncols=2)
    style.mark(ax, "d", f"{estimator}, change within donors, p by Holm over visits")
    drawn = pd.concat([*shown, rows.assign(panel="d")], ignore_index=True)
    return fig, drawn[["panel", *(c for c in drawn if c != "panel")]]


def by_visit(imbalance: pd.DataFrame, cohort: CohortLabel, order: list[str]) -> pd.DataFrame:
    """Values by donor and visit: donor, condition (of the donor), visit, estimator, value."""
    units = [
        (at_visit(arm, visit) if place else arm, arm, visit, place)
        for arm in cohort.arms
        for place, visit in enumerate(order)
    ]
    known = pd.DataFrame(units, columns=["condition", "arm", "visit", "place"])
    good = imbalance[imbalance["estimable"]]
    table = good[[*UNIT_KEY, "estimator", "value"]].merge(known, on="condition")
    return table.drop(columns="condition").rename(columns={"arm": "condition"})


def lines(ax: Axes, rows: pd.DataFrame, cohort: CohortLabel, order: list[str]) -> None:
    """Dots of donors by visit, joined; means of each arm, of donors with every visit, in black."""
    often = rows.groupby(["condition", "donor"])["place"].transform("nunique")
    whole = rows[often == len(order)]
    for (arm, _), mine in rows.groupby(["condition", "donor"], sort=True):
        mine = mine.sort_values("place")
        ax.plot(mine["place"], mine["value"], "-o", color=cohort.color(arm), lw=0.6, ms=2.5,
                mew=0, alpha=0.7)  # fmt: skip
    for arm, style_of_line in zip(cohort.arms, ("--", "-"), strict=True):
        mean = whole[whole["condition"] == arm].groupby("place")["value"].mean()
        if len(mean) > 1:
            ax.plot(mean.index, mean, style_of_line, color=DARK, lw=1.3)
    n = rows.groupby(["place", "condition"]).size()
    labels = [
        "\n".join([visit, *(f"{n.get((place, arm), 0)} {arm}" for arm in cohort.arms)])
        for place, visit in enumerate(order)
    ]
    ax.set_xticks(range(len(order)), labels)
    ax.set_xlim(-0.4, len(order) - 0.6)
    ax.tick_params(axis="x", length=0)
    ax.yaxis.set_major_locator(style.few_ticks(5))
