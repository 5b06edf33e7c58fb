import numpy as np
import pytest
from tilt.stats import readable


def row(unit, effect, low, high, **more):
    return {"unit": unit, "effect": effect, "ci_low": low, "ci_high": high} | more


def test_a_log_ratio_is_a_fold():
    found = readable.columns(row("ln ratio", np.log(2.9), np.log(1.2), np.log(6.7)))
    assert [found[k] for k in readable.SCALES[:3]] == pytest.approx([2.9, 1.2, 6.7])
    assert np.isnan([found[k] for k in readable.SCALES[3:]]).all()
    found = readable.columns(row("log2 CPM", 1.0, -1.0, 3.0))
    assert [found[k] for k in readable.SCALES[:3]] == pytest.approx([2, 0.5, 8])
    assert np.isnan(list(readable.columns(row("SD", 1.0, 0.5, 1.5)).values())).all()


def test_a_ratio_per_step_is_a_fold_per_step_and_points_are_points():
    assert readable.folds(row("ln ratio per step", np.log(2), 0, np.log(4))) == pytest.approx(
        {"fold": 2, "fold_low": 1, "fold_high": 4}
    )
    assert np.isnan(readable.folds(row("ln odds ratio", 1.0, 0, 2.0))["fold"])
    found = readable.columns(row("percentage points", 1.5, -0.5, 3.5))
    assert [found[k] for k in readable.SCALES[3:]] == [1.5, -0.5, 3.5]
    assert np.isnan(found["fold"])


def test_a_share_has_points_and_a_fold_around_the_middle_of_the_arms():
    angle = np.arcsin(np.sqrt([0.04, 0.02]))
    found = readable.columns(
        row("arcsine root", angle[0] - angle[1], 0.0, 0.1, middle=angle.mean())
    )
    assert found["fold"] == pytest.approx(2)
    assert found["points"] == pytest.approx(2)
    assert found["fold_low"] == pytest.approx(1) and found["points_low"] == pytest.approx(0)
    ends = np.sin(angle.mean() + np.array([0.05, -0.05])) ** 2
    assert found["fold_high"] == pytest.approx(ends[0] / ends[1])
    assert found["points_high"] == pytest.approx(100 * (ends[0] - ends[1]))


def test_limits_beyond_the_ends_of_shares_are_the_ends():
    found = readable.columns(row("arcsine root", 0.1, -0.1, 0.3, middle=0.1))
    assert found["fold_high"] == np.inf and found["points_high"] < 100
    assert 0 < found["fold_low"] < 1 < found["fold"]
