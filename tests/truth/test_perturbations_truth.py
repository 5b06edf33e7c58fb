"""A response that the imbalance tracks comes first; where nothing is tracked, none is found.

More cohorts: ``tests/benchmark/calibration.py --task perturbations``.
"""

import numpy as np
import pandas as pd
import pooled_cohorts as pooled
import pytest
from tilt.simulate import cohort as simulate

OTHERS = 20  # responses of random genes beside the shipped ones


def random_responses(seed: int) -> pd.DataFrame:
    """Responses of 30 background genes each, none of which anything tracks."""
    _, _, world, known = pooled.shipped()
    rng = np.random.default_rng(seed)
    genes = world.genes["gene"].to_numpy()[world.kind("background")]
    parts = [known]
    for i in range(OTHERS):
        chosen = rng.choice(genes, 30, replace=False)
        change = rng.normal(size=30)
        made = {"perturbation": f"R{i:02d}", "gene": chosen, "log2_fold_change": change}
        parts.append(pd.DataFrame(made))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("tracking", "first", "sign"),
    [
        ({"interferon": 0.9, "ahr_jun": 0.0}, "IFNB", 1),
        ({"interferon": -0.9, "ahr_jun": 0.0}, "IFNB", -1),
        ({"interferon": 0.0, "ahr_jun": -0.9}, "AHR_AGONIST", -1),
    ],
)
def test_the_planted_response_comes_first(tracking, first, sign):
    params = simulate.override(pooled.shipped()[0], tracking=tracking)
    q = []
    for seed in range(4):
        people = pooled.people(18, 20, seed)
        found, _ = pooled.compared(params, people, seed, 499, random_responses(seed), cells=2000)
        best = found.iloc[0]
        assert best["perturbation"] == first
        assert (
            np.sign(best["effect"]) == np.sign(best["ci_low"]) == np.sign(best["ci_high"]) == sign
        )
        assert best["p"] < 0.05 and best["p_random"] < 0.05
        q.append(best["q"])
    assert np.median(q) < 0.02  # over 23 responses


def test_where_nothing_is_planted_few_are_found_by_donors_or_beside_random_sets():
    params = simulate.null(pooled.shipped()[0])
    rows = []
    for seed in range(100, 160):
        found, _ = pooled.compared(params, pooled.people(10, 12, seed), seed, 99)
        rows.append(found[found["estimable"]])
    table = pd.concat(rows)
    assert set(table["perturbation"].value_counts()[["IFNB", "AHR_AGONIST"]]) == {60}
    # at 5% more than half as many again and 5 in one of some hundred such runs
    most = 0.075 * len(table) + 5
    assert (table["p"] < 0.05).sum() <= most
    assert (table["p_random"] < 0.05).sum() <= most
    assert (table["p"] < 0.5).mean() == pytest.approx(0.5, abs=0.15)
    assert (table["p_random"] < 0.5).mean() == pytest.approx(0.5, abs=0.15)


def test_a_difference_between_the_arms_alone_is_not_found():
    flat = dict.fromkeys(pooled.shipped()[0]["tracking"], 0.0)
    params = simulate.override(pooled.shipped()[0], tracking=flat)
    p = [
        pooled.compared(params, pooled.people(10, 12, seed), seed, 99)[0]["p"].dropna()
        for seed in range(200, 230)
    ]
    assert (pd.concat(p) < 0.05).sum() <= 8  # of 60
