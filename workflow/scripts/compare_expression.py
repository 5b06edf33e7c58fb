"""Test differential expression between donors in one group of cells."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.core import tables
    from tilt.donors import units
    from tilt.stats import expression, plan

    everyone = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    donors = plan.arms_of(everyone, snakemake.params.cohort)
    bulk = ad.read_h5ad(snakemake.input.pseudobulk)
    n = int((bulk.obs["subset"] == snakemake.wildcards.subset).sum())
    log.info("%s: %d genes in %d donors", snakemake.wildcards.subset, bulk.n_vars, n)
    tested = expression.test(
        bulk,
        snakemake.wildcards.subset,
        donors,
        plan.contrast_of(snakemake.params.cohort, snakemake.params.min_donors, donors),
        snakemake.params.min_cells,
    )
    tables.write(tested, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
