"""Labels, scores and states of a cohort's T cells; blind to the condition."""

from tilt.core import logs


def main(snakemake) -> None:
    log = logs.begin(snakemake.log[0], snakemake.threads)  # before numpy is imported
    import anndata as ad
    import pandas as pd

    from tilt.core import tables
    from tilt.genes import tables as gene_tables
    from tilt.io import store
    from tilt.labels import annotate
    from tilt.stages import cohort

<<<<<<< HEAD
markers = gene_tables.read_markers(*snakemake.input.markers)
signatures = gene_tables.read_signatures(snakemake.input.signatures)
stats = tables.read(snakemake.input.hvg).fillna({"excluded": ""}).set_index("gene")
seed = snakemake.params.seed
cells = store.select_genes(
    store.open_store(snakemake.input.counts), annotate.panel(stats, markers, signatures, seed)
)
author = cells.obs.get("author_label", pd.Series("", index=cells.obs_names))
cells.obs = cells.obs[["donor", "n_counts"]]
log.info("%d cells, %d genes of interest", *cells.shape)
embedding = ad.read_h5ad(snakemake.input.embedding).obsm["X_harmony"]
found = annotate.label(cells, embedding, markers, signatures, seed, branch=snakemake.params.branch)
log.info("cells per subset: %s", found.labels["subset"].value_counts().to_dict())
labels, meant, truth = found.labels, None, None
if snakemake.params.label_map:
    meant = author_labels.translate(author, snakemake.params.label_map, markers)
    if snakemake.params.labels_lead:
        labels = author_labels.lead(found.labels, meant, markers)
    truth = label_quality.of_t_cells(author_labels.by_level(found.labels, meant, markers), markers)
compared, pairs = author_labels.compare(author, found.labels, meant, markers)
tables.write(labels, snakemake.output.labels)
tables.write(compared, snakemake.output.agreement)
tables.write(pairs, snakemake.output.confusion)
tables.write(found.scores, snakemake.output.scores)
tables.write(found.markers_found, snakemake.output.found)
best = label_quality.likeliest(found.labels, found.scores, markers)
tables.write(label_quality.histograms(found.labels, best), snakemake.output.sure)
tables.write(label_quality.coverage(found.labels, best, truth), snakemake.output.coverage)
expression = annotate.marker_expression(cells, labels, markers)
tables.write(expression, snakemake.output.expression)
tables.write(annotate.detectability(cells, labels), snakemake.output.detectability)
=======
    params = snakemake.params
    markers = gene_tables.read_markers(snakemake.input.markers[0])
    signatures = gene_tables.read_signatures(snakemake.input.signatures)
    stats = tables.read(snakemake.input.hvg).fillna({"excluded": ""}).set_index("gene")
    panel = annotate.panel(stats, markers, signatures, params.seed)
    cells = store.select_genes(store.open_store(snakemake.input.counts), panel)
    author = cells.obs.get("author_label", pd.Series("", index=cells.obs_names))
    cells.obs = cells.obs[["donor", "n_counts"]]
    log.info("%d cells, %d genes of interest", *cells.shape)
    embedding = ad.read_h5ad(snakemake.input.embedding).obsm["X_harmony"]
    found = annotate.label(cells, embedding, markers, signatures, params.seed, branch=params.branch)
    log.info("cells per subset: %s", found.labels["subset"].value_counts().to_dict())
    made = cohort.label_tables(found, cells, author, markers, params.label_map, params.labels_lead)
    for name, table in made.items():
        tables.write(table, snakemake.output[name])


if __name__ == "__main__":
    main(snakemake)
>>>>>>> main
