"""House style: colors, ticks, swarms, the bytes of saved files, and what is imported to draw."""

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib

import made_up
import numpy as np
import pandas as pd
import pytest
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from PIL import Image
from scipy import stats
from tilt.core import contracts, tables
from tilt.figures import (
    composition,
    embedding,
    names,
    strips,
    style,
)

COHORT = made_up.cohort()


def test_zero_variance_and_nan_do_not_break_strips():
    rows = pd.DataFrame(
        {"condition": ["control"] * 3 + ["SLE"] * 3, "value": [1.0] * 3 + [np.nan] * 3}
    )
    ax = style.figure(COHORT, "t").subplots()
    strips.two_arms(ax, rows, COHORT)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["control\nn = 3"]
    assert np.isnan(style.mean_interval(np.array([np.nan, 1.0]))[1])
    assert strips.spearman(np.ones(9), np.arange(9.0)) == pytest.approx([np.nan] * 3, nan_ok=True)


def test_spearman_matches_fisher_by_hand():
    x = np.arange(20.0)
    y = x.copy()
    y[:5] = y[:5][::-1]
    rho, low, high = strips.spearman(x, y)
    assert rho == pytest.approx(1 - 6 * 40 / (20 * 399))
    half = 1.96 * np.sqrt(1.06 / 17)
    assert (low, high) == pytest.approx(
        (np.tanh(np.arctanh(rho) - half), np.tanh(np.arctanh(rho) + half))
    )


def test_spearman_gives_ties_their_middle_rank():
    x, y = np.array([1.0, 1, 2, 3, 3, 3, 4, 9]), np.array([2.0, 1, 1, 5, 4, 4, 8, 8])
    assert strips.spearman(x, y)[0] == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-14)


def test_interval_of_a_mean_is_that_of_student():
    values = np.array([1.0, 2.5, np.nan, 4.0, 4.5])
    found = stats.ttest_1samp([1.0, 2.5, 4.0, 4.5], 0).confidence_interval(0.95)
    assert style.mean_interval(values) == pytest.approx((3.0, found.low, found.high), abs=1e-12)


def test_swarm_spreads_equal_values_within_its_width():
    offsets = style.swarm(np.repeat(2.0, 7), 0.3)
    assert len(set(offsets.round(6))) == 7 and np.abs(offsets).max() <= 0.3
    many = style.swarm(np.random.default_rng(1).normal(size=500), 0.2)
    assert np.abs(many).max() <= 0.2


@pytest.mark.parametrize("low,high", [(1, 9), (120, 4000), (0.02, 60)])
def test_log_ticks_lie_inside_and_are_few(low, high):
    ticks = style.log_ticks(low, high)
    assert 2 <= len(ticks) <= 6 and min(ticks) >= low and max(ticks) <= high


def test_condition_and_subset_colors_are_fixed_and_differ():
    assert COHORT.color("control") == names.CONTROL_COLOR
    assert COHORT.color("SLE") == names.CASE_COLOR
    own = [names.subset_color(s) for s in made_up.SUBSETS]
    assert len(set(own)) == len(own)
    assert names.subset_color("something_new") == names.subset_color("something_new")


def test_the_last_bits_of_a_layout_do_not_show(tmp_path):
    """The solver of the layout leaves them open, for panels of nested figures above all."""
    for shift in (0.0, 1e-12):
        fig = Figure()
        upper, _ = fig.subfigures(2, 1)
        upper.bbox_relative.set_points(upper.bbox_relative.get_points() + shift)
        ax = upper.subplots()
        ax.set_position((0.2 + shift, 0.3, 0.5, 0.4 - shift))
        ax.plot([1, 2], [1, 2])
        style.save(fig, pd.DataFrame({"x": [1]}), tmp_path / f"by{shift}" / "one")
    one, two = (tmp_path / f"by{shift}" / "one.svg" for shift in (0.0, 1e-12))
    assert "clip-path" in one.read_text()
    assert one.read_bytes() == two.read_bytes()


