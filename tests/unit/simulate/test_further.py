"""What is planted on columns of the sheet: exposures, further groups, visits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tilt.simulate import cohort as simulate
from tilt.simulate import further

ROOT = Path(__file__).parents[3]
POLES = {"CD4_Tph_like": 0.1, "CD4_Tfh_circ": 0.1, "CD4_Th22_like": -0.1}
FURTHER = {
    "sledai": {"center": 5, "per_unit": POLES},
    "visit": {"values": {"after": {"CD4_Th22_like": 1.0}}},
    "condition": {"values": {"other": {"CD4_Tph_like": 0.7}}},
}


@pytest.fixture(scope="module")
def params():
    plain = simulate.read_parameters(ROOT / "resources/demo/demo_cd4.yaml")
    return {**plain, "further": FURTHER}


def ratio(params, condition="SLE", **row):
    """True log-ratio of one and the same donor under this row of the sheet."""
    return simulate.log_ratio(simulate.donor(params, "D1", condition, 3, row)[0])


def test_each_unit_of_a_number_and_each_name_shifts_the_donor(params):
    plain = ratio(params)
    assert ratio(params, sledai="5") == pytest.approx(plain)
    assert ratio(params, sledai="12") - plain == pytest.approx(7 * 0.2)
    assert ratio(params, sledai=2) - plain == pytest.approx(-3 * 0.2)
    assert ratio(params, visit="after") - plain == pytest.approx(-1.0)
    assert ratio(params, visit="after", sledai="10") - plain == pytest.approx(-1.0 + 5 * 0.2)
    assert ratio(params, visit="flare") == plain
    for unknown in ("", "NA", None, np.nan):
        assert ratio(params, sledai=unknown) == plain


def test_a_number_shifts_states_too(params):
    made = {**params, "further": {"sledai": {"center": 5, "per_unit": {"interferon": 0.2}}}}
    simulate.further.check(made["further"], params["abundance"])
    plain, active = (
        simulate.donor(made, "D1", "SLE", 3, {"sledai": sledai}) for sledai in ("5", "10")
    )
    assert active[1]["interferon"] / plain[1]["interferon"] == pytest.approx(np.e)
    assert active[1]["ahr_jun"] == plain[1]["ahr_jun"]
    assert active[0].equals(plain[0])
    told = simulate.planted(made).set_index("quantity").loc["sledai:interferon"]
    assert told["effect"] == 0.2 and "log interferon activity, a unit of sledai" in told["meaning"]


def test_samples_of_a_donor_share_what_the_donor_is(params):
    """The donor's own spread is drawn once: visits differ by what is planted alone."""
    sheet = pd.DataFrame(
        {
            "sample": ["a", "b", "c", "d"],
            "donor": ["D1", "D1", "D2", "D2"],
            "condition": ["SLE", "SLE", "other", "other"],
            "visit": ["flare", "after"] * 2,
        }
    )
    truth = simulate.donor_truth(params, sheet, seed=3).set_index("sample")
    assert truth["donor"].tolist() == ["D1", "D1", "D2", "D2"]
    change = truth["log_ratio"].to_numpy()[[1, 3]] - truth["log_ratio"].to_numpy()[[0, 2]]
    assert change == pytest.approx([-1.0, -1.0])
    assert truth["log_ratio"].iloc[0] != pytest.approx(truth["log_ratio"].iloc[2], abs=1e-3)
    base = simulate.donor(params, "D2", "control", 3)[0]
    found = truth.filter(like="share_").loc["c"].rename(lambda c: c.removeprefix("share_"))
    logs = np.log(found / base)
    assert logs["CD4_Tph_like"] - logs["CD4_CM"] == pytest.approx(0.7)


def test_what_is_planted_is_written_and_a_null_has_none(params):
    told = simulate.planted(params).set_index("quantity")["effect"]
    assert told["sledai:CD4_Th22_like"] == -0.1
    assert told["visit:after:CD4_Th22_like"] == 1.0
    assert "further" not in simulate.null(params)
    flat = simulate.null(params)
    assert ratio(flat, sledai="12", visit="after") == ratio(flat)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"per_unit": POLES}, "sledai: has .*per_unit.*Fix: give center and per_unit"),
        ({"center": 5, "per_unit": {"CD4_Tph": 1}}, r"nor states: \['CD4_Tph'\]"),
        ({"values": {"high": {"MAIT": 1}}}, r"nor states: \['MAIT'\]"),
    ],
)
def test_a_further_effect_that_cannot_be_planted_is_refused(params, about, said):
    with pytest.raises(ValueError, match=said):
        further.check({"sledai": about}, params["abundance"])
