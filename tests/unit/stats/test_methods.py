"""Other methods of the same comparison: pairs, what is said of each, and models of counts."""

import numpy as np
import pandas as pd
import pytest
from tilt.stats import compared, design, inference, methods, overdispersed, resampling
from tilt.stats.compared import DesignCache, Plan

N = np.array([12, 30, 9, 25, 18, 8, 14, 6, 11, 10])
TOTAL = np.array([100, 150, 90, 120, 110, 130, 90, 70, 140, 100])


def cohort(paired=False, batch=False, permutations=99, bootstraps=99):
    people = pd.DataFrame({"cohort": "c", "condition": np.repeat(["SLE", "control"], 5)})
    people["donor"] = [f"D{i % 5 if paired else i}" for i in range(10)]
    people["batch"] = list("ABABA" * 2)
    declared = design.Contrast(
        "SLE", "control", (), ("batch",) if batch else (), pair="donor" if paired else ""
    )
    designs = DesignCache(people, Plan(declared, permutations=permutations, bootstraps=bootstraps))
    table = people.assign(n=N, total=TOTAL, value=np.log(N), percent=100 * N / TOTAL)
    return designs, table


def made(**how):
    designs, table = cohort(**how)
    return designs, table, compared.prepare(designs, table, "ols_hc2", "SD", "", ("a note",))


def test_a_model_of_counts_of_pairs_has_a_column_for_each_pair():
    designs, table = cohort(paired=True)
    row = methods.counts_model(designs, table, "quasi_binomial", "ln odds ratio", ("a note",))
    blocks = np.tile(np.eye(5), (2, 1))
    matrix = np.column_stack([blocks, np.repeat([1.0, 0.0], 5)])
    expected, _ = overdispersed.quasi_binomial(N, TOTAL, matrix)
    assert (row["effect"], row["se"], row["p"]) == (expected.effect, expected.se, expected.p)
    assert (row["covariates"], row["unit"], row["reason"]) == ("donor", "ln odds ratio", "a note")
    assert (row["n_case"], row["n_control_informative"]) == (5, 5) and row["estimable"]
    short = table.drop(index=[8, 9]).drop(index=7)
    row = methods.counts_model(designs, short, "quasi_binomial", "ln odds ratio")
    assert not row["estimable"] and row["reason"] == (
        "2 pairs; 3 are needed; 3 without a partner left out: D2, D3, D4"
    )
    assert row["n_case"] == 2
    some = methods.counts_model(designs, table.drop(index=9), "quasi_binomial", "x", ("a note",))
    assert some["reason"] == "a note; 1 without a partner left out: D4"


def test_a_model_of_counts_of_arms_is_that_of_the_design():
    designs, table = cohort(batch=True)
    for method in ("quasi_binomial", "logit_normal"):
        row = methods.counts_model(designs, table[::-1], method, "unit")
        built, rows = designs.design(table)
        expected, _ = getattr(overdispersed, method)(N[rows], TOTAL[rows], built.matrix)
        assert row["effect"] == pytest.approx(expected.effect) and row["method"] == method
        assert row["covariates"] == "batch" and (row["n_case"], row["n_control"]) == (5, 5)
    few = methods.counts_model(designs, table.iloc[3:], "quasi_binomial", "unit", ("a note",))
    assert few["reason"] == "2 SLE donors; at least 3 in each arm are needed"
    nothing = table.assign(n=np.where(table["condition"] == "SLE", 0, N))
    row = methods.counts_model(designs, nothing, "quasi_binomial", "unit")
    assert (
        not row["estimable"] and row["reason"] == "an arm has none of these cells, or nothing else"
    )


def test_a_fit_without_an_error_is_said_not_to_converge(monkeypatch):
    designs, table = cohort()
    none = inference.Estimate(1.0, np.nan, 8, np.nan, np.nan, np.nan)
    monkeypatch.setitem(methods.MODELS, "quasi_binomial", lambda *_: (none, 0.1))
    row = methods.counts_model(designs, table, "quasi_binomial", "unit")
    assert (row["estimable"], row["reason"]) == (False, "the model did not converge")


