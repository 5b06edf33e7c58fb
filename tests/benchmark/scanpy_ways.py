"""The steps measured by scanpy_parts.py: each as tilt computes it and as scanpy does.

A step is given the folder of inputs and a clock; it says when imports (import_s), reading that all
ways share (read_s), reading and earlier steps that only this way needs apart (load_s), the step
itself (work_s) and comparisons (compared) are over, and gives a word on agreement. Imports stand
inside the functions, so that no process imports what it does not use.
"""

from scanpy_inputs import (
    N_GENES,
    N_NEIGHBORS,
    N_PCS,
    RESOLUTIONS,
    SEED,
    TARGET,
    in_memory,
    lazy,
    open_inputs,
)
from scanpy_samples import (
    normalize_blocks,
    normalize_dask,
    normalize_scanpy,
    normalize_tilt,
    normalized,
    qc_scanpy,
    qc_tilt,
    read_only,
    scrublet_scanpy,
    scrublet_tilt,
)


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
    cells = normalized(folder, clock, in_memory)
    clock.lap("load_s")
    return _hvg(folder, clock, cells)


def hvg_dask(folder, clock):
    cells = normalized(folder, clock, lambda store: lazy(folder, store))
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
    return _pca(folder, clock, normalized(folder, clock, in_memory), svd_solver="arpack")


def pca_dask(folder, clock):
    cells = normalized(folder, clock, lambda store: lazy(folder, store))
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
