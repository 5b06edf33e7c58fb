"""What a reader needs to tell apart: colors, numbers beside intervals, few cells, mixed donors."""

import made_up
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from tilt.figures import composition, embedding, markers, meta, names, qc

COHORT = made_up.cohort()


def words(fig) -> str:
    """Every text of a figure."""
    return "\n".join(t.get_text() for t in fig.findobj(Text))


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


def test_title_of_mixing_stays_within_the_page_at_many_donors():
    cells = made_up.umap(made_up.donors(60, 60), 1200)
    cells["donors_near"] = 14.0
    fig, _ = embedding.draw(cells, COHORT)
    expected = embedding.mixing.expected(cells["donor"], 14)
    assert f"donors mix: 14.0 of {expected:.1f}\nnearby" in words(fig)


def test_mixing_of_donors_is_a_number_and_a_color():
    cells = made_up.umap(made_up.donors(4, 4), 100)
    cells["donors_near"] = 2.0
    fig, table = embedding.draw(cells, COHORT)
    expected = embedding.mixing.expected(cells["donor"], 14)
    assert f"donors mix: 2.0 of {expected:.1f} nearby" in words(fig)
    assert (table["donors_near"] == 2).all()
    fig, _ = embedding.draw(cells.drop(columns="donors_near"), COHORT)
    assert "Not measured." in words(fig)
    fig, _ = embedding.draw(made_up.umap(made_up.donors(1, 0), 100), COHORT)
    assert "nothing to mix" in words(fig).replace("\n", " ")


def test_numbers_stand_beside_the_effects_across_cohorts():
    """No text lies over the zero line or an interval."""
    fig, _ = meta.draw(made_up.meta(), {name: name for name in ("demo", "pbmc", "third")})
    fig.draw_without_rendering()
    panels = [ax for ax in fig.axes if ax.axison]
    assert panels
    for ax in panels:
        inside = ax.get_window_extent()
        for text in fig.findobj(Text):
            if "[" in text.get_text():
                assert not inside.overlaps(text.get_window_extent())


def test_effects_on_shares_are_drawn_in_percentage_points():
    people = made_up.donors(5, 4)
    shares = made_up.composition(people, ["CD4_Th1", "CD4_Th2"])
    tests = made_up.tests(people, shares)
    tests = tests.assign(points=[12.0, -3.0, *[1.0] * (len(tests) - 2)], points_low=-4.0)
    tests["points_high"] = 16.0
    fig, table = composition.draw(shares, tests, COHORT)
    middle = fig.axes[1]
    assert middle.get_xlabel() == "effect (percentage points)"
    drawn = {float(line.get_xdata()[0]) for line in middle.lines if line.get_marker() in "oD"}
    assert {12.0, -3.0} <= drawn
    assert [t.get_text() for t in middle.get_xticklabels()] == ["−2", "0", "+2", "+10"]
    # The table keeps the scale of the test beside the points.
    effects = table[table["panel"] == "b"].set_index("subset")
    assert effects.loc["CD4_Th1", "points"] == 12.0 and effects.loc["CD4_Th1", "effect"] != 12.0
    without = composition.draw(shares, tests.drop(columns="points"), COHORT)[0]
    assert "percentage points" not in without.axes[1].get_xlabel()


def test_subsets_of_few_cells_are_muted():
    table = made_up.expression(n_genes=30)
    table.loc[table["subset"] == "CD4_Th1", "n_cells"] = 9
    fig, _ = markers.draw_dots(table, COHORT)
    named = {t.get_text(): t.get_color() for t in fig.axes[0].get_yticklabels()}
    muted = [name for name, color in named.items() if color == names.GRAY]
    assert muted == ["CD4 Th1 (9)"]
    assert "gray: fewer than 10 cells" in words(fig)


def test_umap_draws_rare_cells_whole_and_last():
    people = made_up.donors(3, 3)
    cells = made_up.umap(people, 300, ["CD4_CM"])
    cells.loc[:6, "subset"] = "CD4_Th22_like"
    thinned = embedding.thin(cells, seed=0, most=200)
    assert (thinned["subset"] == "CD4_Th22_like").sum() == 7
    assert 120 < len(thinned) < 300
    fig, _ = embedding.draw(cells, COHORT)
    assert "CD4 Th22-like (n = 7)" in words(fig)
    last = fig.axes[0].collections[-1].get_facecolor()[0]
    assert np.allclose(
        last[:3],
        [int(names.subset_color("CD4_Th22_like")[i : i + 2], 16) / 255 for i in (1, 3, 5)],
    )


def test_density_gives_donors_equal_weight():
    cells = pd.DataFrame({"donor": ["a"] * 99 + ["b"], "x": [0.0] * 99 + [9.0], "y": 0.0})
    edges = [np.linspace(-5, 15, 91), np.linspace(-5, 5, 91)]
    grid = embedding.density(cells, edges)
    assert grid.sum() == pytest.approx(1)
    assert grid[:45].sum() == pytest.approx(0.5, abs=0.01)


def test_labels_are_parted():
    moved = embedding.part(np.zeros((6, 2)), gap=1.0)
    apart = np.hypot(*(moved[:, None] - moved[None]).transpose(2, 0, 1))
    assert apart[np.triu_indices(6, 1)].min() > 0.9


def test_samples_too_many_to_name_are_one_outline_by_what_they_lost():
    people = made_up.donors(qc.MOST_NAMED, 20)
    waterfall = made_up.waterfall(people)
    fig, table = qc.draw_waterfall(waterfall, COHORT)
    right = fig.axes[1]
    kept = table[table["step"] == "kept"].set_index("sample")
    arms = [kept.loc[kept["condition"] == arm, "percent"] for arm in COHORT.arms]
    expected = np.concatenate([np.sort(shares) for shares in arms])
    drawn = right.collections[0].get_paths()[0].vertices
    middles = [drawn[np.isclose(drawn[:, 1], n - 0.5), 0].max() for n in range(len(expected))]
    # At the edge between two samples lie the ends of both.
    edges = np.maximum(expected, np.append(0, expected[:-1]))
    np.testing.assert_allclose(middles, edges)
    # A bar for each arm and none for each sample.
    assert [bar.get_height() for bar in right.patches] == [len(shares) for shares in arms]
