"""Which donors' values are weighed by their precision, and that the weights reach the row."""

import numpy as np
import pandas as pd
import pytest
from tilt.stats import calibration, compared, contrast, design, inference, precision

VALUE = np.array([1.2, 0.4, 2.1, 0.9, 1.7, 0.2, -0.3, 0.6, -1.1, 0.1])
VARIANCE = np.array([0.10, 0.40, 0.05, 0.90, 0.20, 0.15, 0.60, 0.08, 0.30, 1.5])
CASE = np.repeat([1.0, 0.0], 5)
MATRIX = np.column_stack([np.ones(10), CASE])


def row(variance) -> dict:
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(10)]})
    donors["condition"] = np.where(CASE == 1, "SLE", "control")
    table = donors.assign(value=VALUE, estimable=True, reason="")
    if variance is not None:
        table["variance"] = variance
    plan = contrast.Plan(design.Contrast("SLE", "control"), (), None, 99, 0, 1)
    return contrast.main_effect(contrast.DesignCache(donors, plan), table, "ln ratio")


def test_known_variances_weigh_donors():
    found = row(VARIANCE)
    root, _ = precision.root_weights(VALUE, VARIANCE, MATRIX)
    expected = inference.ols(VALUE * root, MATRIX * root[:, None])
    assert found["method"] == "wls_hc2" and found["unit"] == "ln ratio"
    for name in ("effect", "se", "df", "p"):
        assert found[name] == pytest.approx(getattr(expected, name)), name


@pytest.mark.parametrize("variance", [None, np.where(np.arange(10) == 3, np.nan, VARIANCE)])
def test_without_all_variances_every_donor_weighs_the_same(variance):
    found, expected = row(variance), inference.ols(VALUE, MATRIX)
    assert found["method"] == "ols_hc2"
    assert found["effect"] == pytest.approx(1.26 + 0.1)
    for name in ("effect", "se", "df", "p"):
        assert found[name] == pytest.approx(getattr(expected, name)), name


@pytest.mark.parametrize(("pair", "method"), [("", "ols_hc2"), ("donor", "paired_t")])
def test_a_value_that_no_donor_has_keeps_the_method_and_the_reason_most_have(pair, method):
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(4)] * 2})
    donors["condition"] = np.repeat(["SLE", "control"], 4)
    table = donors.assign(value=np.nan, estimable=False, reason=["few cells"] * 5 + ["none"] * 3)
    plan = contrast.Plan(design.Contrast("SLE", "control", pair=pair), (), None, 99, 0, 1)
    found = contrast.main_effect(contrast.DesignCache(donors, plan), table, "SD")
    assert found["method"] == method and not found["estimable"]
    assert "few cells" in found["reason"]


@pytest.mark.parametrize("paired", [False, True])
def test_what_chance_and_biology_add_to_the_variance_of_a_share(paired):
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(3)] * 2})
    donors["condition"] = np.repeat(["SLE", "control"], 3)
    if not paired:
        donors["donor"] = [f"D{i}" for i in range(6)]
    total, n = np.array([100, 200, 400, 50, 80, 1000]), np.array([10, 30, 90, 2, 9, 70])
    rows = donors.assign(subset="x", n=n, n_denominator=total, denominator="cd4", kind="subset")
    side = design.Contrast("SLE", "control", pair="donor" if paired else "")
    designs = contrast.DesignCache(donors, contrast.Plan(side))
    table, notes = compared.share_table(rows)
    found = compared.prepare(designs, table, "arcsine_ols_hc2", "angle", "percent", notes)
    chance, biology = compared.chance_and_biology(found, table)
    # the effect is a difference of means of three: each donor has a ninth of its variance in it
    assert chance == pytest.approx(np.sum(1 / (4 * total)) / 9)
    share = np.mean(n / total)
    assert biology == pytest.approx(6 / 9 * share * (1 - share))


def test_a_design_beyond_those_simulated_is_marked_in_its_row():
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(17)]})
    donors["condition"] = ["SLE"] * 14 + ["control"] * 3
    rng = np.random.default_rng(5)
    counted = donors.assign(subset="x", denominator="cd4", kind="subset", n_denominator=500)
    counted["n"] = rng.binomial(500, 0.1, 17)
    plan = contrast.Plan(design.Contrast("SLE", "control"), (("x", "cd4"),), None, 99, 99)
    tests = contrast.run(donors, plan, counted).set_index("method")
    mark = f"{calibration.MARK}: one arm more than 4 times the other"
    assert tests.loc["arcsine_ols_hc2", "reason"].startswith(mark)
    assert calibration.MARK not in str(tests.loc["permutation", "reason"])
    usual = contrast.run(donors[2:], plan, counted[2:]).set_index("method")  # 12 against 3
    assert calibration.MARK not in str(usual.loc["arcsine_ols_hc2", "reason"])
