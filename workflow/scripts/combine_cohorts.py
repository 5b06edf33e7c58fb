"""Combine the effects of all cohorts by random effects, every donor counted once."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import pandas as pd

from tilt.core import tables, text
from tilt.core.terms import POLE_FLAGS
from tilt.donors import imbalance
from tilt.donors import units
from tilt.stats import contrast, meta, plan as declared

cohorts = snakemake.params.cohorts
donors = {c["name"]: units.donors_table(c["samples"], c["name"]) for c in cohorts}
repeated = meta.repeated_donors(donors)
tested = []
for i, cohort in enumerate(cohorts):
    gone = repeated[cohort["name"]]
    if not gone:
        tested.append(tables.read(snakemake.input.tests[i]))
        continue

    table = tables.read(snakemake.input.tests[i])
    if set(gone) >= set(donors[cohort["name"]]["donor"]):
        said = "all donors are counted in another cohort"
        tested.append(table.assign(estimable=False, reason=said))
        continue

    def once(path, gone=gone):
        table = tables.read(path)
        return table[~table["donor"].isin(gone)]

    people = donors[cohort["name"]]
    people = people[~people["donor"].isin(gone)].reset_index(drop=True)
    plan = declared.plan_of(snakemake.params.stats, cohort, people, snakemake.params.seed)
    limits = declared.limits_of(snakemake.params.limits, cohort)
    counted = once(snakemake.input.composition[i])
    activity = [f for f in snakemake.input.activity if f.split("/")[-2] == cohort["name"]]
    table = contrast.run(
        people,
        plan,
        counted,
        once(snakemake.input.imbalance[i]),
        once(activity[0]) if activity else None,
        {
            "E1": imbalance.pole_counts(counted, limits.poles),
            "E2": imbalance.pole_counts(counted, POLE_FLAGS),
        },
    )
    note = f"{text.count(len(gone), 'donor')} counted in another cohort left out"
    table["reason"] = [f"{said}; {note}" if said else note for said in table["reason"].fillna("")]
    tested.append(table)
combined = meta.across(pd.concat(tested, ignore_index=True), snakemake.params.tau)
log.info("%d cohorts, %d rows", len(cohorts), len(combined))
tables.write(combined, snakemake.output[0])
