"""Activity of transcription factors: in each donor, between the arms, and from the genes."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.core import tables
    from tilt.donors import factors, units
    from tilt.genes import tables as gene_tables
    from tilt.stats import factors as compared
    from tilt.stats import plan

    params = snakemake.params
    everyone = units.donors_table(params.samples, snakemake.wildcards.cohort)
    donors = plan.arms_of(everyone, params.cohort)
    declared = plan.plan_of(params.stats, params.cohort, donors, params.seed)
    regulon = factors.read_regulon(
        snakemake.input.regulon, gene_tables.read_aliases(snakemake.input.aliases)
    )
    for path, target in zip(snakemake.input.tested, snakemake.output.scored, strict=True):
        tested = tables.read(path).dropna(subset=["gene_symbol", "stat"])
        statistic = tested.set_index("gene_symbol")["stat"].astype(float)
        tables.write(factors.of_statistic(statistic, regulon, params.stats["factors"]), target)
    scored = factors.of_donors(
        ad.read_h5ad(snakemake.input.pseudobulk),
        everyone,
        regulon,
        params.stats["factors"],
        params.min_cells,
        plan.strata_of(everyone, declared.contrast),
    )
    found = compared.compare(donors, declared, scored, regulon.removed)
    log.info("%d of %d factors compared", int(found["estimable"].sum()), len(found))
    tables.write(scored, snakemake.output.activity)
    tables.write(found, snakemake.output.tests)


if __name__ == "__main__":
    main(snakemake)
