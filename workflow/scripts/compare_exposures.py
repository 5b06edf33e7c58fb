"""Take the slope of the imbalance on what was measured in each donor."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import units
    from tilt.stats import exposures, plan

    about = snakemake.params.cohort
    donors = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    slopes, lines = exposures.compare(
        donors,
        plan.contrast_of(about, snakemake.params.min_donors, plan.arms_of(donors, about)),
        tables.read(snakemake.input.imbalance),
        about["exposures"],
        about["exposures_all"],
        snakemake.params.permutations,
        snakemake.params.seed,
    )
    log.info("%d of %d slopes estimable", int(slopes["estimable"].sum()), len(slopes))
    tables.write(slopes, snakemake.output[0])
    tables.write(lines, snakemake.output.lines)


if __name__ == "__main__":
    main(snakemake)
