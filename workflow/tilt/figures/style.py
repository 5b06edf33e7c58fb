"""House style: sizes, type, panel marks, the sentence figure, and saving with stable bytes."""

import os
import textwrap
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.axis import Axis

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from tilt.core import contracts, tables
from tilt.core.text import count
from tilt.figures import panels
from tilt.figures.names import DARK, GRAY, CohortLabel

if TYPE_CHECKING:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter

MM = 1 / 25.4
WIDTHS = {"single": 89 * MM, "double": 183 * MM}  # column widths of the journals, in inches
MAX_HEIGHT = 240  # mm, a journal page
DPI = 300
PNG_LEVEL = 3  # of zlib: 4 % larger than at the usual 6, in three quarters of its time
FEW = 10  # cells below which a share, a mean or a curve is chance: muted, or not drawn

# Text as outlines in SVG (looks the same in every browser), as text in PDF (can be edited).
HOUSE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.0,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 2.5,
    "axes.titlepad": 4,
    "axes.titlelocation": "left",
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.minor.size": 1.2,
    "ytick.minor.size": 1.2,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "lines.linewidth": 0.8,
    "patch.linewidth": 0.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "tilt",
    "savefig.dpi": DPI,
    "figure.dpi": DPI,  # text is measured as it is drawn
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "axes.unicode_minus": True,
}


def figure(
    cohort: CohortLabel | None, title: str, width: str = "double", height: float = 90
) -> Figure:
    """Empty figure of a column ``width`` and ``height`` in mm, headed by cohort and title.

    The heading says so when the cohort is simulated.
    """
    matplotlib.rcdefaults()  # other libraries in the process may have left theirs
    matplotlib.rcParams.update(HOUSE)
    inches = WIDTHS[width]
    fig = Figure(figsize=(inches, min(height, MAX_HEIGHT) * MM), layout="constrained")
    text = f"{cohort.label}: {title}" if cohort else title[:1].upper() + title[1:]
    letters = int(inches / MM / 1.42)
    fig.suptitle(
        textwrap.fill(text, letters), x=0.008, ha="left", fontsize=7.5, color=DARK, linespacing=1.25
    )
    return fig


def stacked(fig: Figure, *heights: float) -> np.ndarray:
    """Parts of a figure one below the other, of these relative heights."""
    return fig.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]


def mark(ax: Axes, letter: str, text: str = "") -> None:
    """Write a panel's letter (bold) and what it shows above its left corner."""
    ax.set_title(rf"$\bf{{{letter}}}$  {text}", loc="left", fontsize=7)


def say(ax: Axes, text: str, width: int = 40) -> None:
    """Turn a panel that has nothing to show into the sentence that says why."""
    ax.set_axis_off()
    words = textwrap.fill(text, width)
    ax.text(0.5, 0.5, words, ha="center", va="center", color=DARK, transform=ax.transAxes)


def sentence(cohort: CohortLabel | None, title: str, text: str) -> tuple[Figure, pd.DataFrame]:
    """Figure for what a cohort cannot support: the reason in words, and a table with it."""
    wrapped = textwrap.fill(text, 118)
    fig = figure(cohort, title, "double", 16 + 4 * wrapped.count("\n"))
    ax = fig.add_subplot()
    ax.set_axis_off()
    ax.text(0.004, 0.5, wrapped, va="center", color=DARK, transform=ax.transAxes)
    return fig, pd.DataFrame({"not_shown": [title], "reason": [text]})


def arm_handles(cohort: CohortLabel, counts: dict[str, int], unit: str = "donor") -> list:
    """Legend entries of the conditions, each with its n."""
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [],
            [],
            ls="",
            marker="o",
            ms=3.5,
            mew=0,
            color=cohort.color(arm),
            label=f"{arm} (n = {count(counts[arm], unit)})",
        )
        for arm in cohort.arms
        if counts.get(arm, 0)
    ]


