"""The steps measured by scanpy_parts.py: each as tilt computes it and as scanpy does.

A step is given the folder of inputs and a clock; it says when imports (import_s), reading that all
ways share (read_s), reading and earlier steps that only this way needs apart (load_s), the step
itself (work_s) and comparisons (compared) are over, and gives a word on agreement. Imports stand
inside the functions, so that no process imports what it does not use.
"""

from pathlib import Path

TARGET, N_GENES, N_PCS, N_NEIGHBORS, SEED = 1e4, 2_000, 30, 15, 1
RESOLUTIONS = [0.5, 1.0, 2.0]


def open_inputs(folder: Path):
    import numpy as np
    from tilt.io import store as blocks

    return blocks.open_store(folder / "counts.zarr"), np.load(folder / "n_counts.npy")


def by_sample(store):
    """Rows of each sample: its cells lie together."""
    import numpy as np

    name = store.obs["sample"].astype(str).to_numpy()
    ends = np.flatnonzero(np.r_[name[1:] != name[:-1], True]) + 1
    return zip(np.r_[0, ends[:-1]], ends, strict=True)


def in_memory(store):
    """The whole store as an AnnData."""
    import anndata as ad

    return ad.AnnData(store.rows(0, store.n_obs), obs=store.obs.copy(), var=store.var.copy())


def lazy(folder: Path, store):
    """The same with counts as a dask array of blocks of 5,000 cells."""
    import anndata as ad
    import dask
    import zarr

    dask.config.set(scheduler="synchronous")
    root = zarr.open_group(folder / "counts.zarr", mode="r")
    counts = ad.experimental.read_elem_lazy(root["X"], chunks=(5_000, store.n_vars))
    return ad.AnnData(counts, obs=store.obs.copy(), var=store.var.copy())


def qc_tilt(folder, clock):
    from tilt.cells import qc

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    for start, stop in by_sample(store):
        counts = store.rows(start, stop)
        clock.lap("read_s")
        qc.metrics(counts, store.var["gene_symbol"])
        clock.lap("work_s")
    return ""


def qc_scanpy(folder, clock):
    import anndata as ad
    import numpy as np
    import scanpy as sc
    from tilt.cells import qc

    store, _ = open_inputs(folder)
    member = qc.families(tuple(store.var["gene_symbol"]))
    flags = list(qc.FAMILIES)
    clock.lap("import_s")
    largest = 0.0
    for start, stop in by_sample(store):
        sample = ad.AnnData(store.rows(start, stop), var=store.var.copy())
        sample.var[flags] = member
        clock.lap("read_s")
        sc.pp.calculate_qc_metrics(
            sample, qc_vars=flags, percent_top=None, log1p=False, inplace=True
        )
        clock.lap("work_s")
        ours = qc.metrics(sample.X, store.var["gene_symbol"])
        shares = [f"pct_counts_{flag}" for flag in flags]
        theirs = sample.obs[["total_counts", "n_genes_by_counts", *shares]]
        largest = max(largest, float(np.nanmax(np.abs(ours.to_numpy() - theirs.to_numpy()))))
        clock.lap("compared")
    return f"largest difference {largest:.1g}"


def scrublet_tilt(folder, clock):
    from tilt.cells import doublets

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    for start, stop in by_sample(store):
        counts = store.rows(start, stop)
        clock.lap("read_s")
        rate = doublets.expected_rate(stop - start, 0.008)
        doublets.scores(counts, rate, SEED)
        clock.lap("work_s")
    return ""


def scrublet_scanpy(folder, clock):
    import anndata as ad
    import numpy as np
    import scanpy as sc
    from scipy.stats import spearmanr
    from tilt.cells import doublets

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    near = []
    for start, stop in by_sample(store):
        sample = ad.AnnData(store.rows(start, stop).astype(np.float32), var=store.var.copy())
        clock.lap("read_s")
        rate = doublets.expected_rate(stop - start, 0.008)
        sc.pp.scrublet(
            sample, expected_doublet_rate=rate, threshold=0.3, verbose=False, random_state=SEED
        )
        clock.lap("work_s")
        if len(near) < 5:
            ours, _ = doublets.scores(store.rows(start, stop), rate, SEED)
            near.append(spearmanr(ours, sample.obs["doublet_score"])[0])
        clock.lap("compared")
    return f"rank correlation {np.median(near):.2f}"


