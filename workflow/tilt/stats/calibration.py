"""The calibration table: what simulated cohorts say about every reported p and interval."""

from pathlib import Path

import numpy as np
import pandas as pd

from tilt.core.contracts import CALIBRATION

# Designs that were simulated (tests/truth/donor_cohorts.py): donors of the smaller arm, how many
# times as many the larger has, degrees of freedom. More donors than simulated are no concern.
MARK = "p and interval not checked by simulation"
FEWEST_DONORS, MOST_UNEQUAL, FEWEST_DF = 3, 4.0, 3.0
SHARES = ("false positives", "coverage", "meta-analysis, coverage", "power")  # of cohorts


def outside(n_case: float, n_control: float, df: float) -> str:
    """What of a comparison lies beyond every simulated design; "" for nothing.

    Parameters: informative donors of each arm, and the degrees of freedom of the test.
    """
    few, many = sorted((n_case, n_control))
    found = []
    if few < FEWEST_DONORS:
        found.append(f"fewer than {FEWEST_DONORS} informative donors in an arm")
    elif many > MOST_UNEQUAL * few:
        found.append(f"one arm more than {MOST_UNEQUAL:g} times the other")
    if df < FEWEST_DF:
        found.append(f"{df:.1f} degrees of freedom")
    return f"{MARK}: {', '.join(found)}" if found else ""


def read(path: str | Path) -> tuple[pd.DataFrame, str]:
    """The calibration table and how it was made.

    Returns
    -------
    One row a metric, :data:`tilt.core.contracts.CALIBRATION` (``within``: whether the value lies in
    its target; ``note``: why not, else ""; ``two_errors``: two standard errors of so many cohorts,
    of shares alone), and the comment lines of the file as one sentence: command and version.

    Raises
    ------
    ValueError
        A column is missing.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    made = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
    table = pd.read_csv(path, sep="\t", comment="#", keep_default_na=False)
    table["within"] = table["value"].between(table["target_low"], table["target_high"])
    share = table["task"].str.startswith(SHARES) & table["value"].between(0, 1)
    chance = table["value"] * (1 - table["value"]) / table["cohorts"]
    table["two_errors"] = 2 * np.sqrt(chance.where(share))
    columns = list(CALIBRATION.columns)
    absent = sorted(set(columns) - set(table.columns))
    if absent:
        raise ValueError(f"{path}: no column {absent}")
    return table[columns], made
