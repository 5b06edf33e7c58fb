"""Figures of designs beyond two arms: what they show and say."""

import made_up
from matplotlib.text import Text
from tilt.figures import exposures

COHORT = made_up.cohort()


def words(fig) -> str:
    """Every text of a figure."""
    return "\n".join(t.get_text() for t in fig.findobj(Text))


def test_exposures_show_donors_slopes_missing_values_and_reasons():
    people, slopes, lines = made_up.exposures(made_up.donors(8, 10))
    values = made_up.imbalance(people)
    fig, table = exposures.draw(slopes, lines, values, people, COHORT)
    text = words(fig)
    assert "SLEDAI (SLE, 1 not known)" in text and "C3 (all)" in text
    assert "+0.30 [0.15, 0.45] per SD\npartial r +0.60, p (Holm) = 0.004" in text
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
