"""From what the user declares (plain dicts and rows of text) to what the statistics need."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from tilt.core.terms import GROUPS, TABLE_DENOMINATOR, UNIT_KEY
from tilt.donors import imbalance
from tilt.stats import contrast, design


def contrast_of(cohort: Mapping, min_donors: int, donors: pd.DataFrame) -> design.Contrast:
    """The contrast of a cohort file; a stratum of pairs (one case, one control) pairs donors."""
    declared = cohort["contrast"]
    made = design.Contrast(
        declared["case"],
        declared["control"],
        tuple(cohort.get("covariates") or ()),
        tuple(cohort.get("strata") or ()),
        "donor" if declared.get("paired") else "",
        min_donors,
    )
    if made.pair:
        return made
    pair = design.pair_column(donors, made)
    if not pair:
        return made
    return replace(made, pair=pair, strata=tuple(s for s in made.strata if s != pair))


def arms_of(donors: pd.DataFrame, cohort: Mapping) -> pd.DataFrame:
    """Donors of the two conditions that the cohort compares; of other groups it may have more."""
    declared = cohort["contrast"]
    inside = donors["condition"].isin([declared["case"], declared["control"]])
    return donors if inside.all() else donors[inside].reset_index(drop=True)


def grouped(donors: pd.DataFrame, cohort: Mapping) -> pd.DataFrame:
    """Donors of whom further groups are made, each once: later visits are units of their own."""
    if cohort["groups"]["column"] == "condition":
        return donors  # a later visit is no group that can be named
    return arms_of(donors, cohort)


def imbalance_settings(settings: Mapping) -> imbalance.Settings:
    """Limits of the estimators from the ``imbalance`` settings of a cohort."""
    poles = {pole: tuple(labels) for pole, labels in settings["poles"].items()}
    return imbalance.Settings(**{**settings, "poles": poles})


def plan_of(settings: Mapping, cohort: Mapping, donors: pd.DataFrame, seed: int) -> contrast.Plan:
    """Tests of a cohort from the ``stats`` part of the configuration and its cohort file.

    A composition-table cohort has its own primary and secondary columns.
    """
    secondary = tuple((e["quantity"], e["denominator"]) for e in settings["secondary"])
    primary = None
    if cohort["format"] == "composition_table":
        own = cohort.get("composition") or {}
        home = own.get("denominator") or TABLE_DENOMINATOR
        secondary = tuple((name, home) for name in own.get("secondary") or ())
        primary = (own["primary"], home) if own.get("primary") else None
    elif cohort.get("cells") == "cd4":  # no other T cells were sorted: not part of the family
        secondary = tuple(s for s in secondary if s[1] in GROUPS[:2])
    return contrast.Plan(
        contrast_of(cohort, settings["min_donors"], donors),
        secondary,
        primary,
        settings["permutations"],
        settings["bootstraps"],
        seed,
        tuple(settings.get("smallest_effect", {}).items()),
    )


def strata_of(donors: pd.DataFrame, declared: design.Contrast) -> pd.DataFrame | None:
    """Strata of every unit, indexed by (donor, condition), for standardizing genes."""
    names = [s for s in declared.strata if s in donors]
    if not names:
        return None
    return donors[names].set_axis(pd.MultiIndex.from_frame(donors[UNIT_KEY]))
