"""Sum the counts of each donor's subsets, block by block."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import progress, tables
    from tilt.donors import pseudobulk
    from tilt.io import store as blocks
    from tilt.donors import units

    store = blocks.open_store(snakemake.input.counts)
    labels = tables.read(snakemake.input.labels, columns=pseudobulk.LABELS)
    cells = units.labeled_cells(store.obs, labels, snakemake.params.samples)
    groups, codes = pseudobulk.groups(cells, snakemake.params.min_cells, snakemake.params.min_whole)
    read = progress.watch(blocks.iter_rows(store), store.n_obs, "counts summed")
    parts = ((counts, codes[i : i + counts.shape[0]]) for i, counts in read)
    sums = pseudobulk.sums(parts, len(groups), store.n_vars)
    bulk = pseudobulk.assemble(sums, groups, store.var)
    log.info("%d cells summed into %d groups of %d genes", len(cells), *bulk.shape)
    with tables.atomic(snakemake.output[0]) as part:
        bulk.write_h5ad(part, compression="gzip")


if __name__ == "__main__":
    main(snakemake)
