"""Quality control: why barcodes left, and the distributions before and after."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilt.core.text import count, number
from tilt.figures import style
from tilt.figures.names import DARK, LIGHT, STEP_COLORS, CohortLabel
from tilt.figures.registry import title

WATERFALL_TITLE, METRICS_TITLE = title("qc_waterfall"), title("qc_metrics")
KEPT_COLOR = "#C7CED6"
MOST_NAMED = 60  # samples that can carry their name on a page
METRICS = {
    "n_counts": ("UMIs per cell", "log"),
    "n_genes": ("genes per cell", "log"),
    "pct_mito": ("mitochondrial UMIs (%)", "sqrt"),
    "pct_hb": ("hemoglobin UMIs (%)", "sqrt"),
    "doublet_score": ("doublet score", "linear"),
}
CELL_COLUMNS = ("sample", "donor", "condition", "kept", *METRICS)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def step_name(step: str) -> str:
    """Name of a filter step as written in a figure."""
    return str(step).replace("_", " ")


def order_samples(table: pd.DataFrame, cohort: CohortLabel) -> list[str]:
    """Samples sorted by condition (control first), then by name."""
    rank = {arm: place for place, arm in enumerate(cohort.arms)}
    first = table.drop_duplicates("sample")
    keys = zip(first["condition"].map(rank).fillna(2), first["sample"], strict=True)
    return [sample for _, sample in sorted(keys)]


def waterfall_table(waterfall: pd.DataFrame) -> pd.DataFrame:
    """Barcodes removed by each step and kept, one row a sample and step, with percent of read."""
    read = waterfall.groupby("sample")["n_left"].max()
    removed = waterfall[waterfall["n_removed"] > 0].copy()
    removed = removed.rename(columns={"n_removed": "n"})
    last = waterfall.groupby("sample").tail(1).copy()
    last["step"], last["n"] = "kept", last["n_left"]
    columns = ["sample", "donor", "condition", "step", "n"]
    table = pd.concat([last[columns], removed[columns]])
    table["percent"] = 100 * table["n"] / table["sample"].map(read).clip(lower=1)
    return table


def draw_waterfall(waterfall: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Barcodes left after each step (whole cohort) and the share lost at each step by sample.

    ``waterfall``: columns sample, donor, condition, step, n_removed, n_left, steps in order,
    the first being ``read``.
    """
    table = waterfall_table(waterfall)
    samples = order_samples(waterfall, cohort)
    steps = list(dict.fromkeys(waterfall["step"]))
    named = len(samples) <= MOST_NAMED
    height = np.clip(3.1 * len(samples) + 30, 62, 205) if named else 150
    fig = style.figure(cohort, WATERFALL_TITLE, "double", height)
    left, right = fig.subplots(1, 2, width_ratios=(1, 1.5))
    colors = dict(zip(steps[1:], STEP_COLORS * 4, strict=False))

    total = waterfall.groupby("step", sort=False)["n_left"].sum().reindex(steps)
    lost = waterfall.groupby("step", sort=False)["n_removed"].sum().reindex(steps)
    top = max(total.max(), 1)
    for place, step in enumerate(steps):
        left.barh(place, total[step], color=KEPT_COLOR, height=0.72)
        left.barh(place, lost[step], left=total[step], color=colors.get(step), height=0.72)
        share = 100 * lost[step] / top
        gone = f"−{number(lost[step])}, {share:.1f}%" if lost[step] else "none removed"
        text = number(total[step]) + (f"  ({gone})" if place else "")
        inside = total[step] > 0.55 * top
        left.text(
            0.02 * top if inside else total[step] + lost[step] + 0.02 * top,
            place,
            text,
            va="center",
            fontsize=6,
            color=DARK,
        )
    left.set_yticks(range(len(steps)), [step_name(step) for step in steps])
    left.set_ylim(len(steps) - 0.4, -0.6)
    left.set_xlim(0, top * 1.02)
    left.xaxis.set_major_locator(style.few_ticks(4))
    left.xaxis.set_major_formatter(lambda x, _: number(x))
    left.set_xlabel("barcodes left")
    style.mark(
        left, "a", f"{count(len(samples), 'sample')}, n = {number(total.iloc[0])} barcodes read"
    )

    arm = waterfall.drop_duplicates("sample").set_index("sample")["condition"]
    runs = [[sample] for sample in samples]
    if not named:  # nothing tells them apart but what they lost
        kept = table[table["step"] == "kept"].set_index("sample")["percent"]
        runs = [sorted(run, key=kept.get) for _, run in itertools.groupby(samples, arm.get)]
        samples = [sample for run in runs for sample in run]
    end = np.zeros(len(samples))
    for order, step in enumerate(["kept", *(step for step in steps[1:] if lost[step])]):
        rows = table[table["step"] == step].set_index("sample")["percent"]
        widths = rows.reindex(samples).fillna(0).to_numpy()
        color = KEPT_COLOR if step == "kept" else colors[step]
        look = {"color": color, "label": step_name(step), "zorder": 1 - order / 100}
        if named:
            right.barh(range(len(samples)), widths, left=end, height=0.8, **look)
        end += widths
        if not named:  # one outline over those that follow: thin bars would flicker
            edges = np.arange(-0.5, len(end))
            right.fill_betweenx(edges, [*end, end[-1]], step="post", lw=0, **look)
    for run in runs:
        high, color = len(run) - (0.2 if named else 0), cohort.color(arm[run[0]])
        middle = samples.index(run[0]) + (len(run) - 1) / 2
        right.barh(middle, 2, left=-3, color=color, height=high)
    right.set_xlim(-3.2, 100)
    style.row_limits(right, len(samples))
    style.name_rows(right, samples if named else [], count(len(samples), "sample"))
    right.set_xlabel("barcodes read (%)")
    style.mark(right, "b", "share of each sample" + ("" if named else ", most lost first"))
    handles = style.arm_handles(cohort, arm.value_counts().to_dict(), "sample")
    fig.legend(
        handles=handles + right.get_legend_handles_labels()[0], loc="outside lower left", ncols=5
    )
    table.insert(0, "cohort", cohort.name)
    return fig, table


