"""Variable genes of a cohort's T cells, without the excluded lists."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import numpy as np
    import pandas as pd

    from tilt.cells import normalize
    from tilt.core import progress, tables
    from tilt.genes import tables as gene_tables
    from tilt.io import store as blocks

    store = blocks.open_store(snakemake.input.counts)
    batch = pd.Categorical(store.obs["batch"].astype(str)).codes.astype(int)
    found = normalize.moments(
        progress.watch(blocks.iter_rows(store), store.n_obs, "moments of genes"),
        store.obs["n_counts"].to_numpy(),
        batch,
        snakemake.params.target_sum,
    )
    excluded = gene_tables.excluded(
        store.var["gene_symbol"], gene_tables.read_excluded(snakemake.input.excluded)
    )
    excluded = np.asarray(excluded, dtype=str)
    table = normalize.variable_genes(found, excluded != "", snakemake.params.n_hvgs)
    table.insert(0, "gene", store.var_names)
    table.insert(1, "gene_symbol", store.var["gene_symbol"].to_numpy())
    table.insert(5, "excluded", excluded)
    log.info("%d genes chosen, %d excluded", table["highly_variable"].sum(), (excluded != "").sum())
    tables.write(table, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
