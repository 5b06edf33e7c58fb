"""Donors that a next study needs, against the cells that are measured in each."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tilt.core.terms import RATIOS
from tilt.core.text import count
from tilt.figures import style
from tilt.figures.names import CONTROL_COLOR
from tilt.stats import planning


def draw(found: planning.Spread, table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Donors per arm against cells per donor; the band is the interval of the SD."""
    rows = table[(table["study"] == "planned") & np.isfinite(table["donors_per_arm"])]
    effect, aim, alpha = (table[c].iloc[0] for c in ("effect", "aim", "alpha"))
    ratio = found.estimator in RATIOS
    size = f"a {np.exp(effect):.3g}-fold ratio in" if ratio else f"{effect:.3g} SD in"
    size = f"a change: {size}" if found.change else size
    columns = table["covariates"].iloc[0]
    title = f"Donors needed for {size} {found.estimator}, power {aim:g}, alpha {alpha:g}"
    title += f", {count(int(columns), 'covariate')}" if columns else ""
    if not np.isfinite(found.unit):
        return style.sentence(
            None, title, f"Not estimable: no variance of sampling is known of {found.estimator}."
        )
    if rows.empty:
        most = f"More than {planning.MOST_DONORS} donors an arm are needed."
        return style.sentence(None, title, most)
    top = min(rows["donors_per_arm_high"].max(), 4 * rows["donors_per_arm"].max())
    cut = rows["donors_per_arm_high"].max() > top
    fig = style.figure(None, title, "single", 65)
    ax = fig.add_subplot()
    high = rows["donors_per_arm_high"].clip(upper=planning.MOST_DONORS)
    band = "at the limits of the SD (95%)" + (", goes on above" if cut else "")
    ax.fill_between(
        rows["cells"],
        rows["donors_per_arm_low"],
        high,
        color=CONTROL_COLOR,
        alpha=0.18,
        lw=0,
        label=band,
    )
    ax.plot(
        rows["cells"],
        rows["donors_per_arm"],
        "-o",
        ms=3.5,
        color=CONTROL_COLOR,
        label="at the SD between donors that was found",
    )
    for cells, donors in zip(rows["cells"], rows["donors_per_arm"], strict=True):
        ax.annotate(
            f"{donors:.0f}",
            (cells, donors),
            (0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(style.fixed_ticks(rows["cells"].tolist()))
    ax.xaxis.set_minor_formatter(style.no_text())
    style.plain_ticks(ax.xaxis)
    ax.set_ylim(0, top if cut else 1.4 * top)
    ax.yaxis.set_major_locator(style.few_ticks(5))
    ax.set_xlabel(f"memory CD4 cells per {'sample' if found.change else 'donor'}")
    twice = ", each measured twice" if found.change else ""
    ax.set_ylabel(("donors per arm" if len(found.arms) > 1 else "donors") + twice)
    taken = f", {', '.join(found.covariates)} taken out" if found.covariates else ""
    whose = " and ".join(f"{n} {arm}" for n, arm in zip(found.n, found.arms, strict=True))
    of = "changes of " if found.change else ""
    ax.legend(
        title=f"spread of {of}{whose} donors{taken}",
        title_fontsize=6.5,
        loc="upper right",
    )
    return fig, rows
