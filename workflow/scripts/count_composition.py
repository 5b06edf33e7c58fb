"""Count T-cell subsets per donor against every denominator."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import composition
    from tilt.genes import tables as gene_tables
    from tilt.io import store as blocks
    from tilt.donors import units

    donors = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
    store = blocks.open_store(snakemake.input.counts)
    labels = tables.read(snakemake.input.labels)
    cells = units.labeled_cells(store.obs, labels, snakemake.params.samples)
    lineages = tables.read(snakemake.input.lineages)
    lineages["condition"] = lineages["sample"].map(units.conditions(snakemake.params.samples))
    markers = gene_tables.read_markers(snakemake.input.markers)
    scores = None
    if "own_subset" not in labels:  # tilt's own labels lead
        scores = tables.read(snakemake.input.scores).set_index("cell").reindex(cells.index)
    counted = composition.count(cells, markers, donors, snakemake.params.sort, lineages, scores)
    empty = donors.loc[~donors["donor"].isin(cells["donor"]), "donor"]
    log.info("%d T cells of %d donors", len(cells), len(donors) - len(empty))
    if len(empty):
        log.warning("no T cells in donors %s", ", ".join(empty))
    tables.write(counted, snakemake.output[0])
    tables.write(composition.confusion(cells, markers, scores), snakemake.output.confusion)
    tables.write(composition.count_known(cells, donors), snakemake.output.known)


if __name__ == "__main__":
    main(snakemake)
