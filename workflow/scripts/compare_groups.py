"""Compare further groups of donors, and test the trend over them."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import units
    from tilt.stats import groups, plan

    about = snakemake.params.cohort
    donors = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    arms = plan.arms_of(donors, about)
    found = groups.compare(
        plan.grouped(donors, about),
        plan.plan_of(snakemake.params.stats, about, arms, snakemake.params.seed),
        tables.read(snakemake.input.imbalance),
        about["groups"]["column"],
        [(one["case"], one["control"]) for one in about["contrasts"]],
        about["groups"]["order"],
    )
    log.info("%d of %d comparisons estimable", int(found["estimable"].sum()), len(found))
    tables.write(found, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
