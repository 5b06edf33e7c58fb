"""UMAP of T cells: by subset, condition (density, donors of equal weight), batch; do donors mix."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from tilt.cells import mixing
from tilt.core.terms import UNASSIGNED
from tilt.core.text import count, number
from tilt.figures import style
from tilt.figures.names import (
    DARK,
    GRAY,
    LIGHT,
    SPARE_COLORS,
    CohortLabel,
    pretty,
    subset_color,
    subset_order,
)
from tilt.figures.registry import title

TITLE = title("umap")
LABEL_COLUMNS = ("cell", "subset", "own_subset")
OBS_COLUMNS = ("sample", "donor", "batch", "author_label")
MOST_POINTS = 60_000  # cells drawn; more add bytes, not information, at column width
RARE = 300  # a subset of at most so many cells is drawn whole and on top
GRID = 90
GAP = 0.052  # of the width of the map, between numbers of subsets
MIXED = LinearSegmentedColormap.from_list("mixed", ["#B2182B", "#F4E3D7", "#3F6B4C"])
TITLE_LETTERS = 30  # of a line above a quarter panel


def thin(cells: pd.DataFrame, seed: int, most: int = MOST_POINTS) -> pd.DataFrame:
    """At most about ``most`` cells: a random draw, but every cell of a rare subset."""
    if len(cells) <= most:
        return cells
    sizes = cells["subset"].map(cells["subset"].value_counts())
    random = np.random.default_rng(seed)
    keep = (sizes <= RARE).to_numpy() | (random.random(len(cells)) < most / len(cells))
    return cells[keep]


def point_size(n: int) -> float:
    """Area in points squared of one cell in a panel of about 90 mm."""
    return float(np.clip(9000 / max(n, 1), 0.25, 9))


def bare(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Square panel without ticks, limits from the data, arrows' names as axis labels."""
    margin_x, margin_y = 0.04 * max(np.ptp(x), 1e-9), 0.04 * max(np.ptp(y), 1e-9)
    ax.set_xlim(x.min() - margin_x, x.max() + margin_x)
    ax.set_ylim(y.min() - margin_y, y.max() + margin_y)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_box_aspect(1)
    ax.set_xlabel("UMAP 1", loc="left", color=GRAY)
    ax.set_ylabel("UMAP 2", loc="bottom", color=GRAY)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(LIGHT)


def part(places: np.ndarray, gap: float, steps: int = 80) -> np.ndarray:
    """Push label positions (n x 2) apart until none is closer than ``gap``, moving them little."""
    moved = places.astype(float).copy()
    for _ in range(steps):
        apart = moved[:, None] - moved[None]
        distance = np.hypot(*apart.transpose(2, 0, 1))
        np.fill_diagonal(distance, np.inf)
        if (distance >= gap * 0.999).all():
            break
        turn = np.arange(len(moved))
        same = distance < 1e-9
        apart[same] = np.stack([np.cos(turn), np.sin(turn)], 1)[np.nonzero(same)[0]] * 1e-3
        distance = np.where(same, 1e-3, distance)
        push = np.clip(gap - distance, 0, None) / 2
        moved += (apart / distance[..., None] * push[..., None]).sum(1) * 0.5
    return moved


def draw_subsets(ax: Axes, cells: pd.DataFrame, drawn: pd.DataFrame, side: Axes) -> None:
    """Cells by subset, the rarest last; names with n in ``side``, joined by color."""
    sizes = cells["subset"].value_counts()
    for subset in sorted(sizes.index, key=lambda s: (s != UNASSIGNED, -sizes[s], s)):
        rows = drawn[drawn["subset"] == subset]
        area = point_size(len(drawn)) * (2.2 if sizes[subset] <= RARE else 1)
        ax.scatter(rows["x"], rows["y"], s=area, c=subset_color(subset), lw=0, rasterized=True)
    centers = drawn.groupby("subset")[["x", "y"]].median()
    order = subset_order(sizes.index)
    number_of = {subset: n + 1 for n, subset in enumerate(order)}
    named = [subset for subset in order if subset != UNASSIGNED]
    width = max(np.ptp(drawn["x"]), np.ptp(drawn["y"]), 1e-9)
    middles = centers.loc[named].to_numpy()
    for subset, middle, place in zip(named, middles, part(middles, GAP * width), strict=True):
        moved = np.hypot(*(place - middle)) > 0.3 * GAP * width
        line = {"arrowstyle": "-", "lw": 0.5, "color": DARK, "shrinkA": 0, "shrinkB": 0}
        ax.annotate(
            str(number_of[subset]),
            middle,
            place,
            arrowprops=line if moved else None,
            fontsize=6,
            ha="center",
            va="center",
            color=DARK,
            bbox={
                "boxstyle": "circle,pad=0.15",
                "fc": "white",
                "ec": subset_color(subset),
                "lw": 0.8,
                "alpha": 0.9,
            },
        )
    side.set_axis_off()
    side.set_xlim(0, 1)
    rows = max(len(order), 16)
    side.set_ylim(rows, -0.5)
    size = 6.5 if rows <= 27 else 6.5 * 27 / rows
    for place, subset in enumerate(order):
        side.scatter(0.03, place, s=14 if rows <= 27 else 8, c=subset_color(subset), lw=0)
        text = f"{number_of[subset]}  {pretty(subset)} (n = {number(sizes[subset])})"
        side.text(0.08, place, text, va="center", fontsize=size)


