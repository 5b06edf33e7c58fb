"""The sentence on mediators: what goes with the imbalance, what does not, what is missing."""

import made_up
import made_up_report
import pandas as pd
from tilt.report import mediators


def said(table: pd.DataFrame) -> str:
    results = made_up_report.results()
    results.tables["mediators"] = table
    return mediators.sentence(results)


def test_slopes_shares_and_reasons_are_told():
    assert said(made_up.mediators()) == (
        "Within the arms, beside the other scores, the log-ratio of labeled Tph/Tfh to Th22-like "
        "cells (E1) rose with the score of Type I interferon (+0.50 ln ratio per SD (95% CI 0.10 "
        "to 0.90); 46% of the difference goes with it, 12 to 87); it was not shown to go with AHR "
        "extended targets. This is an association: blood taken at one time cannot show what drives "
        "what. "
        "Not compared: AP-1 / JUN (3 of 10 genes of AP1_JUN measured; 80% are needed)."
    )


def test_a_falling_slope_falls_and_nothing_is_made_of_nothing():
    table = made_up.mediators()
    ahr = table["mediator"] == "AHR_T_EXT"
    table.loc[ahr, "ci_high"] = -0.01
    assert "fell with the score of AHR extended targets (−0.20" in said(table)
    chance = made_up.mediators().assign(q=0.06)
    assert "rose" not in said(chance) and "was not shown to go with Type I interferon" in said(
        chance
    )
    none = table.assign(estimable=False, effect=float("nan"), reason="pairs: both change")
    assert said(none) == "Mediators were not compared: pairs: both change."
    assert said(table.iloc[:0]) == ""


def test_what_goes_with_the_imbalance_alone_is_told_as_not_told_apart():
    table = made_up.mediators()
    slopes = table["question"] == "slope"
    ahr = (table["mediator"] == "AHR_T_EXT") & slopes & (table["adjusted"] == "none")
    table.loc[ahr, ["effect", "ci_low", "ci_high"]] = [-0.6, -1.0, -0.2]
    assert (
        "with it, 12 to 87); it fell with the score of AHR extended targets by itself (−0.60 ln "
        "ratio per SD (95% CI −1.00 to −0.20)), not told apart from the other scores. This"
    ) in said(table)
    assert "was not shown" not in said(table)
    ifn = (table["mediator"] == "IFN1_T_CORE") & slopes & (table["adjusted"] != "none")
    table.loc[ifn, "q"] = 0.2  # not beside the others, but alone
    assert said(table).startswith(
        "Within the arms, the log-ratio of labeled Tph/Tfh to Th22-like cells (E1) rose "
        "with the score of Type I interferon by itself (+0.60"
    )
    assert "beside" not in said(table)
    table.loc[ahr, "q"] = 0.06
    assert "it was not shown to go with AHR extended targets" in said(table)


def responses(table: pd.DataFrame) -> str:
    results = made_up_report.results()
    results.tables["perturbations"] = table
    return mediators.responses(results)


def test_responses_that_go_with_the_imbalance_are_told_as_associations():
    table, _ = made_up.perturbations()
    assert responses(table) == (
        "Within the arms, donors further toward the Tph/Tfh end expressed more of the "
        "interferon-beta response (+0.42 SD per SD (95% CI 0.22 to 0.62)), beyond random sets of "
        "genes. This is an association between donors: nobody was treated. Not compared, for want "
        "of genes: targets of JUN."
    )
    fell = table.assign(effect=-table["effect"], ci_low=-0.6, ci_high=-0.2)
    assert "expressed less of the interferon-beta response" in responses(fell)
    for one in ("q", "q_random"):  # both must hold
        assert "No response to a perturbation was shown" in responses(table.assign(**{one: 0.06}))
    assert "correct" not in responses(table)
    none = table.assign(effect=float("nan"), estimable=False, reason="pairs: both change")
    assert responses(none) == "Responses to perturbations were not compared: pairs: both change."
    assert responses(table.iloc[:0]) == ""


def test_one_paragraph_holds_both():
    results = made_up_report.results()
    told = mediators.paragraph(results)
    assert told == f"{mediators.sentence(results)} {mediators.responses(results)}"
    results.tables["mediators"] = results.tables["perturbations"] = pd.DataFrame()
    assert mediators.paragraph(results) == ""
