"""Labels, scores and states of a cohort's T cells; blind to the condition."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import anndata as ad

from tilt import annotate, blocks, genes, tables

markers = genes.read_markers(snakemake.input.markers[0])
signatures = genes.read_signatures(snakemake.input.signatures)
stats = tables.read(snakemake.input.hvg).fillna({"excluded": ""}).set_index("gene")
seed = snakemake.params.seed
cells = blocks.select_genes(
    blocks.open_store(snakemake.input.counts), annotate.panel(stats, markers, signatures, seed)
)
cells.obs = cells.obs[["donor", "n_counts"]]
log.info("%d cells, %d genes of interest", *cells.shape)
embedding = ad.read_h5ad(snakemake.input.embedding).obsm["X_harmony"]
found = annotate.label(cells, embedding, markers, signatures, seed, branch=snakemake.params.branch)
log.info("cells per subset: %s", found.labels["subset"].value_counts().to_dict())
tables.write(found.labels, snakemake.output.labels)
tables.write(found.scores, snakemake.output.scores)
tables.write(found.markers_found, snakemake.output.found)
expression = annotate.marker_expression(cells, found.labels, markers)
tables.write(expression, snakemake.output.expression)
tables.write(annotate.detectability(cells, found.labels), snakemake.output.detectability)
