"""Donor composition: share of every subset in its named denominator, with effect and interval."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from tilt.core.terms import DENOMINATORS, TABLE_DENOMINATOR, UNIT_KEY
from tilt.figures import forest, style
from tilt.figures.names import (
    DARK,
    LIGHT,
    CohortLabel,
    pretty,
    subset_color,
    subset_order,
)
from tilt.figures.registry import title
from tilt.stats.readable import POINTS, SCALES

NARROW_FIRST = (*DENOMINATORS, TABLE_DENOMINATOR)
TITLES = {"subset": title("composition"), "group": title("lineages")}


def pick_rows(composition: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows to draw: each subset (or group) once, with its narrowest denominator.

    Adds ``percent``; donors whose denominator is empty are left out.
    """
    kinds = {"subset": ("subset", "pole"), "group": ("group",)}[kind]
    table = composition
    if "kind" in table:
        table = table[table["kind"].isin(kinds)]
    rank = {name: n for n, name in enumerate(NARROW_FIRST)}
    place = table["denominator"].map(rank).fillna(len(rank))
    best = place.groupby(table["subset"]).transform("min")
    table = table[(place == best) & (table["n_denominator"] > 0)].copy()
    table["percent"] = 100 * table["n"] / table["n_denominator"]
    return table


def row_layout(table: pd.DataFrame) -> pd.DataFrame:
    """Row number (y) of each subset, denominators as groups with a free row for their heading."""
    rows, y = [], 0
    for denominator in NARROW_FIRST:
        subsets = subset_order(table.loc[table["denominator"] == denominator, "subset"])
        if subsets:
            rows.append((denominator, "", y))
            rows += [(denominator, subset, y + 1 + n) for n, subset in enumerate(subsets)]
            y += len(subsets) + 1
    return pd.DataFrame(rows, columns=["denominator", "subset", "y"])


def matching_tests(tests: pd.DataFrame, layout: pd.DataFrame) -> pd.DataFrame:
    """The main test of every row of the layout: same quantity and denominator."""
    rows = layout[layout["subset"] != ""].rename(columns={"subset": "quantity"})
    return rows.merge(forest.main(tests), on=["quantity", "denominator"], how="inner")


def in_points(found: pd.DataFrame) -> pd.DataFrame:
    """Tests with effect and interval in percentage points, as they are where one has none.

    Points are those of the typical donor; their interval leaves out 0 where that of the test does.
    """
    good = forest.estimable(found)
    if (
        not {"points", "points_low", "points_high"} <= set(found)
        or found["points"][good].isna().any()
    ):
        return found
    effects = {"effect": "points", "ci_low": "points_low", "ci_high": "points_high"}
    return found.assign(**{name: found[of] for name, of in effects.items()}, unit=POINTS)


def draw(
    composition: pd.DataFrame, tests: pd.DataFrame, cohort: CohortLabel, kind: str = "subset"
) -> tuple[Figure, pd.DataFrame]:
    """Per-donor shares by condition, and the effect of condition with its 95% interval.

    ``composition``: donor, condition, subset, n, denominator, n_denominator and (optional) kind;
    ``tests``: the tests table of the cohort.
    """
    table = pick_rows(cohort.own(composition), kind)
    if table.empty:
        reason = (
            "No subset has a denominator with cells."
            if kind == "subset"
            else "The cohort holds sorted T cells, so shares of other lineages have no meaning."
        )
        return style.sentence(cohort, TITLES[kind], reason)
    layout = row_layout(table)
    at = layout[layout["subset"] != ""].set_index("subset")["y"]
    donors = table.drop_duplicates(UNIT_KEY)["condition"].value_counts().to_dict()
    rows = int(layout["y"].max()) + 1
    height = np.clip(4.6 * rows + 26, 45, style.MAX_HEIGHT)
    fig = style.figure(cohort, TITLES[kind], "double", height)
    found = matching_tests(tests, layout)
    size = 6.5 if rows <= 45 else 5.5
    if forest.estimable(found).any():
        left, middle, side = fig.subplots(1, 3, width_ratios=(1.5, 1, 1), sharey=True)
        shown = in_points(found)
        forest.draw(middle, side, shown, size=size)
        units = sorted(set(shown.loc[forest.estimable(shown), "unit"].astype(str)))
        if units == [POINTS]:
            style.scale(middle, "both")
        middle.set_xlabel(f"effect ({', '.join(units)})")
        style.mark(middle, "b", f"{cohort.case} − {cohort.control}, 95% CI")
        middle.tick_params(labelleft=False)
        style.mark(left, "a", "each dot a donor, bar the median")
    else:
        left = fig.subplots()
        reasons = [r for r in found.get("reason", []) if isinstance(r, str) and r]
        why = (reasons[0] if reasons else "there is no contrast").rstrip(".")
        told = f"Each dot a donor, bar the median. No effect can be estimated: {why}."
        left.set_title(style.textwrap.fill(told, 105))
    points(left, table, at, cohort, sum(donors.values()))
    names(left, layout, size)
    style.scale(left, "sqrt")
    left.set_xlabel("share of the denominator named in bold (%)")
    left.set_ylim(rows - 0.3, -0.7)
    fig.legend(handles=style.arm_handles(cohort, donors), loc="outside lower left", ncols=2)
    return fig, plotted(table, found)


