"""Where the panels of a figure lie, so that a narrow screen can show them one below the other.

The picture stays one: a page shows cut-outs of it. A panel that has the names of its rows in a
panel to its left comes with those names, a panel too wide to be read is cut between its columns,
and a legend is taken apart into its entries, which wrap like words.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase
from matplotlib.legend import Legend
from matplotlib.transforms import Bbox

# A piece is shown as wide as the screen. On 382 CSS pixels (a phone of 390) text of 6.5 pt keeps 8
# pixels up to this width: 382 px * 6.5 pt * 0.3528 mm/pt / 8 px.
READABLE = 109.0  # mm
EDGE = 0.4  # mm around a cut-out
ALIGNED = 0.4  # mm by which rows of two panels may differ
NUMBER, UNDER_TITLE = 1.4, 0.45  # mm above an axes: half a number, and what is free of the title
FEWEST = 4  # columns of a panel that is cut between them

Box = tuple[float, float, float, float]  # left, top, width, height (mm from the upper left corner)


@dataclass(frozen=True)
class Piece:
    """Boxes of the picture to be set side by side, or to wrap (``flow``), and words around them."""

    boxes: list[Box]
    title: str = ""  # above
    axis: str = ""  # below: what the x axis is
    flow: bool = False


def pieces(fig: Figure) -> list[Piece]:
    """Cut-outs of a laid-out figure, in the order to be read: keys, then panels.

    Titles of panels and of x axes are words, not part of a cut-out: they may be wider than their
    panel. Empty for a figure that is one narrow panel.
    """
    canvas = fig.canvas if isinstance(fig.canvas, FigureCanvasAgg) else FigureCanvasAgg(fig)
    renderer = canvas.get_renderer()
    page = _Page(fig)
    found = [_entries(legend, page, renderer) for legend in _legends(fig)]
    panels = [_Panel(ax, page, renderer) for ax in fig.axes if _shown(ax)]
    for scale in [panel for panel in panels if panel.is_scale]:
        panels.remove(scale)
        nearest = min((p for p in panels if not p.is_scale), key=scale.distance)
        nearest.scale = scale.whole
    for panel in panels:
        found += panel.pieces(panels, page)
    return [] if len(found) == 1 and page.width <= READABLE else found


def written(fig: Figure) -> str:
    """The pieces as text (JSON) for the file of a picture, with the width of the page (mm)."""
    found = [asdict(piece) for piece in pieces(fig)]
    return json.dumps({"width": round(_Page(fig).width, 2), "pieces": found}) if found else ""


class _Page:
    """Turns boxes of pixels, from below, into millimeters from the upper left corner."""

    def __init__(self, fig: Figure):
        self.mm = 25.4 / fig.dpi
        self.width, self.height = (25.4 * fig.get_size_inches()).tolist()

    def box(self, part: Bbox) -> Bbox:
        left, low, right, high = (self.mm * edge for edge in part.extents)
        return Bbox.from_extents(left, self.height - high, right, self.height - low)

    def cut(self, part: Bbox, before: float = EDGE, after: float = EDGE) -> Box:
        """A cut-out inside the page, with so much of an edge to the left and the right."""
        left, right = max(part.x0 - before, 0), min(part.x1 + after, self.width)
        top, low = max(part.y0 - EDGE, 0), min(part.y1 + EDGE, self.height)
        return round(left, 2), round(top, 2), round(right - left, 2), round(low - top, 2)


class _Panel:
    """An axes with what belongs to it, in millimeters of the page."""

    def __init__(self, ax: Axes, page: _Page, renderer: RendererBase):
        self.ax = ax
        self.is_scale = ax.get_label() == "<colorbar>"
        self.title, self.axis = ax.get_title("left"), ax.get_xlabel() if ax.axison else ""
        with _without_words(ax):
            self.whole = page.box(ax.get_tightbbox(renderer) or ax.get_window_extent(renderer))
        self.core = page.box(ax.get_window_extent(renderer))
        self.whole.y0 = self._top(self.whole.y0)
        self.scale: Bbox | None = None  # of its colors
        names = [
            label.get_window_extent(renderer)
            for label in ax.get_yticklabels()
            if ax.axison and label.get_visible() and label.get_text().strip()
        ]
        self.names = page.box(Bbox.union(names)) if names else None
        columns, slant = _columns(ax, renderer)
        self.columns, self.slant = columns * page.mm, slant * page.mm

    def distance(self, other: "_Panel") -> float:
        """How far apart the middles of two panels are."""
        return float(np.hypot(*(_middle(self.core) - _middle(other.core))))

    def pieces(self, panels: list["_Panel"], page: _Page) -> Iterator[Piece]:
        """The cut-outs of this panel: one, or several beside the names of its rows."""
        title, axis = plain(self.title), self.axis.replace("\n", " ")
        strip = self._own_strip() if self.names else self._strip_of(panels)
        whole = Bbox.union([self.whole, self.scale]) if self.scale else self.whole
        if (self.names or not strip) and whole.width <= READABLE:
            yield Piece([page.cut(whole)], title, axis)
            return
        start = self.core.x0 if self.names else self.whole.x0
        edges, room = [start, whole.x1], READABLE - (strip.width if strip else 0) - 3 * EDGE
        if whole.x1 - start > room:
            edges = _cuts([start, self.whole.x1], self.columns, room - self.slant) or edges
        for left, right in pairwise(edges):
            # Names that slant into columns before need these once more.
            before = [one for one in self.columns if one <= left - self.slant]
            first = max([start, *before]) if left > start else left
            parts = [Bbox.from_extents(first, self.whole.y0, right, self.whole.y1)]
            parts = [strip, *parts] if strip else parts
            top, low = min(part.y0 for part in parts), max(part.y1 for part in parts)
            top = self._top(top)
            rows = [Bbox.from_extents(part.x0, top, part.x1, low) for part in parts]
            after = EDGE if right == edges[-1] else 0
            boxes = [page.cut(rows[-1], 0 if self.names else EDGE, after)]
            boxes = [page.cut(rows[0], after=0), *boxes] if strip else boxes
            yield Piece(boxes, title, axis if right == edges[-1] else "")
            title = ""
        if self.scale and len(edges) > 2:
            yield Piece([page.cut(self.scale)])

    def _top(self, top: float) -> float:
        """A top that leaves the title out where only half a number reaches above the axes."""
        near = self.core.y0 - top < NUMBER
        return max(top, self.core.y0 - UNDER_TITLE) if self.title and near else top

    def _own_strip(self) -> Bbox:
        return Bbox.from_extents(*self.whole.p0, self.core.x0, self.whole.y1)

    def _strip_of(self, panels: list["_Panel"]) -> Bbox | None:
        """Names of the rows, in the nearest panel to the left that has the same rows."""
        for other in sorted(panels, key=lambda panel: -panel.core.x0):
            rows = np.array([self.core.y0 - other.core.y0, self.core.y1 - other.core.y1])
            same = np.allclose(self.ax.get_ylim(), other.ax.get_ylim())
            left = other.core.x1 <= self.core.x0 + ALIGNED
            if other.names and left and same and (np.abs(rows) < ALIGNED).all():
                return Bbox.from_extents(
                    other.names.x0, other.names.y0, other.core.x0, other.names.y1
                )
        return None


@contextmanager
def _without_words(ax: Axes) -> Iterator[None]:
    """An axes without its title and what its x axis is, for the while that it is measured."""
    titles = (ax._left_title, ax.xaxis.label)  # type: ignore[attr-defined]
    seen = [title.get_visible() for title in titles]
    for title in titles:
        title.set_visible(False)
    yield
    for title, visible in zip(titles, seen, strict=True):
        title.set_visible(visible)


def plain(title: str) -> str:
    """Words of a title without the marks of its letter's weight."""
    return re.sub(r"\$\\bf\{(.+?)\}\$\s*", r"\1 ", title).replace("\n", " ").strip()


