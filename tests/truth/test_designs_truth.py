"""The designs that the demo plants, on its own sheet: slope on SLEDAI, groups, treated donors."""

import numpy as np
import pandas as pd
import pytest
import yaml
from road import RESOURCES, ROOT, tables, walk
from tilt.config import check
from tilt.config.designs import by_visit
from tilt.donors import composition, imbalance, units
from tilt.simulate import cohort as simulate
from tilt.stats import exposures, groups, plan, visits

COHORT = yaml.safe_load((ROOT / "config/cohorts/demo_cd4.yaml").read_text())
STATS = check.defaults()["stats"] | {"permutations": 999, "bootstraps": 99}


@pytest.fixture(scope="module")
def demo():
    """Rows of the sheet as the workflow has them, E1 of each unit, and the true log-ratios."""
    sheet = pd.read_csv(ROOT / COHORT["samples"], sep="\t", dtype=str, keep_default_na=False)
    rows = [row for _, row in by_visit(COHORT, list(enumerate(sheet.to_dict("records"))))]
    donors = units.donors_table(rows, "demo_cd4")
    walked = walk("demo_cd4", sheet, seed=1)
    about = pd.DataFrame(rows)[["sample", "condition"]]
    cells = walked.labels.assign(sample=walked.labels["cell"].str.split("_").str[0])
    cells = cells.merge(about, on="sample", how="left")
    counted = composition.count(cells, tables()[0], donors, "cd4", None, walked.scores)
    settings = plan.imbalance_settings(check.defaults()["imbalance"])
    values, _ = imbalance.estimate(counted, None, donors, tables()[1], settings)
    params = simulate.read_parameters(RESOURCES / "demo/demo_cd4.yaml")
    truth = simulate.donor_truth(params, sheet, seed=1).assign(condition=about["condition"])
    return donors, values[values["estimator"] == "E1"], truth


def declared(donors):
    cohort = COHORT | {"format": "10x_dir"}
    return plan.plan_of(STATS, cohort, plan.arms_of(donors, cohort), 1)


def test_the_slope_on_sledai_is_found(demo):
    """Planted 0.3 a unit; the interval of what is found holds what mislabeling leaves of it."""
    donors, values, _ = demo
    made = declared(donors)
    found, _ = exposures.compare(donors, made.contrast, values, ["sledai"], [], 999, 1)
    (row,) = found.itertuples()
    assert (row.n, row.n_missing) == (10, 0)
    assert 0.15 < row.effect < 0.42 and row.p < 0.05
    assert row.ci_low < 0.3


def test_active_donors_lie_above_inactive_ones_and_the_trend_rises(demo):
    donors, values, _ = demo
    pairs = [(one["case"], one["control"]) for one in COHORT["contrasts"]]
    given = (plan.grouped(donors, COHORT), declared(donors), values, "activity", pairs)
    found = groups.compare(*given, COHORT["groups"]["order"]).set_index("contrast")
    active = found.loc["active vs inactive"]
    assert (active["n_case"], active["n_control"]) == (5, 5)
    assert 0.5 < active["effect"] < 2.2 and active["p"] < 0.05
    trend = found.loc["control < inactive < active"]
    assert trend["effect"] > 0.3 and trend["p"] < 0.05


def test_treated_donors_change_by_what_their_sledai_falls(demo):
    donors, values, truth = demo
    found = visits.compare(donors, declared(donors), values, COHORT["visits"]["order"])
    (row,) = found.itertuples()
    assert (row.among, row.n, row.n_any) == ("SLE", 4, 10)
    wide = truth.pivot(index="donor", columns="condition", values="log_ratio").dropna(
        subset=["SLE (treated)"]
    )
    planted = float((wide["SLE (treated)"] - wide["SLE"]).mean())
    assert planted == pytest.approx(-0.3 * (8 + 6 + 6 + 6) / 4)
    assert planted < row.effect < 0.4 * planted and row.p < 0.05


def test_without_a_difference_in_sledai_nothing_of_it_is_planted(demo):
    """The arms differ by what they differed by before: SLEDAI is centered among the cases."""
    donors, _, truth = demo
    cases = truth[truth["condition"] == "SLE"]
    sledai = donors.loc[donors["condition"] == "SLE", "sledai"].astype(float)
    assert sledai.mean() == pytest.approx(5.4)
    params = simulate.read_parameters(RESOURCES / "demo/demo_cd4.yaml")
    plain = [simulate.donor(params, d, "SLE", 1)[0] for d in cases["donor"]]
    shift = cases["log_ratio"].to_numpy() - [simulate.log_ratio(share) for share in plain]
    assert shift.mean() == pytest.approx(0, abs=1e-9)
    assert np.ptp(shift) == pytest.approx(0.3 * 12)