def density(cells: pd.DataFrame, edges: Sequence[np.ndarray]) -> np.ndarray:
    """Smoothed density on the grid ``edges`` with every donor weighing the same (sum 1)."""
    from scipy.ndimage import gaussian_filter

    weights = 1 / cells["donor"].map(cells["donor"].value_counts()).to_numpy(dtype=float)
    grid, _, _ = np.histogram2d(cells["x"], cells["y"], bins=edges, weights=weights)
    grid = gaussian_filter(grid, 1.5)
    return grid / max(grid.sum(), 1e-12)


def draw_conditions(
    axes: Sequence[Axes], cells: pd.DataFrame, drawn: pd.DataFrame, cohort: CohortLabel
) -> None:
    """Density of each condition on the same color scale; an absent condition is said."""
    limits = [(drawn[c].min() - 0.5, drawn[c].max() + 0.5) for c in "xy"]
    edges = [np.linspace(*limit, GRID + 1) for limit in limits]
    groups = {arm: cells[cells["condition"] == arm] for arm in cohort.arms}
    grids = {arm: density(rows, edges) for arm, rows in groups.items() if len(rows)}
    top = max((np.quantile(g[g > 0], 0.995) for g in grids.values()), default=1)
    for ax, letter, arm in zip(axes, "bc", cohort.arms, strict=True):
        if arm not in grids:
            style.say(ax, f"No {arm} cells in this cohort, so there is nothing to compare.", 28)
            continue
        colors = LinearSegmentedColormap.from_list(arm, ["#FFFFFF", cohort.color(arm), "#1A1A1A"])
        ax.scatter(drawn["x"], drawn["y"], s=0.4, c="#E6E6E6", lw=0, rasterized=True)
        grid = np.ma.masked_less(grids[arm].T, top * 0.02)
        extent = (*limits[0], *limits[1])
        ax.imshow(
            grid,
            origin="lower",
            extent=extent,
            cmap=colors,
            vmin=0,
            vmax=top,
            aspect="auto",
            rasterized=True,
            zorder=2,
        )
        donors = groups[arm]["donor"].nunique()
        bare(ax, drawn["x"], drawn["y"])
        words = [f"{arm}: {count(donors, 'donor')},", f"{number(len(groups[arm]))} cells"]
        long = len(" ".join(words)) > TITLE_LETTERS
        style.mark(ax, letter, ("\n" if long else " ").join(words))


def draw_groups(ax: Axes, letter: str, drawn: pd.DataFrame, column: str, seed: int) -> None:
    """Cells by ``column`` (batch or donor) in random order; names below when they are few."""
    groups = sorted(drawn[column].astype(str).unique())
    colors = {g: SPARE_COLORS[n % len(SPARE_COLORS)] for n, g in enumerate(groups)}
    order = np.random.default_rng(seed).permutation(len(drawn))
    rows = drawn.iloc[order]
    points = [colors[g] for g in rows[column].astype(str)]
    area = point_size(len(drawn)) / 3
    ax.scatter(rows["x"], rows["y"], s=area, c=points, lw=0, rasterized=True)
    bare(ax, drawn["x"], drawn["y"])
    style.mark(
        ax, letter, f"by {column}: {count(len(groups), column).replace('batchs', 'batches')}"
    )
    if len(groups) <= 8:
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], ls="", marker="o", ms=3, mew=0, color=colors[g], label=g[:14])
            for g in groups
        ]
        ax.set_xlabel("")
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(-0.05, 0), ncols=3, fontsize=6)


