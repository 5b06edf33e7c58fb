"""More than two groups: donors by group, contrasts of two groups each, and the trend."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import ESTIMATORS, UNIT_KEY
from tilt.core.text import count
from tilt.figures import forest, strips, style
from tilt.figures.names import LIGHT, CohortLabel, pretty
from tilt.figures.registry import title

TITLE = title("groups")


def draw(
    contrasts: pd.DataFrame,
    imbalance: pd.DataFrame,
    donors: pd.DataFrame,
    cohort: CohortLabel,
    groups: dict,
    pairs: list[dict],
) -> tuple[Figure, pd.DataFrame]:
    """Each estimator by group, and the contrasts and the trend of the leading one.

    ``contrasts``: table of :data:`tilt.core.contracts.CONTRASTS`; ``groups`` and ``pairs`` are the
    settings `groups` and `contrasts` of the cohort.
    """
    rows = contrasts[contrasts["leads"]] if contrasts["leads"].any() else contrasts
    rows = rows.drop_duplicates("contrast").reset_index(drop=True)
    rows = rows.assign(y=np.arange(len(rows)) * 1.0)
    if groups["column"] != "condition":  # each donor once, as it was at the first visit
        imbalance = imbalance[imbalance["condition"].isin(cohort.arms)]
    values = by_group(imbalance, donors, groups["column"])
    named = listed(groups, pairs, cohort)
    fig = style.figure(cohort, TITLE, "double", 84 + 9 * len(rows))
    top, bottom = style.stacked(fig, 60, 18 + 9 * len(rows))
    axes = top.subplots(1, len(ESTIMATORS))
    shown = []
    for ax, letter, estimator in zip(axes, "abc", ESTIMATORS, strict=True):
        mine = values[(values["estimator"] == estimator) & values["group"].isin(named)]
        n = int(mine["value"].notna().sum())
        style.mark(ax, letter, f"{pretty(estimator)}, n = {n}")
        if not n:
            reasons = [r for r in mine["reason"] if isinstance(r, str) and r]
            strips.not_estimable(ax, reasons[0] if reasons else "no donor has it")
            continue
        strips.by_group(ax, mine, named, cohort)
        ax.set_ylabel(ESTIMATORS[estimator].axis)
        shown.append(mine.assign(panel=letter))
    ax, side = bottom.subplots(1, 2, width_ratios=(1, 1.1))
    forest_of(ax, side, rows, letter="d")
    drawn = pd.concat([*shown, rows.assign(panel="d")], ignore_index=True)
    return fig, drawn[["panel", *(c for c in drawn if c != "panel")]]


def listed(groups: dict, pairs: list[dict], cohort: CohortLabel) -> list[str]:
    """Groups in the order of the axis: as ordered, then as they occur in the contrasts."""
    first = groups["order"] or (cohort.arms if groups["column"] == "condition" else [])
    more = [pair[key] for pair in pairs for key in ("control", "case")]
    return list(dict.fromkeys([*first, *more]))


def by_group(imbalance: pd.DataFrame, donors: pd.DataFrame, column: str) -> pd.DataFrame:
    """Values with the group of each donor: donor, condition, group, estimator, value, reason."""
    group = donors[UNIT_KEY].astype(str).assign(group=donors[column])
    table = imbalance.astype(dict.fromkeys(UNIT_KEY, str))
    table = table.assign(value=table["value"].where(table["estimable"]))
    columns = [*UNIT_KEY, "group", "estimator", "value", "reason"]
    return table.merge(group, on=UNIT_KEY, how="inner")[columns]


def forest_of(ax: Axes, side: Axes, rows: pd.DataFrame, letter: str) -> None:
    """Contrasts and the trend with n, effect, interval, p, and the smallest effect of interest."""
    margins = rows[rows["margin"].notna()]
    for row in margins.itertuples():
        edges = [row.y - 0.3, row.y + 0.3]
        ax.fill_betweenx(edges, -row.margin, row.margin, color=LIGHT, alpha=0.6, lw=0, zorder=-1)
    forest.draw(ax, side, rows.assign(p=rows["p_holm"].fillna(rows["p"])))
    names = [f"{row.contrast}\n{row.groups}" for row in rows.itertuples()]
    ax.set_yticks(rows["y"], names, fontsize=6)
    estimator = rows["estimator"].iloc[0] if len(rows) else ""
    unit = ESTIMATORS[estimator].unit if estimator else ""
    ax.set_xlabel(f"difference ({unit}); of a trend, a step")
    for one in (ax, side):
        one.set_ylim(len(rows) - 0.4, -0.6)
    n = int((rows["kind"] == "contrast").sum())
    band = "; box: margin" if len(margins) else ""
    style.mark(ax, letter, f"{estimator}, {count(n, 'contrast')}, p by Holm{band}")
