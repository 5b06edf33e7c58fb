from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from tilt.config import check
from tilt.donors import imbalance, pseudobulk, sampling, z_scores
from tilt.stats import plan

POLES = {"tph": ("Tph", "Tfh"), "th22": ("Th22",)}
SETTINGS = replace(
    plan.imbalance_settings(check.defaults()["imbalance"]), poles=POLES, min_memory_cells=100
)
DONORS = pd.DataFrame(
    {
        "cohort": "c",
        "donor": list("ABCDEF"),
        "condition": ["SLE"] * 3 + ["control"] * 3,
    }
)
SEEN = pd.DataFrame({"gene": ["IL22", "CCR10"], "n_cells": [0, 7]})
GENES = [f"t{i}" for i in range(10)] + [f"h{i}" for i in range(10)] + [f"o{i}" for i in range(30)]
SIGNATURES = pd.DataFrame(
    {
        "gene": GENES[:20],
        "set": ["TPH_BLOOD"] * 10 + ["TH22_BLOOD"] * 10,
        "weight": 1.0,
    }
)


def composition(th22=10, cells=(1000,) * 6):
    tables = []
    for subset, n in (("Tph", 20), ("Tfh", 10), ("Th22", th22), ("tph_high", 50), ("th22_high", 9)):
        tables.append(
            DONORS.assign(
                subset=subset,
                n=n,
                denominator="memory_cd4",
                n_denominator=list(cells),
                kind="subset",
            )
        )
    return pd.concat(tables, ignore_index=True)


def bulk(cells=50, shift=3.0):
    rng = np.random.default_rng(0)
    mean = np.full((6, 50), 200.0)
    mean[:3, :10] *= shift
    obs = DONORS[["donor", "condition"]].assign(subset="memory_cd4", n_cells=cells)
    counts = rng.poisson(mean)
    return pseudobulk.assemble(counts, obs, pd.DataFrame({"gene_symbol": GENES}, index=GENES))


def estimate(**more):
    given = {
        "composition": composition(),
        "bulk": bulk(),
        "donors": DONORS,
        "signatures": SIGNATURES,
        "settings": SETTINGS,
        "detectability": SEEN,
    }
    table, sentence = imbalance.estimate(**(given | more))
    return table.set_index(["estimator", "donor"]), sentence


def test_log_ratios_of_both_count_estimators():
    table, sentence = estimate()
    bias = sampling.log_bias(np.array([30.0, 10.0, 50.0, 9.0]))
    value = table["value"]
    assert value["E1", "A"] == pytest.approx(np.log(30.5 / 10.5) - bias[0] + bias[1])
    assert value["E2", "A"] == pytest.approx(np.log(50.5 / 9.5) - bias[2] + bias[3])
    assert np.abs(bias).max() < 0.002  # ten cells are enough for half a one to be nothing
    assert table.loc[("E1", "A"), "variance"] == pytest.approx(1 / 30 + 1 / 10)
    assert table.loc["E3", "variance"].isna().all()
    assert table["leads"].groupby("estimator").all().to_dict() == {
        "E1": True,
        "E2": False,
        "E3": False,
    }
    assert sentence.startswith("E1 leads: estimable in 6 of 6")


def test_the_axis_points_to_the_donors_with_more_of_the_tph_set():
    table, _ = estimate()
    axis = table.loc["E3", "value"]
    assert axis[list("ABC")].min() > axis[list("DEF")].max()
    assert axis.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"settings": replace(SETTINGS, min_median_th22=40)},
            "36 Th22-like cells expected in the median donor, of 1000 memory CD4 cells; 40 are",
        ),
        ({"composition": composition(th22=0)}, "0 Th22-like cells a donor found; 0.5 are needed"),
        ({"detectability": SEEN.assign(n_cells=0)}, "IL22 and CCR10 were not detected"),
        ({"composition": composition(cells=(50,) * 6)}, "no donor has 100 memory CD4 cells"),
    ],
)
def test_where_labeled_counts_say_nothing_the_axis_leads(change, words):
    table, sentence = estimate(**change)
    assert words in table.loc[("E1", "A"), "reason"]
    assert not table.loc["E1", "estimable"].any()
    assert table.loc["E1", "value"].isna().all()
    assert table.loc["E3", "leads"].all()
    assert words in sentence


