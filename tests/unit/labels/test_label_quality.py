"""How sure the labels are: tables with known answers, and the figures made from them."""

from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from tilt.figures import confidence as figures
from tilt.genes import tables as gene_tables
from tilt.labels import author_labels, label_quality

MARKERS = Path(__file__).resolve().parents[3] / "resources" / "markers.tsv"
NAMES = ["CD4_Naive", "CD4_CM", "CD8_CM"]
CHANCE = np.array(
    [
        [0.99, 0.01, 0.00],  # sure
        [0.40, 0.35, 0.25],  # CD4, no subset
        [0.30, 0.24, 0.46],  # CD4 has more than CD8, though CD8_CM is likeliest: nothing called
        [0.00, 0.05, 0.95],
    ]
)


@pytest.fixture(scope="module")
def markers():
    return gene_tables.read_markers(MARKERS)


@pytest.fixture
def labels():
    return pd.DataFrame(
        {
            "level1": ["CD4", "CD4", "unassigned", "CD8"],
            "subset": ["CD4_Naive", "unassigned", "unassigned", "CD8_CM"],
            "subset_score": [0.99, 0.40, 0.46, 0.95],
            "subset_margin": [0.98, 0.05, -0.02, 0.90],
            "compartment": ["naive", "", "", "memory"],
        }
    )


@pytest.fixture
def best(labels, markers):
    scores = pd.DataFrame(CHANCE, columns=NAMES).assign(cell=list("abcd"), tph_score=1.0)
    return label_quality.likeliest(labels, scores, markers)


def test_likeliest_names_every_cell_and_keeps_what_was_called(best):
    assert best["level1"].tolist() == ["CD4", "CD4", "CD4", "CD8"]
    assert best["subset"].tolist() == ["CD4_Naive", "CD4_Naive", "CD8_CM", "CD8_CM"]
    assert best["level1_margin"].to_numpy() == pytest.approx([1.0, 0.5, 0.08, 0.9])
    assert best["subset_margin"].tolist() == [0.98, 0.05, 0.0, 0.90]


def test_histograms_count_every_cell_once(labels, best):
    table = label_quality.histograms(labels, best)
    sums = table.groupby(["measure", "subset"])[["n_called", "n_unassigned"]].sum()
    for measure in ("score", "margin"):
        assert sums.loc[(measure, "CD4_Naive")].tolist() == [1, 1]
        assert sums.loc[(measure, "CD8_CM")].tolist() == [1, 1]
    hit = table[(table["measure"] == "score") & (table["n_unassigned"] == 1)]
    inside = (hit["bin_low"] <= [0.40, 0.46]) & (hit["bin_high"] > [0.40, 0.46])
    assert inside.all() and hit["subset"].tolist() == ["CD4_Naive", "CD8_CM"]


def test_coverage_and_rightness_at_each_margin(labels, best):
    truth = pd.DataFrame(
        {
            "level1": ["CD4", "CD8", "CD8", "unassigned"],
            "subset": ["CD4_Naive", "CD8_CM", "CD8_CM", "unassigned"],
        }
    )
    table = label_quality.coverage(labels, best, truth)
    usual = table[table["rule"] == "default"].set_index("level")
    assert usual["n_called"].to_dict() == {"level1": 3, "subset": 2}
    assert usual["n_truth"].tolist() == [3, 3]
    assert usual["truth_coverage"].to_numpy() == pytest.approx([2 / 3, 1 / 3])
    assert usual["accuracy"].to_numpy() == pytest.approx([0.5, 1.0])
    # branch: CD4 once right and once called for a CD8, so F1 2/3 and 0
    assert usual["macro_f1"].to_numpy() == pytest.approx([1 / 3, 1.0])
    all_cells = table[(table["rule"] == "margin") & (table["cut"] == 0)].set_index("level")
    assert all_cells["coverage"].tolist() == [1.0, 1.0]
    assert all_cells.at["subset", "accuracy"] == pytest.approx(2 / 3)
    for _, rows in table[table["rule"] == "margin"].groupby("level"):
        assert rows["cut"].is_monotonic_increasing and rows["n_called"].is_monotonic_decreasing


def test_macro_f1_is_that_of_agreement():
    random = np.random.default_rng(3)
    truth, called = random.choice(list("abc"), 300), random.choice(list("abcd"), 300)
    truth[:50] = called[:50]
    found = label_quality.rightness(truth.astype(object), called.astype(object), np.ones(300, bool))
    known = author_labels.agreement(pd.Series(truth), pd.Series(called))
    assert found[4] == pytest.approx(known["macro_f1"])


def test_without_truth_and_with_one_branch(labels, best):
    table = label_quality.coverage(labels, best)
    assert table["accuracy"].isna().all() and table["n_truth"].eq(0).all()
    sorted_cells = label_quality.coverage(labels, best.assign(level1="CD4"))
    assert set(sorted_cells["level"]) == {"subset"}


def test_labels_of_other_lineages_are_no_truth_for_t_cells(labels, markers):
    author = pd.Series(["naive", "NK", "CD4", "CD8 memory"])
    mapping = {"naive": "CD4_Naive", "NK": "NK", "CD4": "CD4", "CD8 memory": "CD8_CM"}
    theirs = author_labels.by_level(
        labels, author_labels.translate(author, mapping, markers), markers
    )
    assert theirs["level1"].tolist() == ["CD4", "NK", "CD4", "CD8"]
    assert theirs["subset"].tolist() == ["CD4_Naive", "unassigned", "unassigned", "CD8_CM"]
    truth = label_quality.of_t_cells(theirs, markers)
    assert truth["level1"].tolist() == ["CD4", "unassigned", "CD4", "CD8"]
    assert truth["subset"].tolist() == ["CD4_Naive", "unassigned", "unassigned", "CD8_CM"]


