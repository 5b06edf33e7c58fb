"""Estimate the imbalance of every donor three ways and decide, blind, which way leads."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import anndata as ad

from tilt import declared, genes, imbalance, tables

cohort = snakemake.params.cohort
donors = declared.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
given = snakemake.input.get
bulk = ad.read_h5ad(given("pseudobulk")) if given("pseudobulk") else None
contrast = declared.contrast_of(cohort, snakemake.params.min_donors, donors)
table, sentence = imbalance.estimate(
    tables.read(snakemake.input.composition),
    bulk,
    donors,
    genes.read_signatures(snakemake.input.signatures),
    declared.limits_of(snakemake.params.limits, cohort),
    tables.read(given("detectability")) if given("detectability") else None,
    declared.strata_of(donors, contrast),
)
tables.write(table, snakemake.output[0])
