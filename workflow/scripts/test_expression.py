"""Test differential expression between donors in one group of cells."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import anndata as ad

from tilt import declared, expression, tables

donors = declared.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
tested = expression.test(
    ad.read_h5ad(snakemake.input.pseudobulk),
    snakemake.wildcards.subset,
    donors,
    declared.contrast_of(snakemake.params.cohort, snakemake.params.min_donors, donors),
    snakemake.params.min_cells,
    snakemake.threads,
)
tables.write(tested, snakemake.output[0])
