"""Published tables of cells per donor, against an independent computation on the raw table.

Needs TILT_REAL_DATA: the folder with GSE135779_ST4a_official_cluster_counts.csv (Nehar-Belaid
2020, doi:10.1038/s41590-020-0743-0), GSE135779_GEO_samples.csv, crumblr_IFNCellCounts.*.csv and
kang_harmony_2000cells_9015genes_ctrl_stim.h5ad (Kang 2018, doi:10.1038/nbt.4042).
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from running import Workflow
from scipy import special, stats
from tilt.core import tables
from tilt.donors import activity, pseudobulk, published
from tilt.genes import tables as gene_tables
from tilt.stats import contrast, design, overdispersed

DATA = os.environ.get("TILT_REAL_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="TILT_REAL_DATA names no folder of real data")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def children():
    """Raw table, donors and tests of the 44 children of GSE135779."""
    raw = published.read_published(Path(DATA) / "GSE135779_ST4a_official_cluster_counts.csv")
    sheet = pd.read_csv(Path(DATA) / "GSE135779_GEO_samples.csv")
    sheet["donor"] = sheet["title"].str.split().str[0]
    age = sheet.drop_duplicates("donor").set_index("donor")["age"]
    donors = pd.DataFrame({"cohort": "children", "donor": raw.iloc[:, 0]})
    lupus = donors["donor"].str.startswith("cSLE")
    donors["condition"] = np.where(lupus, "SLE", "control")
    donors["age"] = donors["donor"].map(age)
    counted = published.from_table(raw, donors)
    clusters = [c for c in raw if c.startswith("Cluster")]  # all declared: with every method
    family = tuple((s, "total") for s in clusters)
    plan = contrast.Plan(design.Contrast("SLE", "control"), family, permutations=1999)
    tests = contrast.run(donors, plan, counted).set_index(["quantity", "method"])
    table = raw.set_index(raw.columns[0]).astype(float)
    return table.div(table.sum(axis=1), axis=0), table, donors, tests, counted


def test_children_are_33_and_11(children):
    _, _, _, tests, _ = children
    rows = tests[tests["estimable"]]
    assert set(rows["n_case"]) == {33}
    assert set(rows["n_control"]) == {11}


def test_rank_tests_medians_and_directions_of_every_cluster(children):
    share, _, _, tests, _ = children
    case = share.index.str.startswith("cSLE")
    for cluster in share:
        row = tests.loc[(cluster, "mann_whitney")]
        a, b = 100 * share.loc[case, cluster], 100 * share.loc[~case, cluster]
        assert row["p"] == pytest.approx(stats.mannwhitneyu(a, b).pvalue)
        assert row["median_case"] == pytest.approx(a.median())
        assert row["median_control"] == pytest.approx(b.median())
        assert row["effect"] == pytest.approx(np.median(np.subtract.outer(a.values, b.values)))


def test_arcsine_models_are_those_of_statsmodels(children):
    share, _, donors, _, counted = children
    case = (donors["condition"] == "SLE").to_numpy(float)
    aged = contrast.Plan(design.Contrast("SLE", "control", ("age",)))
    designs = {
        "plain": (contrast.Plan(design.Contrast("SLE", "control")), np.ones((44, 1))),
        "age": (aged, np.column_stack([np.ones(44), donors["age"]])),
    }
    for plan, nuisance in designs.values():
        matrix = np.column_stack([nuisance, case])
        moderated = contrast.run(donors, plan, counted).set_index("quantity")
        made = contrast.DesignCache(donors, plan)
        for cluster in share:
            fit = sm.OLS(np.arcsin(np.sqrt(share[cluster].to_numpy())), matrix)
            fit = fit.fit(cov_type="HC2")
            row = contrast.share(made, counted[counted["subset"] == cluster], counted, False)[0]
            assert row["effect"] == pytest.approx(fit.params[-1])
            assert moderated.loc[cluster, "effect"] == pytest.approx(fit.params[-1])
            assert moderated.loc[cluster, "df"] > row["df"]
            assert row["se"] == pytest.approx(fit.bse[-1])
            assert row["p"] == pytest.approx(2 * stats.t.sf(abs(fit.tvalues[-1]), row["df"]))
            half = stats.t.ppf(0.975, row["df"]) * fit.bse[-1]
            assert row["ci_low"] == pytest.approx(fit.params[-1] - half)


def test_permutation_p_are_those_of_a_plain_loop_over_shuffled_labels(children):
    """Studentized mean difference, written out; two estimates of one p differ by chance only."""
    share, _, _, tests, _ = children
    case = share.index.str.startswith("cSLE")
    rng = np.random.default_rng(8)

    def studentized(y, label):
        arms = y[label], y[~label]
        variance = sum(np.var(a, ddof=1) / len(a) for a in arms)
        return (arms[0].mean() - arms[1].mean()) / np.sqrt(variance)

    for cluster in ("Cluster 0", "Cluster 4", "Cluster 7", "Cluster 11"):
        y = np.arcsin(np.sqrt(share[cluster].to_numpy()))
        seen = abs(studentized(y, case))
        null = [abs(studentized(y, rng.permutation(case))) for _ in range(4000)]
        expected, found = np.mean(null >= seen), tests.loc[(cluster, "permutation"), "p"]
        error = np.sqrt(max(expected, 1 / 4000) * (1 - expected) * (1 / 4000 + 1 / 1999))
        assert abs(found - expected) < 4 * error + 1 / 2000, cluster


def williams(k, total, matrix):
    """Williams 1982 by statsmodels: weights and correlation in turn, from none at all."""
    rho = 0.0
    for _ in range(200):
        family = sm.families.Binomial()
        weight = total / (1 + (total - 1) * rho)
        fit = sm.GLM(k / total, matrix, family=family, var_weights=weight).fit(tol=1e-12)
        mean = fit.fittedvalues
        chance = (k - total * mean) ** 2 / (total * mean * (1 - mean))
        low, high = 0.0, 1.0
        for _ in range(60):
            rho = (low + high) / 2
            more = np.sum(chance / (1 + (total - 1) * rho)) > len(k) - matrix.shape[1]
            low, high = (rho, high) if more else (low, rho)
    return fit.params[-1]


def test_effects_on_the_mean_share_are_those_of_williams(children):
    _, table, donors, tests, _ = children
    case = (donors["condition"] == "SLE").to_numpy(float)
    total = table.sum(axis=1).to_numpy()
    matrix = np.column_stack([np.ones(len(case)), case])
    for cluster in ("Cluster 0", "Cluster 1", "Cluster 11", "Cluster 17"):
        k = table[cluster].to_numpy()
        row = tests.loc[(cluster, "quasi_binomial")]
        assert row["effect"] == pytest.approx(williams(k, total, matrix), abs=1e-5)
        share = k / total
        plain = special.logit(share[case == 1].mean()) - special.logit(share[case == 0].mean())
        assert row["effect"] == pytest.approx(plain, abs=row["se"] / 2)


def test_the_expansion_of_interferon_high_t_cells_is_among_the_strongest(children):
    """Cluster 11 is the one that the paper's children with lupus gain most (fold of medians)."""
    _, _, _, tests, _ = children
    row = tests.loc[("Cluster 11", "arcsine_ols_hc2_moderated")]
    assert row["effect"] > 0
    assert row["q"] < 0.05
    assert tests.loc[("Cluster 11", "permutation"), "p"] < 0.01
    assert tests.loc[("Cluster 11", "quasi_binomial"), "p"] < 0.05


