"""Cut-outs of figures for narrow screens: no word is lost, all can be read, names come along."""

import json

import made_up
import pytest
from made_up_figures import DRAWINGS
from matplotlib.text import Text
from tilt.figures import composition, panels, style
from tilt.report import page

# One panel of numbers over the whole page, which cannot be cut between columns: it is slid.
WHOLE = {"composition_one_arm": 1, "volcano": 1}
LONG_NAMES = 115  # mm: pieces of two boxes whose names of rows are long


def laid_out(fig):
    for _ in range(2):
        fig.get_layout_engine().execute(fig)
    style._settle(fig)
    return fig


def words_in_panels(fig) -> dict[str, tuple]:
    """Texts inside panels, by text and place, with their boxes in mm from the upper left."""
    renderer = panels.FigureCanvasAgg(fig).get_renderer()
    sheet = panels._Page(fig)
    fig.draw_without_rendering()
    found = {}
    for ax in fig.axes:
        around = {id(ax.xaxis.label), id(ax._left_title)}
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            low, high = sorted((low, high))
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            around |= {
                id(label)
                for tick in ticks
                for label in (tick.label1, tick.label2)
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9  # matplotlib draws no such tick
            }
        for text in ax.findobj(Text):
            if id(text) in around or not (text.get_visible() and text.get_text().strip()):
                continue
            box = sheet.box(text.get_window_extent(renderer))
            drawn = box.x0 >= -1 and box.x1 <= sheet.width + 1
            if drawn and (ax.axison or text in ax.texts):
                found[f"{text.get_text()} ({box.x0:.0f}, {box.y0:.0f})"] = tuple(box.extents)
    return found


def joined(piece: panels.Piece) -> list[panels.Box]:
    """Two boxes that lie side by side in the picture, too, as the one that they show."""
    for (left, top, width, height), other in zip(piece.boxes, piece.boxes[1:], strict=False):
        if not piece.flow and abs(left + width - other[0]) < 0.05:
            return [(left, top, width + other[2], height)]
    return []


def holds(cut: panels.Box, text: tuple, slack: float = 0.5) -> bool:
    left, top, width, height = cut
    x0, y0, x1, y1 = text
    across = left - slack <= x0 and x1 <= left + width + slack
    return across and top - slack <= y0 and y1 <= top + height + slack


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_word_is_in_a_cut_out_that_can_be_read(name):
    fig = laid_out(DRAWINGS[name]())
    found = panels.pieces(fig)
    if not found:
        assert panels._Page(fig).width <= panels.READABLE and len(fig.axes) == 1
        return
    cuts = [cut for piece in found for cut in [*piece.boxes, *joined(piece)]]
    lost = [t for t, box in words_in_panels(fig).items() if not any(holds(c, box) for c in cuts)]
    assert lost == []
    wide = [sum(cut[2] for cut in piece.boxes) for piece in found if not piece.flow]
    assert sum(width > LONG_NAMES for width in wide) == WHOLE.get(name, 0)
    assert all(cut[2] < 80 for piece in found if piece.flow for cut in piece.boxes)


def test_a_panel_without_names_of_its_rows_comes_with_them():
    made = made_up.study(8, 10, [*made_up.SUBSETS, *made_up.POLES])
    fig = laid_out(composition.draw(made["composition"], made["tests"], made_up.cohort())[0])
    key, shares, effects, numbers = panels.pieces(fig)
    assert key.flow and len(key.boxes) == 2
    assert shares.title == "a each dot a donor, bar the median" and len(shares.boxes) == 1
    assert shares.axis.startswith("share of")
    for piece in (effects, numbers):
        names, panel = piece.boxes
        assert names[0] < 1 and names[0] + names[2] <= shares.boxes[0][0] + shares.boxes[0][2]
        assert panel[0] > names[0] + names[2] and names[1] == panel[1] and names[3] == panel[3]
    assert effects.axis.startswith("effect") and effects.title.startswith("b SLE − control")


def test_a_wide_panel_is_cut_between_its_columns():
    fig = laid_out(DRAWINGS["markers"]())
    parts = [piece for piece in panels.pieces(fig) if len(piece.boxes) == 2]
    assert len(parts) == 4 and len({tuple(piece.boxes[0][::2]) for piece in parts}) <= 2
    ax = fig.axes[0]
    centers = [ax.transData.transform((x, 0))[0] * 25.4 / fig.dpi for x in ax.get_xticks()]
    first = [piece.boxes[1] for piece in parts if abs(piece.boxes[1][1] - parts[0].boxes[1][1]) < 1]
    held = [sum(left < x < left + width for left, _, width, _ in first) for x in centers]
    assert held == [1] * len(centers)


def test_places_are_kept_in_the_svg_and_read_by_the_page(tmp_path):
    fig = DRAWINGS["imbalance"]()
    style.save(fig, made_up.samples(made_up.donors(1, 1)), tmp_path / "one")
    told = json.loads(page.panels(tmp_path / "one"))
    assert told["width"] == pytest.approx(183, abs=0.1)
    assert [piece["title"][:1] for piece in told["pieces"]] == ["", *"abcdef"]
    narrow = DRAWINGS["detectability_across"]()
    style.save(narrow, made_up.samples(made_up.donors(1, 1)), tmp_path / "narrow")
    assert page.panels(tmp_path / "narrow") == ""


def test_svg_in_the_page_is_shorter_and_names_every_letter(tmp_path):
    style.save(DRAWINGS["meta"](), made_up.samples(made_up.donors(1, 1)), tmp_path / "meta")
    whole = (tmp_path / "meta.svg").read_bytes()
    short = page.shorter(whole)
    assert len(short) < 0.85 * len(whole)
    assert short.count(b"<use ") == whole.count(b"<use ") and b"\n" not in short
    used = set(page.re.findall(rb'href="#([^"]+)"', short))
    assert used and used <= set(page.re.findall(rb' id="([^"]+)"', short))
    assert b"scale(0.015625)" in short
