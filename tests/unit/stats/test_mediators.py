"""Mediators: values of another library, planted numbers, and why some cannot be estimated."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from tilt.core.contracts import MEDIATORS
from tilt.stats import contrast, design, inference, mediators, precision

NAMES = ["IFN", "AHR", "JUN"]
PLAN = contrast.Plan(design.Contrast("SLE", "control"), bootstraps=300, seed=3)


def made(rng, n_case=20, n_control=16, **effects):
    """Donors, the imbalance and scores: cases have more interferon, which lowers AHR and tilts."""
    gap, own, through = (effects.get(k, v) for k, v in (("gap", 1), ("own", 0.5), ("slope", 0.6)))
    n = n_case + n_control
    case = np.r_[np.ones(n_case), np.zeros(n_control)]
    scores = {"IFN": gap * case + rng.normal(size=n)}
    scores["AHR"] = 5 - 0.8 * scores["IFN"] + 0.6 * rng.normal(size=n)
    scores["JUN"] = rng.normal(size=n)
    scores["HANDLING"] = 0.7 * scores["JUN"] + rng.normal(size=n)
    y = own * case + through * scores["IFN"] + rng.normal(size=n)
    donors = pd.DataFrame({"cohort": "one", "donor": [f"D{i}" for i in range(n)]})
    donors["condition"] = np.where(case == 1, "SLE", "control")
    values = donors.assign(estimator="E1", value=y, estimable=True, leads=True, reason="")
    values["variance"] = effects.get("variance", np.nan)
    parts = [
        donors.assign(subset="memory_cd4", signature=k, value=v, estimable=True, reason="")
        for k, v in scores.items()
    ]
    return donors, values, pd.concat(parts, ignore_index=True), pd.DataFrame(scores), case, y


def compare(donors, values, activity, plan=PLAN, names=NAMES, handling=("HANDLING",)):
    return mediators.compare(donors, plan, values, activity, list(names), list(handling))


def pick(table, mediator, question, adjusted="none"):
    at = (table["mediator"] == mediator) & (table["question"] == question)
    return table[at & (table["adjusted"] == adjusted)].iloc[0]


def test_effects_are_those_of_statsmodels():
    donors, values, activity, scores, case, y = made(np.random.default_rng(1))
    found = compare(donors, values, activity)
    arms = sm.add_constant(case)
    within = sm.OLS(scores["AHR"], arms).fit()
    mine = scores["AHR"] / np.sqrt(within.scale)
    rest = scores[["IFN", "JUN"]]
    ways = {"none": [], "the others": [rest]}
    ways["the others and handling"] = [rest, scores[["HANDLING"]]]
    for adjusted, more in ways.items():
        gap = sm.OLS(mine, np.column_stack([arms, *more])).fit(cov_type="HC2")
        row = pick(found, "AHR", "difference", adjusted)
        assert (row.effect, row.se) == pytest.approx((gap.params["x1"], gap.bse["x1"]))
        slope = sm.OLS(y, np.column_stack([mine, arms, *more])).fit(cov_type="HC2")
        row = pick(found, "AHR", "slope", adjusted)
        assert (row.effect, row.se) == pytest.approx((slope.params[0], slope.bse[0]))
        assert row.ci_low < row.effect < row.ci_high
        assert (row.n_case, row.n_control, row.unit) == (20, 16, "ln ratio per SD")
    assert list(found) == list(MEDIATORS.columns)
    part = pick(found, "IFN", "share")
    both = sm.OLS(y, np.column_stack([arms, scores["IFN"]])).fit()
    whole = sm.OLS(y, arms).fit()
    assert part.effect == pytest.approx(1 - both.params[1] / whole.params[1])


def test_donors_are_weighted_as_in_the_comparison_of_the_imbalance():
    """Slope and share: weighted least squares with the weights of tests.tsv; scores unweighted."""
    spread = np.random.default_rng(7).lognormal(0, 1.5, 36)
    donors, values, activity, scores, case, y = made(
        np.random.default_rng(1), variance=spread, own=2.0
    )
    found = compare(donors, values, activity)
    arms = sm.add_constant(case)
    root, _ = precision.root_weights(y, spread, arms)
    assert root.max() > 1.3 * root.min()
    mine = scores["AHR"] / np.sqrt(sm.OLS(scores["AHR"], arms).fit().scale)
    both = np.column_stack([mine, arms])
    slope = sm.WLS(y, both, weights=root**2).fit(cov_type="HC2")
    row = pick(found, "AHR", "slope")
    assert (row.effect, row.se) == pytest.approx((slope.params[0], slope.bse[0]))
    assert row.method == "wls_hc2"
    whole = sm.WLS(y, arms, weights=root**2).fit()
    assert pick(found, "AHR", "share").effect == pytest.approx(
        1 - slope.params[2] / whole.params[1]
    )
    told = dict(effect=row.effect, ci_low=row.ci_low, ci_high=row.ci_high)
    strength = mediators.e_values(told, np.sqrt(whole.scale))
    assert (row.e_value, row.e_value_limit) == pytest.approx(tuple(strength.values()))
    gap = pick(found, "AHR", "difference")
    assert (gap.effect, gap.method) == (
        pytest.approx(sm.OLS(mine, arms).fit().params["x1"]),
        "ols_hc2",
    )
    plain = compare(*made(np.random.default_rng(1), own=2.0)[:3])
    assert abs(pick(plain, "AHR", "slope").effect - row.effect) > 0.02
    weights = contrast.run(donors, PLAN, _no_composition(donors), values, None, {})
    effect = weights.query("quantity == 'E1' and method == 'wls_hc2'").iloc[0]["effect"]
    assert effect == pytest.approx(whole.params[1])


def _no_composition(donors):
    return donors.assign(subset="x", n=1, denominator="cd4", n_denominator=2, kind="subset")


def test_q_is_over_the_mediators_of_one_question_and_adjustment():
    donors, values, activity, *_ = made(np.random.default_rng(2))
    found = compare(donors, values, activity)
    for _, same in found[found["question"] != "share"].groupby(["question", "adjusted"]):
        assert len(same) == 3
        assert np.allclose(same["q"], inference.benjamini_hochberg(same["p"].to_numpy()))
    assert found.loc[found["question"] == "share", ["p", "q"]].isna().all(axis=None)


def test_a_score_that_only_follows_interferon_has_no_slope_of_its_own():
    rng = np.random.default_rng(3)
    donors, values, activity, *_ = made(rng, 300, 300)
    found = compare(donors, values, activity)
    alone, beside = (pick(found, "AHR", "slope", how) for how in ("none", "the others"))
    assert alone.ci_high < -0.3 < beside.ci_low < 0 < beside.ci_high
    ifn = pick(found, "IFN", "slope", "the others and handling")
    assert ifn.ci_low < 0.6 < ifn.ci_high and ifn.ci_low > 0.3
    part = pick(found, "IFN", "share")
    assert part.ci_low < 0.6 / 1.1 < part.ci_high and part.ci_high - part.ci_low < 0.4
    assert pick(found, "JUN", "share").ci_high < 0.1


@pytest.mark.parametrize(("ratio", "low", "expected", "limit"), [(3.9, 1.8, 7.26, 3.0)])
def test_e_value_of_the_published_example(ratio, low, expected, limit):
    """Risk ratio 3.9 (1.8 to 8.7): E-value 7.26, of the limit 3.0 (VanderWeele & Ding 2017)."""
    sd = 2.5
    d = {k: np.log(v) / 0.91 * sd for k, v in (("effect", ratio), ("ci_low", low))}
    for sign in (1, -1):
        slope = {"effect": sign * d["effect"], "ci_low": d["ci_low"], "ci_high": 9.0}
        if sign < 0:
            slope |= {"ci_low": -9.0, "ci_high": -d["ci_low"]}
        found = mediators.e_values(slope, sd)
        assert found["e_value"] == pytest.approx(expected, abs=0.005)
        assert found["e_value_limit"] == pytest.approx(limit, abs=0.005)
    held = mediators.e_values({"effect": 1.0, "ci_low": -0.1, "ci_high": 2.1}, sd)
    assert held["e_value_limit"] == 1


def test_scores_left_out_donors_and_flat_scores_are_told():
    donors, values, activity, *_ = made(np.random.default_rng(4))
    gone = activity["signature"] == "AHR"
    activity.loc[gone, ["estimable", "reason"]] = [False, "2 of 17 genes of AHR measured"]
    activity.loc[activity["signature"] == "JUN", "value"] = 1.5
    first = (activity["signature"] == "IFN") & (activity["donor"] == "D0")
    activity.loc[first, "estimable"] = False
    found = compare(donors, values, activity)
    told = found[found["mediator"] == "AHR"]
    assert set(told["reason"]) == {"2 of 17 genes of AHR measured"} and not told["estimable"].any()
    assert set(told["question"]) == {"difference", "slope", "share"}
    row = pick(found, "IFN", "slope", "the others")
    assert (row.n_case, row.n_control) == (19, 16) and "1 donor left out" in row.reason
    assert pick(found, "JUN", "difference").reason == "the same in every donor of an arm"


def test_no_difference_no_share_and_few_donors_no_adjustment():
    rng = np.random.default_rng(5)
    donors, values, activity, *_ = made(rng, 5, 4)
    found = compare(donors, values, activity)
    full = pick(found, "IFN", "slope", "the others and handling")
    assert not full.estimable and full.reason == "9 donors for 6 columns of the model"
    assert pick(found, "IFN", "slope").estimable
    values["value"] -= values.groupby("condition")["value"].transform("mean")
    part = pick(compare(donors, values, activity), "IFN", "share")
    assert not part.estimable
    assert part.reason == "the imbalance does not clearly differ between the arms"


def test_pairs_are_not_compared():
    donors, values, activity, *_ = made(np.random.default_rng(6))
    plan = contrast.Plan(design.Contrast("SLE", "control", pair="donor"))
    found = compare(donors, values, activity, plan)
    assert len(found) == 9 and not found["estimable"].any()
    assert found["reason"].str.startswith("pairs:").all()


def test_intervals_of_shares_cover_what_was_planted():
    """Interval of the share at 25 and 25 donors, over 150 cohorts: 95 %, no more and no less."""
    rng = np.random.default_rng(7)
    held = []
    for _ in range(150):
        donors, values, activity, *_ = made(rng, 25, 25)
        part = pick(compare(donors, values, activity, names=["IFN"], handling=[]), "IFN", "share")
        if part.estimable:
            held.append(part.ci_low <= 0.6 / 1.1 <= part.ci_high)
    assert len(held) > 100
    assert 0.88 <= np.mean(held) <= 0.99


def test_an_outcome_without_spread_has_a_reason_and_no_effect():
    case = np.repeat([1.0, 0.0], 6)
    columns = [np.ones((12, 1)), case[:, None]]
    ones = np.ones(len(case))
    found = mediators._fit(2 * case, columns, ones)
    assert found == {"method": "ols_hc2", "reason": "no spread within the arms"}
    spread = mediators._fit(2 * case + np.tile([0.0, 1.0], 6), columns, ones)
    assert spread["effect"] == pytest.approx(2) and "reason" not in spread
    twice = mediators._fit(2 * case + np.tile([0.0, 1.0], 6), [*columns, case[:, None]], ones)
    assert twice == {"method": "ols_hc2", "reason": "cannot be told from what it is adjusted for"}


def test_donors_are_drawn_again_within_arm_and_stratum():
    """Each donor's place is drawn among those of its own arm and stratum, as many as there are."""
    donors, _, _, scores, _, y = made(np.random.default_rng(8), 12, 9)
    donors["batch"] = ["a", "b", "c"] * 7
    built = design.build(donors, design.Contrast("SLE", "control", strata=("batch",)))
    random, drawn = np.random.default_rng(9), []

    class Watched:
        def choice(self, place, n):
            drawn.append((tuple(place), n))
            return random.choice(place, n)

    mediators.share(y, scores["IFN"].to_numpy(), np.ones(len(y)), built, 5, Watched())
    expected = {
        (tuple(at), len(at)) for at in donors.groupby(["batch", "condition"]).indices.values()
    }
    assert set(drawn) == expected and len(drawn) == 5 * 6


