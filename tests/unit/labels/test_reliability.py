"""Said against right: numbers worked out by hand, and the figure made from them."""

from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from tilt.figures import reliability as figures
from tilt.genes import tables as gene_tables
from tilt.labels import label_quality, reliability

MARKERS = gene_tables.read_markers(
    Path(__file__).resolve().parents[3] / "resources" / "markers.tsv"
)
NAMES = ["CD4_Naive", "CD4_CM", "CD8_CM"]
CHANCE = np.array([[0.95, 0.05, 0.00], [0.92, 0.04, 0.04], [0.45, 0.15, 0.40], [0.10, 0.10, 0.80]])
SCORES = pd.DataFrame(CHANCE, columns=NAMES).assign(cell=list("abcd"), tph_score=1.0)
LABELS = pd.DataFrame(
    {
        "level1": ["CD4", "CD4", "CD4", "CD8"],
        "subset": ["CD4_Naive", "CD4_Naive", "unassigned", "CD8_CM"],
        "subset_margin": [0.90, 0.88, 0.05, 0.70],
    }
)
TRUTH = pd.DataFrame(
    {
        "level1": ["CD4", "CD8", "CD4", "unassigned"],
        "subset": ["CD4_Naive", "CD8_CM", "unassigned", "unassigned"],
    }
)


@pytest.fixture
def table():
    best = label_quality.likeliest(LABELS, SCORES, MARKERS)
    return reliability.of_labels(best, SCORES, TRUTH, MARKERS, "authors")


def test_bins_are_open_below_and_hold_every_cell():
    found = reliability.binned(np.array([0.0, 0.1, 0.11, 1.0]), np.array([0, 1, 1, 1.0]))
    assert found["low"].tolist() == [0.0, 0.1, 0.9]
    assert found["n"].tolist() == [2, 1, 1]  # a tenth belongs to the first bin
    assert found["right"].tolist() == [0.5, 1.0, 1.0]
    # |.05 - .5| * 2 + |.11 - 1| + 0, of four cells
    assert reliability.error(found) == pytest.approx((0.9 + 0.89) / 4)
    assert np.isnan(reliability.error(found.iloc[:0]))


def test_said_and_right_at_each_level_for_cells_with_a_truth(table):
    bins = table[table["label"] == ""].set_index(["level", "high"])
    # branch: cells a (1.00, right), b (.96, wrong), c (.60, right); d has no truth
    assert bins.loc[("level1", 1.0), ["n", "said", "right"]].tolist() == [
        2, pytest.approx(0.98), 0.5,
    ]  # fmt: skip
    assert bins.loc[("level1", 0.6), ["n", "said", "right"]].tolist() == [
        1, pytest.approx(0.6), 1.0,
    ]  # fmt: skip
    # subset: a (.95, right), b (.92, wrong)
    assert bins.loc["subset"].shape[0] == 1
    assert bins.loc[("subset", 1.0), "said"] == pytest.approx(0.935)
    by_label = table[table["label"] != ""].set_index(["level", "label"])
    assert by_label.loc[("level1", "CD4"), ["n", "right"]].tolist() == [3, pytest.approx(2 / 3)]
    assert by_label.loc[("subset", "CD4_Naive"), ["n", "right"]].tolist() == [2, 0.5]
    assert len(by_label) == 2 and set(table["whose"]) == {"authors"}


def test_without_a_truth_there_is_nothing():
    best = label_quality.likeliest(LABELS, SCORES, MARKERS)
    none = TRUTH.assign(level1="unassigned", subset="unassigned")
    assert reliability.of_labels(best, SCORES, none, MARKERS, "authors").empty


def test_proteins_name_what_is_ahead_by_one_clear_protein():
    nine = np.log(9)  # what a single perfect antibody tells
    told = pd.DataFrame(
        [
            (nine, 0.0, 0.0),  # naive CD4 of all
            (nine, nine, 0.0),  # CD4, no subset
            (nine, nine, 0.1),  # just short of it: nothing
            (-1.0, -2.0, 3.0),  # CD8, by the best of CD4
        ],
        columns=NAMES,
    )
    found = reliability.by_proteins(told, MARKERS)
    assert found["level1"].tolist() == ["CD4", "CD4", "unassigned", "CD8"]
    assert found["subset"].tolist() == ["CD4_Naive", "unassigned", "unassigned", "CD8_CM"]


def test_the_figure_shows_bins_and_labels_with_n(table):
    table = table.assign(n=10 * table["n"])
    both = pd.concat([table, table.assign(whose="proteins")])
    # branches: (2 * (0.98 - 0.5) + (1 - 0.6)) / 3
    fig, shown = figures.draw(both, made_up.cohort())
    pd.testing.assert_frame_equal(shown, both)
    words = [text.get_text() for text in fig.findobj(Text)]
    assert words.count("n = 30\noff by 0.45") == 2
    named = [tick.get_text() for ax in fig.axes for tick in ax.get_yticklabels()]
    assert named.count("CD4 naive (20)") == 2 and named.count("CD4 T cells (30)") == 2
    assert len([ax for ax in fig.axes if ax.axison]) == 8
    _, told = figures.draw(table.iloc[:0], made_up.cohort())
    assert told["reason"].tolist() == ["No cell has a label from elsewhere."]
    # without rows of labels, as the benchmark draws it: a panel for everyone
    alone, _ = figures.draw(both[(both["label"] == "") & (both["level"] == "subset")], None)
    assert len([ax for ax in alone.axes if ax.axison]) == 2


def test_a_single_level_has_its_labels_beside_it_and_few_cells_are_not_drawn(table):
    rows = table[table["level"] == "level1"].assign(n=30)
    few = rows[rows["label"] != ""].assign(label="CD8", n=9)
    fig, _ = figures.draw(pd.concat([rows, few]), made_up.cohort())
    assert len(fig.axes) == 2 and all(ax.axison for ax in fig.axes), "no empty half"
    assert [tick.get_text() for tick in fig.axes[1].get_yticklabels()] == ["CD4 T cells (30)"]
