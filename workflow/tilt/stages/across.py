"""All cohorts together: every donor counted once, tests and donors ready to be combined."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tilt.core.terms import MAIN_METHODS, POLE_FLAGS, WORKING_SET
from tilt.core.text import count
from tilt.donors import composition, units
from tilt.donors.imbalance import pole_counts
from tilt.stats import combined, contrast, meta, meta_table, methods, plan


@dataclass
class Study:
    """Tables of one cohort as its rules wrote them, and what was declared for it."""

    about: Mapping  # settings of the cohort file, ``samples`` the rows of its sheet
    tests: pd.DataFrame
    composition: pd.DataFrame
    imbalance: pd.DataFrame
    activity: pd.DataFrame | None = None

    @property
    def name(self) -> str:
        """Name of the cohort."""
        return self.about["name"]


def combine(studies: list[Study], settings: Mapping, seed: int) -> pd.DataFrame:
    """Table meta.tsv of the cohorts, every donor counted once.

    ``settings``: the ``stats`` part of the configuration.
    A cohort that shares donors with a larger one is tested again without them. The ratio is
    combined in all cohorts that have cells of its poles, also where it does not lead.
    """
    people = {
        s.name: plan.arms_of(units.donors_table(s.about["samples"], s.name), s.about)
        for s in studies
    }
    repeated = meta.repeated_donors(people)
    tests = []
    donors: dict[tuple[str, str], dict] = {}
    for study in studies:
        gone = repeated[study.name]
        mine = people[study.name]
        if gone and set(gone) >= set(mine["donor"]):
            said = "all donors are counted in another cohort"
            tests.append(study.tests.assign(estimable=False, reason=said))
            continue
        mine = mine[~mine["donor"].isin(gone)].reset_index(drop=True)
        designs = contrast.DesignCache(mine, plan.plan_of(settings, study.about, mine, seed))
        study = _without(study, gone)
        counts = _pole_counts(study)
        table = study.tests
        if gone:
            table = contrast.run(
                mine, designs.plan, study.composition, study.imbalance, study.activity, counts
            )
            note = f"{count(len(gone), 'donor')} counted in another cohort left out"
            said = table["reason"].fillna("")
            table["reason"] = [f"{text}; {note}" if text else note for text in said]
        tests.append(_with_ratios(table, designs, counts))
        for key, value in _donors(study, designs).items():
            donors.setdefault(key, {})[study.name] = value
    every = pd.concat(tests, ignore_index=True)
    return meta_table.across(every, settings["tau_scale"], donors)


def _without(study: Study, gone: list[str]) -> Study:
    def left(table: pd.DataFrame | None) -> pd.DataFrame | None:
        return table if table is None else table[~table["donor"].isin(gone)]

    parts = (left(t) for t in (study.composition, study.imbalance, study.activity))
    return Study(study.about, study.tests, *parts)


def _pole_counts(study: Study) -> dict[str, pd.DataFrame]:
    poles = plan.imbalance_settings(study.about["imbalance"]).poles
    return {
        "E1": pole_counts(study.composition, poles),
        "E2": pole_counts(study.composition, POLE_FLAGS),
    }


def _with_ratios(
    tests: pd.DataFrame, designs: contrast.DesignCache, counts: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Tests with the model of the ratio where it was not fitted, its estimator not leading.

    It needs no pseudocount, so donors of few cells do not bias it: all donors enter.
    """
    main = tests[tests["method"].isin(MAIN_METHODS)]
    there = set(tests.loc[tests["method"] == combined.RATIO_MODEL, "quantity"])
    rows = []
    for row in main.itertuples():
        if row.quantity not in counts or row.quantity in there or row.estimable:
            continue
        table = counts[row.quantity]
        if not (table["n_tph"] + table["n_th22"]).any():
            continue
        made = methods.ratio(designs, table)
        why = f"does not lead here ({row.reason}); combined with the other cohorts"
        made["reason"] = "; ".join(text for text in (made["reason"], why) if text)
        named = {"quantity": row.quantity, "denominator": row.denominator, "cohort": row.cohort}
        rows.append(made | named | {"contrast": row.contrast, "role": "sensitivity"})
    if not rows:
        return tests
    more = pd.DataFrame(rows).reindex(columns=tests.columns)
    return pd.concat([tests.astype(object), more.astype(object)], ignore_index=True)


def _donors(study: Study, designs: contrast.DesignCache) -> dict[tuple[str, str], tuple]:
    """Outcome and design of the donors for the estimators and the declared quantities."""
    tables = {}
    for estimator, rows in study.imbalance.groupby("estimator"):
        tables[estimator, WORKING_SET] = rows[rows["estimable"]]
    wanted = {*designs.plan.secondary, designs.plan.primary}
    for (home, subset), rows in study.composition.groupby(["denominator", "subset"]):
        if (subset, home) in wanted:
            rows = rows[rows["n_denominator"] > 0]
            shares = composition.arcsine(rows["n"], rows["n_denominator"])
            tables[subset, home] = rows.assign(value=shares)
    if study.activity is not None:
        for (home, name), rows in study.activity.groupby(["subset", "signature"]):
            if (name, home) in wanted:
                tables[name, home] = rows[rows["estimable"]]
    found = {key: _outcome(designs, table) for key, table in tables.items() if len(table)}
    return {key: value for key, value in found.items() if value is not None}


def _outcome(
    designs: contrast.DesignCache, table: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray] | None:
    """Values and design (condition last), weighted; of pairs their differences."""
    table = table.reset_index(drop=True).assign(estimable=True, reason="")
    found = contrast.of_values(designs, table, "")
    if found.problem:
        return None
    return found.scaled, found.matrix * found.root[:, None]
