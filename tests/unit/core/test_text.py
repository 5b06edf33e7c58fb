"""Numbers as figures and sentences write them."""

import math

import pytest
from tilt.core import text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (8_912.3, "8,900"),
        (96.0, "96"),
        (9.96, "10"),
        (2.04, "2"),
        (1.449, "1.4"),
        (-0.0316, "−0.032"),
        (0.0000123, "0.000012"),
        (0.0, "0"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_two_figures_without_an_exponent(value, written):
    assert text.figures(value) == written
