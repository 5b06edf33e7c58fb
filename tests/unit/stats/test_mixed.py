"""A model with a random donor against lmerTest and pbkrtest; its coverage is in the benchmark."""

import numpy as np
import pytest
from scipy import stats
from tilt.stats import mixed

# Hours of sleep that ten people gained with two drugs (Student 1908, `sleep` of R).
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
VALUE = np.array(FIRST + SECOND)
DONOR = np.tile(np.arange(1, 11), 2)
LATE = np.repeat([0.0, 1.0], 10)
ARM = np.tile(np.repeat([1.0, 0.0], [6, 4]), 2)
AGE = np.tile([30, 41, 25, 52, 38, 60, 33, 47, 29, 55], 2)


def without(*rows):
    """Rows but these (donor, late)."""
    return ~np.array([pair in rows for pair in zip(DONOR, LATE, strict=True)])


def told(found):
    return found.estimate.effect, found.estimate.se, found.estimate.df, found.estimate.p


def test_complete_donors_give_the_paired_t_test():
    """summary(lmer(extra ~ group + (1 | ID), sleep), ddf = "Kenward-Roger"), lmerTest 3.1-3."""
    found = mixed.fit(VALUE, np.column_stack([np.ones(20), LATE]), DONOR)
    assert told(found) == pytest.approx((1.58, 0.388958722, 9, 0.00283289012), rel=1e-5)
    assert found.estimate.p == pytest.approx(stats.ttest_rel(SECOND, FIRST).pvalue, rel=1e-5)


def test_donors_who_came_once_count_as_in_pbkrtest():
    """The same without three rows:
    d <- sleep[!((sleep$ID %in% c(3, 7) & sleep$group == 2) | (sleep$ID == 5 & sleep$group == 1)), ]
    """
    keep = without((3, 1), (7, 1), (5, 0))
    found = mixed.fit(VALUE[keep], np.column_stack([np.ones(20), LATE])[keep], DONOR[keep])
    expected = (1.650060738585, 0.511372945772, 6.61153482291, 0.0157064081663)
    assert told(found) == pytest.approx(expected, rel=1e-5)
    sd = np.sqrt([found.between, found.within])
    assert sd == pytest.approx([1.6654719695, 0.9605880579], rel=1e-5)


def test_change_by_arm_with_a_covariate_is_that_of_pbkrtest():
    """lmer(extra ~ age + arm + late + arm:late + (1 | ID)), ddf = "Kenward-Roger"; arm: the first
    six people; without the second row of person 3 and the first of person 7."""
    keep = without((3, 1), (7, 0))
    matrix = np.column_stack([np.ones(20), AGE, ARM, LATE, ARM * LATE])
    found = mixed.fit(VALUE[keep], matrix[keep], DONOR[keep])
    expected = (-1.2894422784457, 1.0001521845679, 6.34203739614, 0.2423362941174)
    assert told(found) == pytest.approx(expected, rel=1e-5)


def test_known_variance_of_a_value_takes_its_weight():
    """A value of endless sampling variance counts as if it were not there."""
    keep = without((3, 1))
    matrix = np.column_stack([np.ones(20), LATE])
    absent = mixed.fit(VALUE[keep], matrix[keep], DONOR[keep])
    sampling = np.where(keep, 0.0, 1e9)
    wild = mixed.fit(np.where(keep, VALUE, 50.0), matrix, DONOR, sampling)
    assert told(wild)[:2] == pytest.approx(told(absent)[:2], rel=1e-3)
    plain = mixed.fit(VALUE, matrix, DONOR)
    alike = mixed.fit(VALUE, matrix, DONOR, np.full(20, 0.3))
    assert told(alike) == pytest.approx(told(plain), rel=1e-4)
    assert alike.within + 0.3 == pytest.approx(plain.within, rel=1e-3)


def test_rows_in_another_order_and_donors_of_other_names_change_nothing():
    keep = without((3, 1), (5, 0))
    matrix = np.column_stack([np.ones(20), LATE])[keep]
    order = np.random.default_rng(1).permutation(keep.sum())
    one = mixed.fit(VALUE[keep], matrix, DONOR[keep])
    other = mixed.fit(VALUE[keep][order], matrix[order], 7 * DONOR[keep][order])
    assert told(other) == pytest.approx(told(one), rel=1e-5)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.arange(10), "no donor has two values"),
        ([0, 1, 2, 10], "4 values for 2 columns"),
    ],
)
def test_what_cannot_be_fitted_is_refused(rows, said):
    matrix = np.column_stack([np.ones(20), LATE])
    with pytest.raises(ValueError, match=said):
        mixed.fit(VALUE[rows], matrix[rows], DONOR[rows])


def test_columns_that_repeat_each_other_are_refused():
    matrix = np.column_stack([np.ones(20), LATE, 3 * LATE])
    with pytest.raises(ValueError, match="repeat each other"):
        mixed.fit(VALUE, matrix, DONOR)
