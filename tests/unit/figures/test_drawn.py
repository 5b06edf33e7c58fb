"""Figures from made-up tables: what they show, the sentences for what cannot be shown, bytes."""

from itertools import pairwise

import made_up
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from tilt.core import contracts
from tilt.figures import (
    activity,
    ambient,
    composition,
    embedding,
    factors,
    forest,
    imbalance,
    labels,
    markers,
    mediators,
    meta,
    perturbations,
    qc,
    robustness,
    study,
    style,
    volcano,
)

COHORT = made_up.cohort()
FORTY = [f"subset_with_a_long_name_{n}" for n in range(40)]


def words(fig) -> str:
    """Every text of a figure."""
    return "\n".join(t.get_text() for t in fig.findobj(Text))


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
        "imbalance": imbalance.draw(shares, values, tests, interferon, COHORT, made_up.LABELS),
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


def test_imbalance_shows_effects_and_n():
    people = made_up.donors(8, 10)
    shares = made_up.composition(people)
    values = made_up.imbalance(people)
    tests = made_up.imbalance_tests(people, values)
    scores = activity.donor_scores(made_up.activity(people))
    fig, table = imbalance.draw(shares, values, tests, scores, COHORT, made_up.LABELS)
    text = words(fig)
    row = tests.set_index("quantity").loc["E3"]
    assert f"{row['effect']:+.2f} [{row['ci_low']:.2f}" in text
    assert "control (n = 8 donors)" in text and "SLE (n = 10 donors)" in text
    assert table["panel"].value_counts()[["a", "c", "d", "e"]].tolist() == [18, 18, 18, 18]
    pole = table[table["panel"] == "a"].set_index("donor").loc["C01"]
    own = shares[(shares["donor"] == "C01") & (shares["denominator"] == "memory_cd4")]
    n = own[own["subset"].isin(made_up.LABELS["tph"])]["n"].sum()
    total = own["n_denominator"].max()
    assert pole["pct_tph"] == pytest.approx(100 * (n + 0.5) / (total + 1))


def test_imbalance_shows_the_null_of_permuted_labels():
    made = made_up.study(8, 10)
    null = made_up.permuted()
    arguments = [made[name] for name in ("composition", "imbalance", "tests")]
    scores = activity.donor_scores(made["activity"])
    fig, table = imbalance.draw(*arguments, scores, COHORT, made_up.LABELS, null)
    assert "gray: labels permuted" in words(fig)
    shown = table[table["panel"] == "b, permuted"]
    assert shown["n"].sum() == 3 * 2000
    # the histogram is on the axis of the effect: both are divided by the same deviation
    patches = [p for p in fig.axes[1].patches if hasattr(p, "get_data")]
    row = made["tests"].set_index("quantity").loc["E3"]
    edges = patches[2].get_data().edges
    assert edges[0] == pytest.approx(
        null.loc[null["estimator"] == "E3", "bin_low"].min() * row["smd"] / row["effect"]
    )
    without, _ = imbalance.draw(*arguments, scores, COHORT, made_up.LABELS)
    assert "permuted" not in words(without)


def test_imbalance_shows_the_corrected_effect_hollow_and_on_the_same_axis():
    made = made_up.study(8, 10)
    arguments = [made[name] for name in ("composition", "imbalance", "tests")]
    scores = activity.donor_scores(made["activity"])
    methods = made_up.corrected(made["tests"])
    given = (*arguments, scores, COHORT, made_up.LABELS, None)
    fig, table = imbalance.draw(*given, methods)
    row, found = made["tests"].set_index("quantity").loc["E1"], methods.iloc[0]
    assert f"corrected for mislabeling: {found['effect']:+.2f} [" in words(fig)
    hollow = [line for line in fig.axes[1].lines if line.get_mfc() == "white"]
    (drawn,) = hollow
    assert drawn.get_xdata()[0] == pytest.approx(1.5 * row["smd"])
    assert drawn.get_ydata()[0] == pytest.approx(0.17)  # below E1, the first row
    assert fig.axes[1].get_xlim()[1] > found["ci_high"] * row["smd"] / row["effect"]
    assert (table["method"] == "corrected_ols_hc2").sum() == 1
    failed = methods.assign(estimable=False, effect=np.nan)
    fig, _ = imbalance.draw(*given, failed)
    assert "corrected for mislabeling: not estimable" in words(fig)
    assert not [line for line in fig.axes[1].lines if line.get_mfc() == "white"]


