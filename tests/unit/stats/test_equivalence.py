"""Two one-sided tests: values of another library, the 90% interval, the level at the margin."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind
from tilt.core.contracts import TESTS
from tilt.stats import contrast, design, equivalence


def test_p_is_that_of_statsmodels():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.1, 1, 30), rng.normal(0, 1, 20)
    pooled = np.sqrt((29 * a.var(ddof=1) + 19 * b.var(ddof=1)) / 48 * (1 / 30 + 1 / 20))
    mine = equivalence.tost(a.mean() - b.mean(), pooled, 48, 0.7)
    assert mine == pytest.approx(ttost_ind(a, b, -0.7, 0.7)[0])


@pytest.mark.parametrize("effect", [-0.4, 0.0, 0.3, 0.9])
def test_it_is_below_5_percent_just_where_the_90_percent_interval_is_inside(effect):
    se, df = 0.2, 9.0
    half = stats.t.ppf(0.95, df) * se
    margin = abs(effect) + half
    assert equivalence.tost(effect, se, df, margin + 1e-6) < 0.05
    assert equivalence.tost(effect, se, df, margin - 1e-6) > 0.05
    assert np.isnan(equivalence.tost(effect, 0.0, df, 1.0))


def cohort(rng, gap: float, n: int):
    case = np.repeat(["SLE", "control"], n)

    donors = pd.DataFrame({"cohort": "one", "donor": [f"D{i}" for i in range(2 * n)]})
    donors["condition"] = case
    value = gap * (case == "SLE") + rng.normal(size=2 * n)
    table = donors.assign(estimator="E3", value=value, estimable=True, leads=True, reason="")
    return donors, table.assign(variance=np.nan, n_cells=100)


def test_size_at_the_margin_and_power_without_a_difference():
    """At a true difference of the margin "no difference" is said in 2 to 8% of 300 cohorts."""
    told = {}
    for gap in (1.0, 0.0):
        rng = np.random.default_rng(2)
        said = []
        for _ in range(300):
            donors, table = cohort(rng, gap, 20)
            plan = contrast.Plan(design.Contrast("SLE", "control"), smallest=(("E3", 1.0),))
            designs = contrast.DesignCache(donors, plan)
            row = contrast.main_effect(designs, table, "SD")
            said.append(equivalence.columns(row, 1.0)["p_equivalence"] < 0.05)
        told[gap] = np.mean(said)
    assert 0.02 <= told[1.0] <= 0.08
    assert told[0.0] > 0.8


def test_tests_have_it_for_the_estimators_with_a_margin_alone():
    donors, table = cohort(np.random.default_rng(3), 0.0, 12)
    both = [table, table.assign(estimator="E2", leads=False)]

    parts = pd.DataFrame({"cohort": "one", "donor": donors["donor"], "subset": "x", "n": 5})
    parts = parts.assign(condition=donors["condition"], denominator="t", n_denominator=50)
    parts = parts.assign(kind="subset", n=np.arange(24))
    plan = contrast.Plan(design.Contrast("SLE", "control"), permutations=99, bootstraps=99,
                         smallest=(("E3", 1.0),))  # fmt: skip
    found = contrast.run(donors, plan, parts, pd.concat(both, ignore_index=True))
    assert list(found) == list(TESTS.columns)
    main = found[contrast.main_rows(found)].set_index("quantity")
    third = main.loc["E3"]
    assert third.margin == 1.0
    assert third.p_equivalence == equivalence.tost(third.effect, third.se, third.df, 1.0)
    assert main.loc[["E2", "x"], ["margin", "p_equivalence"]].isna().all(axis=None)
    assert found.loc[~contrast.main_rows(found), "margin"].isna().all()
