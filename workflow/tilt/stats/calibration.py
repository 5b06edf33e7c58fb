"""The calibration table: what simulated cohorts say about every reported p and interval."""

from pathlib import Path

import pandas as pd

from tilt.core.contracts import CALIBRATION


def read(path: str | Path) -> tuple[pd.DataFrame, str]:
    """The calibration table and how it was made.

    Returns
    -------
    One row a metric, :data:`tilt.core.contracts.CALIBRATION` (``within``: whether the value lies in
    its target; ``note``: why not, else ""), and the comment lines of the file as one sentence: the
    command, the version and the date.

    Raises
    ------
    ValueError
        A column is missing.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    made = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
    table = pd.read_csv(path, sep="\t", comment="#", keep_default_na=False)
    table["within"] = table["value"].between(table["target_low"], table["target_high"])
    columns = list(CALIBRATION.columns)
    absent = sorted(set(columns) - set(table.columns))
    if absent:
        raise ValueError(f"{path}: no column {absent}")
    return table[columns], made