def test_the_interval_of_a_share_is_fiellers_by_hand():
    """Zeros of (part - r whole)^2 = t^2 var(part - r whole), variances from the donors drawn."""
    donors, _, _, scores, case, y = made(np.random.default_rng(10), 12, 9, own=2.0)
    built = design.build(donors, design.Contrast("SLE", "control"))
    score, weight = scores["IFN"].to_numpy(), np.linspace(0.5, 2, 21)
    found = mediators.share(y, score, np.sqrt(weight), built, 40, np.random.default_rng(5))
    rng, drawn = np.random.default_rng(5), []

    def both(rows):
        arms = np.column_stack([np.ones(21), case])[rows]
        fits = [np.column_stack([arms, score[rows]]), arms]
        direct, whole = (sm.WLS(y[rows], x, weights=weight[rows]).fit().params[1] for x in fits)
        return whole - direct, whole

    for _ in range(40):  # controls first, as the arms are numbered
        parts = [rng.choice(np.flatnonzero(case == arm), n) for arm, n in ((0, 9), (1, 12))]
        drawn.append(both(np.concatenate(parts)))
    part, whole = both(np.arange(21))
    assert found["effect"] == pytest.approx(part / whole) and found["df"] == 18
    spread = np.cov(np.array(drawn).T) * 21 / (21 - 2)  # two means are drawn around
    for limit in (found["ci_low"], found["ci_high"]):
        gap = part - limit * whole
        variance = spread[0, 0] - 2 * limit * spread[0, 1] + limit**2 * spread[1, 1]
        assert gap**2 == pytest.approx(stats.t.ppf(0.975, 18) ** 2 * variance)
    assert found["ci_low"] < found["effect"] < found["ci_high"]


