import numpy as np
import pytest
from tilt.donors import imbalance, sampling


@pytest.mark.parametrize("expected", [0.3, 1.0, 3.0, 20.0, 200.0])
def test_the_bend_is_that_of_drawn_cells(expected):
    rng = np.random.default_rng(1)
    share = np.exp(rng.normal(0, sampling.DONOR_SD, 400_000))
    drawn = np.log(rng.poisson(expected * share) + 0.5) - np.log(expected * share)
    found = float(sampling.log_bias(np.array([expected]))[0])
    assert found == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(len(drawn)) + 1e-4)


def test_the_bend_falls_to_nothing_and_does_not_jump():
    cells = np.geomspace(0.05, 300, 400)
    bias = sampling.log_bias(cells)
    assert bias[0] > 2 and abs(bias[-1]) < 1e-4
    assert np.abs(np.diff(bias[cells > 20])).max() < 2e-4


def test_lymphopenia_alone_moves_no_ratio():
    """Cases with a tenth of the cells: half a cell alone would move the ratio by -0.17."""
    import pandas as pd

    rng = np.random.default_rng(2)
    n = 4000
    cells = np.where(np.arange(n) < n // 2, 300, 3000)
    share = {"n_tph": 0.06, "n_th22": 0.004}
    counts = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(n)]})
    counts["condition"] = np.where(cells == 300, "SLE", "control")
    counts["n_cells"] = cells
    for name, typical in share.items():
        counts[name] = rng.binomial(cells, np.minimum(typical * np.exp(rng.normal(0, 0.5, n)), 0.9))
    plain = imbalance.log_ratio(counts["n_tph"], counts["n_th22"])
    found = imbalance.ratio_rows(counts, "E1", 1, "")["value"].to_numpy()
    case = cells == 300
    error = 0.9 * np.sqrt(4 / n)
    assert plain[case].mean() - plain[~case].mean() < -0.1
    assert abs(found[case].mean() - found[~case].mean()) < 3 * error


def test_beyond_sixty_expected_cells_nothing_is_bent():
    least = np.exp(0.5 * sampling.STEPS.min())  # of donors over whom the mean is taken
    assert sampling.log_bias(np.array([60.1 / least]))[0] == 0
    assert sampling.log_bias(np.array([59.9 / least]))[0] != 0
