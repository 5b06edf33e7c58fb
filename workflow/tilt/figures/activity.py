"""Signature activity of donors: interferon by condition, and all signatures by subset."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from tilt.core.terms import GROUPS, INTERFERON_SET, UNIT_KEY
from tilt.figures import forest, strips, style
from tilt.figures.names import CASE_COLOR, CONTROL_COLOR, DARK, GRAY, CohortLabel, pretty
from tilt.figures.registry import title

INTERFERON_TITLE, ACTIVITY_TITLE = title("interferon"), title("activity")
SHOWN = [*UNIT_KEY, "subset", "signature", "value", "estimable", "reason"]
MOST_PANELS = 5


def usable(activity: pd.DataFrame) -> pd.DataFrame:
    """Activity with the values of rows that are not estimable taken out."""
    return activity.assign(value=activity["value"].where(activity["estimable"]))


def donor_scores(activity: pd.DataFrame, signature: str = INTERFERON_SET) -> pd.DataFrame:
    """One score a donor (donor, condition, value): in memory CD4 T cells, else CD4, else T."""
    rows = usable(activity)
    rows = rows[rows["signature"] == signature]
    for subset in GROUPS:
        chosen = rows[(rows["subset"] == subset) & rows["value"].notna()]
        if len(chosen):
            return chosen[[*UNIT_KEY, "value", "subset"]]
    return rows.iloc[:0][[*UNIT_KEY, "value", "subset"]]


def test_rows(tests: pd.DataFrame, signature: str, subset: str) -> pd.DataFrame:
    """Tests of a signature in a subset: quantity ``signature`` and denominator ``subset``."""
    return forest.main(tests[(tests["quantity"] == signature) & (tests["denominator"] == subset)])


def draw_interferon(
    activity: pd.DataFrame, tests: pd.DataFrame, cohort: CohortLabel
) -> tuple[Figure, pd.DataFrame]:
    """Interferon score by condition in the working set and in the subsets with most donors.

    ``activity``: donor, condition, subset, signature, value, estimable, reason.
    """
    rows = usable(activity)
    rows = rows[rows["signature"] == INTERFERON_SET]
    n = rows[rows["value"].notna()].groupby("subset")["donor"].nunique()
    if n.empty:
        reasons = [r for r in rows["reason"] if isinstance(r, str) and r]
        why = reasons[0] if reasons else "there is no pseudobulk of this cohort"
        text = f"The score cannot be computed: {why}."
        return style.sentence(cohort, INTERFERON_TITLE, text)
    rank = {name: place for place, name in enumerate(GROUPS)}
    subsets = sorted(n.index, key=lambda s: (rank.get(s, 9), -n[s], s))[:MOST_PANELS]
    fig = style.figure(cohort, INTERFERON_TITLE, "double" if len(subsets) > 2 else "single", 68)
    axes = fig.subplots(1, len(subsets), sharey=True, squeeze=False)[0]
    for ax, letter, subset in zip(axes, "abcdefgh", subsets, strict=False):
        strips.two_arms(ax, rows[rows["subset"] == subset], cohort)
        text = strips.test_text(test_rows(tests, INTERFERON_SET, subset))
        style.mark(ax, letter, style.textwrap.fill(pretty(subset), 22))
        ax.text(0.5, 1, text, transform=ax.transAxes, fontsize=6, va="top", ha="center", color=DARK)
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high + 0.25 * (high - low))
    axes[0].set_ylabel("score (mean log2 CPM)")
    return fig, rows.loc[rows["subset"].isin(subsets), SHOWN]


def draw_all(
    activity: pd.DataFrame, tests: pd.DataFrame, cohort: CohortLabel
) -> tuple[Figure, pd.DataFrame]:
    """Difference case - control of every signature in every subset, as a map of squares.

    Color is the effect over the standard deviation of donors, so that signatures compare; a
    frame marks intervals that leave out zero; crossed cells are not estimable.
    """
    signatures = list(dict.fromkeys(activity["signature"]))
    found = forest.main(tests[tests["quantity"].isin(signatures)])
    if not forest.estimable(found).any():
        reasons = [r for r in found["reason"] if isinstance(r, str) and r]
        text = "Activity is not compared: " + (reasons[0] if reasons else "no contrast") + "."
        return style.sentence(cohort, ACTIVITY_TITLE, text)
    spread = usable(activity).groupby(["signature", "subset"])["value"].std().rename("sd")
    table = found.merge(spread, left_on=["quantity", "denominator"], right_index=True, how="left")
    table["standardized"] = table["effect"] / table["sd"]
    subsets = list(
        dict.fromkeys(
            [s for s in GROUPS if s in set(table["denominator"])] + list(table["denominator"])
        )
    )
    shape = (len(subsets), len(signatures))
    wide = len(signatures) > 5
    fig = style.figure(
        cohort, ACTIVITY_TITLE, "double" if wide else "single", 5 * len(subsets) + 66
    )
    ax = fig.subplots()
    image = draw_cells(ax, table, subsets, signatures, shape)
    names = [pretty(s) for s in signatures]
    ax.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(subsets)), [pretty(s) for s in subsets])
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    bar = fig.colorbar(
        image, ax=ax, extend="both", orientation="horizontal", shrink=0.5, aspect=30, pad=0.02
    )
    bar.set_label(f"{cohort.case} − {cohort.control} (SD of donors)")
    bar.outline.set_visible(False)
    n_case, n_control = int(table["n_case"].max()), int(table["n_control"].max())
    text = (
        f"n = {n_case} {cohort.case}, {n_control} {cohort.control} donors at most; "
        "framed: 95% CI leaves out 0; ×: not estimable"
    )
    ax.set_title(style.textwrap.fill(text, 105 if wide else 44))
    return fig, table


def draw_cells(
    ax: Axes, table: pd.DataFrame, subsets: list, signatures: list, shape: tuple
) -> AxesImage:
    """Colored cells with their number, a frame where the interval leaves out zero."""
    from matplotlib.patches import Rectangle

    values = np.full(shape, np.nan)
    frames = []
    for row, good in zip(table.itertuples(), forest.estimable(table), strict=True):
        y, x = subsets.index(row.denominator), signatures.index(row.quantity)
        if good and row.standardized == row.standardized:
            values[y, x] = row.standardized
            if row.ci_low > 0 or row.ci_high < 0:
                frames.append((x, y))
    colors = style.diverging(CONTROL_COLOR, CASE_COLOR)
    image = ax.imshow(values, cmap=colors, vmin=-2, vmax=2, aspect="auto")
    for y, x in np.ndindex(shape):
        value = float(values[y, x])
        text = forest.signed(value, digits=1) if np.isfinite(value) else "×"
        color = GRAY if not np.isfinite(value) else "white" if abs(value) > 1.4 else DARK
        ax.text(x, y, text, ha="center", va="center", fontsize=6, color=color)
    for x, y in frames:
        box = Rectangle((x - 0.46, y - 0.42), 0.92, 0.84, fill=False, ec=DARK, lw=0.9)
        ax.add_patch(box)
    return image
