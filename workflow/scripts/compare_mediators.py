"""How the imbalance of donors goes with interferon, AHR and JUN."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import units
    from tilt.stats import mediators, plan

    settings = snakemake.params.stats
    everyone = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    donors = plan.arms_of(everyone, snakemake.params.cohort)
    found = mediators.compare(
        donors,
        plan.plan_of(settings, snakemake.params.cohort, donors, snakemake.params.seed),
        tables.read(snakemake.input.imbalance),
        tables.read(snakemake.input.activity),
        settings["mediators"],
        settings["handling_sets"],
    )
    log.info("%d of %d rows estimable", int(found["estimable"].sum()), len(found))
    tables.write(found, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
