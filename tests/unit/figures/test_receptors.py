"""The figure of clones: what it shows, and the sentences where there is nothing to show."""

import made_up
import numpy as np
import pandas as pd
from matplotlib.text import Text
from tilt.core import contracts
from tilt.figures import receptors
from tilt.stats import contrast, design, readable

COHORT = made_up.cohort()
SUBSETS = ("t", "CD4_Tph_like", "CD4_Tfh_circ")


def tables(shared=2.0):
    """Values of 8 and 8 donors; in cases 10 points more of the Tph-like cells are expanded."""
    people = made_up.donors(8, 8).assign(cohort="c1")
    rng = np.random.default_rng(0)
    case = (people["condition"] == COHORT.case).to_numpy()
    rows = [
        people[["cohort", "donor", "condition"]].assign(
            subset=subset,
            measure="clone_expanded",
            value=20 + 10 * case * (subset == "CD4_Tph_like") + rng.normal(0, 1, 16),
            depth=30,
        )
        for subset in SUBSETS
    ]
    more = rows[0].assign(subset="CD4_Tph_like", measure="clones_in_CD4_Tfh_circ", depth=25)
    rows.append(more.assign(value=shared * rng.random(16)))
    none = more.assign(measure="clones_in_CD4_CTL", value=np.nan, depth=0)
    found = pd.concat([*rows, none], ignore_index=True).assign(n_cells=40, n_clones=30)
    found["estimable"] = found["value"].notna()
    found["reason"] = np.where(
        found["estimable"], "", "fewer than 20 cells of CD4_CTL with both chains"
    )
    found = found[list(contracts.CLONES.columns)]
    plan = contrast.Plan(design.Contrast(COHORT.case, COHORT.control), permutations=9, bootstraps=0)
    designs = contrast.DesignCache(people, plan)
    tests = []
    for (subset, measure), part in found.groupby(["subset", "measure"]):
        row = contrast.main_effect(designs, part, readable.POINTS)
        row |= {"quantity": measure, "denominator": subset, "role": "exploratory"}
        tests.append(row | readable.columns(row))
    tests = pd.DataFrame(tests).reindex(columns=list(contracts.TESTS.columns))
    samples = people.assign(sample=people["donor"], n_t=200, n_t_alpha=150, n_t_beta=180)
    return found, tests, samples.assign(n_t_both=140, n_t_many=4)


def words(fig):
    return "\n".join(t.get_text() for t in fig.findobj(Text))


def test_all_panels_and_their_table():
    made = tables()
    fig, table = receptors.draw(*made, COHORT)
    assert list(table["panel"].unique()) == ["a", "b", "shared", "chains"]
    text = words(fig).replace("\n", " ")
    assert "CD4 Tph-like (30)" in text and "T cells (30)" in text
    assert "CD4 Tph-like cells whose clone is among 25 CD4 Tfh (circulating) (%)" in text
    assert "Not estimable: fewer than 20 cells of CD4 cytotoxic with both chains" in text
    assert "chains, 16 samples" in text and "p < 0.0001" in text
    effect = table[(table["panel"] == "b") & (table["denominator"] == "CD4_Tph_like")].iloc[0]
    assert 8 < effect["points"] < 12 and effect["n_case"] == 8
    assert table.loc[table["panel"] == "chains", "n_t_beta"].tolist() == [180] * 16


def test_subsets_of_few_donors_are_counted_and_not_drawn():
    found, tests, samples = tables()
    lost = (found["subset"] == "CD4_Tfh_circ") & (found["donor"].str.slice(-1) > "2")
    found.loc[lost, ["value", "estimable"]] = np.nan, False
    fig, _ = receptors.draw(found, tests, samples, COHORT)
    text = words(fig).replace("\n", " ")
    assert "not drawn: 1 subset of fewer than 3 donors an arm" in text
    assert "CD4 Tfh (circulating) (30)" not in text and "CD4 Tph-like (30)" in text


def test_what_cannot_be_shown_is_said():
    found, tests, samples = tables(shared=0.0)
    fig, _ = receptors.draw(found, tests, samples, COHORT)
    text = words(fig).replace("\n", " ")
    assert "CD4 Tph-like and CD4 Tfh (circulating) share no clone in 16 donors" in text
    found = found.assign(value=np.nan, estimable=False, reason="3 cells of t with both chains")
    _, table = receptors.draw(found, tests, samples, COHORT)
    assert table["reason"].tolist() == ["No clones can be measured: 3 cells of t with both chains."]


def test_donors_on_the_axis_are_not_cut_in_half():
    found, tests, samples = tables()
    found.loc[found["measure"] == "clone_expanded", "value"] = 0.0
    fig, _ = receptors.draw(found, tests, samples, COHORT)
    dots = [c for c in fig.axes[0].collections if len(c.get_offsets()) == 8]
    assert len(dots) == 6 and not any(c.get_clip_on() for c in dots)
