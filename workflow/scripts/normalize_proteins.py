"""Antibody tags of a cohort's T cells: normalized, and told from the background of their batch."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.cells import proteins
    from tilt.core import tables
    from tilt.io import droplets, store, tags

    cohort = snakemake.wildcards.cohort
    obs = store.open_store(snakemake.input.counts).obs
    found = store.read_slot(snakemake.input.counts, tags.SLOT)
    counts = proteins.require(found, obs["sample"], cohort)
    over = None
    if empty := snakemake.input.get("empty"):
        given = (counts, obs["sample"], tables.read(empty), droplets.PSEUDOCOUNT)
        over = proteins.over_droplets(*given)
    levels = proteins.levels(counts, obs["batch"].to_numpy(), cohort, snakemake.params.seed, over)
    tables.write(levels.fits, snakemake.output.fits)
    with tables.atomic(snakemake.output.levels) as part:
        proteins.as_anndata(levels, obs).write_h5ad(part)
    log.info("%d cells, %d proteins", *counts.shape)


if __name__ == "__main__":
    main(snakemake)
