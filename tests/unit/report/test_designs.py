"""Sentences, captions and tables of designs beyond two arms."""

from dataclasses import replace

import made_up_designs
import made_up_report
import numpy as np
from tilt.report import answer, captions, designs, methods


def exposed(**change):
    results = made_up_report.results()
    people, slopes, _ = made_up_designs.exposures(results.table("donors"))
    results.tables |= {"donors": people, "exposures": slopes.assign(**change)}
    results.settings = results.settings | {"exposures": ["sledai"], "exposures_all": ["c3"]}
    return results


def test_slopes_are_told_with_n_missing_interval_and_p():
    assert designs.sentences(exposed()) == [
        "The log-ratio of labeled Tph/Tfh to Th22-like cells (E1) rose with SLEDAI in 9 SLE donors,"
        " 1 not known (1.3-fold, +0.30 ln ratio per SD, 95% CI 1.2 to 1.6, p by Holm = 0.004); it "
        "was not shown to go with C3 (18 donors, within the arms: 1.03-fold, +0.03 ln ratio per "
        "SD, 95% CI 0.89 to 1.2, p by Holm = 0.30)."
    ]
    (unclear,) = designs.sentences(exposed(p_holm=0.05))
    assert "rose" not in unclear and "was not shown to go with SLEDAI" in unclear
    results = exposed()
    slopes = results.tables["exposures"]
    slopes.loc[:, ["effect", "per_sd", "per_sd_low", "per_sd_high"]] *= -1
    assert "fell with SLEDAI" in designs.sentences(results)[0]
    none = exposed(effect=np.nan, estimable=False, reason="6 donors have both; 7 are needed")
    assert designs.sentences(none) == [
        "Not compared: SLEDAI (6 donors have both; 7 are needed) and C3 (6 donors have both; 7 are "
        "needed)."
    ]


def test_only_what_is_declared_now_is_told():
    """A table that an earlier run left behind says nothing."""
    results = exposed()
    results.settings = results.settings | {"exposures": [], "exposures_all": []}
    assert designs.sentences(results) == [] and designs.tables(results) == []
    results = exposed()
    results.settings = results.settings | {"exposures": []}
    assert "SLEDAI" not in designs.sentences(results)[0]
    assert designs.sentences(made_up_report.results()) == []


def test_caption_names_what_is_adjusted_for():
    text = designs.exposures_caption(exposed())
    assert "against 2 exposures" in text
    assert "SLEDAI: 9 SLE donors, 1 not known (SD 3; adjusted for age)" in text
    (table,) = designs.tables(exposed())
    assert table[0] == "Exposures" and "p holm" in table[1]


def grouped(**settings):
    results = made_up_report.results()
    results.tables["contrasts"] = made_up_designs.contrasts()
    asked = {"contrasts": [{"case": "active", "control": "inactive"}], "groups": {"order": []}}
    results.settings = results.settings | asked | settings
    return results


def test_contrasts_are_told_with_n_interval_p_and_what_is_ruled_out():
    assert designs.sentences(grouped()) == [
        "By group, the log-ratio of labeled Tph/Tfh to Th22-like cells (E1): active vs inactive: "
        "higher (2.5-fold, +0.90 ln ratio, 95% CI 1.3 to 4.5, p by Holm = 0.008; 5 active, 5 "
        "inactive); inactive vs control: not shown (1.1-fold, +0.10 ln ratio, 95% CI 0.74 to "
        "1.6, p by Holm = 0.60; 5 inactive, 8 control; a difference of 0.69 ln ratio or more "
        "is ruled out (two one-sided tests, p = 0.01)); other vs control could not be compared "
        "(fewer than 3 donors of other); trend over control < inactive < active: rising "
        "(1.6-fold, +0.50 ln ratio a step, 95% CI 1.2 to 2.2, p = 0.002; 8 control, "
        "5 inactive, 5 active)."
    ]
    assert designs.sentences(grouped(contrasts=[])) == []
    text = designs.groups_caption(grouped())
    assert "3 contrasts of the leading estimator" in text and "adjusted for age" in text


