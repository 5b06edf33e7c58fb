"""What is done with the donors of one cohort: the arms compared, in the main and in other ways."""

import anndata as ad
import pandas as pd

from tilt.donors import composition, imbalance
from tilt.stats import contrast, plan, specifications


def compare(
    donors: pd.DataFrame,
    tests: contrast.Plan,
    limits: imbalance.Settings,
    counted: pd.DataFrame,
    imbalances: pd.DataFrame,
    activity: pd.DataFrame | None,
) -> pd.DataFrame:
    """Tests of everything that was measured per donor (:func:`tilt.stats.contrast.run`)."""
    poles = {
        "E1": imbalance.pole_counts(counted, limits.poles),
        "E2": imbalance.pole_counts(counted, imbalance.FLAGS),
    }
    return contrast.run(donors, tests, counted, imbalances, activity, poles)


def study(
    donors: pd.DataFrame,
    tests: contrast.Plan,
    limits: imbalance.Settings,
    counted: pd.DataFrame,
    signatures: pd.DataFrame,
    bulk: ad.AnnData | None = None,
    detectability: pd.DataFrame | None = None,
    cells: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
) -> specifications.Cohort:
    """What the specifications of a cohort work on; the last four are None for tables of counts.

    ``cells``: labels with donor and condition (:func:`tilt.donors.units.labelled_cells`);
    ``scores``: cell, tph_score, th22_score.
    """
    if cells is not None:
        working = cells[composition.denominator_masks(cells)[imbalance.WORKING_SET]]
        cells = working[["donor", "condition"]].join(scores.set_index("cell"))
    return specifications.Cohort(
        donors,
        tests,
        limits,
        counted,
        signatures,
        bulk,
        cells,
        detectability,
        plan.strata_of(donors, tests.contrast),
    )
