"""The user's object: T cells with counts, normalized expression, labels, scores and maps."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad
    import numpy as np

    from tilt.cells import normalize
    from tilt.core import tables
    from tilt.figures import names
    from tilt.io import store, tags
    from tilt.stages import tcells

    counts = store.open_store(snakemake.input.counts)
    chosen = tables.read(snakemake.input.hvg)["highly_variable"].to_numpy(bool)
    embedding = ad.read_h5ad(snakemake.input.embedding)
    kinds = ["labels", "clusters", "scores"]
    kinds += ["receptors"] if snakemake.input.get("receptors") else []
    obs = tcells.observations(
        counts.obs,
        snakemake.params.samples,
        {kind: tables.read(snakemake.input[kind]) for kind in kinds},
    )
    umap = tables.read(snakemake.input.umap, columns=["cell", "umap1", "umap2"])
    umap = umap.set_index("cell").loc[obs.index]
    obsm = {name: embedding.obsm[name] for name in ("X_pca", "X_harmony")}
    slots = {
        "obs": obs,
        "var": tcells.genes(counts.var, chosen),
        "obsm": obsm | {"X_umap": umap.to_numpy(np.float32)},
        "varm": tcells.loadings(embedding.uns, chosen),
        "obsp": dict(embedding.obsp),
        "uns": tcells.notes(
            obs,
            embedding.uns,
            names.CohortLabel(**snakemake.params.cohort),
            snakemake.params.min_dist,
            snakemake.params.config,
            tables.read(snakemake.input.inputs),
        ),
    }
    if snakemake.input.get("proteins"):
        slots["obsm"] |= tcells.proteins(
            store.read_slot(snakemake.input.counts, tags.SLOT),
            ad.read_h5ad(snakemake.input.proteins),
        )
    n_counts = counts.obs["n_counts"].to_numpy()
    target = snakemake.params.target_sum
    with tables.atomic(snakemake.output[0]) as part:
        store.write_h5ad(
            part,
            counts,
            lambda block, rows: normalize.log_normalized(block, n_counts[rows], target),
            slots,
        )
    log.info("%d cells, %d subsets", len(obs), obs["subset"].nunique())


if __name__ == "__main__":
    main(snakemake)
