import numpy as np
import pandas as pd
import pytest
from tilt.core.text import count
from tilt.donors import units
from tilt.stats import design


def donors(**columns):
    n = 12
    base = {
        "cohort": "c",
        "donor": [f"D{i}" for i in range(n)],
        "condition": ["SLE"] * 7 + ["control"] * 5,
        "age": np.arange(n) % 5 + 20.0,
        "sex": ["F", "M", "F", "F"] * 3,
        "batch": ["B1", "B2"] * 6,
    }
    return pd.DataFrame(base | columns)


def contrast(**more):
    return design.Contrast("SLE", "control", **more)


def test_covariates_and_strata_enter_the_matrix_with_the_condition_last():
    built = design.build(donors(), contrast(covariates=("age", "sex"), strata=("batch",)))
    assert built.matrix.shape == (12, 5)
    assert built.matrix[:, -1].tolist() == [1] * 7 + [0] * 5
    assert built.used == ("batch", "age", "sex")
    assert built.notes == ()
    assert built.strata.tolist() == [0, 1] * 6


def test_a_confounded_covariate_is_named_and_left_out():
    table = donors(batch=["B1"] * 7 + ["B2"] * 5)
    built = design.build(table, contrast(covariates=("age",), strata=("batch",)))
    assert built.used == ("age",)
    assert built.notes == ("batch left out: confounded with condition",)
    assert np.ptp(built.strata) == 0


def test_confounding_that_takes_two_covariates_names_both():
    table = donors(
        a=["x"] * 4 + ["y"] * 3 + ["x"] * 5,
        b=["x"] * 4 + ["z"] * 3 + ["y"] * 5,
    )
    built = design.build(table, contrast(covariates=("a", "b")))
    assert built.used == ("a",)
    assert "b left out: confounded with condition" in built.notes[0]


def test_donors_without_a_covariate_are_named():
    age = np.arange(12) % 5 + 20.0
    age[2] = np.nan
    built = design.build(donors(age=age), contrast(covariates=("age",)))
    assert len(built.units) == 11
    assert built.notes == ("1 donor without age left out: D2",)


def test_text_for_missing_counts_as_missing():
    age = ["31", "ND", "28", "40", "35", "29", "", "44", "38", "27", "33", "30"]
    built = design.build(donors(age=age), contrast(covariates=("age",)))
    assert set(donors()["donor"]) - set(built.units["donor"]) == {"D1", "D6"}
    assert built.matrix.shape == (10, 3)  # a number, not twelve categories


def test_a_covariate_unknown_in_many_is_left_out_instead_of_the_donors():
    age = [30.0, 31.0] * 4 + [None] * 4
    built = design.build(donors(age=age), contrast(covariates=("age",)))
    assert len(built.units) == 12
    assert built.notes == ("age left out: unknown in 4 of 12 donors",)


def test_one_batch_for_all_is_said():
    built = design.build(donors(batch="B1"), contrast(strata=("batch",)))
    assert built.notes == ("batch left out: the same in all donors",)


def test_nested_strata_keep_full_rank():
    table = donors(site=["S1", "S1", "S2", "S2"] * 3, pool=["P1", "P2", "P3", "P4"] * 3)
    built = design.build(table, contrast(strata=("site", "pool")))
    assert np.linalg.matrix_rank(built.matrix) == built.matrix.shape[1]
    assert built.used == ("site", "pool")


@pytest.mark.parametrize(("cases", "controls"), [(12, 0), (11, 1), (0, 12)])
def test_a_missing_arm_is_a_problem_not_a_crash(cases, controls):
    table = donors(condition=["SLE"] * cases + ["control"] * controls)
    built = design.build(table, contrast())
    arm = "control" if controls < 3 else "SLE"
    assert f"{count(min(cases, controls), f'{arm} donor')}; at least 3" in built.problem


def test_bad_tables_are_refused_with_all_problems():
    table = donors(condition=["SLE"] * 6 + ["healthy"] + ["control"] * 5)
    table = pd.concat([table, table.iloc[:1], table.iloc[1:2].assign(condition="control")])
    with pytest.raises(ValueError) as caught:
        design.build(table, contrast())
    text = str(caught.value)
    assert "D6: condition 'healthy' is neither" in text
    assert "D0 is listed twice" in text
    assert "D1 is in both arms" in text


def test_pairs_are_found_in_a_stratum_and_by_donor():
    table = pd.DataFrame(
        {
            "donor": [f"{p}_{c}" for p in "ABCD" for c in ("stim", "ctrl")],
            "condition": ["stim", "ctrl"] * 4,
            "person": [p for p in "ABCD" for _ in range(2)],
            "batch": ["B1", "B2"] * 4,
        }
    )
    paired = design.Contrast("stim", "ctrl", strata=("batch", "person"))
    assert design.pair_column(table, paired) == "person"
    found, problem, notes = design.pairs(
        table.iloc[:-1], design.Contrast("stim", "ctrl", pair="person")
    )
    assert found[["case", "control"]].to_numpy().tolist() == [[0, 1], [2, 3], [4, 5]]
    assert problem == ""
    assert notes == ("1 without a partner left out: D",)


def test_permutations_are_drawn_once():
    built = design.build(donors(), contrast(strata=("batch",)))
    assert built.orders(1000, 1)[0] is built.orders(1000, 1)[0]


def test_donors_of_a_stratum_with_one_arm_are_said_to_inform_nothing():
    batch = ["B1"] * 3 + ["B2"] * 2 + ["B1"] * 2 + ["B1"] * 5
    built = design.build(donors(batch=batch), contrast(strata=("batch",)))
    assert built.notes == ("2 donors not informative, being in a batch of one arm (1 of 2): B2",)
    y = np.arange(12.0)
    kept = np.array(batch) == "B1"
    alone = design.build(donors(batch=batch)[kept], contrast())
    whole = y @ built.fit.partial / (built.fit.partial @ built.fit.partial)
    part = y[kept] @ alone.fit.partial / (alone.fit.partial @ alone.fit.partial)
    assert whole == pytest.approx(part)


def visits():
    samples = [
        {
            "sample": f"s{i}",
            "donor": f"D{i}",
            "condition": "SLE" if i < 10 else "control",
            "age": str(25 + 2 * i % 40),
            "batch": f"B{i % 3}",
        }
        for i in range(18)
    ]
    return samples, design.Contrast("SLE", "control", ("age",), ("batch",))


def test_a_second_visit_a_year_later_leaves_age_a_number():
    samples, declared = visits()
    once = design.build(units.donors_table(samples, "c"), declared)
    later = [*samples, samples[0] | {"sample": "s0b", "age": "26"}]
    twice = design.build(units.donors_table(later, "c"), declared)
    assert once.used == twice.used == ("batch", "age")
    assert once.matrix.shape == twice.matrix.shape == (18, 5)
    assert not twice.notes


@pytest.mark.parametrize("text", [">89", "33+34", "36,5", "34 y", "inf"])
def test_text_among_numbers_is_refused_and_not_made_a_category(text):
    samples, declared = visits()
    samples[3] |= {"age": text}
    with pytest.raises(ValueError, match=r"donor D3: age .* is not a number"):
        design.build(units.donors_table(samples, "c"), declared)