def test_the_ratio_is_of_cells_of_either_pole_and_donors_without_any_are_told():
    designs, table = cohort()
    counts = table.assign(n_tph=N, n_th22=TOTAL - N)
    counts.loc[[0, 7], ["n_tph", "n_th22"]] = 0
    counts.loc[3, "n_tph"] = 0
    row = methods.ratio(designs, counts)
    assert row["reason"] == "2 donors left out: not a cell of either pole"
    assert (row["n_case"], row["n_control"], row["unit"]) == (4, 4, "ln ratio")
    kept = [1, 2, 3, 4, 5, 6, 8, 9]
    n = np.where(np.arange(10) == 3, 0, N)
    total = np.where(np.arange(10) == 3, TOTAL - N, TOTAL)
    matrix = np.column_stack([np.ones(8), np.repeat([1.0, 0], 4)])
    expected, _ = overdispersed.logit_normal(n[kept], total[kept], matrix)
    assert row["effect"] == pytest.approx(expected.effect)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"permutations": 252}, "all 252 permutations"),
        ({"permutations": 251}, "251 permutations"),
        ({"batch": True, "permutations": 99}, "99 permutations within batch"),
        ({"paired": True, "permutations": 32}, "all 32 sign flips of the pairs"),
        ({"paired": True, "permutations": 31}, "31 sign flips of the pairs"),
    ],
)
def test_it_is_said_how_labels_were_permuted(how, said):
    designs, _, found = made(**how)
    rows = methods.resampled(designs, found)
    assert [row["method"] for row in rows] == ["permutation", "bootstrap_t"]
    assert rows[0]["reason"] == f"a note; {said}" and rows[1]["reason"] == "a note"
    rng = np.random.default_rng(0)
    if how.get("paired"):
        expected, _ = resampling.sign_flip(found.scaled, found.fit, how["permutations"], rng)
    else:
        orders, complete = found.built.orders(how["permutations"], 0)
        expected = resampling.permutation(found.scaled, found.fit, orders, complete)
    assert (rows[0]["p"], rows[0]["ci_low"]) == (expected.p, expected.ci_low)
    drawn = resampling.bootstrap_t(found.scaled, found.fit, 99, rng)
    assert rows[1]["ci_high"] == drawn.ci_high


def test_a_bootstrap_of_too_few_draws_has_no_row():
    designs, _, found = made(bootstraps=18)
    assert [row["method"] for row in methods.resampled(designs, found)] == ["permutation"]


def test_ranks_are_of_the_value_or_of_another_column_within_strata():
    designs, table, found = made(batch=True)
    case = np.repeat([1.0, 0.0], 5)
    strata = np.array([0, 1, 0, 1, 0] * 2)
    row = methods.ranked(designs, found)
    expected = inference.hodges_lehmann(np.log(N), case, strata)
    assert (row["effect"], row["p"], row["unit"]) == (expected.effect, expected.p, "SD")
    assert (row["method"], row["covariates"]) == ("mann_whitney", "batch")
    row = methods.ranked(designs, found, table["percent"].to_numpy(), "points")
    expected = inference.hodges_lehmann((100 * N / TOTAL), case, strata)
    assert (row["effect"], row["unit"]) == (pytest.approx(expected.effect), "points")
    designs, _, found = made()
    assert methods.ranked(designs, found)["covariates"] == "none"
    designs, table, found = made(paired=True)
    row = methods.ranked(designs, found, table["percent"].to_numpy(), "points")
    gap = (100 * N / TOTAL)[:5] - (100 * N / TOTAL)[5:]
    assert row["effect"] == pytest.approx(inference.walsh(gap).effect)
    assert (row["method"], row["covariates"], row["unit"]) == ("wilcoxon", "donor", "points")


def test_the_ratio_unweighted_is_plain_least_squares_of_the_estimable():
    designs, table = cohort()
    rows = table.assign(variance=np.arange(1.0, 11), estimable=True)
    rows.loc[9, ["value", "estimable"]] = [99.0, False]
    row = methods.unweighted(designs, rows, "ln ratio")
    assert row["effect"] == pytest.approx(np.log(N)[:5].mean() - np.log(N)[5:9].mean())
    assert (row["method"], row["unit"], row["reason"]) == ("unweighted_ols_hc2", "ln ratio", "")
