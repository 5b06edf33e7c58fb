"""Responses along the imbalance: the projection by hand, its null, and what is not compared."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from tilt.core import contracts
from tilt.donors import pseudobulk, z_scores
from tilt.stats import contrast, design, perturbations

N, GENES = 16, 300
ALONG, AGAINST, NEITHER = range(10), range(10, 16), range(20, 28)


def cohort(seed: int = 3, slope: float = 0.4, effect: float = 0.0):
    """Bulk, donors and imbalance.tsv: genes 0-9 rise with the imbalance, 10-15 fall."""
    rng = np.random.default_rng(seed)
    case = np.arange(N) % 2 == 0
    y = rng.normal(size=N) + 1.5 * case
    level = rng.uniform(4, 7, GENES)
    logs = level + 0.1 * rng.normal(size=(N, GENES)) + effect * case[:, None]
    within = y - np.where(case, y[case].mean(), y[~case].mean())
    logs[:, list(ALONG)] += slope * within[:, None]
    logs[:, list(AGAINST)] -= slope * within[:, None]
    depth = rng.uniform(0.5, 2, N)[:, None]  # moves all genes alike
    names = [f"g{i}" for i in range(GENES)]
    units = pd.DataFrame({"donor": [f"D{i:02d}" for i in range(N)]})
    units["condition"] = np.where(case, "SLE", "control")
    obs = units.assign(subset="memory_cd4", n_cells=100)
    counts = rng.poisson(depth * np.exp(logs))
    bulk = pseudobulk.assemble(counts, obs, pd.DataFrame({"gene_symbol": names}, names))
    table = units.assign(cohort="c", estimator="E1", value=y, variance=np.nan, leads=True)
    table = pd.concat([table, table.assign(estimator="E3", value=0.0, leads=False)])
    return bulk, units.assign(cohort="c"), table.assign(estimable=True, reason="")


def response(**genes) -> pd.DataFrame:
    rows = [(name, f"g{g}", change) for name, of in genes.items() for g, change in of.items()]
    return pd.DataFrame(rows, columns=["perturbation", "gene", "log2_fold_change"])


def compare(responses, made=None, pair="", outcome=frozenset(), n_random=99, **plan):
    bulk, donors, table = made or cohort()
    declared = contrast.Plan(design.Contrast("SLE", "control", pair=pair), seed=1, **plan)
    return perturbations.compare(bulk, donors, declared, table, responses, outcome, 20, n_random)


def by_name(found):
    return found.set_index("perturbation")


def test_a_projection_is_the_slope_of_the_weighted_genes_beside_genes_alike():
    bulk, donors, table = cohort()
    changes = {0: 2.0, 1: 1.0, 10: -1.0}
    found = by_name(compare(response(P=changes))[0]).loc["P"]
    kept = pseudobulk.of_subset(bulk, "memory_cd4", 20)
    made = z_scores.standardized(kept, None)
    bins = pd.qcut(pd.Series(made.mean).rank(method="first"), 20, labels=False).to_numpy()
    score = 0
    for gene, w in changes.items():
        alike = np.flatnonzero(bins == bins[gene])
        alike = alike[~np.isin(alike, list(changes))]
        score = score + w * (made.z[:, gene] - made.z[:, alike].mean(axis=1))
    score /= 4
    y = table["value"].to_numpy()[:N]
    case = (donors["condition"] == "SLE").to_numpy(float)
    arms = np.column_stack([np.ones(N), case])
    rest = y - arms @ np.linalg.lstsq(arms, y, rcond=None)[0]
    sd = np.sqrt(rest @ rest / (N - 2))
    fit = sm.OLS(score, np.column_stack([arms, y / sd])).fit(cov_type="HC2")
    assert found["effect"] == pytest.approx(fit.params[2])
    assert found["se"] == pytest.approx(fit.bse[2])
    assert found["method"] == "ols_hc2" and found["unit"] == "SD per SD"
    # and the mean of the slopes of the genes, as the axis is said to be
    slopes = [
        np.linalg.lstsq(np.column_stack([arms, y / sd]), made.z[:, g], rcond=None)[0][2]
        for g in range(GENES)
    ]
    own = sum(w * slopes[g] for g, w in changes.items()) / 4
    beside = 0
    for gene, w in changes.items():
        alike = np.flatnonzero((bins == bins[gene]) & ~np.isin(np.arange(GENES), list(changes)))
        beside += w * np.mean(np.take(slopes, alike)) / 4
    assert found["effect"] == pytest.approx(own - beside)


def test_the_planted_response_comes_first_with_its_sign_and_the_opposite_one_is_its_mirror():
    made = {
        "ALONG": {**dict.fromkeys(ALONG, 1.0), **dict.fromkeys(AGAINST, -1.0)},
        "MIRROR": {**dict.fromkeys(ALONG, -1.0), **dict.fromkeys(AGAINST, 1.0)},
        "NEITHER": dict.fromkeys(NEITHER, 1.0),
    }
    found, nulls = compare(
        response(NEITHER=made["NEITHER"], ALONG=made["ALONG"], MIRROR=made["MIRROR"])
    )
    assert found["perturbation"].tolist()[2] == "NEITHER"
    assert found["rank"].tolist() == [1, 2, 3]
    rows = by_name(found)
    assert rows.loc["ALONG", "effect"] > 0.5
    assert rows.loc["MIRROR", "effect"] == pytest.approx(-rows.loc["ALONG", "effect"])
    assert rows.loc["ALONG", "p_random"] == pytest.approx(1 / 100)
    assert rows.loc["ALONG", "null_low"] < 0 < rows.loc["ALONG", "null_high"] < 0.4
    assert rows.loc["NEITHER", "p_random"] > 0.05 and rows.loc["NEITHER", "q"] > 0.05
    assert nulls.groupby("perturbation")["n"].sum().tolist() == [99, 99, 99]
    assert list(nulls) == list(contracts.PERTURBATION_NULLS.columns)
    assert list(found) == list(contracts.PERTURBATIONS.columns)


def test_a_difference_between_the_arms_is_no_place_within_them():
    between = cohort(slope=0.0, effect=0.0)
    bulk = between[0]
    case = (bulk.obs["condition"] == "SLE").to_numpy()
    counts = pseudobulk.dense(bulk)
    counts[np.ix_(case, list(ALONG))] *= 4
    bulk = pseudobulk.assemble(counts.astype(int), bulk.obs.reset_index(drop=True), bulk.var)
    found = by_name(compare(response(P=dict.fromkeys(ALONG, 1.0)), (bulk, *between[1:]))[0])
    assert abs(found.loc["P", "effect"]) < 0.15  # 0.6 without the arms in the model


def test_genes_of_the_outcome_and_unmeasured_genes_are_left_out_and_counted():
    genes = response(P=dict.fromkeys(ALONG, 1.0), FEW={0: 1.0, 1: 2.0, 999: 1.0})
    found = by_name(compare(genes, outcome={"g0", "g1", "g2"})[0])
    assert found.loc["P", ["n_genes", "n_genes_found"]].tolist() == [7, 7]
    assert found.loc["FEW", ["n_genes", "n_genes_found"]].tolist() == [1, 0]
    assert found.loc["FEW", "reason"] == "0 genes measured; 3 are needed"
    assert not found.loc["FEW", "estimable"] and np.isnan(found.loc["FEW", "rank"])
    lost = response(P=dict.fromkeys([*ALONG, 900, 901], 1.0))
    assert by_name(compare(lost)[0]).loc["P", "reason"] == (
        "2 genes of the response not measured: g900, g901"
    )
    same = by_name(
        compare(response(P=dict.fromkeys(range(3, 10), 1.0)), outcome={"g0", "g1", "g2"})[0]
    )
    assert same.loc["P", "effect"] == pytest.approx(found.loc["P", "effect"])


def test_q_is_over_the_perturbations_that_have_a_p():
    genes = response(A=dict.fromkeys(ALONG, 1.0), B=dict.fromkeys(NEITHER, 1.0), C={0: 1.0})
    found = by_name(compare(genes)[0])
    low, high = found["p"]["A"], found["p"]["B"]
    assert low < high
    assert found["q"]["A"] == pytest.approx(min(2 * low, high))
    assert found["q"]["B"] == pytest.approx(high)
    assert np.isnan(found["q"]["C"])


def test_donors_are_weighted_where_the_imbalance_has_a_variance():
    bulk, donors, table = cohort()
    spread = np.where(np.arange(len(table)) % N < 8, 0.01, 30.0)
    genes = response(P=dict.fromkeys(ALONG, 1.0))
    weighted = by_name(compare(genes, (bulk, donors, table.assign(variance=spread)))[0]).loc["P"]
    assert weighted["method"] == "wls_hc2"
    assert weighted["effect"] != pytest.approx(by_name(compare(genes)[0]).loc["P", "effect"])
    assert weighted["df"] < 8  # eight donors carry it


def test_what_cannot_be_compared_says_why():
    genes = response(P=dict.fromkeys(ALONG, 1.0))
    found, nulls = compare(genes, pair="donor")
    assert found["reason"].tolist()[0].startswith("pairs:") and nulls.empty
    bulk, donors, table = cohort()
    none = compare(genes, (bulk, donors, table.assign(estimable=False)))[0]
    assert none["reason"].tolist() == [
        "no donor has both the imbalance and a pseudobulk of memory CD4 T cells"
    ]
    few = donors["donor"].isin([f"D{i:02d}" for i in range(6)])
    small = compare(genes, (bulk, donors[few].reset_index(drop=True), table))[0]
    assert small["reason"].tolist() == ["6 donors for 3 columns"]
    assert not small["estimable"].any()


def test_a_donor_without_pseudobulk_is_left_out_and_told():
    bulk, donors, table = cohort()
    thin = bulk.copy()
    thin.obs.loc[thin.obs["donor"] == "D03", "n_cells"] = 5
    found = by_name(compare(response(P=dict.fromkeys(ALONG, 1.0)), (thin, donors, table))[0])
    assert found.loc["P", ["n_case", "n_control"]].tolist() == [8, 7]
    assert "1 donor left out" in found.loc["P", "reason"]
