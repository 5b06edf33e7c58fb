"""States of a donor, and how its place between the poles tracks them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tilt.simulate import cohort as simulate
from tilt.simulate import states

ROOT = Path(__file__).parents[3]
POLES = [["Tph", "Tfh"], ["Th22"]]


def params(**tracking) -> dict:
    return {"donor_sd": 0.5, "tracking": tracking}


def test_noise_is_moved_along_the_line_between_the_poles_and_nowhere_else():
    noise = pd.Series({"Tph": 0.3, "Tfh": -0.3, "Th22": 0.6, "CM": 0.9})
    found = states.tracked(noise, POLES, {"interferon": 2.0}, params(interferon=0.6))
    # along (1, 1, -1) / sqrt 3 there was -0.6 / sqrt 3; now 0.5 * 0.6 * 2 + 0.8 * that
    own = -0.6 / np.sqrt(3)
    step = (0.6 + 0.8 * own - own) / np.sqrt(3)
    assert found.tolist() == pytest.approx([0.3 + step, -0.3 + step, 0.6 - step, 0.9])
    assert states.tracked(noise, POLES, {"interferon": 2.0}, params(interferon=0.0)).equals(noise)


def test_more_than_all_cannot_be_tracked():
    with pytest.raises(ValueError, match="sum to more than 1"):
        far = {"interferon": 0.0, "ahr_jun": 0.0}
        states.tracked(pd.Series({"Tph": 0.0}), POLES, far, params(interferon=0.9, ahr_jun=0.6))


def test_log_ratio_of_donors_has_the_planted_correlations_and_the_spread_of_the_untracked():
    demo = simulate.read_parameters(ROOT / "resources/demo/demo_cd4.yaml")
    one = {"CD4_Tph_like": 1.0, "CD4_Th22_like": 1.0, "CD4_CM": 50.0}
    demo |= {"abundance": one, "effects": {}}

    def drawn(tracking: dict) -> pd.DataFrame:
        made = simulate.override(demo, tracking=tracking)
        rows = []
        for i in range(800):
            shares, active = simulate.donor(made, f"D{i}", "control", seed=3)
            rows.append(
                {"ratio": simulate.log_ratio(shares)} | {k: np.log(v) for k, v in active.items()}
            )
        return pd.DataFrame(rows)

    tracked = drawn({"interferon": 0.6, "ahr_jun": -0.6})
    free = drawn({"interferon": 0.0, "ahr_jun": 0.0})
    r = tracked.corr()["ratio"]
    assert r["interferon"] == pytest.approx(0.6, abs=0.08)
    assert r["ahr_jun"] == pytest.approx(-0.6, abs=0.08)
    assert free.corr()["ratio"]["interferon"] == pytest.approx(0, abs=0.1)
    assert tracked["ratio"].std() == pytest.approx(0.5 * np.sqrt(2), rel=0.08)
    assert free["ratio"].std() == pytest.approx(0.5 * np.sqrt(2), rel=0.08)


def test_planted_rows_tell_both_states():
    demo = simulate.read_parameters(ROOT / "resources/demo/demo_cd4.yaml")
    rows = {name: value for name, value, _ in states.planted(demo)}
    assert rows["ahr_jun"] == pytest.approx(np.log(0.3 / 0.5))
    assert rows["interferon"] == pytest.approx(np.log(0.08 / 0.015))
    assert rows["tracking:interferon"] == 0.7 and rows["tracking:ahr_jun"] == -0.7
    none = {name: value for name, value, _ in states.planted(simulate.null(demo))}
    assert set(none.values()) == {0.0}