def test_saved_files_are_the_same_twice_and_text_is_vector(tmp_path):
    people = made_up.donors(3, 3)
    for folder in ("one", "two"):
        shares = made_up.composition(people, made_up.SUBSETS[:4])
        style.save(
            *composition.draw(shares, made_up.tests(people, shares), COHORT),
            tmp_path / folder / "composition",
        )
        style.save(*embedding.draw(made_up.umap(people, 50), COHORT), tmp_path / folder / "umap")
    for one in sorted((tmp_path / "one").iterdir()):
        assert one.read_bytes() == (tmp_path / "two" / one.name).read_bytes(), one.name
    assert len(list((tmp_path / "one").iterdir())) == 8
    namespace = "{http://www.w3.org/2000/svg}"
    images = {
        name: len(ET.parse(tmp_path / "one" / f"{name}.svg").findall(f".//{namespace}image"))
        for name in ("composition", "umap")
    }
    assert images["composition"] == 0 and images["umap"] > 0
    back = tables.read(tmp_path / "one" / "composition.tsv", contracts.FREE)
    assert (back["panel"] == "a").sum() == 24


def _labeled(words: str) -> Figure:
    fig = style.figure(None, words, "single", 40)
    fig.add_subplot().plot([1, 2], [1, 2])
    return fig


def test_fonts_of_a_pdf_are_embedded_with_names_and_without_tables_of_layout(tmp_path):
    style.save(_labeled("shares of cells"), pd.DataFrame({"x": [1]}), tmp_path / "one")
    streams = re.findall(rb"stream\n(.*?)\nendstream", (tmp_path / "one.pdf").read_bytes(), re.S)
    plain = [zlib.decompress(part) for part in streams if part[:1] == b"x"]
    (font,) = (TTFont(io.BytesIO(part)) for part in plain if part[:4] == b"\0\1\0\0")
    assert set(font.keys()) & {"GSUB", "GPOS", "GDEF", "MATH"} == set()
    names = font.getGlyphOrder()
    assert {"f", "e", "one", "period"} <= set(names) and "fi" not in names
    assert font["glyf"]["f"].numberOfContours == 1
    assert subset.load_font.__module__ == "fontTools.subset"  # whole again for others


def test_a_figure_is_drawn_once_for_each_file(tmp_path, monkeypatch):
    drawn, draw = [], Figure.draw
    monkeypatch.setattr(
        Figure, "draw", lambda fig, r: drawn.append(type(r).__name__) or draw(fig, r)
    )
    style.save(_labeled("once"), pd.DataFrame({"x": [1]}), tmp_path / "one")
    assert drawn == ["MixedModeRenderer", "MixedModeRenderer", "RendererAgg"]


def test_png_is_opaque_and_as_drawn_by_matplotlib(tmp_path):
    fig = _labeled("as it is")
    style.save(fig, pd.DataFrame({"x": [1]}), tmp_path / "one")
    fig.savefig(tmp_path / "other.png", dpi=300)
    one, other = Image.open(tmp_path / "one.png"), Image.open(tmp_path / "other.png")
    assert one.mode == "RGB" and one.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert np.array_equal(one, other.convert("RGB")) and len(np.unique(one)) > 50


def test_figures_and_report_do_not_import_what_is_slow_to_load():
    code = (
        "import sys, tilt.report.page;"
        "print([m for m in ('matplotlib', 'scipy') if m in sys.modules]);"
        "import tilt.figures.qc, tilt.figures.imbalance, tilt.figures.embedding, tilt.figures.meta;"
        "slow = ('scanpy', 'numba', 'seaborn', 'anndata', 'scipy.stats');"
        "print([m for m in slow if m in sys.modules])"
    )
    path = str(style.__file__).rsplit("/tilt/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.split() == ["[]", "[]"], done.stderr