def swarm(values: np.ndarray, width: float = 0.3, bins: int = 24) -> np.ndarray:
    """Sideways offsets (same length as ``values``, within +-``width``) that part close points.

    Points are spread evenly inside bins of the value, in an order fixed by their number.
    """
    values = np.asarray(values, dtype=float)
    offsets = np.zeros(len(values))
    good = np.isfinite(values)
    if good.sum() < 2 or np.ptp(values[good]) == 0:
        offsets[good] = np.linspace(-1, 1, good.sum()) * width if good.sum() > 1 else 0
        return offsets
    edges = np.linspace(values[good].min(), values[good].max(), bins + 1)
    cell = np.clip(np.digitize(values, edges) - 1, 0, bins - 1)
    most = np.bincount(cell[good]).max()
    for one in np.unique(cell[good]):
        members = np.flatnonzero(good & (cell == one))
        members = members[np.argsort(values[members], kind="stable")]
        places = np.arange(len(members)) - (len(members) - 1) / 2
        mixed = np.random.default_rng(len(members)).permutation(places)
        offsets[members] = mixed / max(most / 2, 2.5) * width
    return offsets


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and its 95% t interval; the interval is NaN below three values."""
    from tilt.core import distributions

    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return np.nan, np.nan, np.nan
    if len(values) < 3:
        return values.mean(), np.nan, np.nan
    half = (
        distributions.t_quantile(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    )
    return values.mean(), values.mean() - half, values.mean() + half


def bar_handles(colors: dict[str, str]) -> list:
    """Legend entries of filled boxes: label to color."""
    from matplotlib.patches import Patch

    return [Patch(facecolor=color, label=label) for label, color in colors.items()]


def few_ticks(n: int) -> "MaxNLocator":
    """Locator of at most ``n`` round tick steps."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(n, steps=[1, 2, 2.5, 5, 10])


def diverging(low: str, high: str) -> "LinearSegmentedColormap":
    """Color map from color ``low`` over white to color ``high``."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("diverging", [low, "#F7F7F7", high])


def fixed_ticks(ticks: list[float]) -> "FixedLocator":
    """Locator of exactly these ticks."""
    from matplotlib.ticker import FixedLocator

    return FixedLocator(ticks)


def no_text() -> "NullFormatter":
    """Formatter of minor ticks that stay without number."""
    from matplotlib.ticker import NullFormatter

    return NullFormatter()


def plain_ticks(axis: Axis) -> None:
    """Write tick numbers in full (0.5, 20, 3,000), not as powers."""
    axis.set_major_formatter(lambda x, _: f"{x:,.10g}")


def scale(ax: Axes, kind: str) -> None:
    """Scale of the x axis: linear, log, or sqrt (which keeps zero and spreads small shares).

    ``both``: the root on either side of zero, for differences of shares.
    """
    if kind == "log":
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(fixed_ticks(log_ticks(*ax.get_xlim())))
        ax.xaxis.set_minor_formatter(no_text())
        plain_ticks(ax.xaxis)
    elif kind == "sqrt":
        high = max(ax.get_xlim()[1], 0.01)
        ax.set_xscale("function", functions=(_root, np.square))
        ax.xaxis.set_major_locator(fixed_ticks(sqrt_ticks(high)))
        ax.set_xlim(0, high)
        plain_ticks(ax.xaxis)
    elif kind == "both":
        low, high = ax.get_xlim()
        ax.set_xscale("function", functions=(_root_of_size, _square_of_size))
        ticks = sqrt_ticks(max(-low, high), gap=0.3)
        both = [*(-tick for tick in reversed(ticks) if tick), *ticks]
        ax.xaxis.set_major_locator(fixed_ticks([tick for tick in both if low <= tick <= high]))
        ax.set_xlim(low, high)
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:+g}".replace("-", "−") if x else "0")
    else:
        ax.xaxis.set_major_locator(few_ticks(4))


def log_ticks(low: float, high: float) -> list[float]:
    """Round ticks inside a log axis: powers of ten, with 2 and 5 or 3 where there is room."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    span = np.log10(high / low)
    steps = (1, 2, 5) if span < 0.9 else (1, 3) if span < 1.8 else (1,)
    ticks = sorted(step * 10.0**power for power in decades for step in steps)
    return [tick for tick in ticks if low <= tick <= high]