def by_hand(truth, called, inside):
    """n with a truth, n inside, share, accuracy, macro-F1 over the true labels inside."""
    known = [
        (t, c) for t, c, i in zip(truth, called, inside, strict=True) if t != "unassigned" and i
    ]
    n = sum(t != "unassigned" for t in truth)
    scores = []
    for name in {t for t, _ in known}:
        hit = sum(t == c == name for t, c in known)
        scores.append(
            2 * hit / (sum(t == name for t, _ in known) + sum(c == name for _, c in known))
        )
    right = sum(t == c for t, c in known)
    return n, len(known), len(known) / n, right / len(known), np.mean(scores)


def test_every_row_of_the_curve_is_that_of_a_loop():
    rng = np.random.default_rng(4)
    truth = rng.choice(["a", "b", "c", "unassigned"], 150).astype(object)
    called = np.where(rng.random(150) < 0.7, truth, rng.choice(list("abd"), 150)).astype(object)
    called[called == "unassigned"] = "a"
    margin, usual = rng.random(150).round(3), rng.random(150) < 0.6
    table = label_quality.curve(called, margin, usual, truth)
    cuts = set(label_quality.CUTS) | {np.quantile(margin, s / 100) for s in range(10, 96, 5)}
    assert table["cut"].dropna().tolist() == pytest.approx(sorted(cuts))
    assert table["rule"].tolist() == ["margin"] * len(cuts) + ["default"]
    columns = ["n_truth", "n_truth_called", "truth_coverage", "accuracy", "macro_f1"]
    for row in table.itertuples():
        inside = usual if row.rule == "default" else margin >= row.cut
        assert (row.n_cells, row.n_called) == (150, inside.sum())
        assert row.coverage == pytest.approx(inside.mean())
        found = [getattr(row, name) for name in columns]
        if inside[truth != "unassigned"].any():
            assert found == pytest.approx(by_hand(truth, called, inside))
        else:
            assert found[:3] == [(truth != "unassigned").sum(), 0, 0] and np.isnan(found[3:]).all()
    none = label_quality.curve(called[:0], margin[:0], usual[:0])
    assert (none["n_cells"] == 0).all() and (none["coverage"] == 0).all()
    assert none[["truth_coverage", "accuracy"]].isna().all().all()


def test_bins_are_even_in_nines_and_hold_their_cells(labels, best):
    edges = label_quality.BINS
    assert edges[[0, 5, 10]] == pytest.approx([0, 0.9, 0.99]) and edges[-1] == 1
    table = label_quality.histograms(labels, best)
    assert len(table) == 2 * 2 * 25
    rows = table[(table["measure"] == "margin") & (table["subset"] == "CD4_Naive")]
    assert rows["bin_low"].tolist() == pytest.approx(edges[:-1])
    assert rows["bin_high"].tolist() == pytest.approx(edges[1:])
    at = rows["n_called"].to_numpy().argmax()
    assert edges[at] <= 0.98 < edges[at + 1]
    last = table[(table["measure"] == "margin") & (table["subset"] == "CD8_CM")].iloc[0]
    assert last["n_unassigned"] == 1  # a margin below zero counts with the lowest
    sure = label_quality.histograms(labels.assign(subset_score=1.0), best)
    assert sure.query("measure == 'score' and bin_high == 1")["n_called"].sum() == 2


def words(fig) -> str:
    return "\n".join(text.get_text() for text in fig.findobj(Text))


def test_scores_tell_n_and_the_share_unassigned():
    table = made_up.sure()
    fig, plotted = figures.draw_scores(table, made_up.cohort())
    assert plotted is table
    rows = table[(table["measure"] == "score") & (table["subset"] == made_up.SUBSETS[0])]
    whole = rows["n_called"].sum() + 18
    assert f"CD4 naive ({whole}; {100 * 18 / whole:.0f}%)" in words(fig)
    score = table[table["measure"] == "score"]
    total = score[["n_called", "n_unassigned"]].to_numpy().sum()
    assert f"{total:,} T cells, 18 (" in words(fig)
    fig.draw_without_rendering()
    assert fig.get_tightbbox().x0 >= -0.01


def test_coverage_shows_the_default_and_says_when_accuracy_is_unknown():
    fig, _ = figures.draw_coverage(made_up.coverage(), made_up.cohort())
    text = words(fig)
    assert "n = 3,000 (branch), 3,000 (subset)" in text and "macro-F1" in text
    diamonds = [line for line in fig.axes[1].lines if line.get_marker() == "D"]
    assert len(diamonds) == 4
    assert sorted({round(x, 6) for line in diamonds for x in line.get_xdata()}) == [97.0]
    fig, _ = figures.draw_coverage(made_up.coverage(known=False), made_up.cohort())
    assert "Accuracy is not known" in words(fig).replace("\n", " ")


def test_no_cells_give_a_sentence():
    nothing = made_up.sure().iloc[:0]
    assert "No T cells" in words(figures.draw_scores(nothing, made_up.cohort())[0])
    nothing = made_up.coverage().iloc[:0]
    assert "no two labels" in words(figures.draw_coverage(nothing, made_up.cohort())[0])
