"""Labels, scores and states of a cohort's T cells; blind to the condition."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad
    import pandas as pd

    from tilt.core import tables
    from tilt.genes import tables as gene_tables
    from tilt.io import store
    from tilt.labels import annotate, protein, receptors
    from tilt.stages import cohort

    params = snakemake.params
    markers = gene_tables.read_markers(*snakemake.input.markers)
    signatures = gene_tables.read_signatures(snakemake.input.signatures)
    stats = tables.read(snakemake.input.hvg).fillna({"excluded": ""}).set_index("gene")
    panel = annotate.panel(stats, markers, signatures, params.seed)
    cells = store.select_genes(store.open_store(snakemake.input.counts), panel)
    author = cells.obs.get("author_label", pd.Series("", index=cells.obs_names))
    told = None
    if snakemake.input.get("proteins"):
        levels = ad.read_h5ad(snakemake.input.proteins).to_df("log_odds")
        fits = tables.read(snakemake.input.fits)
        told = protein.of_cells(levels, fits, cells.obs["batch"].to_numpy(), markers)
    evidence = told
    if snakemake.input.get("receptors"):
        given = tables.read(snakemake.input.receptors).set_index("cell", drop=False)
        sequenced = receptors.evidence(given.loc[cells.obs_names], markers)
        evidence = sequenced if told is None else told + sequenced
    cells.obs = cells.obs[["donor", "n_counts"]]
    log.info("%d cells, %d genes of interest", *cells.shape)
    embedding = ad.read_h5ad(snakemake.input.embedding).obsm["X_harmony"]
    asked = (cells, embedding, markers, signatures, params.seed, params.branch)
    found = annotate.label(*asked, evidence)
    alone = annotate.label(*asked) if told is not None else None  # to hold against the tags
    log.info("cells per subset: %s", found.labels["subset"].value_counts().to_dict())
    made = cohort.label_tables(
        found, cells, author, markers, params.label_map, params.labels_lead, alone, told
    )
    for name, table in made.items():
        tables.write(table, snakemake.output[name])


if __name__ == "__main__":
    main(snakemake)