def points(
    ax: Axes, table: pd.DataFrame, at: pd.Series, cohort: CohortLabel, n_donors: int
) -> None:
    """One dot a donor in two lanes a row, and the median of each lane."""
    size = 5 if n_donors <= 40 else 2.2
    rasterise = len(table) > 3000
    for (subset, arm), rows in table.groupby(["subset", "condition"], sort=False):
        lane = at[subset] + (-0.21 if arm == cohort.control else 0.21)
        values = rows["percent"].to_numpy()
        y = lane + style.swarm(np.sqrt(values), 0.17)
        color = cohort.color(arm)
        dots = ax.scatter(values, y, s=size, c=color, lw=0, alpha=0.75, rasterized=rasterise)
        dots.set_clip_on(rasterise)  # donors without such a cell lie on the axis: not cut in half
        ax.plot([np.median(values)] * 2, [lane - 0.2, lane + 0.2], color=DARK, lw=0.9)


def names(ax: Axes, layout: pd.DataFrame, size: float) -> None:
    """Row names with the subset's color, denominators as bold headings, bands for the eye."""
    rows = layout[layout["subset"] != ""]
    ax.set_yticks(rows["y"], [pretty(s) for s in rows["subset"]], fontsize=size)
    ax.tick_params(axis="y", length=0, pad=7)
    inch = ScaledTranslation(-4 / 72, 0, ax.figure.dpi_scale_trans)
    beside = ax.get_yaxis_transform() + inch
    for row in rows.itertuples():
        ax.plot(0, row.y, marker="s", ms=3, color=subset_color(row.subset), mew=0,
                transform=beside, clip_on=False)  # fmt: skip
    for y in rows["y"][::2]:
        ax.axhspan(y - 0.5, y + 0.5, color="#F6F6F6", lw=0, zorder=-1)
    for row in layout[layout["subset"] == ""].itertuples():
        ax.text(
            0.0, row.y + 0.1, f"of {pretty(row.denominator)}", va="center", fontsize=size,
            weight="bold", transform=ax.get_yaxis_transform(),
        )  # fmt: skip
        ax.axhline(row.y - 0.45, color=LIGHT, lw=0.5)


def plotted(table: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Plotted shares, and below them the plotted effects, in one tidy table."""
    shares = ["donor", "condition", "subset", "denominator", "n", "n_denominator", "percent"]
    effects = ["quantity", "denominator", "effect", "ci_low", "ci_high", "p", "q", "unit", *SCALES]
    effects += ["n_case", "n_control", "method", "covariates", "estimable", "reason"]
    tests = found[[c for c in effects if c in found]].rename(columns={"quantity": "subset"})
    parts = [table[shares].assign(panel="a"), tests.assign(panel="b")]
    joined = pd.concat([p for p in parts if len(p)], ignore_index=True)
    return joined[["panel", *[c for c in joined if c != "panel"]]]
