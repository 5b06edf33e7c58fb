"""Figures from made-up tables: what they show, the sentences for what cannot be shown, bytes."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import made_up
import numpy as np
import pandas as pd
import pytest
from made_up_report import words
from matplotlib.figure import Figure
from tilt.core import contracts, tables
from tilt.figures import (
    activity,
    ambient,
    composition,
    embedding,
    factors,
    imbalance,
    labels,
    meta,
    names,
    qc,
    robustness,
    strips,
    study,
    style,
    volcano,
)

COHORT = made_up.cohort()
FORTY = [f"subset_with_a_long_name_{n}" for n in range(40)]


def everything(n_control: int, n_case: int, subsets=made_up.SUBSETS) -> dict:
    """All figures of a cohort with so many donors: name -> (figure, table)."""
    made = made_up.study(n_control, n_case, [*subsets, *made_up.POLES, "isg_high"], n_control > 1)
    people, shares, values, scores, tests = made.values()
    drawn = made_up.waterfall(people)
    interferon = activity.donor_scores(scores)
    return {
        "study": study.draw(made_up.samples(people), drawn, people, COHORT),
        "qc_waterfall": qc.draw_waterfall(drawn, COHORT),
        "qc_metrics": qc.draw_distributions(made_up.cells(people, 60), COHORT),
        "umap": embedding.draw(made_up.umap(people, 60, subsets), COHORT),
        "composition": composition.draw(shares, tests, COHORT),
        "imbalance": imbalance.draw(
            shares, values, tests, interferon, COHORT, people, made_up.LABELS
        ),
        "interferon": activity.draw_interferon(scores, tests, COHORT),
        "activity": activity.draw_all(scores, tests, COHORT),
    }


@pytest.fixture(scope="module", params=[(8, 10), (1, 0), (90, 110)], ids=str)
def cohort_figures(request):
    subsets = FORTY if request.param == (90, 110) else made_up.SUBSETS
    return request.param, everything(*request.param, subsets)


def test_widths_are_journal_columns_and_heights_fit_a_page(cohort_figures):
    for fig, _ in cohort_figures[1].values():
        width, height = fig.get_size_inches() * 25.4
        assert round(width) in (89, 183)
        assert height <= style.MAX_HEIGHT + 0.01


def test_every_figure_says_simulated(cohort_figures):
    for name, (fig, _) in cohort_figures[1].items():
        assert "simulated data" in fig.get_suptitle(), name


def test_every_figure_has_its_table(cohort_figures):
    for name, (_, table) in cohort_figures[1].items():
        assert len(table), name


def test_text_lies_inside_the_page(cohort_figures):
    """Names and numbers are not cut at the edge (one pixel of tolerance at 100 dpi)."""
    _, figures = cohort_figures
    for name in ("composition", "imbalance", "interferon", "qc_waterfall"):
        fig = figures[name][0]
        fig.draw_without_rendering()
        drawn, page = fig.get_tightbbox(), fig.get_figwidth()
        assert drawn.x0 >= -0.01 and drawn.x1 <= page + 0.01, name


def test_row_names_do_not_overlap():
    """Neighboring row names of forty subsets stay apart."""
    people = made_up.donors(90, 110)
    shares = made_up.composition(people, FORTY)
    fig, _ = composition.draw(shares, made_up.tests(people, shares), COHORT)
    fig.draw_without_rendering()
    boxes = [t.get_window_extent() for t in fig.axes[0].get_yticklabels()]
    edges = sorted((box.y0, box.y1) for box in boxes)
    assert len(edges) == 40
    assert all(low[1] <= high[0] + 0.5 for low, high in pairwise(edges))


def test_what_cannot_be_shown_is_a_sentence():
    people = made_up.donors(2, 2)
    shares = made_up.composition(people, ["CD4_Th1"])
    fig, table = composition.draw(shares, made_up.tests(people, shares), COHORT, "group")
    assert list(table.columns) == ["not_shown", "reason"]
    assert "sorted T cells" in words(fig)
    none = pd.DataFrame(columns=list(contracts.ACTIVITY.columns))
    empty = pd.DataFrame(columns=["quantity", "denominator", "role", "method", "p", "estimable"])
    empty = empty.assign(effect=np.nan, reason="")
    for fig, table in (
        activity.draw_interferon(none, empty, COHORT),
        activity.draw_all(none, empty, COHORT),
        factors.draw({}, {}, COHORT),
        ambient.draw(made_up.ambient(people)[:0], COHORT),
        volcano.draw({}, COHORT),
        labels.draw(pd.DataFrame(columns=["author_label", "subset"]), COHORT),
        robustness.draw(made_up.specifications().assign(estimable=False), pd.DataFrame(), COHORT),
        meta.draw(made_up.meta().assign(estimable=False, effect=np.nan), {}),
    ):
        assert "reason" in table and len(words(fig)) > 40


def test_labels_are_parted():
    moved = embedding.part(np.zeros((6, 2)), gap=1.0)
    apart = np.hypot(*(moved[:, None] - moved[None]).transpose(2, 0, 1))
    assert apart[np.triu_indices(6, 1)].min() > 0.9


def test_zero_variance_and_nan_do_not_break_strips():
    rows = pd.DataFrame(
        {"condition": ["control"] * 3 + ["SLE"] * 3, "value": [1.0] * 3 + [np.nan] * 3}
    )
    ax = style.figure(COHORT, "t").subplots()
    strips.two_arms(ax, rows, COHORT)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["control\nn = 3"]
    assert np.isnan(style.mean_interval(np.array([np.nan, 1.0]))[1])
    assert strips.spearman(np.ones(9), np.arange(9.0)) == pytest.approx([np.nan] * 3, nan_ok=True)


def test_swarm_spreads_equal_values_within_its_width():
    offsets = style.swarm(np.repeat(2.0, 7), 0.3)
    assert len(set(offsets.round(6))) == 7 and np.abs(offsets).max() <= 0.3
    many = style.swarm(np.random.default_rng(1).normal(size=500), 0.2)
    assert np.abs(many).max() <= 0.2


@pytest.mark.parametrize("low,high", [(1, 9), (120, 4000), (0.02, 60)])
def test_log_ticks_lie_inside_and_are_few(low, high):
    ticks = style.log_ticks(low, high)
    assert 2 <= len(ticks) <= 6 and min(ticks) >= low and max(ticks) <= high


def test_confusion_rows_sum_to_hundred():
    cells = pd.DataFrame(
        {"author_label": ["T4"] * 3 + ["T8"], "subset": ["CD4_CM"] * 2 + ["MAIT"] * 2}
    )
    _, table = labels.draw(cells, COHORT)
    assert table.groupby("author_label")["percent"].sum().tolist() == pytest.approx([100, 100])


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


def test_figures_do_not_import_scanpy():
    code = (
        "import sys, tilt.report.page;"
        "import tilt.figures.qc, tilt.figures.imbalance, tilt.figures.embedding;"
        "print([m for m in ('scanpy', 'numba', 'seaborn', 'anndata') if m in sys.modules])"
    )
    path = str(style.__file__).rsplit("/tilt/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.strip() == "[]", done.stderr


def lab(color: str) -> np.ndarray:
    """CIE L*a*b* (D65) of a hexadecimal color."""
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ linear / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_colors_of_subsets_can_be_told_apart():
    """At least 20 apart in CIE L*a*b* (2 is just seen side by side; dots of 1 mm need more)."""
    kinds = ("CD4_", "CD8_", "MAIT", "Vd")
    places = {n: lab(c) for n, c in names.SUBSET_COLORS.items() if n.startswith(kinds)}
    near = {
        (one, other): round(float(np.linalg.norm(places[one] - places[other])), 1)
        for i, one in enumerate(places)
        for other in list(places)[:i]
    }
    assert {pair: d for pair, d in near.items() if d < 20} == {}


def test_imbalance_not_estimable_is_text():
    text = words(everything(1, 0)["imbalance"][0])
    assert "not estimable: fewer than 3 donors in an arm" in text
    assert "Not estimable: median of 2" in text.replace("\n", " ")
