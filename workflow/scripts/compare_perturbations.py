"""Which responses to perturbations lie along the imbalance of donors, beside random sets."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.core import tables
    from tilt.donors import activity, units
    from tilt.genes import responses
    from tilt.genes import tables as gene_tables
    from tilt.stats import perturbations, plan

    params = snakemake.params
    everyone = units.donors_table(params.samples, snakemake.wildcards.cohort)
    donors = plan.arms_of(everyone, params.cohort)
    declared = plan.plan_of(params.stats, params.cohort, donors, params.seed)
    signatures = gene_tables.read_signatures(snakemake.input.signatures)
    aliases = gene_tables.read_aliases(snakemake.input.aliases)
    found, nulls = perturbations.compare(
        ad.read_h5ad(snakemake.input.pseudobulk),
        donors,
        declared,
        tables.read(snakemake.input.imbalance),
        responses.read(snakemake.input.responses, aliases),
        activity.outcome_genes(signatures),
        params.min_cells,
        params.stats["random_sets"],
        plan.strata_of(everyone, declared.contrast),
    )
    log.info("%d of %d perturbations compared", int(found["estimable"].sum()), len(found))
    tables.write(found, snakemake.output[0])
    tables.write(nulls, snakemake.output.nulls)


if __name__ == "__main__":
    main(snakemake)
