"""Count T-cell subsets per donor against every denominator."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from tilt import blocks, composition, declared, genes, tables

donors = declared.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
store = blocks.open_store(snakemake.input.counts)
labels = tables.read(snakemake.input.labels)
cells = declared.labelled_cells(store.obs, labels, snakemake.params.samples)
lineages = tables.read(snakemake.input.lineages)
lineages["condition"] = lineages["sample"].map(declared.conditions(snakemake.params.samples))
markers = genes.read_markers(snakemake.input.markers)
counted = composition.count(cells, markers, donors, snakemake.params.sort, lineages)
empty = donors.loc[~donors["donor"].isin(cells["donor"]), "donor"]
log.info("%d T cells of %d donors", len(cells), len(donors) - len(empty))
if len(empty):
    log.warning("no T cells in donors %s", ", ".join(empty))
tables.write(counted, snakemake.output[0])
