"""The imbalance of donors against what was measured in each: dots, slope and band."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import MEASURED, UNIT_KEY
from tilt.donors import units
from tilt.figures import forest, strips, style
from tilt.figures.names import DARK, LIGHT, CohortLabel, exposure, times
from tilt.figures.registry import title
from tilt.stats.readable import FOLDS

TITLE = title("exposures")
KEY = ["exposure", "among", "estimator"]


def draw(
    slopes: pd.DataFrame,
    lines: pd.DataFrame,
    imbalance: pd.DataFrame,
    donors: pd.DataFrame,
    cohort: CohortLabel,
) -> tuple[Figure, pd.DataFrame]:
    """A row of panels an exposure, a panel an estimator.

    ``slopes``, ``lines``: tables of :data:`tilt.core.contracts.EXPOSURES` and
    :data:`tilt.core.contracts.EXPOSURE_LINES`; ``donors`` has the exposures as columns.
    """
    if not slopes["estimable"].any():
        return style.sentence(cohort, TITLE, f"Not estimable: {slopes['reason'].iloc[0]}.")
    asked = slopes[KEY[:2]].drop_duplicates().itertuples(index=False)
    asked = list(asked)
    names = list(dict.fromkeys(slopes["estimator"]))
    fig = style.figure(cohort, TITLE, "double", 12 + 48 * len(asked))
    axes = fig.subplots(len(asked), len(names), squeeze=False)
    shown = []
    letters = iter("abcdefghijklmnopqrstuvwxyz" * 4)
    for panels, (name, among) in zip(axes, asked, strict=True):
        for ax, estimator in zip(panels, names, strict=True):
            key = {"exposure": name, "among": among, "estimator": estimator}
            (row,) = of(slopes, key).itertuples()
            dots = points(imbalance, donors, name, estimator, among, cohort)
            panel(ax, row, of(lines, key), dots, cohort)
            text = f"{estimator}, n = {int(row.n)}" if row.estimable else estimator
            style.mark(ax, next(letters), text)
            shown.append(dots.assign(**key))
            shown.append(pd.DataFrame([{**key, **{c: getattr(row, c) for c in TOLD}}]))
    return fig, pd.concat(shown, ignore_index=True)


TOLD = (
    "n",
    "n_missing",
    "effect",
    "ci_low",
    "ci_high",
    "per_sd",
    *FOLDS,
    "p",
    "p_holm",
    "partial_r",
    "reason",
)


def of(table: pd.DataFrame, key: dict[str, str]) -> pd.DataFrame:
    """Rows of one exposure and estimator."""
    keep = pd.Series(True, index=table.index)
    for column, value in key.items():
        keep &= table[column] == value
    return table[keep]


def points(
    imbalance: pd.DataFrame,
    donors: pd.DataFrame,
    name: str,
    estimator: str,
    among: str,
    cohort: CohortLabel,
) -> pd.DataFrame:
    """Donors with both: donor, condition, x (the exposure), y (the estimator)."""
    arms = [cohort.case] if among == "cases" else list(cohort.arms)
    mine = donors[UNIT_KEY].astype(str).assign(x=units.numbers(donors[name]))
    mine = mine[mine["x"].notna() & mine["condition"].isin(arms)]
    good = imbalance[(imbalance["estimator"] == estimator) & imbalance["estimable"]]
    good = good[[*UNIT_KEY, "value"]].astype(dict.fromkeys(UNIT_KEY, str))
    return mine.merge(good, on=UNIT_KEY).rename(columns={"value": "y"})


def panel(ax: Axes, row: Any, line: pd.DataFrame, dots: pd.DataFrame, cohort: CohortLabel) -> None:
    """One scatter with the slope in words, or the reason why there is none."""
    if not row.estimable:
        strips.not_estimable(ax, row.reason)
        return
    ax.fill_between(line["x"], line["low"], line["high"], color=LIGHT, lw=0, zorder=0)
    ax.plot(line["x"], line["fit"], color=DARK, lw=1, zorder=1)
    for arm in cohort.arms:
        part = dots[dots["condition"] == arm]
        ax.scatter(part["x"], part["y"], s=9, c=cohort.color(arm), lw=0, alpha=0.8, label=arm)
    missing = f", {int(row.n_missing)} not known" if row.n_missing else ""
    who = cohort.case if row.among == "cases" else "all"
    ax.set_xlabel(f"{exposure(row.exposure)} ({who}{missing})")
    ax.set_ylabel(MEASURED[row.estimator].axis)
    ax.xaxis.set_major_locator(style.few_ticks(4))
    ax.yaxis.set_major_locator(style.few_ticks(5))
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.3 * (high - low))  # room for the text
    words = f"{per_sd(row)} per SD\n"
    words += f"partial r {forest.signed(row.partial_r)}, p (Holm) {forest.p_text(row.p_holm)}"
    ax.text(0.5, 0.99, words, transform=ax.transAxes, fontsize=6, color=DARK, ha="center", va="top")


def per_sd(row: Any) -> str:
    """Slope per SD with its interval; of a ratio first as a fold."""
    limits = f"[{forest.signed(row.per_sd_low, '')}, {forest.signed(row.per_sd_high, '')}]"
    own = f"{forest.signed(row.per_sd)} {limits}"
    if row.fold != row.fold:
        return own
    ends = f"[{times(row.fold_low)}, {times(row.fold_high)}]"
    return f"×{times(row.fold)} {ends}, {forest.signed(row.per_sd)}"
