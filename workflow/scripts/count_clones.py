"""Clones of each donor and subset: expansion, inequality, sharing; at a common number of cells."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import clones, units
    from tilt.genes import tables as gene_tables
    from tilt.io import store

    samples = snakemake.params.samples
    obs = store.open_store(snakemake.input.counts).obs
    cells = units.labeled_cells(obs, tables.read(snakemake.input.labels), samples)
    receptors = tables.read(snakemake.input.receptors).set_index("cell").loc[cells.index]
    markers = gene_tables.read_markers(*snakemake.input.markers)
    called = [name for name in markers["label"] if (cells["subset"] == name).any()]
    donors = units.donors_table(samples, snakemake.wildcards.cohort)
    found = clones.measure(cells, receptors, donors, called, snakemake.params.seed)
    tables.write(found, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
