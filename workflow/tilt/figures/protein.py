"""Antibody tags: E4 by condition, beside the leading estimator, and how far tags can be told."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import MEASURED, PRIMARY, PROTEIN_AXIS, UNIT_KEY
from tilt.core.text import count
from tilt.figures import imbalance as imbalances
from tilt.figures import strips, style
from tilt.figures.names import DARK, GRAY, LIGHT, CohortLabel, pretty, subset_order
from tilt.figures.registry import title

TITLE = title("protein")
APART = 2.0  # Ashman's D, drawn as a line: the limit of tilt.cells.proteins
MOST_SHOWN = 30  # proteins in a panel


def draw(
    imbalance: pd.DataFrame,
    tests: pd.DataFrame,
    fits: pd.DataFrame,
    evidence: pd.DataFrame,
    cohort: CohortLabel,
) -> tuple[Figure, pd.DataFrame]:
    """E4 by condition, E4 against the leading estimator, separation, and proteins by subset.

    Parameters: imbalance.tsv and tests.tsv of the cohort; ``fits`` proteins.tsv; ``evidence``
    protein_evidence.tsv.
    """
    fits = _named_first(fits, evidence)
    proteins = list(dict.fromkeys(fits["protein"]))
    told = fits.groupby("protein")["apart"].any()
    rows = [protein for protein in proteins if told[protein]]
    below = 36 + 4 * max(len(rows), 4)
    fig = style.figure(cohort, TITLE, "double", 76 + below)
    top, bottom = style.stacked(fig, 66, below)
    left, middle, right = top.subplots(1, 3, width_ratios=(1, 1, 1.25))
    values = imbalances.values_of(imbalance, PROTEIN_AXIS)
    test = tests[tests["quantity"] == PROTEIN_AXIS]
    imbalances.draw_estimator(left, values, test, PROTEIN_AXIS, cohort)
    style.mark(left, "a", MEASURED[PROTEIN_AXIS].title)
    related = _relate(middle, values, imbalance, tests, cohort)
    _separations(right, fits)
    shown = _shown(bottom.subplots(), evidence, rows)
    counts = values.loc[values["value"].notna(), "condition"].value_counts().to_dict()
    fig.legend(handles=style.arm_handles(cohort, counts), loc="outside lower left", ncols=2)
    columns = ["donor", "condition", "value", "n_cells", "estimable", "reason"]
    parts = [values[columns].assign(panel="a"), related.assign(panel="b")]
    parts += [fits.assign(panel="c"), shown.assign(panel="d")]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return fig, table[["panel", *[c for c in table if c != "panel"]]]


def _named_first(fits: pd.DataFrame, evidence: pd.DataFrame) -> pd.DataFrame:
    """At most so many proteins: those of the gates and of labels, then the best separated."""
    from tilt.donors.protein_axis import NEEDED

    meant = set(evidence.loc[evidence["sign"].fillna("") != "", "protein"]) | set(NEEDED)
    best = fits.groupby("protein")["separation"].max()
    order = sorted(best.index, key=lambda p: (p not in meant, -np.nan_to_num(best[p])))
    kept = order[:MOST_SHOWN]
    kept = sorted(kept, key=lambda p: (-np.nan_to_num(best[p]), p))
    place = fits["protein"].map({name: n for n, name in enumerate(kept)})
    rows = fits[place.notna()].assign(place=place[place.notna()])
    return rows.sort_values(["place", "batch"], kind="stable").drop(columns="place")


def _relate(
    ax: Axes,
    values: pd.DataFrame,
    imbalance: pd.DataFrame,
    tests: pd.DataFrame,
    cohort: CohortLabel,
) -> pd.DataFrame:
    """The leading estimator, from RNA, against E4 in each donor."""
    main = tests.loc[tests["role"] == PRIMARY, "quantity"]
    lead = next((name for name in main if name in MEASURED), "E3")
    other = imbalances.values_of(imbalance, lead)
    rows = other[[*UNIT_KEY, "value"]].merge(values[[*UNIT_KEY, "value"]], on=UNIT_KEY)
    rows = rows.rename(columns={"value_x": "x", "value_y": "y"}).dropna()
    style.mark(ax, "b", f"RNA against protein, n = {count(len(rows), 'donor')}")
    if len(rows) < 5:
        style.say(ax, "fewer than 5 donors have both values", 24)
        return pd.DataFrame()
    axes = MEASURED[lead].axis, MEASURED[PROTEIN_AXIS].axis
    found = strips.relation(ax, rows, cohort, f"{lead}: {axes[0]}", axes[1])
    return pd.concat([rows.assign(x_is=lead), found], ignore_index=True)


def _separations(ax: Axes, fits: pd.DataFrame) -> None:
    """Separation of signal and background of each protein, a dot a batch."""
    proteins = list(dict.fromkeys(fits["protein"]))
    style.mark(ax, "c", f"separation, a dot a batch (n = {fits['batch'].nunique()})")
    place = fits["protein"].map({name: n for n, name in enumerate(proteins)})
    for apart, look in ((True, {"c": DARK, "lw": 0}), (False, {"fc": "none", "ec": GRAY})):
        part = fits["apart"].astype(bool) == apart
        keys: dict[str, Any] = {"s": 10, "zorder": 3, "linewidths": 0.6} | look
        keys.pop("lw", None)
        label = "told apart" if apart else "overlap"
        ax.scatter(fits.loc[part, "separation"], place[part], label=label, **keys)
    ax.axvline(APART, color=LIGHT, lw=0.8, zorder=0)
    ax.set_yticks(range(len(proteins)), proteins, fontsize=5.5 if len(proteins) > 16 else 6.5)
    ax.set_ylim(len(proteins) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("distance of means over SD (Ashman's D)")
    ax.legend(loc="lower right")


def _shown(ax: Axes, evidence: pd.DataFrame, proteins: list[str]) -> pd.DataFrame:
    """Share of the cells of each subset that have each protein, beside what is expected."""
    rows = evidence[evidence["protein"].isin(proteins) & evidence["share_positive"].notna()]
    sizes = rows.groupby("label")["n_cells"].max()
    small = sizes.index[sizes < style.FEW]
    rows = rows[~rows["label"].isin(small)]
    style.mark(ax, "d", "cells likelier to have the protein; + and −: expected of the subset")
    if rows.empty:
        style.say(ax, "signal and background are told apart for no protein")
        return pd.DataFrame()
    subsets = subset_order(rows["label"].unique())
    percent = 100 * rows.pivot(index="protein", columns="label", values="share_positive")
    percent = percent.reindex(index=proteins, columns=subsets)
    signs = rows.pivot(index="protein", columns="label", values="sign").reindex_like(percent)
    image = ax.imshow(
        percent, cmap="cividis", vmin=0, vmax=100, aspect="auto", interpolation="none"
    )
    for row, column in np.ndindex(percent.shape):
        sign = signs.iat[row, column]
        if isinstance(sign, str) and sign:
            color = DARK if percent.iat[row, column] > 55 else "white"
            text = sign.replace("-", "−")
            ax.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
    if len(small):
        ax.set_xlabel(f"not drawn: {count(len(small), 'subset')} of fewer than {style.FEW} cells")
    names = [f"{pretty(name)} ({sizes[name]:,})" for name in subsets]
    ax.set_xticks(range(len(subsets)), names, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(proteins)), proteins)
    ax.tick_params(length=0)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, aspect=14, pad=0.01)
    bar.set_label("% of cells")
    bar.outline.set_visible(False)
    return rows
