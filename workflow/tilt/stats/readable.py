"""Effects as a physician reads them: fold and percentage points beside the scale of the test.

They are the effect and the limits of its interval carried over to another scale, so an interval of
folds leaves out 1, and one of points 0, just where the test is below 0.05. Of a share the test is
on the angle (arcsine root): the difference is laid around the middle of the arms, halfway between
their means, and both ends become shares again. Fold and points are then those of the typical
donor, not of the mean percentage, which few donors with many cells can pull.
"""

import numpy as np
import pandas as pd

from tilt.donors.composition import ANGLE, share_of_angle

RATIO, LOG2 = "ln ratio", "log2 CPM"  # units of effects that are logarithms of folds
POINTS = "percentage points"
FOLDS = ("fold", "fold_low", "fold_high")
SCALES = (*FOLDS, "points", "points_low", "points_high")


def estimable(table: pd.DataFrame) -> pd.Series:
    """Rows with an effect to show (bool)."""
    return table["estimable"] & table["effect"].notna()


def columns(row: dict) -> dict[str, float]:
    """Fold and points of a row (unit, effect, ci_low, ci_high; of shares the middle angle).

    A ratio may be one per something (``ln ratio per step``): its fold is, too. Missing where the
    unit has none: an axis in SD has no fold. A fold over nothing is infinite.
    """
    limits = np.array([row.get(k, np.nan) for k in ("effect", "ci_low", "ci_high")], float)
    fold = points = np.full(3, np.nan)
    unit = str(row.get("unit"))
    if unit == RATIO or unit.startswith(f"{RATIO} per "):
        fold = np.exp(limits)
    elif unit == LOG2:
        fold = np.exp2(limits)
    elif unit == POINTS:
        points = limits
    elif unit == ANGLE:
        middle = row.get("middle", np.nan)
        case = share_of_angle(middle + limits / 2)
        control = share_of_angle(middle - limits / 2)
        points = 100 * (case - control)
        with np.errstate(divide="ignore", invalid="ignore"):
            fold = case / control
    return dict(zip(SCALES, [*map(float, fold), *map(float, points)], strict=True))


def folds(row: dict) -> dict[str, float]:
    """The fold alone, of rows that are never shares."""
    found = columns(row)
    return {name: found[name] for name in FOLDS}