def test_the_headline_says_what_is_ruled_out_and_nothing_without_a_margin():
    results = grouped()
    plain = answer.headline(results)
    assert "ruled out" not in plain
    tests = results.tables["tests"].assign(margin=0.5, p_equivalence=0.2)
    results.tables["tests"] = tests
    told = answer.headline(results)
    assert (
        "a difference of 0.5" in told and "is not ruled out (two one-sided tests, p = 0.20)" in told
    )
    assert "box, differences smaller" in captions.imbalance(results)
    assert "box, differences smaller" not in captions.imbalance(grouped())
    results.tables["tests"] = tests.assign(p_equivalence=0.04)
    assert "or more is ruled out (two one-sided tests, p = 0.04)." in answer.headline(results)


def test_changes_between_visits_are_told():
    results = made_up_report.results()
    results.tables["changes"] = made_up_designs.changes()
    assert designs.sentences(results) == []
    results.settings = results.settings | {"visits": {"order": ["flare", "after"]}}
    assert designs.sentences(results) == [
        "Within donors, the log-ratio of labeled Tph/Tfh to Th22-like cells (E1), from flare to "
        "after, SLE: fell (0.45-fold, −0.80 ln ratio, 95% CI 0.30 to 0.67, p by Holm = 0.002; "
        "n = 10); from flare to after, control: not estimable (2 pairs; 3 are needed)."
    ]
    assert "flare to after, SLE: n = 10" in designs.visits_caption(results)


def test_changes_by_arm_and_donors_who_came_once_are_told():
    results = made_up_report.results()
    table = made_up_designs.changes().iloc[:1]
    once = {"n_any": 12, "mixed_effect": -0.7, "mixed_ci_low": -1.1, "mixed_ci_high": -0.3}
    arms = table.assign(among="SLE minus control", **once, mixed_p=0.003)
    results.tables["changes"] = arms
    results.settings = results.settings | {"visits": {"order": ["flare", "after"]}}
    (said,) = designs.sentences(results)
    assert said.endswith(
        "from flare to after, change of SLE minus that of control: lower (0.45-fold, −0.80 ln "
        "ratio, 95% CI 0.30 to 0.67, p by Holm = 0.002; n = 10; with the 2 who came once, in a "
        "mixed model, 0.50-fold, −0.70 ln ratio, 95% CI 0.33 to 0.74, p = 0.003)."
    )


def test_methods_tell_of_the_designs_that_ran_and_of_no_other():
    one, two = made_up_report.results(), made_up_report.results()
    two.cohort = replace(two.cohort, name="two")
    one.settings, two.settings = dict(one.settings), dict(two.settings)
    config = made_up_report.CONFIG
    assert methods.designs_text(config, [one, two]) == ""
    plain = " ".join(methods.citations(config, [one, two]))
    assert not [w for w in ("Kenward", "Freedman", "Schuirmann") if w in plain]
    two.settings |= {"exposures": ["sledai"], "exposures_all": []}
    told = methods.designs_text(config, [one, two])
    assert told.startswith("Exposures, SLEDAI (two): slope of each estimator")
    assert "Repeated" not in told and "Further groups" not in told
    one.settings |= {"visits": {"column": "visit", "order": ["flare", "after"]}}
    two.settings |= {"visits": {"column": "visit", "order": ["flare", "after"]}}
    one.settings |= {"contrasts": [{"case": "a", "control": "b"}], "groups": {"column": "g"}}
    config = config | {"stats": config["stats"] | {"smallest_effect": {"E1": 0.69}}}
    told = methods.designs_text(config, [one, two])
    assert "Repeated samples: arms were compared at the first visit" in told
    assert f"Further groups ({one.cohort.name}): contrasts" in told and "(0.69 in E1)" in told
    assert methods.methods(config, [one, two])[-1] == told
    cited = " ".join(methods.citations(config, [one, two]))
    assert "Kenward" in cited and "Freedman" in cited and "Schuirmann" in cited


def test_methods_name_the_graphics_card_where_one_was_used():
    config = made_up_report.CONFIG
    card = config | {"embed": config["embed"] | {"device": "gpu"}}
    assert "graphics card" not in methods.cells_text(config)
    assert ", with rapids-singlecell on a graphics card. Lineages" in methods.cells_text(card)
