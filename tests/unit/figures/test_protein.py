"""The figure of the protein axis: what it shows, and the sentences where E4 cannot be had."""

import made_up
import numpy as np
import pandas as pd
from matplotlib.text import Text
from tilt.core import contracts
from tilt.figures import protein

COHORT = made_up.cohort()


def tables(apart=True, estimable=True):
    people = made_up.donors(8, 8)
    values = made_up.imbalance(people)
    e4 = values[values["estimator"] == "E3"].assign(estimator="E4", estimable=estimable)
    e4["reason"] = "" if estimable else "no antibody against ICOS in this cohort"
    tests = made_up.imbalance_tests(people, values)
    row = tests.iloc[[2]].assign(quantity="E4", role="sensitivity", unit="ln ratio")
    row["estimable"], row["reason"] = estimable, e4["reason"].iloc[0]
    fits = pd.DataFrame(
        {
            "batch": ["A", "B"] * 2,
            "protein": ["CD4"] * 2 + ["ICOS"] * 2,
            "separation": [5, 4, 1, 1.0],
        }
    ).reindex(columns=list(contracts.PROTEINS.columns))
    fits["apart"] = [apart, apart, False, False]
    shown = pd.DataFrame({"protein": "CD4", "label": ["CD4_CM", "CD8_CM"], "sign": ["+", "-"]})
    shown = shown.reindex(columns=list(contracts.PROTEIN_EVIDENCE.columns)).assign(n_cells=50)
    shown["share_positive"] = [0.97, 0.02] if apart else np.nan
    return pd.concat([values, e4]), pd.concat([tests, row]), fits, shown


def words(fig):
    return "\n".join(t.get_text() for t in fig.findobj(Text))


def test_all_panels_and_their_table():
    made = tables()
    fig, table = protein.draw(*made, COHORT)
    assert list(table["panel"].unique()) == ["a", "b", "c", "d"]
    text = words(fig)
    assert "RNA against protein, n = 16 donors" in text and "n = 8" in text
    assert "CD4 central memory (50)" in text and "−" in text
    shown = table[table["panel"] == "d"].set_index("label")["share_positive"]
    assert shown.to_dict() == {"CD4_CM": 0.97, "CD8_CM": 0.02}
    e4 = made[0][made[0]["estimator"] == "E4"]
    assert table.loc[table["panel"] == "a", "value"].tolist() == e4["value"].tolist()


def test_percentages_of_a_few_cells_are_not_drawn():
    values, tests, fits, shown = tables()
    shown.loc[1, "n_cells"] = 9
    fig, table = protein.draw(values, tests, fits, shown, COHORT)
    text = words(fig)
    assert "not drawn: 1 subset of fewer than 10 cells" in text and "CD8 central" not in text
    assert table.loc[table["panel"] == "d", "label"].tolist() == ["CD4_CM"]


def test_what_cannot_be_shown_is_said():
    fig, _ = protein.draw(*tables(apart=False, estimable=False), COHORT)
    text = words(fig).replace("\n", " ")
    assert "Not estimable: no antibody against ICOS in this cohort" in text
    assert "fewer than 5 donors have both values" in text
    assert "signal and background are told apart for no protein" in text
