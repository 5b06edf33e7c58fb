"""What is done with the donors of one cohort: the arms compared, in the main and in other ways."""

from typing import TYPE_CHECKING

import pandas as pd

from tilt.cells import groups
from tilt.core.terms import POLE_FLAGS, PROTEIN_AXIS, UNIT_KEY, WORKING_SET
from tilt.donors import composition, imbalance, units
from tilt.stats import contrast, corrected, plan, specifications

if TYPE_CHECKING:
    import anndata as ad


def compare(
    donors: pd.DataFrame,
    tests: contrast.Plan,
    settings: imbalance.Settings,
    counted: pd.DataFrame,
    imbalances: pd.DataFrame,
    activity: pd.DataFrame | None,
    confusion: pd.DataFrame | None = None,
    proteins: pd.DataFrame | None = None,
    clones: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Tests of everything that was measured per donor (:func:`tilt.stats.contrast.run`).

    ``confusion``: expected_confusion.tsv; None for tables of counts, whose labels are not tilt's.
    ``proteins``: cells of both poles by their proteins, in cohorts with antibody tags.
    ``clones``: measures of clones by donor and subset, in cohorts with receptors.
    """
    poles = {
        "E1": imbalance.pole_counts(counted, settings.poles),
        "E2": imbalance.pole_counts(counted, POLE_FLAGS),
    }
    if proteins is not None:
        poles[PROTEIN_AXIS] = proteins
    mistakes = None if confusion is None else corrected.mistakes(confusion, settings.poles)
    return contrast.run(donors, tests, counted, imbalances, activity, poles, mistakes, clones)


def study(
    donors: pd.DataFrame,
    tests: contrast.Plan,
    settings: imbalance.Settings,
    counted: pd.DataFrame,
    signatures: pd.DataFrame,
    bulk: "ad.AnnData | None" = None,
    detectability: pd.DataFrame | None = None,
    cells: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
    markers: pd.DataFrame | None = None,
    everyone: pd.DataFrame | None = None,
    proteins: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> specifications.CohortInputs:
    """What the specifications of a cohort work on.

    ``bulk`` to ``markers`` are None for tables of counts. ``cells``: labels with donor and
    condition (:func:`tilt.donors.units.labeled_cells`); ``scores``: cell, tph_score, th22_score,
    and the probability of labels of ``markers``. ``everyone``: donors with those of groups that
    are not compared here, where there are any; they were measured together. ``proteins``:
    protein_counts.tsv, and levels above background (cells x proteins) in the order of ``cells``.
    """
    shares = gated = None
    if proteins is not None and cells is not None:
        counts, levels = proteins
        inside = groups.working_set(cells)
        memory = cells.loc[inside, UNIT_KEY].join(levels.loc[inside])
        gated = specifications.Proteins(units.rows_of(counts, donors), memory)
    if cells is not None and scores is not None:
        probable = []
        if markers is not None and "own_subset" not in cells:  # tilt's own labels lead
            share = markers.set_index("label")["share"]
            probable = [name for name in scores if name in share]
            memory = composition.labels_of(markers, WORKING_SET)
            shares = share[[name for name in memory if name in probable]]
        working = cells[groups.working_set(cells)]
        wanted = ["tph_score", "th22_score", *probable]
        cells = working[UNIT_KEY].join(scores.set_index("cell")[wanted])
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
        shares,
        gated,
    )