def draw_mixing(
    ax: Axes, letter: str, cells: pd.DataFrame, drawn: pd.DataFrame, n_near: int
) -> None:
    """Cells by how many donors there are among their nearest cells, against a draw from all.

    ``cells``, ``drawn``: with donors_near (:mod:`tilt.cells.mixing`); ``n_near`` nearest cells.
    """
    n = cells["donor"].nunique()
    if "donors_near" not in cells or cells["donors_near"].isna().all() or n < 2:
        style.say(ax, "One donor: there is nothing to mix." if n < 2 else "Not measured.", 28)
        return
    mixed = mixing.expected(cells["donor"], n_near)
    order = drawn["donors_near"].sort_values(kind="stable", ascending=False).index
    rows = drawn.loc[order]
    area = point_size(len(drawn)) / 3
    dots = ax.scatter(
        rows["x"], rows["y"], s=area, c=rows["donors_near"] / mixed, cmap=MIXED, vmin=0, vmax=1,
        lw=0, rasterized=True,
    )  # fmt: skip
    bare(ax, drawn["x"], drawn["y"])
    median = cells["donors_near"].median()
    words = f"donors mix: {median:.1f} of {mixed:.1f} nearby"
    style.mark(ax, letter, textwrap.fill(words, TITLE_LETTERS))
    ax.set_xlabel("")
    place = ax.inset_axes((0.1, -0.1, 0.8, 0.035))  # so that the maps stay of one size
    bar = ax.figure.colorbar(dots, cax=place, orientation="horizontal")
    bar.set_ticks([0, 0.5, 1], labels=["one donor", "half", "as if mixed"])
    bar.ax.tick_params(labelsize=5.5, length=0)
    bar.outline.set_visible(False)


def draw(
    cells: pd.DataFrame, cohort: CohortLabel, seed: int = 0, n_neighbors: int = 15
) -> tuple[Figure, pd.DataFrame]:
    """UMAP by subset, the density of each condition, batches if several, and how donors mix.

    ``cells``: one row a T cell with cell, x, y, subset, donor, condition, batch and, where
    measured, donors_near; ``n_neighbors`` as of the graph, the cell itself counted.
    """
    if cells.empty:
        return style.sentence(cohort, TITLE, "No T cells were found in this cohort.")
    drawn = thin(cells, seed)
    fig = style.figure(cohort, TITLE, "double", 160)
    upper, lower = style.stacked(fig, 1.55, 1)
    ax, side = upper.subplots(1, 2, width_ratios=(1.25, 1))
    draw_subsets(ax, cells, drawn, side)
    bare(ax, drawn["x"], drawn["y"])
    shown = f" ({number(len(drawn))} drawn)" if len(drawn) < len(cells) else ""
    donors = count(cells["donor"].nunique(), "donor")
    style.mark(ax, "a", f"by subset: {number(len(cells))} T cells{shown}, {donors}")
    batches = ["batch"] if drawn["batch"].nunique() > 1 else []
    axes = lower.subplots(1, 3 + len(batches))
    draw_conditions(axes[:2], cells, drawn, cohort)
    for ax, column in zip(axes[2:-1], batches, strict=True):
        draw_groups(ax, "d", drawn, column, seed)
    draw_mixing(axes[-1], "de"[len(batches)], cells, drawn, n_neighbors - 1)
    columns = ["cell", "donor", "condition", "batch", "subset", "x", "y", "donors_near"]
    table = (
        drawn.reindex(columns=columns)
        .sort_values("cell", kind="stable")
        .round({"x": 3, "y": 3, "donors_near": 2})
    )
    return fig, table


def cells_of(
    places: pd.DataFrame, labels: pd.DataFrame, obs: pd.DataFrame, samples: pd.DataFrame
) -> pd.DataFrame:
    """One row a T cell: cell, x, y, subset, own_subset where there is one, and what is known of it.

    ``places``: cell, umap1, umap2; ``labels``: cell, subset; ``obs``: by cell, sample, donor,
    batch, author_label (missing ones are empty); ``samples``: sample, condition.
    """
    obs = obs.reindex(columns=list(OBS_COLUMNS))
    conditions = samples.set_index("sample")["condition"]
    obs["condition"] = obs["sample"].astype(str).map(conditions)
    cells = places.rename(columns={"umap1": "x", "umap2": "y"})
    return cells.merge(labels, on="cell", validate="1:1").merge(
        obs.astype(object), left_on="cell", right_index=True, validate="1:1"
    )


def draw_cohort(
    places: pd.DataFrame,
    labels: pd.DataFrame,
    obs: pd.DataFrame,
    samples: pd.DataFrame,
    cohort: CohortLabel,
    seed: int,
    n_neighbors: int,
) -> tuple[Figure, pd.DataFrame]:
    """:func:`draw` from the files of a cohort (:func:`cells_of`)."""
    return draw(cells_of(places, labels, obs, samples), cohort, seed, n_neighbors)