def test_donors_alone_in_arm_and_stratum_leave_a_share_its_interval():
    """Drawn within arm and stratum they never change, as if nothing were uncertain."""
    donors, _, _, scores, _, y = made(np.random.default_rng(10), 10, 10, own=2.0)
    donors["set"] = [f"S{i}" for i in range(10)] * 2
    built = design.build(donors, design.Contrast("SLE", "control", strata=("set",)))
    assert built.used == ("set",)
    score = scores["IFN"].to_numpy()
    found = mediators.share(y, score, np.ones(20), built, 200, np.random.default_rng(0))
    assert found["ci_high"] - found["ci_low"] > 0.1


@pytest.mark.parametrize(("n", "reason"), [(7, None), (6, "6 donors for 3 columns")])
def test_a_share_leaves_four_degrees_of_freedom(n, reason):
    donors, _, _, scores, _, y = made(np.random.default_rng(11), n - 3, 3)
    built = design.build(donors, design.Contrast("SLE", "control"))
    score = scores["IFN"].to_numpy()
    found = mediators.share(y, score, np.ones(n), built, 20, np.random.default_rng(0))
    assert found.get("reason") == reason or "clearly differ" in found["reason"]


def test_a_model_leaves_four_degrees_of_freedom():
    y, x = np.array([0.0, 1, 0.5, 2, 1.5, 3]), np.array([0.0, 1, 2, 3, 4, 5])
    six = mediators._fit(y, [np.ones((6, 1)), x[:, None]], np.ones(6))
    assert six["effect"] == pytest.approx(np.polyfit(x, y, 1)[0])
    five = mediators._fit(y[:5], [np.ones((5, 1)), x[:5, None]], np.ones(5))
    assert five == {"method": "ols_hc2", "reason": "5 donors for 2 columns of the model"}


