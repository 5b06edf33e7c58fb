"""Cells of both poles by their proteins in each donor, and what labels show of each protein."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.core import tables
    from tilt.donors import protein_axis, units
    from tilt.genes import tables as gene_tables
    from tilt.labels import protein

    levels = ad.read_h5ad(snakemake.input.levels)
    labels = tables.read(snakemake.input.labels)
    samples = snakemake.params.samples
    cells = units.labeled_cells(levels.obs, labels, samples)
    donors = units.donors_table(samples, snakemake.wildcards.cohort)
    counts = protein_axis.counts(levels.to_df("aligned"), cells, donors)
    tables.write(counts, snakemake.output.counts)
    markers = gene_tables.read_markers(*snakemake.input.markers)
    shown = protein.shown(levels.to_df("aligned"), levels.to_df("log_odds"), cells, markers)
    tables.write(shown, snakemake.output.evidence)


if __name__ == "__main__":
    main(snakemake)
