"""RNA and proteins of the T cells as two modalities of one file (MuData)."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.core import tables
    from tilt.io import modalities, store, tags

    prot = modalities.proteins(
        store.read_slot(snakemake.input.counts, tags.SLOT),
        ad.read_h5ad(snakemake.input.levels),
    )
    with tables.atomic(snakemake.output[0]) as part:
        modalities.write(part, snakemake.input.tcells, prot)
    log.info("%d cells, %d proteins", prot.n_obs, prot.n_vars)


if __name__ == "__main__":
    main(snakemake)
