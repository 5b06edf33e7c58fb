"""Slopes on a number of each donor: values of another library, planted truth, what has no slope."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests
from tilt.core.contracts import EXPOSURE_LINES, EXPOSURES
from tilt.stats import design, exposures, precision, slopes

CONTRAST = design.Contrast("SLE", "control", ("age",), ("batch",))


def made(rng, n=24, slope=0.0, arm=0.0, spread=1.0) -> pd.DataFrame:
    """Half cases; x goes with age, y with age, batch, condition and (by ``slope``) with x."""
    table = pd.DataFrame({"donor": [f"D{i}" for i in range(n)], "cohort": "one"})
    table["condition"] = np.where(np.arange(n) % 2 == 0, "SLE", "control")
    table["age"] = rng.integers(18, 60, n).astype(str)
    table["batch"] = np.where(np.arange(n) % 4 < 2, "A", "B")
    age = (table["age"].astype(float) - 40) / 12
    case = (table["condition"] == "SLE").astype(float)
    table["x"] = age + 3 * case + rng.normal(size=n)
    shift = 0.8 * age + (table["batch"] == "A") + arm * case
    table["value"] = slope * table["x"] + shift + spread * rng.normal(size=n)
    return table


def slope(table, fixed="condition", contrast=CONTRAST, permutations=199, **more):
    return slopes.slope(table.assign(**more), contrast, "sledai", "SD", fixed, permutations, 3)


def test_slope_and_partial_correlation_are_those_of_statsmodels():
    table = made(np.random.default_rng(1), slope=0.5)
    row, line = slope(table)
    rest = sm.add_constant(
        np.column_stack(
            [table["condition"] == "SLE", table["batch"] == "A", table["age"].astype(float)]
        ).astype(float)
    )
    fit = sm.OLS(table["value"], np.column_stack([rest, table["x"]])).fit(cov_type="HC2")
    assert (row["effect"], row["se"]) == pytest.approx((fit.params.iloc[-1], fit.bse.iloc[-1]))
    of_y, of_x = (sm.OLS(table[c], rest).fit().resid for c in ("value", "x"))
    assert row["partial_r"] == pytest.approx(np.corrcoef(of_y, of_x)[0, 1])
    case = table["condition"] == "SLE"
    within = table["x"] - table.groupby("condition")["x"].transform("mean")
    sd = np.sqrt((within**2).sum() / (len(table) - 2))
    assert row["sd"] == pytest.approx(sd) and row["per_sd"] == pytest.approx(row["effect"] * sd)
    assert row["per_sd_high"] == pytest.approx(row["ci_high"] * sd)
    assert (row["n"], row["covariates"], row["unit"]) == (
        24,
        "condition, batch, age",
        "SD per unit",
    )
    # the band is that of the fitted mean at the average of the covariates
    at = np.tile(np.append(rest.mean(axis=0), 0.0), (len(line), 1))
    at[:, -1] = line["x"]
    assert line["fit"].to_numpy() == pytest.approx(at @ fit.params.to_numpy())
    se = np.sqrt(np.einsum("ij,jk,ik->i", at, fit.cov_params().to_numpy(), at))
    half = (row["ci_high"] - row["ci_low"]) / 2 / row["se"] * se
    assert (line["high"] - line["fit"]).to_numpy() == pytest.approx(half)
    assert case.sum() == 12


def test_a_difference_between_the_arms_is_no_slope_within_them():
    """Cases have more of both; adjusted for the condition nothing is left, without it much is."""
    table = made(np.random.default_rng(2), n=200, arm=4)
    within, across = slope(table)[0], slope(table, fixed="")[0]
    assert within["ci_low"] < 0 < within["ci_high"] and within["effect"] < 0.3
    assert across["ci_low"] > 0.3


def test_size_and_power_in_small_cohorts():
    """14 donors, 4 covariates' columns: size at most .09 over 200 cohorts, and a slope is seen."""
    for planted, low, high in ((0.0, 0.01, 0.09), (1.2, 0.6, 1.0)):
        rng = np.random.default_rng(4)
        rows = [slope(made(rng, 14, planted), permutations=99)[0] for _ in range(200)]
        told = np.array([[r["p"] < 0.05, r["p_permuted"] < 0.05] for r in rows]).mean(axis=0)
        covered = np.mean([r["ci_low"] <= planted <= r["ci_high"] for r in rows])
        assert ((told >= low) & (told <= high)).all(), (planted, told)
        assert covered > 0.92


