"""Plans of donors who are measured twice, against statsmodels' power of the paired t test."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower
from tilt.core import contracts, tables
from tilt.stats import planning

SCRIPT = Path(__file__).parents[3] / "workflow/scripts/plan_study.py"
spec = importlib.util.spec_from_file_location("plan_study", SCRIPT)
assert spec and spec.loader
plan_study = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plan_study)
ARMS = ("SLE", "control")


def donors(value, cells, variance):
    """Table of imbalance, the first half of the donors cases."""
    n = len(value)
    about = {"cohort": "made", "donor": [f"D{i}" for i in range(n)]}
    about |= {"condition": np.repeat(ARMS, n // 2), "estimator": "E1", "value": value}
    about |= {"variance": variance, "n_cells": cells, "estimable": True, "reason": ""}
    return pd.DataFrame(about | {"leads": True})


def measured_twice(n=12, sd=0.4, cells=(200, 600), seed=4):
    """Cases and controls, ``n`` of each, at two visits: changes of SD ``sd`` beyond sampling."""
    rng = np.random.default_rng(seed)
    own, parts = rng.normal(0, 3, 2 * n), []
    for visit, (many, extra) in {"": (cells[0], 0), " (later)": (cells[1], sd)}.items():
        value = own + rng.normal(0, 1, 2 * n) * extra + rng.normal(0, np.sqrt(40 / many), 2 * n)
        part = donors(value, many, 40 / many)
        parts.append(part.assign(condition=part["condition"] + visit))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("effect, sd", [(0.5, 1.0), (0.69, 0.6), (1.5, 0.9), (0.2, 1.3)])
@pytest.mark.parametrize("aim", [0.8, 0.9])
def test_donors_measured_twice_are_those_of_the_paired_t_test_of_statsmodels(effect, sd, aim):
    exact = TTestPower().solve_power(effect_size=effect / sd, alpha=0.05, power=aim)
    needed = planning.donors_needed(effect, sd, 0.05, aim, arms=1)
    assert needed == max(np.ceil(exact), planning.LEAST_DONORS)


def test_the_spread_of_pairs_is_that_of_their_differences():
    table = measured_twice()
    step = {"SLE": ("SLE", "SLE (later)")}
    found = planning.spread_of_changes(table.assign(estimator="E3"), "E3", step, "first to later")
    wide = table.pivot(index="donor", columns="condition", values="value")
    change = (wide["SLE (later)"] - wide["SLE"]).dropna()
    assert (found.n, found.df, found.columns, found.arms) == ((12,), 11, 0, ("SLE",))
    assert found.sd[0] == pytest.approx(change.std(ddof=1))
    own = planning.plan(found, 0.9).iloc[-1]
    assert own["power"] == pytest.approx(
        TTestPower().power(0.9 / change.std(ddof=1), 12, 0.05), abs=1e-6
    )
    exact = TTestPower().solve_power(0.9 / change.std(ddof=1), alpha=0.05, power=0.8)
    assert own["donors_per_arm"] == np.ceil(exact) and own["arms"] == 1


def test_both_samples_of_a_change_leave_something_to_chance():
    step = {"SLE": ("SLE", "SLE (later)")}
    found = planning.spread_of_changes(measured_twice(), "E1", step, "first to later")
    assert found.cells == pytest.approx(300)  # 40/200 + 40/600 is that of two samples of 300
    assert found.unit == pytest.approx(80) and found.variance[0] == pytest.approx(40 / 150)
    table = planning.plan(found, np.log(2), cells=(300,))
    assert table["sd_sampling"].tolist() == pytest.approx([np.sqrt(80 / 300)] * 2)
    many = measured_twice(n=400, seed=1)
    found = planning.spread_of_changes(many, "E1", step, "first to later")
    assert found.sd[0] == pytest.approx(0.4, abs=0.05)  # the planted SD, without that of donors


def test_changes_of_two_arms_are_planned_like_values():
    table = measured_twice()
    steps = {arm: (arm, f"{arm} (later)") for arm in ARMS}
    lost = table.drop(index=table.index[table["condition"] == "control (later)"][:2])
    found = planning.spread_of_changes(lost.assign(estimator="E3"), "E3", steps, "first to later")
    assert (found.n, found.df, found.columns) == ((12, 10), 20, 0)
    assert found.notes == ("2 donors of control without both samples left out",)
    needed = planning.plan(found, 0.7).iloc[-1]["donors_per_arm"]
    exact = TTestIndPower().solve_power(effect_size=0.7 / found.sd[0], alpha=0.05, power=0.8)
    assert needed == np.ceil(exact)
    few = table[table["donor"].isin(["D0", "D1", "D2"])]
    with pytest.raises(planning.NoPlan, match="E1 has 3 donors in SLE and 0 donors in control m"):
        planning.spread_of_changes(few, "E1", steps, "first to later")


def test_the_power_that_is_promised_of_a_change_is_reached():
    rng = np.random.default_rng(12)
    sd, cells, effect = 0.5, 400, np.log(2)
    n = int(planning.donors_needed(effect, np.sqrt(sd**2 + 80 / cells), 0.05, 0.8, arms=1))
    first, change = rng.normal(0, 2, (400, n)), rng.normal(effect, sd, (400, n))
    noise = rng.normal(0, np.sqrt(40 / cells), (2, 400, n))
    hits = stats.ttest_rel(first + change + noise[0], first + noise[1], axis=1).pvalue < 0.05
    assert n == 10
    assert abs(hits.mean() - 0.8) < 2 * np.sqrt(0.8 * 0.2 / 400) + 0.03  # n is rounded up


def planned(folder, **given):
    """What the command prints and draws, with its own defaults."""
    words = {"cohort": folder, "effect": None, "fold": 2.0, "estimator": None, "alpha": 0.05}
    words |= {"power": 0.8, "covariates": "0", "cells": "300", "out": None, "figure": None}
    return plan_study.main(SimpleNamespace(**(words | {"visit": "", "among": ""} | given)))


def test_the_command_plans_pairs_and_visits_of_a_cohort(tmp_path):
    table = measured_twice()
    tables.write(table, tmp_path / "imbalance.tsv")
    tests = pd.DataFrame(index=[0], columns=list(contracts.TESTS.columns))
    tests["contrast"], tests["quantity"], tests["estimable"] = "SLE vs control", "E1", True
    tables.write(tests.astype({"estimable": bool}), tmp_path / "tests.tsv")
    both = planned(tmp_path, visit="later", figure=tmp_path / "figure")
    assert "change from first visit to later, SLE vs control: 12 and 12 donors" in both[0]
    assert any("cells per sample" in line and "donors per arm" in line for line in both)
    assert (tmp_path / "figure.png").stat().st_size > 0
    one = planned(tmp_path, visit="later", among="SLE")
    assert ", SLE: 12 donors measured twice, 300 memory CD4 cells in a sample" in one[0]
    with pytest.raises(planning.NoPlan, match=r"nobody in SLE \(third\); the cohort has SLE, SLE"):
        planned(tmp_path, visit="third")
    names = {"SLE": "control", "SLE (later)": "SLE"}
    pairs = table[table["condition"].isin(list(names))].replace({"condition": names})
    tables.write(pairs, tmp_path / "imbalance.tsv")
    assert "change from control to SLE, SLE vs control: 12 donors meas" in planned(tmp_path)[0]
    with pytest.raises(planning.NoPlan, match="each is its own control"):
        planned(tmp_path, covariates="age")
