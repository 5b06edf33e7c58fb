"""Score signatures in the pseudobulk of every donor."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import anndata as ad

from tilt import activity, declared, genes, tables

scored = activity.score(
    ad.read_h5ad(snakemake.input.pseudobulk),
    declared.donors_table(snakemake.params.samples, snakemake.wildcards.cohort),
    genes.read_signatures(snakemake.input.signatures),
    snakemake.params.subsets,
    snakemake.params.sets,
    snakemake.params.min_cells,
    snakemake.params.min_genes,
)
log.info("%d of %d values estimable", int(scored["estimable"].sum()), len(scored))
tables.write(scored, snakemake.output[0])
