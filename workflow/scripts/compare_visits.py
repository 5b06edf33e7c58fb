"""Compare later visits of donors with the first one."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import units
    from tilt.stats import plan, visits

    about = snakemake.params.cohort
    donors = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    arms = plan.arms_of(donors, about)
    found = visits.compare(
        donors,
        plan.plan_of(snakemake.params.stats, about, arms, snakemake.params.seed),
        tables.read(snakemake.input.imbalance),
        about["visits"]["order"],
    )
    log.info("%d of %d changes estimable", int(found["estimable"].sum()), len(found))
    tables.write(found, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
