"""Summed probabilities of cells find more than their labels, at equal size, in shallow data.

Cells of three kinds give evidence so weak that few of the rare ones are labeled; probabilities are
right by construction. Over more donors and with real labels: tests/benchmark/combined.py.
"""

import numpy as np
from tilt.donors import imbalance
from tilt.stats import inference, precision

SHARE = np.array([0.03, 0.015, 0.955])  # Tph-like, Th22-like, other
SHIFT = np.array([0.9, -0.9, 0.0])  # of log shares in cases
CASES, CONTROLS, CELLS, TABLES = 10, 8, 230, 200
APART = 2.0  # distance of the kinds' evidence from that of others, in its SD
BANK = 20_000  # cells of each kind


def bank() -> np.ndarray:
    """Probability of each kind (kinds x cells x kinds) by Bayes' rule from a cell's evidence."""
    rng = np.random.default_rng(1)
    center = APART * np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    seen = center[:, None] + rng.normal(size=(3, BANK, 2))
    chance = SHARE * np.exp(-np.square(seen[:, :, None] - center).sum(axis=3) / 2)
    return chance / chance.sum(axis=2, keepdims=True)


def counts(chance: np.ndarray, planted: bool, seed: int) -> tuple[np.ndarray, dict]:
    """Cells of each donor, and of both poles (donors x 2) as probabilities and as labels."""
    rng = np.random.default_rng([seed, planted])
    case = np.arange(CASES + CONTROLS) < CASES
    logs = np.log(SHARE) + planted * case[:, None] * SHIFT
    logs[:, :2] += rng.normal(0, 0.4, (len(case), 2))
    cells = rng.lognormal(np.log(CELLS), 0.3, len(case)).astype(int)
    share = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    number = np.array([rng.multinomial(n, p) for n, p in zip(cells, share, strict=True)])
    poles = {"probabilities": np.zeros((len(case), 2)), "labels": np.zeros((len(case), 2))}
    for kind, n in enumerate(number.T):
        donor = np.repeat(np.arange(len(case)), n)
        drawn = chance[kind, rng.integers(0, BANK, len(donor))]
        for pole in (0, 1):
            labeled = drawn.argmax(axis=1) == pole
            poles["probabilities"][:, pole] += np.bincount(donor, drawn[:, pole], len(case))
            poles["labels"][:, pole] += np.bincount(donor, labeled, len(case))
    return cells.astype(float), poles


def test_summed_probabilities_have_more_power_at_equal_size():
    """Measured: .67 against .46."""
    chance = bank()
    matrix = np.column_stack([np.ones(CASES + CONTROLS), np.arange(CASES + CONTROLS) < CASES])
    p = {(name, planted): [] for name in ("probabilities", "labels") for planted in (False, True)}
    for planted in (False, True):
        for seed in range(TABLES):
            cells, poles = counts(chance, planted, seed)
            for name, n in poles.items():
                value, variance = imbalance.ratio_values(cells, *n.T)
                root, _ = precision.root_weights(value, variance, matrix)
                found = inference.ols(value * root, matrix * root[:, None])
                p[name, planted].append(found.p)
    power = {}
    for name in ("probabilities", "labels"):
        null = np.array(p[name, False])
        assert 0.01 <= np.mean(null < 0.05) <= 0.1  # three standard errors of 200
        power[name] = np.mean(np.array(p[name, True]) <= np.quantile(null, 0.05))
    assert power["probabilities"] > power["labels"] + 0.1
