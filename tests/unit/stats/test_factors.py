"""Activity of factors compared between the arms: effect by hand, q over factors, reasons kept."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tilt.core import contracts
from tilt.stats import contrast, design, factors

CASE, CONTROL = [3.0, 4.0, 5.0, 6.0], [1.0, 1.5, 2.0, 0.5, 1.0]


def activities() -> pd.DataFrame:
    people = [(f"S{i}", "SLE") for i in range(4)] + [(f"C{i}", "control") for i in range(5)]
    table = pd.DataFrame(people, columns=["donor", "condition"]).assign(cohort="c", n_cells=50)
    up = table.assign(factor="STAT1", value=CASE + CONTROL, n_targets=33, reason="")
    flat = table.assign(factor="AHR", value=[1.0, -1, 2, 0, 0.5, 1, -1.5, 2, 0.3], n_targets=14)
    none = table.assign(factor="RORC", value=np.nan, n_targets=3)
    none["reason"] = "3 targets measured; 5 are needed"
    both = pd.concat([up, flat.assign(reason=""), none], ignore_index=True)
    return both.assign(estimable=both["value"].notna())


def test_difference_interval_and_q():
    table = activities()
    donors = table[["cohort", "donor", "condition"]].drop_duplicates().reset_index(drop=True)
    plan = contrast.Plan(design.Contrast("SLE", "control"))
    found = factors.compare(donors, plan, table, {"AHR": 3}).set_index("factor")
    up = found.loc["STAT1"]
    assert up["effect"] == pytest.approx(4.5 - 1.2)
    # HC2 of two arms is Welch's standard error
    welch = stats.ttest_ind(CASE, CONTROL, equal_var=False)
    assert up["effect"] / up["se"] == pytest.approx(welch.statistic)
    assert up[["n_case", "n_control", "n_targets", "n_removed"]].tolist() == [4, 5, 33, 0]
    assert up["ci_low"] < up["effect"] < up["ci_high"]
    assert found.loc["AHR", "n_removed"] == 3
    p = found["p"].drop("RORC").sort_values()
    assert found.loc[p.index[0], "q"] == pytest.approx(min(2 * p.iloc[0], p.iloc[1]))
    assert (
        not found.loc["RORC", "estimable"] and "3 targets measured" in found.loc["RORC", "reason"]
    )
    assert sorted(found.reset_index().columns) == sorted(contracts.FACTOR_TESTS.columns)
