"""Figures of designs beyond two arms: what they show and say."""

import made_up
import made_up_designs
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from tilt.figures import activity, composition, exposures, groups, imbalance, visits

COHORT = made_up.cohort()


def words(fig) -> str:
    """Every text of a figure."""
    return "\n".join(t.get_text() for t in fig.findobj(Text))


def test_exposures_show_donors_slopes_missing_values_and_reasons():
    people, slopes, lines = made_up_designs.exposures(made_up.donors(8, 10))
    values = made_up.imbalance(people)
    fig, table = exposures.draw(slopes, lines, values, people, COHORT)
    text = words(fig)
    assert "SLEDAI (SLE, 1 not known)" in text and "C3 (all)" in text
    assert "×1.3 [1.2, 1.6], +0.30 per SD\npartial r +0.60, p (Holm) = 0.004" in text
    assert "+0.30 [0.15, 0.45] per SD" in text  # E3, an axis, has no fold
    assert "E1, n = 9" in text and "E1, n = 18" in text
    assert "Not estimable: no donor\nhas both" in text
    dots = table[table["x"].notna()].groupby(["exposure", "estimator"]).size()
    assert dots.to_dict() == {("sledai", "E1"): 9, ("sledai", "E3"): 9, ("c3", "E1"): 18,
                              ("c3", "E3"): 18}  # fmt: skip
    one = table[(table["donor"] == people["donor"].iloc[-1]) & (table["exposure"] == "sledai")]
    value = values[(values["donor"] == one["donor"].iloc[0]) & (values["estimator"] == "E1")]
    first = one[one["estimator"] == "E1"].iloc[0]
    assert first["y"] == value["value"].iloc[0]
    assert first["x"] == float(people["sledai"].iloc[-1])
    scatters = [c for ax in fig.axes for c in ax.collections if not c.get_label().startswith("_")]
    drawn = [len(c.get_offsets()) for c in scatters]
    assert drawn == [0, 9, 0, 9, 8, 10]


def test_exposures_of_too_few_donors_are_a_sentence():
    people, slopes, lines = made_up_designs.exposures(made_up.donors(8, 10))
    few = slopes.assign(estimable=False, reason="4 donors have both; 6 are needed")
    fig, table = exposures.draw(few, lines, made_up.imbalance(people), people, COHORT)
    assert "Not estimable: 4 donors have both; 6 are needed." in words(fig).replace("\n", " ")
    assert table.empty or "x" not in table


def test_groups_show_donors_contrasts_trend_margin_and_reasons():
    people = made_up.donors(8, 10)
    people["activity"] = ["control"] * 8 + ["active", "inactive"] * 5
    values = made_up.imbalance(people)
    asked = [{"case": "active", "control": "inactive"}]
    about = {"column": "activity", "order": ["control", "inactive", "active"]}
    fig, table = groups.draw(made_up_designs.contrasts(), values, people, COHORT, about, asked)
    text = words(fig)
    assert "inactive\nn = 5" in text and "control\nn = 8" in text
    assert "×2.5 [1.3, 4.5]  p = 0.008" in text and "×1.6 [1.2, 2.2]  p = 0.002" in text
    assert "fewer than 3 donors of" in text
    assert "E1, 3 contrasts, p by Holm; box: margin" in text
    ticks = [t.get_text() for t in fig.axes[0].get_xticklabels()]
    assert [t.split("\n")[0] for t in ticks] == ["control", "inactive", "active"]
    assert table["panel"].value_counts().to_dict() == {"a": 18, "b": 18, "c": 18, "d": 4}
    later = values.assign(condition=values["condition"] + " (after)")
    visited = people.assign(condition=people["condition"] + " (after)")
    both = [pd.concat(pair, ignore_index=True) for pair in ((values, later), (people, visited))]
    again, _ = groups.draw(made_up_designs.contrasts(), *both, COHORT, about, asked)
    assert "inactive\nn = 5" in words(again)
    about["order"] = []
    alone, _ = groups.draw(made_up_designs.contrasts(), values, people, COHORT, about, asked)
    ticks = [t.get_text().split("\n")[0] for t in alone.axes[0].get_xticklabels()]
    assert ticks == ["inactive", "active"]


def test_donors_of_other_conditions_stay_out_of_figures_of_two_arms():
    people = made_up.donors(8, 10)
    shares, values = made_up.composition(people), made_up.imbalance(people)
    tests = made_up.imbalance_tests(people, values)
    scores = activity.donor_scores(made_up.activity(people))
    more = [t.assign(condition="nephritis", donor="X" + t["donor"]) for t in (shares, values)]
    both = [pd.concat(pair, ignore_index=True) for pair in zip((shares, values), more, strict=True)]
    for drawn in (
        imbalance.draw(*both, tests, scores, COHORT, made_up.LABELS),
        composition.draw(both[0], made_up.tests(people, shares), COHORT),
    ):
        assert "nephritis" not in set(drawn[1]["condition"].dropna())


def test_the_smallest_effect_of_interest_is_a_box_on_the_scale_of_the_effect():
    people = made_up.donors(8, 10)
    shares, values = made_up.composition(people), made_up.imbalance(people)
    tests = made_up.imbalance_tests(people, values)
    scores = activity.donor_scores(made_up.activity(people))
    third = tests["quantity"] == "E3"
    tests.loc[third, "margin"] = 2 * tests.loc[third, "effect"].abs()
    fig, _ = imbalance.draw(shares, values, tests, scores, COHORT, made_up.LABELS)
    assert "95% CI; box: margin" in words(fig)
    boxes = [c for c in fig.axes[1].collections if len(c.get_paths()) == 1]
    widths = [np.ptp(c.get_paths()[0].vertices[:, 0]) for c in boxes]
    assert widths == pytest.approx([4 * abs(tests.loc[third, "smd"].iloc[0])])


def test_visits_are_a_line_a_donor_and_a_forest_of_changes():
    people = made_up.donors(8, 10)
    first = made_up.imbalance(people)
    later = made_up.imbalance(people, seed=9)
    later["condition"] += " (after)"
    fig, table = visits.draw(
        made_up_designs.changes(), pd.concat([first, later]), COHORT, ["flare", "after"]
    )
    text = words(fig)
    assert "control (n = 8 donors)" in text and "SLE (n = 10 donors)" in text, "what colors mean"
    assert "n = 18 with two visits" in text and "after\n8 control\n10 SLE" in text
    assert "flare to after\nSLE, n = 10" in text and "×0.45 [0.30, 0.67]  p = 0.002" in text
    assert "not estimable: 2 pairs" in text.replace("\n", " ")
    lines = [line for line in fig.axes[0].lines if len(line.get_xdata()) == 2]
    assert len(lines) == 18 + 2  # donors, and the means of both arms
    assert table["panel"].value_counts().to_dict() == {"a": 36, "b": 36, "c": 36, "d": 2}
