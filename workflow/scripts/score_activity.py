"""Score signatures in the pseudobulk of every donor."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.core import tables
    from tilt.donors import activity
    from tilt.genes import tables as gene_tables
    from tilt.donors import units

    scored = activity.score(
        ad.read_h5ad(snakemake.input.pseudobulk),
        units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort),
        gene_tables.read_signatures(snakemake.input.signatures),
        snakemake.params.subsets,
        snakemake.params.sets,
        snakemake.params.min_cells,
        snakemake.params.min_genes,
    )
    log.info("%d of %d values estimable", int(scored["estimable"].sum()), len(scored))
    tables.write(scored, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