def test_ambient_ratio_is_that_of_geometric_means():
    case, control = np.log10([2.0, 4.0, 8.0]), np.log10([1.0, 2.0, 4.0])
    ratio, low, high = ambient.fold(case, control)
    assert ratio == pytest.approx(2) and low < 1 < high
    assert low * high == pytest.approx(4)
    assert np.isnan(ambient.fold(case[:2], control)[0])
    fig, table = ambient.draw(made_up.ambient(made_up.donors(8, 10)), COHORT)
    text = words(fig)
    assert "not in the\nmatrix" in text and "SLE (n = 10 donors)" in text
    found = table[table["panel"] == "ratios"].set_index("genes")["ratio"]
    assert found["HBB"] == pytest.approx(2, rel=0.1) and "SIGLEC1" not in found


def test_mediators_say_effects_reasons_and_what_they_are_not():
    fig, table = mediators.draw(made_up.mediators(), COHORT)
    text = words(fig)
    assert "n = 10 SLE, 8 control" in text
    assert "+0.60 [0.20, 1.00]  q = 0.03" in text and "+0.46 [0.12, 0.87]" in text
    assert "Type I interferon, alone" in text and "+ handling genes" in text
    assert text.count("3 of 10 genes of AP1_JUN") == 3
    assert "Associations between donors." in text
    assert "Type I interferon 2.5 (limit of the interval 1.4)" in text.replace("\n", " ")
    assert len(table) == 16
    nothing = words(mediators.draw(made_up.mediators().iloc[:0], COHORT)[0])
    assert "Mediators are not compared: there are no cells" in nothing


def test_perturbations_say_effects_nulls_and_reasons():
    table, nulls = made_up.perturbations()
    fig, shown = perturbations.draw(table, nulls, COHORT)
    text = words(fig)
    assert "interferon-beta response" in text and "AHR agonist response" in text
    assert "+0.42 [0.22, 0.62]  q = 0.002" in text
    assert "random sets −0.10 to +0.10, q = 0.006; 58 of 103 genes" in text
    assert "2 genes measured; 3 are needed" in text
    assert "(n = 10 SLE, 8 control)" in text
    assert len(shown) == 3
    bars = [patch for patch in fig.axes[0].patches if patch.get_height()]
    assert {patch.get_y() for patch in bars} == {0.0, 1.0}
    assert all(patch.get_height() < 0 for patch in bars)  # upward, as the axis is turned
    none = perturbations.draw(table.iloc[:0], nulls.iloc[:0], COHORT)[0]
    assert "there are no cells whose genes could be looked at" in words(none)
    pairs = table.assign(estimable=False, reason="pairs: both change")
    assert "pairs: both change" in words(perturbations.draw(pairs, nulls, COHORT)[0])


def test_factors_say_targets_and_reasons():
    donors, none = made_up.factor_tests(), made_up.factor_tests().iloc[:0]
    fig, table = factors.draw(donors, {"t": made_up.factors()}, {"t": "T cells"}, COHORT)
    text = words(fig)
    assert "+3.20 [2.10, 4.30]  q = 0.0002" in text and "33 targets" in text
    assert "donors: memory CD4 T cells (n = 10 SLE, 8 control)" in text
    assert table["subset"].tolist() == ["donors"] * 3 + ["t"] * 5
    fig, table = factors.draw(none, {"t": made_up.factors()}, {"t": "T cells"}, COHORT)
    text = words(fig)
    assert "+9.4  p < 0.0001, 80 targets" in text and "−1.2  p = 0.20, 22 targets" in text
    assert "3 targets measured; 5 are" in text
    assert len(table) == 5
    assert "No table of regulons" in words(factors.draw(none, {}, {"t": "T cells"}, COHORT)[0])
    assert "Only a table of counts" in words(factors.draw(none, {}, {}, COHORT)[0])


def test_a_group_that_was_not_tested_has_a_title_without_n():
    untested = pd.DataFrame({"gene_symbol": [np.nan], "log2fc": np.nan, "p": np.nan})
    untested["n_case"] = untested["n_control"] = np.nan
    found = volcano.headings({"t": untested, "cd4": made_up.genes(50)}, COHORT)
    assert found == {"t": "T cells", "cd4": "CD4 T cells, n = 10 SLE, 8 control"}


def test_random_sets_are_judged_by_the_t_that_p_is_made_of():
    null = made_up.random_sets(99)
    null.loc[1, "t"] = -99.0
    fig, _ = robustness.draw(made_up.specifications(), null, COHORT)
    assert "1 of 99 random pairs lie as far from 0 (p = 0.02)" in words(fig)


