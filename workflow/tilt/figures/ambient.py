"""Ambient RNA: genes of other blood cells in the T cells of each donor, by condition."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilt.core.terms import UNIT_KEY
from tilt.donors import ambient
from tilt.figures import strips, style
from tilt.figures.names import DARK, CohortLabel
from tilt.figures.registry import title

if TYPE_CHECKING:
    from anndata import AnnData

TITLE = title("ambient")


def fold(case: np.ndarray, control: np.ndarray) -> tuple[float, float, float]:
    """Ratio of the geometric means of case and control with its 95% interval.

    ``case``, ``control``: decimal logs, one a donor. Interval of Welch's t on the logs
    (doi:10.1093/biomet/34.1-2.28); NaN below three donors in an arm or without variance.
    """
    if min(len(case), len(control)) < 3 or np.ptp(case) + np.ptp(control) == 0:
        return np.nan, np.nan, np.nan
    from tilt.stats import inference

    squares = np.array([arm.var(ddof=1) / len(arm) for arm in (case, control)])
    df = squares.sum() ** 2 / (squares**2 / [len(case) - 1, len(control) - 1]).sum()
    found = inference.from_t(case.mean() - control.mean(), squares.sum() ** 0.5, df)
    return float(10**found.effect), float(10**found.ci_low), float(10**found.ci_high)


def draw(table: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Counts of each sentinel per 10,000 counts of T cells, a dot a donor, by condition.

    ``table``: donor, condition, genes, source, n_counts, n_total (tilt.ambient.sentinels). The
    axis is logarithmic and shared; half a count is added to every donor.
    """
    if table.empty:
        return style.sentence(cohort, TITLE, "There is no donor with enough T cells to be summed.")
    table = table.assign(value=np.log10(1e4 * (table["n_counts"] + 0.5) / table["n_total"]))
    groups = list(table.groupby("genes", sort=False))
    donors = table.drop_duplicates(UNIT_KEY)["condition"].value_counts().to_dict()
    fig = style.figure(cohort, TITLE, "double", 66)
    axes = fig.subplots(1, len(groups), sharey=True)
    found = []
    for ax, letter, (gene, rows) in zip(axes, "abcdefgh", groups, strict=False):
        style.mark(ax, letter, f"{gene}\n{rows['source'].iloc[0]}")
        if rows["n_counts"].isna().all():
            style.say(ax, "not in the matrix", 12)
            continue
        strips.two_arms(ax, rows, cohort, names=False)
        arms = [rows.loc[rows["condition"] == a, "value"].to_numpy() for a in cohort.arms]
        ratio = fold(arms[1], arms[0])
        if ratio[0] == ratio[0]:
            text = f"×{ratio[0]:.2f}\n[{ratio[1]:.2f}, {ratio[2]:.2f}]"
            ax.text(0.5, 1, text, transform=ax.transAxes, fontsize=6, va="top", ha="center")
            ax.texts[-1].set_color(DARK)
        columns = {"ratio": ratio[0], "ci_low": ratio[1], "ci_high": ratio[2]}
        found.append({"genes": gene, "source": rows["source"].iloc[0], **columns})
    values = table["value"].dropna()
    if len(values):
        low, high = values.min() - 0.15, values.max() + 0.15
        high += 0.28 * (high - low)  # room for the ratios
        axes[0].set_ylim(low, high)
        ticks = style.log_ticks(10**low, 10**high)
        axes[0].yaxis.set_major_locator(style.fixed_ticks(list(np.log10(ticks))))
        axes[0].yaxis.set_major_formatter(lambda y, _: f"{10**y:,.4g}")
    axes[0].set_ylabel("counts per 10,000 of T cells")
    handles = style.arm_handles(cohort, donors)
    told = f"×: {cohort.case} over {cohort.control}, 95% CI"
    if not any(one["ratio"] == one["ratio"] for one in found):
        told = "no ratio: fewer than 3 donors in an arm"
    handles += style.bar_handles({told: "none"})
    fig.legend(handles=handles, loc="outside lower left", ncols=3)
    plotted = [table.drop(columns="value").assign(panel="donors")]
    plotted += [pd.DataFrame(found).assign(panel="ratios")] if found else []
    return fig, pd.concat(plotted, ignore_index=True)


def draw_cohort(pseudobulk: "AnnData", cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """:func:`draw` from the summed counts of a cohort, donors and subsets x genes."""
    return draw(ambient.sentinels(pseudobulk), cohort)
