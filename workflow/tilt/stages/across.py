"""What is done over all cohorts: every donor counted once, effects combined."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from tilt.core import text
from tilt.donors import units
from tilt.stages import comparison
from tilt.stats import meta, plan


def counted_once(
    cohorts: Sequence[Mapping],
    read: Callable[[str, str], pd.DataFrame | None],
    stats: Mapping,
    seed: int,
) -> pd.DataFrame:
    """Tests of all cohorts; those of a cohort that shares donors with an earlier one without them.

    Parameters
    ----------
    cohorts
        Settings of each cohort (name, samples, contrast, imbalance, ...).
    read
        Gives a table (tests, composition, imbalance, activity) of a cohort, None if it has none.
    stats
        The ``stats`` part of the configuration.
    seed
        Seed of permutations and bootstrap.

    Returns
    -------
    Rows as of :func:`tilt.stats.contrast.run`; ``reason`` says how many donors were left out.
    """
    donors = {c["name"]: units.donors_table(c["samples"], c["name"]) for c in cohorts}
    repeated = meta.repeated_donors(donors)
    tested = []
    for about in cohorts:
        name = about["name"]
        gone, table = repeated[name], read(name, "tests")
        if not gone:
            tested.append(table)
            continue
        if set(gone) >= set(donors[name]["donor"]):
            said = "all donors are counted in another cohort"
            tested.append(table.assign(estimable=False, reason=said))
            continue
        left = {
            kind: _without(read(name, kind), gone)
            for kind in ("composition", "imbalance", "activity")
        }
        people = _without(donors[name], gone).reset_index(drop=True)
        table = comparison.compare(
            people,
            plan.plan_of(stats, about, people, seed),
            plan.limits_of(about["imbalance"]),
            left["composition"],
            left["imbalance"],
            left["activity"],
        )
        note = f"{text.count(len(gone), 'donor')} counted in another cohort left out"
        said = table["reason"].fillna("")
        table["reason"] = [f"{reason}; {note}" if reason else note for reason in said]
        tested.append(table)
    return pd.concat(tested, ignore_index=True)


def _without(table: pd.DataFrame | None, donors: Sequence[str]) -> pd.DataFrame | None:
    return None if table is None else table[~table["donor"].isin(donors)]