def test_paired_counts_of_kang():
    raw = published.read_published(Path(DATA) / "crumblr_IFNCellCounts.df_cellCounts.csv")
    info = pd.read_csv(Path(DATA) / "crumblr_IFNCellCounts.info.csv", dtype=str)
    sheet = pd.DataFrame(
        {
            "cohort": "kang",
            "sample": info.iloc[:, 0],
            "donor": info["ind"],
            "condition": info["StimStatus"],
        }
    )
    counted = published.from_table(raw, sheet, unit="sample")
    family = tuple((c, "total") for c in raw.columns[1:])
    plan = contrast.Plan(design.Contrast("stim", "ctrl", pair="donor"), family)
    units = sheet.drop(columns="sample")
    tests = contrast.run(units, plan, counted).set_index(["quantity", "method"])
    moderated = tests.xs("paired_t_moderated", level="method")
    # propeller (limma's eBayes of the arcsine, donors as blocks) finds the same three
    found = set(moderated.index[moderated["q"] < 0.05])
    assert found == {"CD8 T cells", "Dendritic cells", "NK cells"}
    designs = contrast.DesignCache(units, plan)
    table = raw.set_index(raw.columns[0]).astype(float)
    share = table.div(table.sum(axis=1), axis=0)
    people = sorted(set(info["ind"]))
    for cell_type in share:
        stim = share.loc[[f"stim{p}" for p in people], cell_type].to_numpy()
        ctrl = share.loc[[f"ctrl{p}" for p in people], cell_type].to_numpy()
        angles = np.arcsin(np.sqrt(stim)), np.arcsin(np.sqrt(ctrl))
        main = contrast.share(designs, counted[counted["subset"] == cell_type], counted, False)[0]
        assert moderated.loc[cell_type, "effect"] == pytest.approx(main["effect"])
        known = stats.ttest_rel(*angles)
        assert main["p"] == pytest.approx(known.pvalue)
        assert main["effect"] == pytest.approx(np.mean(angles[0] - angles[1]))
        interval = known.confidence_interval()
        assert (main["ci_low"], main["ci_high"]) == pytest.approx((interval.low, interval.high))
        assert main["n_case"] == 8
        rank = tests.loc[(cell_type, "wilcoxon")]
        assert rank["p"] == pytest.approx(stats.wilcoxon(stim, ctrl).pvalue)
        assert rank["median_case"] == pytest.approx(100 * np.median(stim))
        assert rank["median_control"] == pytest.approx(100 * np.median(ctrl))
        points = 100 * (stim - ctrl)
        means = np.sort([(points[i] + points[j]) / 2 for i in range(8) for j in range(i + 1)])
        assert rank["effect"] == pytest.approx(np.median(means))
        # signed ranks of eight pairs: P(sum <= 3) = 5/256, so the fourth mean from either end
        assert (rank["ci_low"], rank["ci_high"]) == pytest.approx((means[3], means[-4]))
        gaps = angles[0] - angles[1]
        signs = 1 - 2 * ((np.arange(256)[:, None] >> np.arange(8)) & 1)
        exact = np.mean(np.abs(signs @ gaps) >= np.abs(gaps.sum()) * (1 - 1e-9))
        assert tests.loc[(cell_type, "permutation"), "p"] == pytest.approx(exact)