def test_other_ways_of_a_ratio_are_told_as_folds():
    rows = pd.DataFrame({"estimator": "E1", "specification": ["as declared", "a", "b"]})
    rows["family"] = ["main", "one donor out", "one donor out"]
    rows[["fold", "fold_low", "fold_high"]] = [[2.0, 1.2, 4.0], [3.0, 2.0, 9.0], [1.5, 0.5, 4.0]]
    rows[["effect", "ci_low", "ci_high"]] = np.log(rows[["fold", "fold_low", "fold_high"]])
    rows = rows.assign(leads=True, unit="ln ratio", p=0.01, estimable=True, reason="")
    rows = rows.assign(n_case=10, n_control=8)
    fig, table = robustness.draw(rows, pd.DataFrame(), COHORT)
    assert "×2.0 [1.2, 4.0]  p = 0.01  n = 10 + 8" in words(fig)
    assert "×1.5 to ×3.0; 95% CI leaves out 1 in 1 of 2" in words(fig)
    assert table["fold_high"].tolist() == [4, 9, 4]
    axis = rows.assign(estimator="E3", unit="SD", fold=np.nan)
    fig, _ = robustness.draw(axis, pd.DataFrame(), COHORT)
    assert "+0.41 to +1.10; 95% CI leaves out 0 in 1 of 2" in words(fig)


def test_imbalance_not_estimable_is_text():
    text = words(everything(1, 0)["imbalance"][0])
    assert "not estimable: fewer than 3 donors in an arm" in text
    assert "Not estimable: median of 2" in text.replace("\n", " ")


def test_interval_and_p_are_those_of_the_declared_method():
    rows = pd.DataFrame(
        {
            "quantity": "E3",
            "denominator": "memory_cd4",
            "method": ["quasi_binomial", "ols_hc2", "permutation"],
            "effect": [2.0, 1.0, 1.0],
            "ci_low": [np.nan, 0.5, np.nan],
            "ci_high": [np.nan, 1.5, np.nan],
            "p": [0.5, 0.04, 0.03],
            "q": np.nan,
            "estimable": True,
            "role": "primary",
        }
    )
    best = forest.main(rows)
    assert len(best) == 1 and best["effect"].iloc[0] == 1.0
    assert forest.effect_text(next(best.itertuples())) == "+1.00 [0.50, 1.50]  p = 0.04"


def test_narrowest_denominator_is_drawn_and_named():
    people = made_up.donors(4, 4)
    shares = made_up.composition(people, ["CD4_Th1"])
    wider = shares.assign(denominator="t", n_denominator=5000)
    both = pd.concat([shares, wider], ignore_index=True)
    fig, table = composition.draw(both, made_up.tests(people, shares), COHORT)
    assert set(table["denominator"].dropna()) == {"memory_cd4"}
    assert "of memory CD4 T cells" in words(fig)


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
        factors.draw(made_up.factor_tests().iloc[:0], {}, {}, COHORT),
        ambient.draw(made_up.ambient(people)[:0], COHORT),
        volcano.draw({}, COHORT),
        labels.draw(pd.DataFrame(columns=["author_label", "subset"]), COHORT),
        robustness.draw(made_up.specifications().assign(estimable=False), pd.DataFrame(), COHORT),
        meta.draw(made_up.meta().assign(estimable=False, effect=np.nan), {}),
    ):
        assert "reason" in table and len(words(fig)) > 40


def test_dot_plot_marks_negatives():
    table = made_up.expression(n_genes=120)
    fig, _ = markers.draw_dots(table, COHORT)
    assert len(fig.axes) == 4  # three blocks of genes and the color bar
    crosses = [c for ax in fig.axes[:3] for c in ax.collections if c.get_linewidth()[0] == 0.5]
    assert sum(len(c.get_offsets()) for c in crosses) == (table["sign"] == "-").sum()


def test_detectability_keeps_zero_and_missing_apart():
    across = pd.concat(
        [made_up.detectability().assign(cohort="a"), made_up.detectability()[2:].assign(cohort="b")]
    )
    fig, _ = markers.draw_detectability_across(across, {"a": "A", "b": "B"})
    text = words(fig)
    assert text.count("no gene") == 2 and "0.02" in text


def test_volcano_names_are_apart():
    places = volcano.apart(np.array([0.0, 0.1, 0.2, 9.9, 10.0]), gap=1.0, low=0.0, high=10.0)
    assert np.diff(places).min() >= 1 - 1e-9 and places.min() >= 0 and places.max() <= 10


def test_study_table_counts_and_medians():
    people = made_up.donors(4, 4).assign(age=["20", "30", "", "40", "50", "50", "50", "60"])
    table = study.donor_summary(people, COHORT).set_index("characteristic")
    assert table.loc["age, median (range)", "control"] == "30 (20–40), 1 not known"
    assert table.loc["sex: F", "SLE"] == "3 (75%)"


def test_confusion_rows_sum_to_hundred():
    cells = pd.DataFrame(
        {"author_label": ["T4"] * 3 + ["T8"], "subset": ["CD4_CM"] * 2 + ["MAIT"] * 2}
    )
    _, table = labels.draw(cells, COHORT)
    assert table.groupby("author_label")["percent"].sum().tolist() == pytest.approx([100, 100])
