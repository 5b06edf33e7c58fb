"""How the imbalance goes with a number measured in each donor: SLEDAI, dose, complement.

A slope within the cases, or within both arms where the exposure is one of all donors. The donor is
the unit, and blood taken at one time shows an association, no cause.
"""

from collections.abc import Sequence

import pandas as pd

from tilt.core.contracts import EXPOSURE_LINES, EXPOSURES
from tilt.core.terms import MEASURED, UNIT_KEY
from tilt.core.text import count
from tilt.donors import units
from tilt.stats import design, slopes

CASES, ALL = "cases", "all"


def compare(
    donors: pd.DataFrame,
    contrast: design.Contrast,
    imbalances: pd.DataFrame,
    of_cases: Sequence[str],
    of_all: Sequence[str],
    permutations: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Slope of every estimator on every exposure.

    Parameters
    ----------
    donors
        One row a unit: cohort, donor, condition, the exposures, covariates, strata.
    imbalances
        imbalance.tsv.
    of_cases, of_all
        Columns of ``donors``: exposures within the cases, and within both arms.

    Returns
    -------
    Tables of :data:`tilt.core.contracts.EXPOSURES` and of the lines
    (:data:`tilt.core.contracts.EXPOSURE_LINES`); ``p_holm`` is over the exposures, estimator by
    estimator. Rows that cannot be estimated stay, with the reason.
    """
    rows, lines = [], []
    asked = [(name, CASES) for name in of_cases] + [(name, ALL) for name in of_all]
    leads = set(imbalances.loc[imbalances["leads"], "estimator"])
    for name, among in asked:
        arms = [contrast.case] if among == CASES else [contrast.case, contrast.control]
        mine = donors[donors["condition"].isin(arms)].reset_index(drop=True)
        mine = mine.assign(x=units.numbers(mine[name]))
        known = mine[mine["x"].notna()].astype(dict.fromkeys(UNIT_KEY, str))
        gone = len(mine) - len(known)
        for estimator, values in imbalances.groupby("estimator", sort=True):
            good = values[values["estimable"]].astype(dict.fromkeys(UNIT_KEY, str))
            both = known.merge(good[[*UNIT_KEY, "value", "variance"]], on=UNIT_KEY)
            row, line = slopes.slope(
                both,
                contrast,
                name,
                MEASURED[estimator].unit,
                "condition" if among == ALL else "",
                permutations,
                seed,
            )
            told = [f"{count(gone, 'donor')} without {name}"] if gone else []
            if len(both) < len(known):
                told.append(f"{count(len(known) - len(both), 'donor')} without {estimator}")
            row["reason"] = "; ".join(filter(None, [row["reason"], *told]))
            key = {"exposure": name, "among": among, "estimator": estimator}
            rows.append(row | key | {"n_missing": gone, "leads": estimator in leads})
            lines.append(line.assign(**key))
    table = pd.DataFrame(rows).reindex(columns=list(EXPOSURES.columns))
    table["cohort"] = str(donors["cohort"].iloc[0])
    for _, same in table.groupby("estimator"):
        table.loc[same.index, "p_holm"] = slopes.holm(same["p"])
    drawn = pd.concat(lines, ignore_index=True).reindex(columns=list(EXPOSURE_LINES.columns))
    return table, drawn
