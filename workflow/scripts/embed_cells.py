"""PCA, Harmony and the graph of nearest cells of a cohort's T cells."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad
    import numpy as np

    from tilt.cells import embed, embed_gpu
    from tilt.core import tables
    from tilt.io import store as blocks

    store = blocks.open_store(snakemake.input.counts)
    hvg = tables.read(snakemake.input.hvg).set_index("gene")["highly_variable"]
    chosen = blocks.select_genes(store, hvg.index[hvg.to_numpy(bool)])
    scores, loadings, share = embed.pca(
        chosen.X,
        store.obs["n_counts"].to_numpy(),
        snakemake.params.n_pcs,
        snakemake.params.target_sum,
        snakemake.params.seed,
    )
    del chosen
    cells = ad.AnnData(obs=store.obs[["donor", "batch"]])
    cells.obsm["X_pca"] = cells.obsm["X_harmony"] = scores
    cells.uns["pca_variance"] = scores.var(axis=0, ddof=1, dtype=np.float64)
    cells.uns["pca_variance_ratio"] = share
    cells.uns["pca_loadings"] = loadings.astype(np.float32)  # of the variable genes
    if snakemake.params.harmony:
        log.info("Harmony over %d batches", store.obs["batch"].nunique())
        cells.obsm["X_harmony"] = embed.harmony(scores, store.obs["batch"], snakemake.params.seed)
    log.info("graph of the nearest of %d cells", cells.n_obs)
    graph = embed_gpu.graph if snakemake.params.device == "gpu" else embed.graph
    graph(cells, snakemake.params.n_neighbors, snakemake.threads)
    with tables.atomic(snakemake.output[0]) as part:
        cells.write_h5ad(part)


if __name__ == "__main__":
    main(snakemake)
