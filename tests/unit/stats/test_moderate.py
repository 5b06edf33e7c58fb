import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tilt.donors import published
from tilt.stats import contrast, design, inference, moderate

V = np.array([0.012, 0.034, 0.021, 0.090, 0.015, 0.044, 0.027, 0.008, 0.061, 0.019, 0.5, 0.003])


def test_with_the_best_guess_of_the_spread_it_is_limma(monkeypatch):
    # limma 3.54.1: squeezeVar(V, df = 7): df.prior, var.prior, var.post
    monkeypatch.setattr(moderate.distributions, "chi2_quantile", lambda p, df: df)
    df = np.full(12, 7.0)
    d0, usual = moderate.prior(V, df, np.ones(12))
    assert d0 == pytest.approx(2.301992868, rel=1e-6)
    assert usual == pytest.approx(np.full(12, 0.01953020918), rel=1e-6)
    found, free = moderate.squeeze(V, df, np.full(12, 1e-12), np.ones(12))
    assert found[:3] == pytest.approx([0.01386352409, 0.03041911623, 0.02063626633], rel=1e-5)
    assert free == pytest.approx(np.full(12, 9.301992868), rel=1e-5)


def test_the_spread_is_taken_carefully():
    df = np.full(12, 7.0)
    careful = moderate.prior(V, df, np.ones(12))[0]
    assert 0.5 < careful < 2.3  # limma 2.30: what is usual counts for less
    alike = np.full(12, 0.02) * (1 + 0.001 * np.arange(12))
    assert np.isinf(moderate.prior(alike, df, np.ones(12))[0])
    found, free = moderate.squeeze(alike, df, np.full(12, 1e-9), np.ones(12))
    assert np.ptp(found) < 1e-9 and free == pytest.approx(np.full(12, 84))


def test_what_is_usual_follows_chance_and_the_share():
    chance, biology = np.full(6, 0.001), np.array([0.2, 0.1, 0.05, 0.02, 0.01, 0.005])
    df = np.full(6, 1e6)
    assert moderate.expected(chance + 0.3 * biology, df, chance, biology) == pytest.approx(
        chance + 0.3 * biology, rel=1e-4
    )
    assert (moderate.expected(0.5 * chance, df, chance, biology) == chance).all()


def people(n=9):
    names = [f"D{i}" for i in range(2 * n)]
    return pd.DataFrame({"cohort": "c", "donor": names, "condition": ["SLE", "control"] * n})


def drawn(rng, table, subsets=8, sd=0.4):
    share = np.geomspace(0.25, 0.02, subsets) * np.exp(rng.normal(0, sd, (len(table), subsets)))
    share /= share.sum(axis=1, keepdims=True)
    cells = rng.lognormal(7, 0.4, len(table)).astype(int)
    n = np.array([rng.multinomial(t, p) for t, p in zip(cells, share, strict=True)])
    wide = pd.DataFrame(n, columns=[f"s{i}" for i in range(subsets)])
    return published.from_table(wide.assign(donor=table["donor"])[["donor", *wide]], table)


def test_rows_of_a_table_are_moderated_together():
    table = people()
    given = drawn(np.random.default_rng(1), table)
    plan = contrast.Plan(design.Contrast("SLE", "control"))
    made = contrast.run(table, plan, given)
    assert set(made["method"]) == {"arcsine_ols_hc2_moderated"}
    five = given[given["subset"].isin([f"s{i}" for i in range(5)])]
    assert set(contrast.run(table, plan, five)["method"]) == {"arcsine_ols_hc2_moderated"}
    few = given[given["subset"].isin(["s0", "s1", "s2", "s3"])]
    own = contrast.run(table, plan, few)
    assert set(own["method"]) == {"arcsine_ols_hc2"}
    both = made.merge(own, on="quantity", suffixes=("", "_own"))
    assert both["effect"].to_numpy() == pytest.approx(both["effect_own"].to_numpy())
    assert (both["df"] > both["df_own"]).all() and (both["df"] <= 8 * 16).all()
    t = stats.t(both["df"])
    assert both["p"].to_numpy() == pytest.approx(2 * t.sf(np.abs(both["effect"] / both["se"])))
    half = (both["ci_high"] - both["ci_low"]) / 2
    assert half.to_numpy() == pytest.approx(t.ppf(0.975) * both["se"].to_numpy())


def test_groups_and_poles_keep_their_own_variance():
    table = people()
    given = drawn(np.random.default_rng(1), table)
    given.loc[given["subset"] == "s0", "kind"] = "group"
    plan = contrast.Plan(design.Contrast("SLE", "control"))
    made = contrast.run(table, plan, given).set_index("quantity")
    assert made.loc["s0", "method"] == "arcsine_ols_hc2"
    rows = given[given["subset"] == "s0"]
    y = np.arcsin(np.sqrt(rows["n"] / rows["n_denominator"])).to_numpy()
    case = (table["condition"] == "SLE").to_numpy(float)
    ols = inference.ols(y, np.column_stack([np.ones(18), case]))
    assert made.loc["s0", "p"] == pytest.approx(ols.p)


def test_the_level_is_kept_over_null_subsets():
    table, hits = people(5), []
    plan = contrast.Plan(design.Contrast("SLE", "control"))
    for seed in range(120):
        made = contrast.run(table, plan, drawn(np.random.default_rng(seed), table))
        hits.append(made.set_index("quantity")["p"] < 0.05)
    rate = pd.concat(hits, axis=1).mean(axis=1)
    assert 0.03 < rate.mean() < 0.07
    assert rate.max() < 0.06 + 3 * np.sqrt(0.06 / 120)