def test_donors_of_few_cells_weigh_less():
    """A donor measured badly, far off the line, hardly moves a weighted slope."""
    table = made(np.random.default_rng(5), 40, slope=1.0, spread=0.2)
    worst = table["x"].idxmax()
    table.loc[worst, "value"] -= 30
    noisy = np.where(table.index == worst, 500.0, 0.01)
    plain, weighted = slope(table)[0], slope(table, variance=noisy)[0]
    assert weighted["method"] == "wls_hc2" and plain["method"] == "ols_hc2"
    assert abs(weighted["effect"] - 1) < 0.15 < abs(plain["effect"] - 1)
    some = slope(table, variance=np.where(table.index == 0, np.nan, 0.01))[0]
    assert some["method"] == "ols_hc2" and some["effect"] == pytest.approx(plain["effect"])


def test_weighted_slope_and_line_are_those_of_weighted_least_squares():
    table = made(np.random.default_rng(9), 16, slope=1.0)
    noise = np.geomspace(0.05, 8, 16)
    row, line = slope(table, variance=noise)
    columns = [table["condition"] == "SLE", table["batch"] == "A", table["age"].astype(float)]
    matrix = sm.add_constant(np.column_stack([*columns, table["x"]]).astype(float))
    tau2 = precision.between(table["value"].to_numpy(), noise, matrix)
    fit = sm.WLS(table["value"], matrix, weights=1 / (noise + tau2)).fit(cov_type="HC2")
    assert (row["effect"], row["se"]) == pytest.approx((fit.params.iloc[-1], fit.bse.iloc[-1]))
    assert row["reason"] == f"donors weighted by precision, SD between donors {np.sqrt(tau2):.2g}"
    # over the range of x, at the plain mean of the covariates: donors count alike in where it is
    at = np.tile(matrix.mean(axis=0), (slopes.POINTS, 1))
    at[:, -1] = np.linspace(table["x"].min(), table["x"].max(), slopes.POINTS)
    assert line["x"].to_numpy() == pytest.approx(at[:, -1])
    assert line["fit"].to_numpy() == pytest.approx(at @ fit.params.to_numpy())
    se = np.sqrt(np.einsum("ij,jk,ik->i", at, fit.cov_params().to_numpy(), at))
    half = stats.t.ppf(0.975, row["df"]) * se
    assert (line["high"] - line["fit"]).to_numpy() == pytest.approx(half)
    assert (line["fit"] - line["low"]).to_numpy() == pytest.approx(half)


def test_residuals_are_reordered_within_strata():
    """p by 99 reorderings made one by one: what is left of y moves inside its batch only."""
    table = made(np.random.default_rng(11), 14, slope=0.4)
    row, _ = slope(table, permutations=99)
    columns = [table["condition"] == "SLE", table["batch"] == "A", table["age"].astype(float)]
    nuisance = sm.add_constant(np.column_stack(columns).astype(float))
    whole = np.column_stack([nuisance, table["x"]])
    rest = sm.OLS(table["value"], nuisance).fit().resid.to_numpy()

    def t(outcome):
        return abs(sm.OLS(outcome, whole).fit(cov_type="HC2").tvalues[-1])

    keys = np.random.default_rng(3).random((99, 14))
    inside = [np.flatnonzero(table["batch"] == name) for name in "AB"]
    extreme = 0
    for key in keys:
        moved = rest.copy()
        for places in inside:
            moved[places] = rest[places[np.argsort(key[places])]]
        extreme += t(moved) >= t(rest) - 1e-9
    assert row["p_permuted"] == pytest.approx((extreme + 1) / 100)
    free = slope(table, permutations=99, contrast=design.Contrast("SLE", "control", ("age",)))[0]
    assert free["p_permuted"] != row["p_permuted"]


def test_what_cannot_be_estimated_says_why():
    table = made(np.random.default_rng(6))
    assert slope(table, x=2.0)[0]["reason"] == "sledai is the same in all of 24 donors"
    one = slope(table, fixed="", contrast=design.Contrast("SLE", "control"),
                x=np.where(table.index == 7, 12.0, 0.0))  # fmt: skip
    assert one[0]["reason"] == "sledai hangs on donor D7 alone" and one[1].empty
    few, _ = slope(table.iloc[:6])
    assert few["reason"] == "6 donors have both; 7 are needed" and not few["estimable"]
    many, _ = slope(table.iloc[:8])
    assert many["reason"] == "8 donors for 5 columns of the model"
    flat, _ = slope(table, value=1.0)
    assert flat["reason"] == "the same value in every donor"
    same, _ = slope(table, age=table["x"].astype(str))
    assert same["covariates"] == "condition, batch"
    assert "age left out: confounded with sledai" in same["reason"]