def sqrt_ticks(high: float, gap: float = 0.17) -> list[float]:
    """Round ticks from 0 to ``high`` that stay ``gap`` of the axis apart on a root scale."""
    steps = np.array([0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 100])
    ticks, last = [0.0], 1 + gap
    for value in steps[steps <= high][::-1]:
        place = np.sqrt(value / high)
        if last - place >= gap and place >= gap:
            ticks.append(float(value))
            last = place
    return sorted(ticks)


def _root(x: float | np.ndarray) -> float | np.ndarray:
    return np.sqrt(np.clip(x, 0, None))


def _root_of_size(x: float | np.ndarray) -> float | np.ndarray:
    return np.sign(x) * np.sqrt(np.abs(x))


def _square_of_size(x: float | np.ndarray) -> float | np.ndarray:
    return np.sign(x) * np.square(x)


def row_limits(ax: Axes, n: int, least: int = 5) -> None:
    """Row 0 on top; a panel of one or two rows is padded so that bars stay thin."""
    pad = max(least - n, 0) / 2
    ax.set_ylim(n - 0.4 + pad, -0.6 - pad)


def name_rows(ax: Axes, names: list[str], otherwise: str) -> None:
    """Name the rows of a panel; when there are too many names, say how many rows there are."""
    size = 6.5 if len(names) <= 40 else 5
    if names:
        ax.set_yticks(range(len(names)), names, fontsize=size)
    else:
        ax.set_yticks([])
        ax.set_ylabel(otherwise)


def zero_line(ax: Axes, vertical: bool = True) -> None:
    """Thin line of no effect."""
    line = ax.axvline if vertical else ax.axhline
    line(0, color=GRAY, lw=0.6, zorder=0)


def save(fig: Figure, table: pd.DataFrame, stem: str | os.PathLike) -> None:
    """Write ``stem``.pdf, .svg, .png (300 dpi) and .tsv, each whole or not at all.

    The same figure and table give the same bytes: no dates, fixed ids. The description in the SVG
    says where its panels lie (:mod:`tilt.figures.panels`).
    """
    from PIL import Image

    from tilt.figures import fonts

    fig.set_dpi(DPI)
    canvas = FigureCanvasAgg(fig)  # one for layout, panels and PNG, so that words are measured once
    for _ in range(2):  # ticks change with the size of a panel, so a second pass is needed
        if engine := fig.get_layout_engine():
            engine.execute(fig)
    _settle(fig)
    about = {"Date": None, "Description": panels.written(fig) or None}
    with tables.atomic(f"{stem}.svg") as part:
        fig.savefig(part, format="svg", dpi=DPI, metadata=about)
    about = {"CreationDate": None, "Producer": None, "Creator": None}
    with tables.atomic(f"{stem}.pdf") as part, fonts.without_layout():
        fig.savefig(part, format="pdf", dpi=DPI, metadata=about)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    with tables.atomic(f"{stem}.png") as part:
        picture.save(part, "PNG", dpi=(DPI, DPI), compress_level=PNG_LEVEL)
    tables.write(table, f"{stem}.tsv", contracts.FREE)


def _settle(fig: Figure) -> None:
    """Keep the layout as it is now, rounded: the last bits of its solver differ between runs.

    They would show in the SVG, whose clip paths are named by a hash of their place.
    """
    fig.set_layout_engine(None)  # "none" would leave an engine of no effect: a draw more a file
    for part in fig.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(6))
    for ax in fig.axes:
        ax.set_position(Bbox(ax.get_position(original=True).get_points().round(6)))
