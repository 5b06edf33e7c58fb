"""Matched sets of one case and several controls: compared within the sets, and by them alone."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from tilt.stats import contrast, design
from tilt.stats import plan as plans
from tilt.stats.compared import DesignCache, Plan

COHORT = {"contrast": {"case": "SLE", "control": "control"}, "strata": ["set"]}
SIZES = [(1, 2)] * 6 + [(1, 3)] * 3 + [(1, 1)]
ALONE = [(1, 0), (0, 2), (0, 1)]


def made(sizes, effect=1.0, set_sd=3.0, variance=np.nan, seed=1):
    """Donors of sets (cases, controls), which differ far more between sets than within."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"S{i:02d}", arm)
        for i, (cases, controls) in enumerate(sizes)
        for arm in ["SLE"] * cases + ["control"] * controls
    ]
    donors = pd.DataFrame(rows, columns=["set", "condition"])
    donors.insert(0, "donor", [f"D{i}" for i in range(len(donors))])
    donors.insert(0, "cohort", "one")
    own = set_sd * rng.normal(size=len(sizes))
    own = donors["set"].str[1:].astype(int).map(dict(enumerate(own)))
    case = (donors["condition"] == "SLE").to_numpy()
    value = own.to_numpy() + effect * case + 0.6 * rng.normal(size=len(donors))
    unit = donors[["cohort", "donor", "condition"]]
    return donors, unit.assign(value=value, variance=variance, estimable=True, reason="")


def compared(donors, values):
    declared = plans.contrast_of(COHORT, 3, donors)
    return contrast.value(DesignCache(donors, Plan(declared)), values, "SD", full=False)[0]


def test_sets_are_strata_and_no_pairs():
    donors, _ = made(SIZES)
    declared = plans.contrast_of(COHORT, 3, donors)
    assert (declared.pair, declared.strata) == ("", ("set",))
    assert plans.contrast_of(COHORT, 3, made([(1, 1)] * 5)[0]).pair == "set"


def test_the_effect_is_that_within_sets():
    donors, values = made(SIZES)
    row = compared(donors, values)
    case = (donors["condition"] == "SLE").to_numpy(float)
    x = np.column_stack([pd.get_dummies(donors["set"]).to_numpy(float), case])
    fit = sm.OLS(values["value"].to_numpy(), x).fit(cov_type="HC2")
    assert (row["effect"], row["se"]) == pytest.approx((fit.params[-1], fit.bse[-1]))
    assert row["ci_low"] > 0 and row["covariates"] == "set"
    # without the sets the difference drowns in what sets differ by
    alone = Plan(design.Contrast("SLE", "control"))
    bare = contrast.value(DesignCache(donors, alone), values, "SD", full=False)[0]
    assert bare["p"] > 0.05 and row["p"] < 0.001


@pytest.mark.parametrize("weighted", [False, True])
def test_sets_of_one_arm_change_nothing_and_are_told_with_their_number(weighted):
    donors, values = made([*SIZES, *ALONE])
    whole = donors["set"] < "S10"
    if weighted:
        values["variance"] = 1e-9  # tau2 is then of the residuals within sets alone
        values.loc[~whole, "value"] = donors.loc[~whole, "set"].str[1:].astype(float)
    row = compared(donors, values)
    less = compared(donors[whole].reset_index(drop=True), values[whole].reset_index(drop=True))
    for key in ("effect", "se", "df", "p"):
        assert row[key] == pytest.approx(less[key], rel=1e-6), key
    counts = ("n_case", "n_control", "n_case_informative", "n_control_informative")
    assert [row[key] for key in counts] == [11, 25, 10, 22]
    said = "4 donors not informative, being in a set of one arm (3 of 13): S10, S11, S12"
    assert said in row["reason"]
    assert "not informative" not in less["reason"]


def test_donors_without_a_set_are_left_out_by_name():
    donors, values = made(SIZES)
    donors.loc[0, "set"] = None
    row = compared(donors, values)
    assert "1 donor without set left out: D0" in row["reason"]
    assert "2 donors not informative, being in a set of one arm (1 of 10): S00" in row["reason"]
    assert (row["n_case"], row["n_case_informative"]) == (9, 9)


def test_labels_are_permuted_within_sets():
    donors, _ = made([(1, 2)] * 4)
    built = design.build(donors, plans.contrast_of(COHORT, 3, donors))
    orders, complete = built.orders(999, 1)
    assert complete and len(orders) == 3**4
    at = donors["set"].to_numpy()
    assert (at[orders] == at).all()