def _shown(ax: Axes) -> bool:
    drawn = (*ax.texts, *ax.lines, *ax.collections, *ax.patches, *ax.images, *ax.tables)
    return ax.get_visible() and bool(ax.axison or drawn)


def _middle(box: Bbox) -> np.ndarray:
    return (box.p0 + box.p1) / 2


def _legends(fig: FigureBase) -> list[Legend]:
    return [*fig.legends, *(one for part in fig.subfigs for one in _legends(part))]


def _entries(legend: Legend, page: _Page, renderer: RendererBase) -> Piece:
    """Each entry of a legend: its handle and words."""
    legend.draw(renderer)  # which is when its parts get their places
    parts = [
        Bbox.union([handle.get_window_extent(renderer), text.get_window_extent(renderer)])
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True)
        if handle
    ]
    boxes = [page.cut(page.box(part)) for part in parts]
    return Piece(boxes, legend.get_title().get_text().replace("\n", " "), flow=True)


def _columns(ax: Axes, renderer: RendererBase) -> tuple[np.ndarray, float]:
    """Places between named columns, and how far their names slant to the left (pixels).

    Empty and 0 for an axis of numbers.
    """
    labels = [label for label in ax.get_xticklabels() if re.search("[A-Za-z]", label.get_text())]
    if len(labels) < FEWEST:
        return np.zeros(0), 0.0
    ticks = np.array([ax.transData.transform((one.get_position()[0], 0))[0] for one in labels])
    left = np.array([label.get_window_extent(renderer).x0 for label in labels])
    between = (np.sort(ticks)[:-1] + np.sort(ticks)[1:]) / 2
    half = np.diff(np.sort(ticks)).min() / 2
    return between, max(float((ticks - half - left).max()), 0.0)


def _cuts(edges: list[float], between: np.ndarray, room: float) -> list[float]:
    """Edges of parts of equal number of columns, at most ``room`` wide; empty if that can't be."""
    left, right = edges
    for n in range(2, len(between) + 2):
        chosen = between[np.round(np.linspace(-1, len(between), n + 1)[1:-1]).astype(int)]
        made = [left, *chosen.tolist(), right]
        if np.diff(made).max() <= room:
            return made
    return []