def normalize_tilt(folder, clock):
    from tilt.cells import normalize
    from tilt.io import store as blocks

    store, n_counts = open_inputs(folder)
    clock.lap("import_s")
    for start, counts in blocks.iter_rows(store):
        normalize.log_normalized(counts, n_counts[start : start + counts.shape[0]], TARGET)
    clock.lap("work_s")
    return ""


def normalize_blocks(folder, clock):
    import anndata as ad
    import scanpy as sc
    from tilt.cells import normalize
    from tilt.io import store as blocks

    store, n_counts = open_inputs(folder)
    clock.lap("import_s")
    largest = None
    for _, counts in blocks.iter_rows(store):
        block = ad.AnnData(counts)
        sc.pp.normalize_total(block, target_sum=TARGET)
        sc.pp.log1p(block)
        clock.lap("work_s")
        if largest is None:
            ours = normalize.log_normalized(counts, n_counts[: counts.shape[0]], TARGET)
            largest = abs(ours - block.X).max()
            clock.lap("compared")
    return f"largest difference {largest:.1g}"


def _normalized(folder, clock, read):
    import scanpy as sc

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    cells = read(store)
    clock.lap("load_s")
    sc.pp.normalize_total(cells, target_sum=TARGET)
    sc.pp.log1p(cells)
    return cells


def normalize_scanpy(folder, clock):
    _normalized(folder, clock, in_memory)
    clock.lap("work_s")
    return ""


def normalize_dask(folder, clock):
    cells = _normalized(folder, clock, lambda store: lazy(folder, store))
    for block in cells.X.blocks:
        block.compute()
    clock.lap("work_s")
    return ""


def read_only(folder, clock):
    from tilt.io import store as blocks

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    for _ in blocks.iter_rows(store):
        pass
    clock.lap("work_s")
    return "part of every row that reads by blocks"


def hvg_tilt(folder, clock):
    import numpy as np
    import pandas as pd
    from tilt.cells import normalize
    from tilt.io import store as blocks

    store, n_counts = open_inputs(folder)
    clock.lap("import_s")
    batch = pd.factorize(store.obs["batch"].astype(str))[0]
    found = normalize.moments(blocks.iter_rows(store), n_counts, batch, TARGET)
    normalize.variable_genes(found, np.zeros(store.n_vars, bool), N_GENES)
    clock.lap("work_s")
    return ""


def _hvg(folder, clock, cells):
    import numpy as np
    import scanpy as sc

    sc.pp.highly_variable_genes(cells, n_top_genes=N_GENES, batch_key="batch")
    clock.lap("work_s")
    theirs = np.flatnonzero(cells.var["highly_variable"])
    both = len(np.intersect1d(theirs, np.load(folder / "chosen.npy")))
    return f"{both} of {N_GENES} genes the same"


def hvg_scanpy(folder, clock):
    cells = _normalized(folder, clock, in_memory)
    clock.lap("load_s")
    return _hvg(folder, clock, cells)


def hvg_dask(folder, clock):
    cells = _normalized(folder, clock, lambda store: lazy(folder, store))
    return _hvg(folder, clock, cells)


def pca_tilt(folder, clock):
    import numpy as np
    import scanpy as sc  # noqa: F401
    from tilt.cells import embed
    from tilt.io import store as blocks

    store, n_counts = open_inputs(folder)
    clock.lap("import_s")
    chosen = blocks.select_genes(store, store.var_names[np.load(folder / "chosen.npy")])
    embed.pca(chosen.X, n_counts, N_PCS, TARGET, SEED)
    clock.lap("work_s")
    return ""


def _pca(folder, clock, cells, **options):
    import numpy as np
    import scanpy as sc

    if cells.n_vars > N_GENES:
        cells = cells[:, np.load(folder / "chosen.npy")].copy()
    clock.lap("load_s")
    sc.pp.pca(cells, n_comps=N_PCS, **options)
    np.asarray(cells.obsm["X_pca"])
    clock.lap("work_s")
    cosines = np.linalg.svd(np.load(folder / "loadings.npy").T @ cells.varm["PCs"])[1]
    return f"least cosine between the spaces {cosines.min():.6f}"


def pca_scanpy(folder, clock):
    return _pca(folder, clock, _normalized(folder, clock, in_memory), svd_solver="arpack")


def pca_dask(folder, clock):
    cells = _normalized(folder, clock, lambda store: lazy(folder, store))
    return _pca(folder, clock, cells)


def _embedding(folder):
    import anndata as ad

    return ad.read_h5ad(folder / "embedding.h5ad")


