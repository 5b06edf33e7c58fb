"""Compare the arms of a cohort in everything that was measured per donor."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.core.terms import PRIMARY
    from tilt.donors import units
    from tilt.stages import comparison
    from tilt.stats import contrast, null_effects, plan

    about, given = snakemake.params.cohort, snakemake.input.get
    everyone = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    donors = plan.arms_of(everyone, snakemake.params.cohort)
    planned = plan.plan_of(snakemake.params.stats, about, donors, snakemake.params.seed)
    imbalances = tables.read(snakemake.input.imbalance)
    tests = comparison.compare(
        donors,
        planned,
        plan.imbalance_settings(about["imbalance"]),
        tables.read(snakemake.input.composition),
        imbalances,
        tables.read(given("activity")) if given("activity") else None,
        tables.read(given("confusion")) if given("confusion") else None,
        tables.read(given("proteins")) if given("proteins") else None,
        tables.read(given("clones")) if given("clones") else None,
    )
    for row in tests[tests["role"] == PRIMARY].itertuples():
        said = f"{row.effect:.3g} [{row.ci_low:.3g}, {row.ci_high:.3g}], p {row.p:.3g}"
        log.info("primary: %s: %s", row.quantity, said if row.estimable else row.reason)
    main_rows = contrast.main_rows(tests)
    tables.write(tests[main_rows], snakemake.output[0])
    tables.write(tests[~main_rows], snakemake.output.methods)
    permuted = null_effects.histograms(donors, planned, imbalances)
    tables.write(permuted, snakemake.output.permuted)


if __name__ == "__main__":
    main(snakemake)
