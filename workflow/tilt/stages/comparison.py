"""What is done with the donors of one cohort: the arms compared, in the main and in other ways."""

import anndata as ad
import pandas as pd

from tilt.cells import groups
from tilt.core.terms import POLE_FLAGS, UNIT_KEY
from tilt.donors import imbalance
from tilt.stats import contrast, plan, specifications


def compare(
    donors: pd.DataFrame,
    tests: contrast.Plan,
    settings: imbalance.Settings,
    counted: pd.DataFrame,
    imbalances: pd.DataFrame,
    activity: pd.DataFrame | None,
) -> pd.DataFrame:
    """Tests of everything that was measured per donor (:func:`tilt.stats.contrast.run`)."""
    poles = {
        "E1": imbalance.pole_counts(counted, settings.poles),
        "E2": imbalance.pole_counts(counted, POLE_FLAGS),
    }
    return contrast.run(donors, tests, counted, imbalances, activity, poles)


def study(
    donors: pd.DataFrame,
    tests: contrast.Plan,
    settings: imbalance.Settings,
    counted: pd.DataFrame,
    signatures: pd.DataFrame,
    bulk: ad.AnnData | None = None,
    detectability: pd.DataFrame | None = None,
    cells: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
    everyone: pd.DataFrame | None = None,
) -> specifications.CohortInputs:
    """What the specifications of a cohort work on.

    ``bulk`` to ``scores`` are None for tables of counts. ``cells``: labels with donor and condition
    (:func:`tilt.donors.units.labeled_cells`); ``scores``: cell, tph_score, th22_score.
    ``everyone``: donors with those of groups that are not compared here, where there are any; they
    were measured together.
    """
    if cells is not None and scores is not None:
        working = cells[groups.working_set(cells)]
        cells = working[UNIT_KEY].join(scores.set_index("cell"))
    return specifications.CohortInputs(
        donors,
        tests,
        settings,
        counted,
        signatures,
        bulk,
        cells,
        detectability,
        plan.strata_of(donors if everyone is None else everyone, tests.contrast),
    )
