import numpy as np
import pandas as pd
import pytest
from tilt.stats import contrast, design, family, inference

N = 24
PEOPLE = pd.DataFrame(
    {
        "cohort": "c",
        "donor": [f"D{i:02d}" for i in range(N)],
        "condition": ["SLE", "control"] * (N // 2),
        "batch": ["b1"] * 10 + ["b2"] * 14,
    }
)
CONTRAST = design.Contrast("SLE", "control", strata=("batch",))


def ready(values: dict[str, np.ndarray], contrast_=CONTRAST, people=PEOPLE, n=4000):
    designs = contrast.DesignCache(people, contrast.Plan(contrast_, permutations=n, seed=5))
    made = {
        name: contrast.of_values(
            designs,
            people.assign(value=v, estimable=np.isfinite(v), reason="few cells"),
            "SD",
        )
        for name, v in values.items()
    }
    p = {name: contrast.compared.main_row(one)["p"] for name, one in made.items()}
    return family.joint_p(designs, made, p), p


def draw(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=N) + 0.8 * (PEOPLE["condition"] == "SLE").to_numpy()


def test_one_alone_and_copies_keep_their_p():
    value = draw(1)
    for seed in range(6):
        joint, p = ready({"E1": draw(seed)}, n=99)
        assert joint == p  # to the last digit: nothing is permuted
    joint, p = ready({"E1": value, "E2": 3 * value + 1, "E3": value})
    assert joint["E2"] == pytest.approx(joint["E1"]) == joint["E3"]
    assert joint["E1"] == pytest.approx(p["E1"], abs=0.015)


def test_independent_ones_pay_for_each_other():
    joint, p = ready({"E1": draw(1), "E2": draw(2), "E3": draw(3)})
    for name in p:
        sidak = 1 - (1 - p[name]) ** 3
        assert joint[name] == pytest.approx(sidak, abs=0.03)
        assert joint[name] >= p[name]


def test_a_joint_p_is_the_share_of_permutations_with_a_p_as_small():
    """One number a donor, sorted by name, places it in both comparisons; made one by one."""
    values = {"E1": draw(7), "E2": draw(8)}
    joint, p = ready(values, n=60)
    case = (PEOPLE["condition"] == "SLE").to_numpy(float)
    nuisance = np.column_stack([np.ones(N), PEOPLE["batch"] == "b2"])
    smallest = []
    for key in np.random.default_rng(5).random((60, N)):
        found = []
        for value in values.values():
            rest = value - nuisance @ np.linalg.lstsq(nuisance, value)[0]
            moved = np.empty(N)
            for batch in ("b1", "b2"):
                inside = np.flatnonzero(PEOPLE["batch"] == batch)
                places = inside[np.argsort(-case[inside], kind="stable")]  # cases are filled first
                moved[places] = rest[inside[np.argsort(key[inside])]]
            found.append(inference.ols(moved, np.column_stack([nuisance, case])).p)
        smallest.append(min(found))
    for name, own in p.items():
        extreme = sum(one <= own for one in smallest)
        assert joint[name] == pytest.approx(max(own, (extreme + 1) / 61))


def test_donors_that_one_lacks_hardly_make_it_another_estimator():
    value = draw(4)
    some = value.copy()
    some[[3, 8]] = np.nan
    joint, p = ready({"E1": value, "E3": some})
    together = min(p.values())
    best = min(joint.values())
    assert together <= best < together + 0.6 * (1 - (1 - together) ** 2 - together) + 0.01


def test_pairs_flip_together():
    people = PEOPLE.assign(donor=[f"P{i // 2}" for i in range(N)])
    paired = design.Contrast("SLE", "control", pair="donor")
    value = draw(6)
    joint, p = ready({"E1": value, "E2": 2 * value}, paired, people)
    assert joint["E1"] == pytest.approx(p["E1"], abs=0.015)


def test_the_joint_p_keeps_its_level_where_nothing_is():
    hits = []
    for seed in range(150):
        rng = np.random.default_rng((seed, 9))
        shared = rng.normal(size=N)
        values = {f"E{i}": 0.7 * shared + 0.7 * rng.normal(size=N) for i in (1, 2, 3)}
        joint, p = ready(values, n=199)
        hits.append((min(joint.values()) < 0.05, min(p.values()) < 0.05))
    joint, own = np.mean(hits, axis=0)
    assert joint < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    assert own > joint  # three looks at one question without the family