def test_paired_models_of_kang_are_those_of_williams():
    """Mean shares with a level for every donor."""
    raw = published.read_published(Path(DATA) / "crumblr_IFNCellCounts.df_cellCounts.csv")
    table = raw.set_index(raw.columns[0]).astype(float)
    donor = pd.Series(table.index.str[4:], table.index)
    stim = table.index.str.startswith("stim").astype(float)
    matrix = np.column_stack([pd.get_dummies(donor).to_numpy(float), stim])
    total = table.sum(axis=1).to_numpy()
    for cell_type in ("CD4 T cells", "B cells", "Megakaryocytes"):
        k = table[cell_type].to_numpy()
        found, _ = overdispersed.quasi_binomial(k, total, matrix)
        assert found.effect == pytest.approx(williams(k, total, matrix), abs=1e-5)
        assert 3 < found.df <= 7  # Bell-McCaffrey: at most 16 samples less 9 columns


def test_interferon_rises_in_all_eight_donors_of_kang():
    import anndata as ad

    cells = ad.read_h5ad(Path(DATA) / "kang_harmony_2000cells_9015genes_ctrl_stim.h5ad")
    cells = cells[cells.obs["donor"].astype(str).str.isdigit()].copy()  # no doublets
    about = cells.obs[["donor", "condition"]].astype(str).assign(level1="CD4", subset="all")
    about = about.assign(compartment="memory", look_alike=False)
    groups, codes = pseudobulk.groups(about)
    var = pd.DataFrame({"gene_symbol": cells.var_names}, index=cells.var_names)
    sums = pseudobulk.sums([(cells.X.tocsr(), codes)], len(groups), cells.n_vars)
    bulk = pseudobulk.assemble(sums, groups, var)
    donors = about[["donor", "condition"]].drop_duplicates().assign(cohort="kang")
    signatures = gene_tables.read_signatures(ROOT / "resources" / "signatures.tsv")
    scores = activity.score(bulk, donors, signatures, ["cd4"], ["IFN1_ISG7"], 20, 0.8)
    good = scores[scores["estimable"]]
    assert len(good) == 16, scores[["donor", "reason"]].to_string()
    names = sorted(good["condition"].unique())
    stim, ctrl = (
        next(n for n in names if n.startswith("stim")),
        next(n for n in names if not n.startswith("stim")),
    )
    wide = good.pivot(index="donor", columns="condition", values="value")
    assert (wide[stim] - wide[ctrl] > 1).all()
    plan = contrast.Plan(design.Contrast(stim, ctrl, pair="donor"))
    rows = contrast.value(contrast.DesignCache(donors, plan), good, "log2 CPM")
    assert rows[0]["effect"] > 2
    assert {r["method"]: r for r in rows}["permutation"]["p"] == pytest.approx(2 / 256)


def test_a_published_table_goes_through_the_workflow(tmp_path, children):
    _, _, donors, tests, _ = children
    workflow = Workflow(tmp_path)
    sheet = donors.drop(columns="cohort").assign(sample=donors["donor"], batch="B1")
    sheet.to_csv(tmp_path / "children.tsv", sep="\t", index=False, na_rep="NA")
    about = {
        "name": "children",
        "title": "Published counts of GSE135779",
        "format": "composition_table",
        "folder": DATA,
        "file": "GSE135779_ST4a_official_cluster_counts.csv",
        "samples": "children.tsv",
        "cells": "pbmc",
        "contrast": {"case": "SLE", "control": "control"},
        "composition": {"denominator": "pbmc", "primary": "Cluster 11"},
    }
    workflow.write("children.yaml", about)
    workflow.write("config.yaml", {"cohorts": ["children.yaml"]})
    workflow.snakemake("results/meta.tsv", "results/children/specifications.tsv")
    found = tables.read(tmp_path / "results/children/tests.tsv")
    primary = found[found["role"] == "primary"].iloc[0]
    assert (primary["quantity"], primary["denominator"]) == ("Cluster 11", "pbmc")
    same = tests.loc[("Cluster 11", "arcsine_ols_hc2_moderated")]
    assert primary["effect"] == pytest.approx(same["effect"], rel=1e-4)
    assert primary["p"] == pytest.approx(same["p"], rel=1e-4)
    combined = tables.read(tmp_path / "results/meta.tsv")
    assert combined["reason"].str.contains("two are needed").any()