def test_without_a_leading_estimator_it_is_e1_and_without_donors_it_says_so():
    donors, values, activity, *_ = made(np.random.default_rng(12))
    other = values.assign(estimator="E3", value=values["value"] * 2)
    both = pd.concat([values.assign(leads=False), other.assign(leads=False)], ignore_index=True)
    first = compare(donors, values, activity)
    pd.testing.assert_frame_equal(compare(donors, both, activity), first)
    third = compare(donors, both.assign(leads=both["estimator"] == "E3"), activity)
    assert set(third["estimator"]) == {"E3"} and set(first["estimator"]) == {"E1"}
    assert pick(third, "IFN", "slope").unit == "SD per SD"
    none = compare(donors, values.assign(estimable=False), activity)
    assert len(none) == 9
    assert set(none["reason"]) == {"no donor has both the imbalance and the scores"}
    few = compare(donors.iloc[18:], values.iloc[18:], activity)
    assert set(few["reason"]) == {"2 SLE donors; at least 3 in each arm are needed"}


def test_scores_of_other_cells_or_not_asked_for_count_for_nothing():
    donors, values, activity, *_ = made(np.random.default_rng(13))
    cd4 = activity.assign(subset="cd4", value=-activity["value"])
    more = pd.concat([cd4, activity], ignore_index=True)
    found = compare(donors, values, more, names=["IFN", "NONE"], handling=["GONE"])
    alone = compare(donors, values, activity, names=["IFN"], handling=[])
    mine = found[found["mediator"] == "IFN"].reset_index(drop=True)
    same = {"left": mine.drop(columns="q"), "right": alone.drop(columns="q")}
    pd.testing.assert_frame_equal(**same, check_dtype=False)
    assert set(mine["adjusted"]) == {"none"}  # there is nothing else to adjust for
    told = found[found["mediator"] == "NONE"]
    assert set(told["reason"]) == {"not among the scores of donors"}
    handled = compare(donors, values, activity, names=["IFN"])
    assert set(handled["adjusted"]) == {"none", "the others and handling"}
