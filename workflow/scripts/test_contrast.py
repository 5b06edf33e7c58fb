"""Compare the arms of a cohort in everything that was measured per donor."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from tilt.core import tables
from tilt.core.terms import PRIMARY, POLE_FLAGS
from tilt.donors import imbalance
from tilt.donors import units
from tilt.stats import contrast, null_effects, plan as declared

cohort, settings = snakemake.params.cohort, snakemake.params.stats
donors = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
composition = tables.read(snakemake.input.composition)
plan = declared.plan_of(settings, cohort, donors, snakemake.params.seed)
limits = declared.limits_of(snakemake.params.limits, cohort)
given = snakemake.input.get
imbalances = tables.read(snakemake.input.imbalance)
tests = contrast.run(
    donors,
    plan,
    composition,
    imbalances,
    tables.read(given("activity")) if given("activity") else None,
    {
        "E1": imbalance.pole_counts(composition, limits.poles),
        "E2": imbalance.pole_counts(composition, POLE_FLAGS),
    },
)
for row in tests[tests["role"] == PRIMARY].itertuples():
    said = f"{row.effect:.3g} [{row.ci_low:.3g}, {row.ci_high:.3g}], p {row.p:.3g}"
    log.info("primary: %s: %s", row.quantity, said if row.estimable else row.reason)
tables.write(tests, snakemake.output[0])
tables.write(null_effects.histograms(donors, plan, imbalances), snakemake.output.permuted)