def distribution_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Quantiles of each metric by sample, over all barcodes read and over the kept cells."""
    metrics = [name for name in METRICS if name in cells and cells[name].notna().any()]
    parts = []
    for when, chosen in (("before", cells), ("after", cells[cells["kept"]])):
        groups = chosen.groupby(["sample", "donor", "condition"], sort=False)[metrics]
        wide = groups.quantile(list(QUANTILES))
        wide.index.names = ["sample", "donor", "condition", "quantile"]
        sizes = groups.size().rename("n_cells")
        long = wide.stack().rename("value").reset_index()
        long = long.rename(columns={"level_4": "metric"}).merge(
            sizes.reset_index(), on=["sample", "donor", "condition"]
        )
        parts.append(long.assign(when=when))
    return pd.concat(parts, ignore_index=True)


def draw_distributions(cells: pd.DataFrame, cohort: CohortLabel) -> tuple[Figure, pd.DataFrame]:
    """Metrics by sample before (pale) and after (dark) quality control, as quantile bars.

    ``cells``: columns sample, donor, condition, kept (bool) and the metrics.
    """
    table = distribution_table(cells)
    samples = order_samples(cells, cohort)
    place = {sample: n for n, sample in enumerate(samples)}
    metrics = [name for name in METRICS if name in set(table["metric"])]
    named = len(samples) <= MOST_NAMED
    height = np.clip(3.4 * len(samples) + 32, 60, 225) if named else 190
    fig = style.figure(cohort, METRICS_TITLE, "double", height)
    axes = fig.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    conditions = cells.drop_duplicates("sample").set_index("sample")["condition"]
    for number_of, (ax, metric) in enumerate(zip(axes, metrics, strict=True)):
        label, scale = METRICS[metric]
        for when, shift in (("before", -0.18), ("after", 0.18)):
            rows = table[(table["metric"] == metric) & (table["when"] == when)]
            wide = rows.pivot(index="sample", columns="quantile", values="value")
            wide = wide.reindex([s for s in samples if s in wide.index])
            y = np.array([place[sample] for sample in wide.index]) + (shift if named else 0)
            after = when == "after"
            colors = [cohort.color(conditions[s]) if after else LIGHT for s in wide.index]
            if named or not after:
                ax.hlines(y, wide[0.05], wide[0.95], color=colors, lw=0.5 if named else 0.8)
            if named or after:
                ax.hlines(y, wide[0.25], wide[0.75], color=colors, lw=2 if named else 0.8)
                ax.scatter(wide[0.5], y, s=2.2 if named else 0.8, c=DARK, lw=0, zorder=3)
        style.scale(ax, scale)
        ax.set_xlabel(label)
        style.row_limits(ax, len(samples))
        style.mark(ax, "abcdefgh"[number_of])
    style.name_rows(axes[0], samples if named else [], count(len(samples), "sample"))
    n_before, n_after = len(cells), int(cells["kept"].sum())
    handles = style.arm_handles(cohort, conditions.value_counts().to_dict(), "sample")
    handles += style.bar_handles({f"before: {number(n_before)} barcodes": LIGHT})
    handles += style.bar_handles({f"after: {number(n_after)} cells, colored by condition": DARK})
    many = "pale before 5–95%, colored after 25–75%, dot median"
    few = "thin 5–95%, thick 25–75%, dot median"
    handles += style.bar_handles({few if named else many: "none"})
    fig.legend(handles=handles, loc="outside lower left", ncols=3)
    table.insert(0, "cohort", cohort.name)
    return fig, table
