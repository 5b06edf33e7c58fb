import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from tilt.config import check
from tilt.donors import pseudobulk
from tilt.stats import contrast, design, specifications
from tilt.stats import plan as plans

N = 20
GENES = [f"t{i}" for i in range(10)] + [f"h{i}" for i in range(10)] + [f"o{i}" for i in range(180)]
SIGNATURES = pd.DataFrame(
    {
        "gene": [*GENES[:20], *GENES[20:28], *GENES[30:38], *GENES[40:50]],
        "set": ["TPH_BLOOD"] * 10
        + ["TH22_BLOOD"] * 10
        + ["TH17"] * 8
        + ["TREG"] * 8
        + ["IFN1_T_CORE"] * 10,
        "weight": 1.0,
    }
)
SIGNATURES = pd.concat(
    [
        SIGNATURES,
        SIGNATURES.iloc[-10:].assign(set="HANDLING_IEG"),
        SIGNATURES.iloc[-10:].assign(set="GLUCOCORTICOID_PROXY"),
    ],
    ignore_index=True,
)


def cohort(shift=1.6, **more):
    rng = np.random.default_rng(1)
    donors = pd.DataFrame(
        {
            "cohort": "c",
            "donor": [f"D{i:02d}" for i in range(N)],
            "condition": ["SLE", "control"] * (N // 2),
            "sex": ["F", "F", "F", "F", "M"] * (N // 5),
            "batch": ["B1"] * (N // 2) + ["B2"] * (N // 2),
        }
    )
    case = (donors["condition"] == "SLE").to_numpy()
    mean = rng.lognormal(5, 0.8, len(GENES)) * np.ones((N, 1))
    mean *= rng.lognormal(0, 0.15, mean.shape)
    mean[:, :10] *= np.where(case, shift, 1)[:, None]
    obs = donors[["donor", "condition"]].assign(subset="memory_cd4", n_cells=400)
    var = pd.DataFrame({"gene_symbol": GENES}, index=GENES)
    bulk = pseudobulk.assemble(rng.poisson(mean), obs, var)
    share = {
        "CD4_Tph_like": np.where(case, 0.12, 0.03),
        "CD4_Tfh_circ": np.full(N, 0.03),
        "CD4_Th22_like": np.full(N, 0.03),
        "CD4_Th17": np.full(N, 0.1),
        "tph_high": np.where(case, 0.16, 0.05),
        "th22_high": np.full(N, 0.05),
        "isg_high": np.where(case, 0.2, 0.05) + rng.uniform(0, 0.05, N),
    }
    composition = pd.concat(
        [
            donors[["cohort", "donor", "condition"]].assign(
                subset=name,
                n=rng.binomial(450, np.clip(p * rng.lognormal(0, 0.3, N), 0, 1)),
                denominator="memory_cd4",
                n_denominator=450,
                kind="subset",
            )
            for name, p in share.items()
        ],
        ignore_index=True,
    )
    cells = pd.DataFrame(
        {
            "donor": np.repeat(donors["donor"].to_numpy(), 450),
            "condition": np.repeat(donors["condition"].to_numpy(), 450),
        }
    )
    cells["tph_score"] = rng.normal(np.repeat(np.where(case, 0.3, 0), 450))
    cells["th22_score"] = rng.normal(size=len(cells))
    plan = contrast.Plan(design.Contrast("SLE", "control", strata=("batch",)), seed=1)
    settings = plans.imbalance_settings(check.defaults()["imbalance"])
    given = {
        "donors": donors,
        "plan": plan,
        "settings": settings,
        "composition": composition,
        "signatures": SIGNATURES,
        "bulk": bulk,
        "cells": cells,
    }
    return specifications.CohortInputs(**(given | more))


@pytest.fixture(scope="module")
def curve():
    return specifications.curve(cohort(), "E1")


def test_every_declared_choice_is_a_row(curve):
    main = curve[curve["family"] == "main"]
    assert main["estimator"].tolist() == ["E1", "E2", "E3"]
    families = set(curve["family"])
    assert families >= {
        *("minimum of cells", "poles", "specificity", "threshold", "genes", "one gene out"),
        *("depth", "one donor out", "one batch out", "women only", "covariates", "model"),
    }
    assert (curve["estimator"] == "E1").sum() == curve["leads"].sum()
    assert (curve[curve["family"] == "one donor out"].groupby("estimator").size() == N).all()


def test_the_planted_shift_shows_in_every_estimator_and_choice(curve):
    good = curve[curve["estimable"].astype(bool)]
    assert (good.loc[good["family"] == "main", "ci_low"] > 0).all()
    some = good[good["family"].isin(["one donor out", "one gene out", "depth", "threshold"])]
    assert (some["effect"] > 0).all()


def test_choices_that_cannot_be_made_keep_their_row_and_reason(curve):
    row = curve[curve["specification"] == "donors with 500 memory CD4 cells"].iloc[0]
    assert not row["estimable"]
    assert "500 memory CD4 cells" in row["reason"]


def test_designs_of_donors_left_out_are_not_all_held_at_once(monkeypatch):
    """A design is donors x donors, and there are as many of them as donors."""
    made, most = [], 0
    build = specifications._designs

    def counted(inputs):
        nonlocal most
        designs = build(inputs)
        made.append(weakref.ref(designs))
        gc.collect()
        most = max(most, sum(one() is not None for one in made))
        return designs

    monkeypatch.setattr(specifications, "_designs", counted)
    found = specifications.curve(cohort(), "E1")
    assert (found["family"] == "one donor out").sum() > 20 and most <= 3


def test_women_only_counts_women(curve):
    row = curve[(curve["family"] == "women only") & (curve["estimator"] == "E1")].iloc[0]
    assert row["n_case"] + row["n_control"] == 16


def test_more_covariates_are_named(curve):
    rows = curve[(curve["family"] == "covariates") & (curve["estimator"] == "E3")]
    assert "batch, IFN1_T_CORE" in set(rows["covariates"])
    assert "with share of ISG-high cells" in set(rows["specification"])


def test_a_threshold_is_set_with_every_donor_weighing_the_same():
    study = cohort()
    few = study.cells.iloc[:450].assign(tph_score=9.0)
    cells = pd.concat([few] * 5 + [study.cells], ignore_index=True)
    crowded = specifications.threshold_table(specifications.replace(study, cells=cells), 0.90, 200)
    # one donor in twenty has all its cells above: weighing cells instead would hide the others
    assert (crowded["value"].notna()).all()
    plain = specifications.threshold_table(study, 0.90, 200)
    other = crowded["donor"] != few["donor"].iloc[0]
    n = plain.loc[other, "value"]
    assert np.corrcoef(n, crowded.loc[other, "value"])[0, 1] > 0.7


def test_random_sets_are_centered_on_nothing_and_the_axis_is_not():
    table = specifications.random_sets(cohort(), 300)
    assert table["draw"].tolist() == list(range(301))
    assert abs(table["t"].iloc[1:].mean()) < 0.4
    assert specifications.random_p(table) < 0.02
    null = specifications.random_sets(cohort(shift=1.0), 300)
    assert specifications.random_p(null) > 0.05


def test_published_tables_have_no_axis_to_draw_for():
    study = cohort(bulk=None, cells=None)
    assert specifications.random_sets(study, 10).empty
    assert np.isnan(specifications.random_p(specifications.random_sets(study, 10)))
    assert set(specifications.curve(study, "E1")["estimator"]) == {"E1", "E2"}


def test_one_arm_gives_reasons_everywhere():
    study = cohort()
    only = study.donors["condition"] == "SLE"
    one = specifications.replace(
        study,
        donors=study.donors[only],
        composition=study.composition[study.composition["condition"] == "SLE"],
        bulk=study.bulk[study.bulk.obs["condition"] == "SLE"].copy(),
        cells=study.cells[study.cells["condition"] == "SLE"],
    )
    table = specifications.curve(one, "E1")
    assert not table["estimable"].astype(bool).any()
    assert table["reason"].str.contains("0 control").any()