def _recall(cells, n=1_000):
    """Share of the nearest cells that are found, of ``n`` cells of the graph."""
    import faiss
    import numpy as np

    points = np.ascontiguousarray(cells.obsm["X_harmony"], dtype=np.float32)
    rows = np.sort(np.random.default_rng(0).choice(len(points), n, replace=False))
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    true = index.search(points[rows], N_NEIGHBORS)[1]
    graph = cells.obsp["distances"][rows]
    found = [
        len(np.intersect1d(np.setdiff1d(true[i], rows[i]), graph[i].indices)) for i in range(n)
    ]
    return f"recall {np.mean(found) / (N_NEIGHBORS - 1):.3f}"


def neighbors_tilt(folder, clock):
    import faiss  # noqa: F401
    from tilt.cells import embed

    clock.lap("import_s")
    cells = _embedding(folder)
    clock.lap("read_s")
    embed.graph(cells, N_NEIGHBORS, 1)
    clock.lap("work_s")
    return _recall(cells)


def neighbors_scanpy(folder, clock):
    import scanpy as sc

    clock.lap("import_s")
    cells = _embedding(folder)
    clock.lap("read_s")
    sc.pp.neighbors(cells, n_neighbors=N_NEIGHBORS, use_rep="X_harmony", random_state=SEED)
    clock.lap("work_s")
    return _recall(cells)


def _compared(folder, cells, member, way):
    """Modularity and likeness of the clusters at resolution 1; tilt's are kept for the others."""
    import numpy as np
    from sklearn.metrics import adjusted_rand_score
    from tilt.cells import embed

    member = np.asarray(member).astype(int)
    links, strength = embed._links(cells.obsp["connectivities"])
    words = f"{member.max() + 1} clusters, modularity {links.modularity(member, strength):.3f}"
    kept = folder / "leiden.npy"
    if way == "tilt":
        np.save(kept, member)
        return words
    return f"{words}, ARI {adjusted_rand_score(np.load(kept), member):.2f}"


def leiden_tilt(folder, clock):
    import igraph  # noqa: F401
    import leidenalg  # noqa: F401
    from tilt.cells import embed

    clock.lap("import_s")
    cells = _embedding(folder)
    clock.lap("read_s")
    table = embed.leiden(cells.obsp["connectivities"], cells.obs_names, RESOLUTIONS, SEED)
    clock.lap("work_s")
    return _compared(folder, cells, table["leiden_1"], "tilt")


def _leiden(folder, clock, **options):
    import scanpy as sc

    clock.lap("import_s")
    cells = _embedding(folder)
    clock.lap("read_s")
    for resolution in RESOLUTIONS:
        key = f"leiden_{resolution:g}"
        sc.tl.leiden(cells, resolution, random_state=SEED, key_added=key, n_iterations=2, **options)
    clock.lap("work_s")
    return _compared(folder, cells, cells.obs["leiden_1"], "scanpy")


def leiden_scanpy(folder, clock):
    return _leiden(folder, clock, flavor="leidenalg")


def leiden_scanpy_undirected(folder, clock):
    return _leiden(folder, clock, flavor="leidenalg", directed=False)


def leiden_scanpy_igraph(folder, clock):
    return _leiden(folder, clock, flavor="igraph", directed=False)


PARTS = {
    "QC metrics": {"tilt": qc_tilt, "scanpy": qc_scanpy},
    "scrublet": {"tilt": scrublet_tilt, "scanpy": scrublet_scanpy},
    "normalize": {
        "tilt": normalize_tilt,
        "scanpy, by blocks": normalize_blocks,
        "scanpy, in memory": normalize_scanpy,
        "scanpy, dask": normalize_dask,
    },
    "variable genes": {
        "tilt": hvg_tilt,
        "scanpy, in memory": hvg_scanpy,
        "scanpy, dask": hvg_dask,
    },
    "PCA": {
        "tilt": pca_tilt,
        "scanpy, all genes in memory, arpack": pca_scanpy,
        "scanpy, dask": pca_dask,
    },
    "neighbors": {"tilt": neighbors_tilt, "scanpy": neighbors_scanpy},
    "Leiden": {
        "tilt": leiden_tilt,
        "scanpy, leidenalg": leiden_scanpy,
        "scanpy, leidenalg, undirected": leiden_scanpy_undirected,
        "scanpy, igraph": leiden_scanpy_igraph,
    },
    "reading the counts once": {"tilt": read_only},
}
