"""Effects in sentences: folds and points, interval and p of one row."""

from types import SimpleNamespace

import made_up
import numpy as np
import pandas as pd
import pytest
from tilt.figures import forest, meta
from tilt.report import answer
from tilt.stats import calibration, readable


def row(quantity, unit, effect, low, high, **more):
    found = {"unit": unit, "effect": effect, "ci_low": low, "ci_high": high, "p": 0.02} | more
    told = readable.columns(found)
    return SimpleNamespace(quantity=quantity, q=np.nan, **(found | told))


RATIO = row("E1", "ln ratio", np.log(2.9), np.log(1.2), np.log(6.7), p_family=0.04)
SHARE = row("CD4_Tph_like", "arcsine root", 0.06, 0.01, 0.11, middle=0.17)


def test_a_ratio_is_told_as_times_as_many():
    assert answer.interval(RATIO) == (
        "2.9 times as many Tph/Tfh per Th22-like cell (95% CI 1.2 to 6.7; +1.06 ln ratio)"
    )
    assert answer.p_words(RATIO).startswith("p = 0.02, joint")
    assert answer.p_words(RATIO).endswith("p = 0.04")
    assert forest.effect_text(RATIO) == "×2.9 [1.2, 6.7]  p = 0.02"


def test_a_share_is_told_in_points_and_as_a_fold():
    text = answer.interval(SHARE)
    assert text == (
        "+2.0 percentage points (95% CI 0.3 to 3.7), 2.0 times as many (95% CI 1.1 to 3.8)"
    )
    assert forest.effect_text(SHARE) == "×2.0 [1.1, 3.8], +2.0 pp  p = 0.02"


def test_a_signature_is_times_as_high_and_an_axis_keeps_its_unit():
    text = answer.interval(row("IFN1_T_CORE", "log2 CPM", 1.0, -0.5, 2.5))
    assert text == "2.0 times as high (95% CI 0.71 to 5.7; +1.00 log2 CPM)"
    text = answer.interval(row("E3", "SD", -0.8, -1.3, -0.3))
    assert text == "−0.80 SD (95% CI −1.30 to −0.30)"


@pytest.mark.parametrize(
    ("fold", "text"),
    [
        *[(0.434, "0.43"), (2.96, "3.0"), (float("inf"), "any number")],
        *[(0.996, "1.00"), (1.04, "1.04"), (1.094, "1.09"), (1.096, "1.1")],
    ],
)
def test_folds_have_two_figures(fold, text):
    assert answer.times(fold) == text


def test_the_corrected_effect_stands_behind_its_own():
    row = {"quantity": "E1", "denominator": "memory_cd4", "role": "primary", "estimable": True}
    row |= {"method": "wls_hc2", "unit": "ln ratio", "n_case": 8, "n_control": 8, "reason": ""}
    row |= {"effect": 0.7, "ci_low": 0.1, "ci_high": 1.3, "p": 0.03}
    right = row | {"method": "corrected_wls_hc2", "effect": 1.2, "ci_low": 0.1, "ci_high": 2.9}
    row, right = row | readable.columns(row), right | readable.columns(right)
    tables = {"tests": pd.DataFrame([row]), "methods": pd.DataFrame([right])}
    results = answer.CohortResults(made_up.cohort(), {}, tables)
    assert answer.headline(results).endswith(
        "p = 0.03; corrected for mislabeled cells 3.3 times as many Tph/Tfh per Th22-like cell "
        "(95% CI 1.1 to 18.2; +1.20 ln ratio)."
    )
    none = right | {"estimable": False, "reason": "mistakes may be all of a pole in an arm"}
    results.tables["methods"] = pd.DataFrame([none])
    assert answer.headline(results).endswith(
        "; corrected for mislabeled cells not estimable (mistakes may be all of a pole in an arm)."
    )
    results.tables["methods"] = results.tables["methods"].assign(method="unweighted_ols_hc2")
    assert answer.headline(results).endswith("p = 0.03.")


def test_a_design_that_was_not_simulated_is_told_behind_its_effect():
    few = SimpleNamespace(reason=f"{calibration.MARK}: 2.1 degrees of freedom; 1 donor left out")
    assert answer.unchecked(few) == f"; {calibration.MARK}: 2.1 degrees of freedom"
    assert answer.unchecked(SimpleNamespace(reason="1 donor left out")) == ""
    assert answer.unchecked(SimpleNamespace(reason=np.nan)) == ""


def test_a_combined_ratio_is_a_fold_with_all_its_intervals():
    found = row("E1", "ln ratio", np.log(2), np.log(1.2), np.log(4), scale="ln ratio")
    found.model, found.i2, found.p = "half-normal 0.5", 0.4, 0.02
    found.pi_low, found.pi_high, found.cohort = np.log(0.5), np.log(8), "all"
    assert answer.pooled(found) == (
        "2.0-fold (+0.69 ln ratio; random effects, half-normal 0.5; 95% credible interval 1.2 to "
        "4.0, probability of the other sign = 0.01, I² 40%, prediction interval 0.50 to 8.0)"
    )
    assert meta.row_text(meta_row(found)) == (
        "×2.0 [1.2, 4.0]\nP(other sign) = 0.01\nprediction ×[0.50, 8.0]"
    )
    axis = row("E3", "Hedges g", 0.4, -0.1, 0.9, scale="Hedges g")
    axis.model, axis.i2, axis.pi_low, axis.pi_high = "modified Knapp-Hartung", 0.0, -1.0, 1.8
    axis.cohort = "all"
    assert answer.pooled(axis).endswith(
        "+0.40 Hedges g (random effects, modified Knapp-Hartung; 95% CI −0.10 to 0.90, p = 0.02, "
        "I² 0%, prediction interval −1.00 to 1.80)"
    )
    assert meta.row_text(meta_row(axis)).endswith("prediction [−1.00, 1.80]")


def meta_row(found):
    return next(pd.DataFrame([vars(found)]).itertuples())


def test_the_average_of_cohorts_is_a_fold_too():
    found = row("E1", "ln ratio", np.log(2), np.log(1.2), np.log(4), scale="ln ratio")
    found.cohort, found.model, found.denominator = "all", "common effect", "memory_cd4"
    found.method = "wls_hc2"
    table = pd.DataFrame([vars(found)])
    assert answer.average(table, found) == (
        "; the average of these cohorts was 2.0-fold (95% CI 1.2 to 4.0, p = 0.02)"
    )
