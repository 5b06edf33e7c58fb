"""Activity of transcription factors in donors, compared between the arms."""

import pandas as pd

from tilt.core.contracts import FACTOR_TESTS
from tilt.stats import contrast, inference

UNIT = "ULM t"  # of an activity: the t value of the univariate linear model


def compare(
    donors: pd.DataFrame, plan: contrast.Plan, activities: pd.DataFrame, removed: dict[str, int]
) -> pd.DataFrame:
    """Difference of each factor's activity between the arms, by the declared method.

    Parameters
    ----------
    donors
        One row a unit: cohort, donor, condition, covariates, strata.
    activities
        Table of :data:`tilt.core.contracts.FACTOR_ACTIVITY`.
    removed
        Circular targets left out, by factor.

    Returns
    -------
    Table of :data:`tilt.core.contracts.FACTOR_TESTS`; q is Benjamini-Hochberg over the factors.
    """
    designs = contrast.DesignCache(donors.reset_index(drop=True), plan)
    rows = [
        contrast.main_effect(designs, table, UNIT)
        | {"factor": factor, "n_targets": int(table["n_targets"].iloc[0])}
        | {"n_removed": removed.get(str(factor), 0)}
        for factor, table in activities.groupby("factor", sort=False)
    ]
    out = pd.DataFrame(rows).reindex(columns=list(FACTOR_TESTS.columns))
    out["cohort"], out["contrast"] = str(donors["cohort"].iloc[0]), plan.contrast.name
    out["covariates"] = out["covariates"].fillna("none")
    out["q"] = inference.benjamini_hochberg(out["p"].to_numpy(float))
    return out