def test_holm_is_that_of_the_textbook_and_missing_do_not_count():
    p = pd.Series([0.01, np.nan, 0.04, 0.03])
    assert slopes.holm(p) == pytest.approx([0.03, np.nan, 0.06, 0.06], nan_ok=True)
    assert np.isnan(slopes.holm(pd.Series([np.nan, np.nan]))).all()


def test_holm_equals_statsmodels():
    rng = np.random.default_rng(12)
    for n in (1, 2, 7, 30):
        p = pd.Series(rng.beta(0.3, 1, n)).round(2)  # with ties and zeros
        assert slopes.holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-15)


def imbalances(table: pd.DataFrame) -> pd.DataFrame:
    keys = table[["cohort", "donor", "condition"]]
    parts = [
        keys.assign(estimator=e, value=table["value"] + k, estimable=True, leads=e == "E1",
                    variance=np.nan, reason="")
        for k, e in enumerate(("E1", "E3"))
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_exposures_of_cases_and_of_all_with_holm_over_them_and_missing_values_told():
    table = made(np.random.default_rng(7), 40, slope=1.0, spread=0.5)
    table["sledai"] = table["x"].map("{:.3f}".format).where(table["condition"] == "SLE", None)
    table.loc[table.index[:4], "sledai"] = None  # two cases
    table["c3"] = np.random.default_rng(8).normal(size=40).round(2).astype(str)
    values = imbalances(table)
    values.loc[(values["estimator"] == "E3") & (values["donor"] == "D6"), "estimable"] = False
    donors = table.drop(columns=["x", "value"])
    found, lines = exposures.compare(donors, CONTRAST, values, ["sledai"], ["c3"], 499, 1)
    assert list(found) == list(EXPOSURES.columns) and list(lines) == list(EXPOSURE_LINES.columns)
    row = found.set_index(["exposure", "estimator"])
    sledai, c3, third = row.loc[("sledai", "E1")], row.loc[("c3", "E1")], row.loc[("sledai", "E3")]
    assert (sledai.n, sledai.n_missing, sledai.among) == (18, 2, "cases")
    assert sledai.reason == "2 donors without sledai"
    assert (c3.n, c3.n_missing, c3.among) == (40, 0, "all")
    assert (third.n, third.reason) == (17, "2 donors without sledai; 1 donor without E3")
    assert sledai.ci_low < 1 < sledai.ci_high and sledai.p_holm < 0.01
    assert c3.ci_low < 0 < c3.ci_high
    ends = np.exp([sledai.per_sd, sledai.per_sd_low, sledai.per_sd_high])
    assert [sledai.fold, sledai.fold_low, sledai.fold_high] == pytest.approx(list(ends))
    assert sledai.fold != pytest.approx(np.exp(sledai.effect), rel=0.01)  # an SD is no unit
    assert np.isnan(third.fold)
    assert sledai.p_holm == pytest.approx(2 * sledai.p) and c3.p_holm == pytest.approx(c3.p)
    assert sledai.leads and not third.leads
    assert set(lines["exposure"]) == {"sledai", "c3"} and len(lines) == 4 * slopes.POINTS
    mixed = exposures.compare(
        donors.iloc[::-1],
        CONTRAST,
        values.sample(frac=1, random_state=1),
        ["sledai"],
        ["c3"],
        499,
        1,
    )[0]
    same = ["effect", "se", "p", "partial_r"]
    assert np.allclose(mixed[same], found[same])
    e4 = values[values["estimator"] == "E1"].assign(estimator="E4", leads=False)
    more = pd.concat([values, e4], ignore_index=True)
    more = exposures.compare(donors, CONTRAST, more, ["sledai"], ["c3"], 499, 1)[0]
    axis = more[more["estimator"] == "E4"]
    assert axis["effect"].tolist() == found.loc[found["estimator"] == "E1", "effect"].tolist()
    assert set(axis["unit"]) == {"ln ratio per unit"}
