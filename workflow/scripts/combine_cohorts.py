"""Combine the effects of all cohorts by random effects, every donor counted once."""

from tilt.core import logs


def main(snakemake) -> None:
    log = logs.begin(snakemake.log[0], snakemake.threads)  # before numpy is imported
    from tilt.core import tables
    from tilt.stages import across
    from tilt.stats import meta

    cohorts = snakemake.params.cohorts
    names = [about["name"] for about in cohorts]
    with_cells = [about["name"] for about in cohorts if about["format"] != "composition_table"]

    def read(cohort, kind):
        having = with_cells if kind == "activity" else names
        if cohort not in having:
            return None
        return tables.read(snakemake.input[kind][having.index(cohort)])

    tested = across.counted_once(cohorts, read, snakemake.params.stats, snakemake.params.seed)
    combined = meta.across(tested, snakemake.params.tau)
    log.info("%d cohorts, %d rows", len(cohorts), len(combined))
    tables.write(combined, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
