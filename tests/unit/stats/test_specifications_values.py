"""Numbers of the specification curve: each choice does what its name says."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tilt.config import check
from tilt.donors import activity, imbalance, pseudobulk, sampling
from tilt.stats import (
    contrast,
    design,
    inference,
    methods,
    plan,
    precision,
    readable,
    specifications,
)

UNIT = ["cohort", "donor", "condition"]
KEY = ["donor", "condition"]
N = 12
# forty genes in pairs of neighboring expression: the second of each pair is in no set
GENES = [f"{kind}{i}" for i in range(10) for kind in ("t", "a", "h", "b")]
SETS = [("TPH_BLOOD", f"t{i}", 1.0 + i % 3) for i in range(10)]
SETS += [("TH22_BLOOD", f"h{i}", 1.0) for i in range(10)]
SETS += [("TH17", f"a{i}", 1.0) for i in range(6)] + [("TREG", f"b{i}", 2.0) for i in range(6)]
for state, genes in (("IFN1_T_CORE", "a"), ("HANDLING_IEG", "b"), ("GLUCOCORTICOID_PROXY", "b")):
    SETS += [(state, f"{genes}{i}", 1.0) for i in range(4, 9)]
SIGNATURES = pd.DataFrame(SETS, columns=["set", "gene", "weight"])
USUAL = plan.imbalance_settings(check.defaults()["imbalance"])


def cohort(**more):
    rng = np.random.default_rng(4)
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i:02d}" for i in range(N)]})
    donors["condition"] = ["SLE", "SLE", "control", "control", "SLE", "control"] * (N // 6)
    donors["sex"] = ["F", "female", " Woman", "M"] * (N // 4)
    donors["batch"] = ["B1"] * 6 + ["B2"] * 6
    donors["age"] = np.arange(N) * 7 % 11
    case = (donors["condition"] == "SLE").to_numpy()
    # t0 < a0 < h0 < b0 < t1 ...: pairs (t, a) and (h, b) stay neighbors in every cohort
    level = np.repeat(np.exp(np.linspace(5, 8, 20)), 2) * np.tile([1.0, 1.02], 20)
    mean = level * rng.lognormal(0, 0.02, (N, 40)) * rng.uniform(0.5, 2, (N, 1))
    # a difference between the arms that leaves the mean of the logarithm where it is
    mean[:, ::4] *= np.where(case, 1.1, 1 / 1.1)[:, None]
    obs = donors[KEY].assign(subset="memory_cd4", n_cells=np.r_[15, np.full(N - 1, 400)])
    var = pd.DataFrame({"gene_symbol": GENES}, index=GENES)
    bulk = pseudobulk.assemble(rng.poisson(mean), obs, var)
    total = np.r_[150, rng.integers(250, 900, N - 1)]
    shares = {"CD4_Tph_like": 0.1, "CD4_Tfh_circ": 0.05, "CD4_Th22_like": 0.06, "CD4_Th17": 0.1}
    shares |= {"tph_high": 0.1, "th22_high": 0.08, "isg_high": 0.2}
    parts = [
        donors[UNIT].assign(
            subset=name,
            n=rng.binomial(total, share * np.where(case, 1.4, 1)),
            denominator="memory_cd4",
            n_denominator=total,
            kind="subset",
        )
        for name, share in shares.items()
    ]
    treg = parts[0].assign(subset="CD4_Treg_eff", denominator="cd4", n=rng.binomial(900, 0.1, N))
    parts += [treg, treg.assign(denominator="t")]
    cells = donors.loc[donors.index.repeat(np.arange(40, 40 + N)), KEY].reset_index(drop=True)
    cells["tph_score"] = rng.normal(size=len(cells)).round(2)
    cells["th22_score"] = rng.normal(size=len(cells))
    given = {
        "donors": donors,
        "plan": contrast.Plan(design.Contrast("SLE", "control", ("age",), ("batch",)), seed=2),
        "settings": USUAL,
        "composition": pd.concat(parts, ignore_index=True),
        "signatures": SIGNATURES,
        "bulk": bulk,
        "cells": cells,
    }
    return specifications.CohortInputs(**(given | more))


@pytest.fixture(scope="module")
def study():
    return cohort()


@pytest.fixture(scope="module")
def curve(study):
    return specifications.curve(study, "E1").set_index(["estimator", "family", "specification"])


def counts_of(study, subset, home="memory_cd4"):
    rows = study.composition
    rows = rows[(rows["subset"] == subset) & (rows["denominator"] == home)]
    return rows.set_index(KEY)["n"].reindex(pd.MultiIndex.from_frame(study.donors[KEY])).to_numpy()


def effect(study, value, covariates=("age",), donors=None):
    """Least squares with HC2 of a value per donor (nan: left out), adjusted as declared.

    ``value``: values, or a pair of them and their variances, by whose precision donors weigh.
    """
    value, variance = value if isinstance(value, tuple) else (value, None)
    table = study.donors if donors is None else donors
    kept = ~np.isnan(value) & study.donors["donor"].isin(table["donor"]).to_numpy()
    made = design.Contrast("SLE", "control", covariates, ("batch",))
    built = design.build(study.donors[kept].reset_index(drop=True), made)
    assert not built.problem
    root = np.ones(kept.sum())
    if variance is not None:
        root, _ = precision.root_weights(value[kept], variance[kept], built.matrix)
    return inference.ols(value[kept] * root, built.matrix * root[:, None])


def same(row, expected):
    for name in ("effect", "se", "p"):
        assert row[name] == pytest.approx(getattr(expected, name)), name


def log_ratio(a, b, cells, least=1):
    """Ratio less what half a cell is expected to bias it by, and its expected variance."""
    weight = np.sqrt(cells)
    some = cells > 0
    expected = [cells * np.average(n[some] / cells[some], weights=weight[some]) for n in (a, b)]
    bias = sampling.log_bias(np.maximum(expected[0], 1e-9)) - sampling.log_bias(
        np.maximum(expected[1], 1e-9)
    )
    value = np.where(cells >= least, np.log((a + 0.5) / (b + 0.5)) - bias, np.nan)
    with np.errstate(divide="ignore"):
        return value, 1 / expected[0] + 1 / expected[1]


def test_every_choice_of_labels_is_the_log_ratio_it_names(study, curve):
    tph, tfh = counts_of(study, "CD4_Tph_like"), counts_of(study, "CD4_Tfh_circ")
    th22, th17 = counts_of(study, "CD4_Th22_like"), counts_of(study, "CD4_Th17")
    treg, many = counts_of(study, "CD4_Treg_eff", "cd4"), counts_of(study, "CD4_Tph_like") * 0
    rows = study.composition.query("subset == 'CD4_Th17'").set_index(KEY)["n_denominator"]
    many = rows.reindex(pd.MultiIndex.from_frame(study.donors[KEY])).to_numpy()
    same(curve.loc[("E1", "main", "as declared")], effect(study, log_ratio(tph + tfh, th22, many)))
    for least in (100, 200):
        row = curve.loc[("E1", "minimum of cells", f"donors with {least} memory CD4 cells")]
        same(row, effect(study, log_ratio(tph + tfh, th22, many, least)))
    assert ("E1", "minimum of cells", "donors with 500 memory CD4 cells") in curve.index
    alone = log_ratio(tph, th22, many)
    same(curve.loc[("E1", "poles", "CD4_Tph_like alone")], effect(study, alone))
    swapped = log_ratio(tph + tfh, th17, many)
    same(curve.loc[("E1", "specificity", "Th17 in place of Th22")], effect(study, swapped))
    swapped = log_ratio(tph + tfh, treg, many)  # counted once, not per denominator
    same(curve.loc[("E1", "specificity", "Treg in place of Th22")], effect(study, swapped))
    flags = counts_of(study, "tph_high"), counts_of(study, "th22_high")
    same(curve.loc[("E2", "main", "as declared")], effect(study, log_ratio(*flags, many)))
    plain = log_ratio(tph + tfh, th22, many)[0]
    same(curve.loc[("E1", "model", "donors unweighted")], effect(study, plain))
    permuted = curve.loc[("E1", "method", "by permutation")]
    assert permuted["effect"] == curve.loc[("E1", "main", "as declared"), "effect"]
    assert permuted["ci_low"] < permuted["effect"] < permuted["ci_high"]


def test_a_unit_without_rows_of_the_other_label_has_none_of_its_cells(study):
    rows = study.composition
    gone = (rows["donor"] == "D03") & (rows["subset"] == "CD4_Treg_eff")
    fewer = specifications.replace(study, composition=rows[~gone])
    poles = USUAL.poles | {"th22": ("CD4_Treg_eff",)}
    table = specifications._swap(fewer, specifications.replace(USUAL, poles=poles)).set_index(
        "donor"
    )
    n = counts_of(study, "CD4_Tph_like") + counts_of(study, "CD4_Tfh_circ")
    bias = np.log((n[3] + 0.5) / 0.5) - table.loc["D03", "value"]
    assert abs(bias) < 0.1  # no cell of the other label: half a one


@pytest.mark.parametrize("quantile", [0.9, 0.975])
def test_a_threshold_is_the_quantile_of_donors_weighing_alike(study, curve, quantile):
    cells = study.cells
    share = 1 / cells.groupby("donor")["donor"].transform("size").to_numpy()
    n = {}
    for pole in ("tph", "th22"):
        score = cells[f"{pole}_score"].to_numpy()
        # the least score at or below which cells of at least that weight lie
        cut = min(s for s in score if share[score <= s].sum() >= quantile * N - 1e-9)
        n[pole] = cells[score > cut].groupby("donor").size().reindex(study.donors["donor"])
        n[pole] = n[pole].fillna(0).to_numpy()
    found = specifications.threshold_table(study, quantile, 45).set_index("donor")
    size = cells.groupby("donor").size().reindex(study.donors["donor"]).to_numpy()
    expected = log_ratio(n["tph"], n["th22"], size, 45)[0]
    assert found["value"].reindex(study.donors["donor"]).to_numpy() == pytest.approx(
        expected, nan_ok=True
    )
    assert found["n_cells"].to_numpy().tolist() == size.tolist()
    without = specifications.replace(study, cells=cells[cells["donor"] != "D04"])
    row = specifications.threshold_table(without, quantile, 45).set_index("donor").loc["D04"]
    assert row["n_cells"] == 0 and not row["estimable"]
    assert ("E2", "threshold", f"score above the {quantile:.1%} quantile") in curve.index


def axis_value(study, signatures=SIGNATURES, th22="TH22_BLOOD", counts=None):
    sets = ("TPH_BLOOD", th22)
    measured = imbalance.measure(study.bulk, None, study.settings, counts)
    made, reason = imbalance.axis_of(measured, signatures, sets, study.settings)
    assert reason == ""
    at = made.units.set_index("donor").index
    return pd.Series(made.value(*sets), at).reindex(study.donors["donor"]).to_numpy()


def test_every_choice_of_genes_is_the_axis_it_names(study, curve):
    same(curve.loc[("E3", "main", "as declared")], effect(study, axis_value(study)))
    row = curve.loc[("E3", "specificity", "Th17 in place of Th22")]
    same(row, effect(study, axis_value(study, th22="TH17")))
    row = curve.loc[("E3", "specificity", "Treg in place of Th22")]
    same(row, effect(study, axis_value(study, th22="TREG")))
    fewer = SIGNATURES[SIGNATURES["gene"] != "t3"]
    row = curve.loc[("E3", "one gene out", "without t3")]
    same(row, effect(study, axis_value(study, fewer)))
    out = curve.loc[("E3", "one gene out")].index
    assert sorted(out) == sorted(f"without {g}{i}" for g in "th" for i in range(10))


def test_a_common_depth_is_that_of_the_thinnest_donor_and_counts_are_drawn_down(study, curve):
    rows = pseudobulk.of_subset(study.bulk, "memory_cd4", 20)
    counts = pseudobulk.dense(rows)
    depth = int(counts.sum(axis=1).min())
    assert specifications.common_depth(study) == depth
    thin = pseudobulk.thin(counts, depth, np.random.default_rng(2)).astype(float)
    assert (thin.sum(axis=1) == depth).all() and counts.sum(axis=1).max() > 1.5 * depth
    value = axis_value(study, counts=thin)
    assert np.nanmax(np.abs(value - axis_value(study))) > 0.05
    same(curve.loc[("E3", "depth", f"at {depth} counts per donor")], effect(study, value))
    nobody = specifications.replace(
        study, settings=specifications.replace(USUAL, min_pseudobulk_cells=999)
    )
    assert specifications.common_depth(nobody) == 0


def test_choices_of_donors_are_those_of_their_name(study, curve):
    value, donors = axis_value(study), study.donors
    row = curve.loc[("E3", "one donor out", "without D05")]
    same(row, effect(study, value, donors=donors[donors["donor"] != "D05"]))
    assert len(curve.loc[("E3", "one donor out")]) == N
    row = curve.loc[("E3", "one batch out", "without batch B1")]
    assert row["n_case"] + row["n_control"] == 6
    same(row, effect(study, value, donors=donors[donors["batch"] == "B2"]))
    row = curve.loc[("E3", "women only", "women only")]
    women = donors["sex"].str.strip().str.lower().isin(["f", "female", "woman"])
    assert women.sum() == 9
    same(row, effect(study, value, donors=donors[women]))


def test_choices_of_covariates_are_those_of_their_name(study, curve):
    value = axis_value(study)
    row = curve.loc[("E3", "covariates", "without covariates")]
    same(row, effect(study, value, covariates=()))
    assert row["covariates"] == "batch"
    high, total = counts_of(study, "isg_high"), study.composition["n_denominator"].iloc[:N]
    donors = study.donors.assign(share=100 * high / total.to_numpy())
    other = specifications.replace(study, donors=donors)
    row = curve.loc[("E3", "covariates", "with share of ISG-high cells")]
    same(row, effect(other, value, covariates=("age", "share")))
    score = activity.score(
        study.bulk, study.donors, SIGNATURES, ["memory_cd4"], ["IFN1_T_CORE"], 20, 0.8
    ).set_index("donor")["value"]
    other = specifications.replace(
        study, donors=study.donors.assign(ifn=score.reindex(study.donors["donor"]).to_numpy())
    )
    row = curve.loc[("E3", "covariates", "with IFN1_T_CORE")]
    same(row, effect(other, value, covariates=("age", "ifn")))


def test_rows_name_cohort_contrast_and_leader(study, curve):
    assert (curve["cohort"] == "c").all() and (curve["contrast"] == "SLE vs control").all()
    leads = curve.reset_index().groupby("estimator")["leads"].agg(["all", "any"])
    assert leads.loc["E1"].all() and not leads.loc[["E2", "E3"], "any"].any()
    units = curve["unit"].groupby("estimator").first()
    assert units.to_dict() == {"E1": "ln ratio", "E2": "ln ratio", "E3": "SD"}
    ratios = curve.loc[["E1", "E2"]]
    for fold, limit in zip(readable.FOLDS, ("effect", "ci_low", "ci_high"), strict=True):
        assert np.log(ratios[fold]).tolist() == pytest.approx(ratios[limit].tolist(), nan_ok=True)
        assert ratios[fold].notna().sum() > 20 and curve.loc["E3", fold].isna().all()
    model = curve.loc[("E1", "model", "logit-normal, no pseudocount")]
    designs = contrast.DesignCache(study.donors, study.plan)
    n = imbalance.pole_counts(study.composition, USUAL.poles)
    expected = methods.ratio(designs, n)
    assert model["effect"] == pytest.approx(expected["effect"])


def test_pairs_have_no_covariates_to_choose(study):
    donors = study.donors.assign(donor=[f"P{i // 3}" for i in range(N)])
    paired = specifications.replace(
        study,
        donors=donors,
        plan=contrast.Plan(design.Contrast("SLE", "control", pair="donor")),
    )
    assert specifications._adjusted(paired) == []


def test_random_sets_replace_each_gene_by_one_of_like_expression(study):
    """Two genes in each bin, one of them taken: every draw is the set of the other ones."""
    table = specifications.random_sets(study, 3)
    neighbors = SIGNATURES[SIGNATURES["set"].isin(["TPH_BLOOD", "TH22_BLOOD"])].copy()
    swap = {"t": "a", "h": "b"}
    neighbors["gene"] = [swap[g[0]] + g[1:] for g in neighbors["gene"]]
    bare = specifications.replace(study, donors=study.donors)
    own, other = axis_value(bare), axis_value(bare, neighbors)
    for draw, value in ((0, own), (1, other), (3, other)):
        expected = effect(study, value)
        assert table.loc[draw, "effect"] == pytest.approx(expected.effect)
        assert table.loc[draw, "t"] == pytest.approx(expected.effect / expected.se)
    assert table["draw"].tolist() == [0, 1, 2, 3]
    assert table.columns.tolist() == ["cohort", "draw", "effect", "t"]


def test_without_an_axis_there_are_no_random_sets(study):
    settings = replace(USUAL, min_pseudobulk_cells=10_000)
    assert specifications.random_sets(cohort(settings=settings), 5).empty
    assert len(specifications.random_sets(study, 5)) == 6


def test_random_sets_of_pairs_are_within_pairs():
    study = cohort()
    donors = study.donors.assign(condition=["SLE", "control"] * 6)
    donors["donor"] = [f"P{i // 2}" for i in range(N)]
    bulk = study.bulk.copy()
    bulk.obs["donor"], bulk.obs["condition"] = (
        donors["donor"].to_numpy(),
        donors["condition"].to_numpy(),
    )
    bulk.obs["n_cells"] = 400
    paired = specifications.replace(
        study,
        donors=donors,
        bulk=bulk,
        plan=contrast.Plan(design.Contrast("SLE", "control", pair="donor"), seed=2),
    )
    table = specifications.random_sets(paired, 2)
    made, _ = imbalance.axis(bulk, SIGNATURES, ("TPH_BLOOD", "TH22_BLOOD"), None, study.settings)
    value = pd.Series(
        made.value("TPH_BLOOD", "TH22_BLOOD"), pd.MultiIndex.from_frame(made.units[KEY])
    )
    wide = value.unstack()
    expected = inference.paired_t((wide["SLE"] - wide["control"]).to_numpy())
    assert table.loc[0, "effect"] == pytest.approx(expected.effect)
    assert table.loc[0, "t"] == pytest.approx(expected.effect / expected.se)


def test_p_against_random_sets_counts_the_axis_itself():
    def p(*t):
        return specifications.random_p(pd.DataFrame({"t": t}))

    assert p(5.0, 1.0, -2.0, 3.0) == pytest.approx(1 / 4)  # never zero
    assert p(-2.0, 1.0, 2.0, -3.0) == pytest.approx(3 / 4)
    assert p(0.0, 1.0, 2.0) == 1.0
    assert np.isnan(specifications.random_p(pd.DataFrame({"t": []})))
