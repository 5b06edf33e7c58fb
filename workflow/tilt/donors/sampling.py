"""What chance does to the logarithm of a number of cells."""

import numpy as np
from scipy import special

DONOR_SD = 0.5  # of log shares between donors (SCIENCE 6: 0.5 to 0.8)
MANY = 60.0  # expected cells beyond which half a cell biases nothing (by less than 0.0002)
STEPS, WEIGHTS = np.polynomial.hermite_e.hermegauss(15)  # over donors
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def log_bias(expected: np.ndarray) -> np.ndarray:
    """Mean of ln(n + 0.5) less ln(expected), n Poisson around shares of log-normal donors.

    Half a cell keeps the logarithm of nothing finite, and pulls donors of few cells toward it: by
    +0.2 at one expected cell, so that lymphopenia alone moves a log-ratio. The pull is taken out
    with the *expected* number, which does not depend on the donor's own counts.

    Parameters
    ----------
    expected
        Cells expected in each donor (> 0).
    """
    expected = np.asarray(expected, float)
    mean = expected[:, None] * np.exp(DONOR_SD * STEPS)
    few = np.minimum(mean, MANY)
    n = np.arange(int(MANY + 12 * np.sqrt(MANY)))
    log_p = n * np.log(few[..., None]) - few[..., None] - special.gammaln(n + 1)
    found = np.exp(log_p) @ np.log(n + 0.5) - np.log(few)
    return np.where(mean < MANY, found, 0.0) @ WEIGHTS