def test_the_condition_decides_nothing():
    swapped = DONORS.assign(condition=DONORS["condition"].to_numpy()[::-1])
    other = composition().assign(condition=np.tile(swapped["condition"], 5))
    pseudo = bulk()
    pseudo.obs["condition"] = swapped["condition"].to_numpy()
    table, sentence = estimate()
    blind, same = estimate(composition=other, bulk=pseudo, donors=swapped)
    assert same == sentence
    assert blind["value"].to_numpy() == pytest.approx(table["value"].to_numpy())


def test_a_donor_with_few_cells_is_named_and_the_others_stay():
    table, _ = estimate(composition=composition(cells=(1000,) * 5 + (60,)))
    assert table.loc[("E1", "F"), "reason"] == "fewer than 100 memory CD4 cells"
    assert table.loc["E1", "estimable"].sum() == 5


def test_a_set_with_too_few_genes_makes_the_axis_not_estimable():
    table, sentence = estimate(
        signatures=SIGNATURES.assign(gene=SIGNATURES["gene"].where(SIGNATURES.index > 4, "zz")),
        composition=composition(th22=0),
    )
    assert table.loc[("E3", "A"), "reason"].startswith("5 of 10 genes of TPH_BLOOD measured")
    assert sentence.split("; ")[-1].startswith("E2 leads")


def test_nothing_measurable_leads_nowhere():
    table, sentence = estimate(
        composition=composition(cells=(5,) * 6), bulk=bulk(cells=3), donors=DONORS
    )
    assert not table["leads"].any()
    assert not table["estimable"].any()
    assert (table["reason"] != "").all()
    assert sentence.count("not estimable") == 3


def test_a_published_table_has_no_axis():
    table, _ = estimate(bulk=None, detectability=None)
    assert "only a table of counts" in table.loc[("E3", "A"), "reason"]
    assert table.loc["E1", "leads"].all()


def test_genes_are_scaled_by_their_spread_inside_batches_and_keep_the_batches():
    rng = np.random.default_rng(1)
    strata = pd.DataFrame({"batch": np.repeat(["a", "b"], 10), "sex": np.tile(["F", "M"], 10)})
    plain = rng.normal(size=(20, 4))
    batch = (strata["batch"] == "b").to_numpy()[:, None]
    values = plain + 100 * batch
    z = z_scores.standardize(values, strata)
    assert z.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    inside = sm.OLS(
        values[:, 0], sm.add_constant(pd.get_dummies(strata, drop_first=True, dtype=float))
    )
    assert z[:, 0] == pytest.approx(
        (values[:, 0] - values[:, 0].mean()) / inside.fit().mse_resid ** 0.5
    )
    assert (z_scores.standardize(np.ones((5, 2))) == 0).all()


def test_strata_that_leave_nothing_are_not_taken_out_of_the_spread():
    values = np.random.default_rng(2).normal(size=(8, 3))
    alone = pd.DataFrame({"batch": list("abcdefgh")})
    assert z_scores.standardize(values, alone) == pytest.approx(z_scores.standardize(values))


@pytest.mark.parametrize(
    "columns", [("batch",), ("batch", "sex"), ("batch", "sex", "ancestry"), ("lane",)]
)
def test_strata_do_not_shrink_the_effect_of_the_axis(columns):
    """Confounded with the condition (lane) or many: the axis differs by its scale alone."""
    people = DONORS.assign(batch=list("xyxyxy"), sex=list("FFMFMF"), ancestry=list("EAEAAE"))
    people["lane"] = people["condition"]
    strata = people[list(columns)].set_axis(
        pd.MultiIndex.from_frame(people[["donor", "condition"]])
    )
    made, _ = imbalance.axis(bulk(), SIGNATURES, ("TPH_BLOOD", "TH22_BLOOD"), strata, SETTINGS)
    values = pseudobulk.log_cpm(pseudobulk.dense(bulk()))
    ranks = np.argsort(np.argsort(made.z, axis=0), axis=0)
    assert (ranks == np.argsort(np.argsort(values, axis=0), axis=0)).all()
    axis = made.value("TPH_BLOOD", "TH22_BLOOD")
    assert axis[:3].min() > axis[3:].max()


def test_genes_that_are_hardly_counted_stay_out():
    counts = np.array([[0, 1, 9], [0, 0, 9], [0, 0, 9], [30, 0, 9], [0, 0, 0]])
    assert z_scores.seen_genes(counts).tolist() == [False, False, True]
