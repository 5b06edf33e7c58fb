"""All cohorts together: persons counted once, the ratio combined also where it does not lead."""

import numpy as np
import pandas as pd
import pytest
from tilt.config import check
from tilt.donors import imbalance
from tilt.stages import across
from tilt.stats import combined, contrast, meta, methods, plan, precision

DEFAULTS = check.defaults()
SETTINGS = DEFAULTS["stats"] | {"permutations": 1000, "bootstraps": 200, "secondary": []}
USUAL = plan.imbalance_settings(DEFAULTS["imbalance"])


def study(name, seed, arm=8, th22=20, donors=None):
    """Tables of a cohort of ``2 * arm`` donors whose cases have twice the Tph-like cells."""
    rng = np.random.default_rng(seed)
    names = donors or [f"{name}{i}" for i in range(2 * arm)]
    samples = [
        {"sample": f"{name}_{d}", "donor": d, "condition": "SLE" if i % 2 else "control"}
        for i, d in enumerate(names)
    ]
    about = {
        "name": name,
        "format": "10x_dir",
        "cells": "pbmc",
        "contrast": {"case": "SLE", "control": "control"},
        "samples": samples,
        "imbalance": DEFAULTS["imbalance"],
    }
    rows = []
    for row in samples:
        case = row["condition"] == "SLE"
        base = {"cohort": name, "donor": row["donor"], "condition": row["condition"]}
        base |= {"denominator": "memory_cd4", "n_denominator": 2000, "kind": "subset"}
        tph = rng.poisson(30 * (1 + case) * np.exp(rng.normal(0, 0.3)))
        for subset, n in (("CD4_Tph_like", tph), ("CD4_Tfh_circ", 0)):
            rows.append(base | {"subset": subset, "n": n})
        rows.append(base | {"subset": "CD4_Th22_like", "n": rng.poisson(th22)})
        rows += [base | {"subset": s, "n": 100} for s in ("tph_high", "th22_high")]
    counted = pd.DataFrame(rows)
    poles = imbalance.pole_counts(counted, USUAL.poles)
    why = imbalance.e1_problem(poles, None, USUAL)
    values = imbalance.ratio_rows(poles, "E1", 200, why).assign(leads=not why)
    people = across.units.donors_table(samples, name)
    declared = plan.plan_of(SETTINGS, about, people, 1)
    tests = contrast.run(people, declared, counted, values, None, {"E1": poles})
    return across.Study(about, tests, counted, values)


def test_the_ratio_is_combined_where_it_does_not_lead():
    """Next to no Th22-like cell: E1 is not estimable there, its model has all the donors."""
    studies = [study("a", 1), study("b", 2, th22=0.3)]
    table = across.combine(studies, SETTINGS, 1)
    rows = table[(table["quantity"] == "E1") & (table["method"] == "logit_normal")]
    low = rows[rows["cohort"] == "b"].iloc[0]
    assert low["estimable"] and low["n_case"] + low["n_control"] == 16
    assert "Th22-like cells a donor found; 0.5 are needed" in low["reason"]
    poles = imbalance.pole_counts(studies[1].composition, USUAL.poles)
    people = across.units.donors_table(studies[1].about["samples"], "b")
    bench = contrast.DesignCache(people, plan.plan_of(SETTINGS, studies[1].about, people, 1))
    assert low["effect"] == pytest.approx(methods.ratio(bench, poles)["effect"])
    front = across.combined.front(table).set_index("quantity").loc["E1"]
    assert (front["method"], front["n_cohorts"]) == ("logit_normal", 2)


def test_one_stage_has_the_donors_of_both_cohorts():
    studies = [study("a", 1), study("b", 2, arm=5)]
    table = across.combine(studies, SETTINGS, 1)
    row = table[(table["quantity"] == "E1") & (table["model"] == combined.ONE_STAGE)].iloc[0]
    parts = []
    for one in studies:
        y, spread = (one.imbalance[c].to_numpy() for c in ("value", "variance"))
        case = (one.imbalance["condition"] == "SLE").to_numpy(float)
        matrix = np.column_stack([np.ones(len(y)), case])
        root, _ = precision.root_weights(y, spread, matrix)
        parts.append((y * root, matrix * root[:, None]))
    assert row["effect"] == pytest.approx(meta.one_stage(parts).effect)
    assert row["n_case"] + row["n_control"] == 26


def test_a_person_in_two_cohorts_counts_in_the_larger():
    first = study("a", 1)
    shared = [f"a{i}" for i in range(4)] + [f"b{i}" for i in range(8)]
    second = study("b", 2, donors=shared)
    table = across.combine([first, second], SETTINGS, 1)
    rows = table[(table["quantity"] == "E1") & (table["method"] == "wls_hc2")]
    rows = rows[rows["model"] == ""].set_index("cohort")
    assert rows.loc["a", "n_case"] + rows.loc["a", "n_control"] == 16
    assert rows.loc["b", "n_case"] + rows.loc["b", "n_control"] == 8
    assert rows.loc["b", "reason"].endswith("; 4 donors counted in another cohort left out")
    left = second.imbalance[~second.imbalance["donor"].isin(shared[:4])]
    gap = left.groupby("condition")["value"].mean()  # all have as many cells: they weigh alike
    assert rows.loc["b", "effect"] == pytest.approx(gap["SLE"] - gap["control"])


def test_a_cohort_of_people_counted_elsewhere_is_named_and_left_out():
    first = study("a", 1)
    table = across.combine([first, study("b", 2, donors=["a1", "a2"])], SETTINGS, 1)
    row = table[(table["quantity"] == "E1") & (table["cohort"] == "b")].iloc[0]
    assert not row["estimable"]
    assert row["reason"] == "all donors are counted in another cohort"
