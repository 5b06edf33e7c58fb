"""Estimate the imbalance of every donor in all ways and decide, blind, which way leads."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.core import tables
    from tilt.donors import imbalance, protein_axis, units
    from tilt.genes import tables as gene_tables
    from tilt.stats import plan

    cohort = snakemake.params.cohort
    donors = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    given = snakemake.input.get
    bulk = ad.read_h5ad(given("pseudobulk")) if given("pseudobulk") else None
    arms = plan.arms_of(donors, cohort)
    contrast = plan.contrast_of(cohort, snakemake.params.min_donors, arms)
    settings = plan.imbalance_settings(cohort["imbalance"])
    table, _ = imbalance.estimate(
        tables.read(snakemake.input.composition),
        bulk,
        donors,
        gene_tables.read_signatures(snakemake.input.signatures),
        settings,
        tables.read(given("detectability")) if given("detectability") else None,
        plan.strata_of(donors, contrast),
    )
    if given("proteins"):
        proteins = tables.read(given("proteins"))
        table = protein_axis.beside(table, proteins, settings.min_memory_cells)
    tables.write(table, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
