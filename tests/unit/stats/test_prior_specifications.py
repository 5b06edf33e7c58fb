"""The specification curve under other shares of the subsets beforehand."""

import numpy as np
import pandas as pd
import pytest
from tilt.config import check
from tilt.core.terms import ESTIMATORS, UNIT, UNIT_KEY
from tilt.donors import imbalance
from tilt.stages import comparison
from tilt.stats import contrast, design, plan, specifications

N = 10
LABELS = ["CD4_CM", "CD4_Th22_like", "CD4_Tph_like", "CD4_Tfh_circ", "CD4_Naive"]
SHARES = pd.Series({"CD4_CM": 0.2, "CD4_Th22_like": 0.02, "CD4_Tph_like": 0.02})
SHARES["CD4_Tfh_circ"] = 0.04
SETTINGS = plan.imbalance_settings(check.defaults()["imbalance"])


def study(shares=SHARES, labels=LABELS):
    rng = np.random.default_rng(1)
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(N)]})
    donors["condition"] = ["SLE", "control"] * (N // 2)
    cells = donors.loc[donors.index.repeat(300), UNIT_KEY].reset_index(drop=True)
    cells["tph_score"] = cells["th22_score"] = 0.0
    chance = rng.dirichlet([3, 0.4, 0.5, 0.5, 1], len(cells))
    cells[LABELS] = chance
    cells = cells[[*UNIT_KEY, "tph_score", "th22_score", *labels]]
    rows = [
        donors[UNIT].assign(
            subset=name,
            n=0,
            n_expected=cells.groupby(UNIT_KEY)[name].sum().to_numpy(),
            denominator="memory_cd4",
            n_denominator=300,
            kind="subset",
        )
        for name in (x for x in LABELS[:4] if x in labels)
    ]
    made = contrast.Plan(design.Contrast("SLE", "control"), seed=1)
    return specifications.CohortInputs(
        donors, made, SETTINGS, pd.concat(rows), pd.DataFrame({"set": [], "gene": []}),
        cells=cells, shares=shares,
    )  # fmt: skip


def by_hand(cohort, odds):
    """E1 of every unit by Bayes' rule, cell by cell."""
    total = dict.fromkeys(map(tuple, cohort.donors[UNIT_KEY].to_numpy()), np.zeros(2))
    for row in cohort.cells.to_dict("records"):
        p = {name: row[name] * odds.get(name, 1.0) for name in LABELS}
        tph = (p["CD4_Tph_like"] + p["CD4_Tfh_circ"]) / sum(p.values())
        th22 = p["CD4_Th22_like"] / sum(p.values())
        key = (row["donor"], row["condition"])
        total[key] = total[key] + [tph, th22]
    frame = cohort.donors[[*UNIT]].assign(n_cells=300)
    frame[["n_tph", "n_th22"]] = list(total.values())
    return imbalance.ratio_rows(frame, "E1", SETTINGS.min_memory_cells, "")


@pytest.mark.parametrize(
    "odds", [{"CD4_Tph_like": 2.0, "CD4_Tfh_circ": 2.0, "CD4_Th22_like": 2.0}, (0.07 / SHARES)]
)
def test_other_shares_change_each_cell_by_bayes_rule(odds):
    cohort = study()
    made = specifications.prior_table(cohort, pd.Series(odds))
    expected = by_hand(cohort, dict(odds))
    pd.testing.assert_frame_equal(made, expected)
    assert made["estimable"].all()


def test_the_curve_shows_flat_and_doubled_shares():
    cohort = study()
    curve = specifications.curve(cohort, "E1").set_index(["family", "specification"])
    flat = curve.loc[[("priors", "all subsets as common beforehand")]].iloc[0]
    twice = curve.loc[[("priors", "poles twice as common beforehand")]].iloc[0]
    for row, odds in ((flat, SHARES.mean() / SHARES), (twice, {x: 2.0 for x in LABELS[1:4]})):
        table = specifications.prior_table(cohort, pd.Series(odds))
        designs = specifications._designs(cohort)
        found = contrast.main_effect(designs, table, ESTIMATORS["E1"].unit)
        assert row["estimator"] == "E1" and row["estimable"] and row["n_case"] == N // 2
        assert [row[x] for x in ("effect", "ci_low")] == [found[x] for x in ("effect", "ci_low")]
    main = curve.loc[[("main", "as declared")]].iloc[0]
    assert len({row["effect"] for row in (flat, twice, main)}) == 3


def test_labels_from_elsewhere_have_no_priors():
    for shares in (None, SHARES.iloc[:0]):
        curve = specifications.curve(study(shares), "E1")
        assert "priors" not in set(curve["family"])


def test_a_study_has_the_shares_of_its_memory_subsets():
    cohort = study()
    markers = pd.DataFrame(
        [(1, "CD4", "T", "", 0.5), (2, "CD4_CM", "CD4", "memory", 0.2),
         (2, "CD4_Th22_like", "CD4", "memory", 0.02), (2, "CD4_Naive", "CD4", "naive", 0.3),
         (2, "CD4_Th2", "CD4", "memory", 0.03), (2, "CD8_CM", "CD8", "memory", 0.1)],
        columns=["level", "label", "parent", "compartment", "share"],
    )  # fmt: skip
    cells = pd.DataFrame(
        {"donor": "D0", "condition": "SLE", "level1": "CD4", "compartment": "memory"},
        index=["a", "b", "c"],
    )
    cells["look_alike"] = ""
    cells.loc["c", "compartment"] = "naive"
    scores = pd.DataFrame({"cell": ["a", "b", "c"], "CD4_CM": [0.5, 0.2, 0.0], "isg_score": 9.0})
    scores["CD4_Th22_like"], scores["CD4_Naive"], scores["CD8_CM"] = 0.5, [0.0, 0.8, 1.0], 0.0
    scores["tph_score"] = scores["th22_score"] = 1.0
    given = cohort.donors, cohort.plan, SETTINGS, cohort.composition, cohort.signatures
    made = comparison.study(*given, None, None, cells, scores, markers)
    assert made.shares.to_dict() == {"CD4_CM": 0.2, "CD4_Th22_like": 0.02}
    assert made.cells.index.tolist() == ["a", "b"]
    assert made.cells["CD4_Naive"].tolist() == [0.0, 0.8] and "isg_score" not in made.cells
    theirs = comparison.study(
        *given, None, None, cells.assign(own_subset="CD4_CM"), scores, markers
    )
    assert theirs.shares is None and list(theirs.cells) == [*UNIT_KEY, "tph_score", "th22_score"]
