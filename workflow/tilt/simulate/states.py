"""States of expression that all cells of a donor share: interferon, and AHR with JUN.

A donor has an activity of each, lognormal about the typical one of its arm. Its place between the
poles of the imbalance may track them (``tracking``), so that a perturbation is planted of which it
is known how it lies to the imbalance: the response of a state that is tracked, and no other.
"""

import numpy as np
import pandas as pd

from tilt.simulate.world import stream

STATES = ("interferon", "ahr_jun")  # keys of the parameters and states of cells.yaml


def of_donor(
    params: dict, name: str, is_case: bool, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Activity of each state in a donor, and how many SD its log lies from the typical one."""
    far = {state: float(stream(seed, state, name).normal()) for state in STATES}
    levels = {state: params[state]["case" if is_case else "control"] for state in STATES}
    activity = {s: float(np.exp(np.log(levels[s]) + params[s]["sd"] * far[s])) for s in STATES}
    return activity, far


def tracked(
    noise: pd.Series, poles: list[list[str]], far: dict[str, float], params: dict
) -> pd.Series:
    """``noise`` of the log abundances in which the place between the poles tracks the states.

    The part of the noise along the line from the Th22 to the Tph/Tfh labels is replaced by one of
    the same SD that has the correlations ``params["tracking"]`` with ``far``; the rest stays.
    Raises ValueError where the squares of the correlations sum to more than 1.
    """
    tracking = params["tracking"]
    left = 1 - sum(r**2 for r in tracking.values())
    if left < 0:
        raise ValueError(f"tracking: squares of {tracking} sum to more than 1")
    line = pd.Series(0.0, noise.index)
    for labels, sign in zip(poles, (1, -1), strict=True):
        line[[label for label in labels if label in line.index]] = sign
    line /= max(np.sqrt((line**2).sum()), 1.0)
    own = float(noise @ line)
    pulled = params["donor_sd"] * sum(r * far[state] for state, r in tracking.items())
    return noise + (pulled + np.sqrt(left) * own - own) * line


def planted(params: dict) -> list[tuple[str, float, str]]:
    """Rows of planted.tsv: shift of each state in cases, and how the imbalance tracks it."""
    rows = []
    for state in STATES:
        fold = float(np.log(params[state]["case"] / params[state]["control"]))
        r = float(params["tracking"].get(state, 0.0))
        told = f"correlation of the log {state} activity with the place between the poles"
        rows.append((state, fold, f"shift of the log {state} activity of a donor"))
        rows.append((f"tracking:{state}", r, told))
    return rows
