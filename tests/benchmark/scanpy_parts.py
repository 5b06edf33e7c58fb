"""Each step that tilt computes itself beside scanpy's own function: processor seconds and memory.

    python tests/benchmark/scanpy_parts.py --cells 30000 --donors 15 --out parts.tsv

Simulates a cohort (scale_cohort.py), writes it as a count store, and runs every step in every way
in a process of its own, on one thread: once with an empty numba cache, then ``--repeats`` times
with a warm one. Prints and writes one row a step and way:

cells, part, way
import_s, load_s, work_s
    processor seconds (all threads) of imports, of reading and of earlier steps, and of the step;
    the least of the repeats. Steps that read by blocks read within work_s.
compile_s
    what the first run with an empty numba cache needs beyond that (NA with ``--cache``)
peak_mb
    largest resident memory of the process
times_work, times_all
    work_s, and import_s + load_s + work_s, against tilt's
agreement
    how far the result is that of tilt, or of the exact answer

dask is used where it is installed; it is not among tilt's requirements.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "workflow")]

TARGET, N_GENES, N_PCS, N_NEIGHBORS, SEED = 1e4, 2_000, 30, 15, 1
RESOLUTIONS = [0.5, 1.0, 2.0]
MIXED = 4  # donors whose cells lie mixed in the simulated file
PHASES = ["import_s", "load_s", "work_s"]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")


class Clock:
    """Processor seconds of this process and its children, by phase."""

    def __init__(self):
        self.spent, self.last = {}, 0.0

    def lap(self, phase: str) -> None:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        now = time.process_time() + children.ru_utime + children.ru_stime
        self.spent[phase] = self.spent.get(phase, 0) + now - self.last
        self.last = now


# Inputs, made once ---------------------------------------------------------------------------


def prepare(folder: Path, cells: int, donors: int) -> None:
    """Write to ``folder``: the cohort, its count store by samples, genes, components, graph."""
    import anndata as ad
    import h5py
    import numpy as np
    import pandas as pd
    import scale_cohort
    from tilt.cells import embed, normalize
    from tilt.io import store as blocks

    if not (folder / "cohort.h5ad").exists():
        scale_cohort.write(folder, cells, donors, SEED)
    with h5py.File(folder / "cohort.h5ad") as file:
        obs, var = ad.io.read_elem(file["obs"]), ad.io.read_elem(file["raw/var"])
        counts = ad.io.sparse_dataset(file["raw/X"])
        name = obs["sample"].astype(str).to_numpy()
        group = pd.factorize(name)[0] // MIXED

        def samples():
            for g in range(group.max() + 1):
                rows = np.flatnonzero(group == g)
                part = counts[rows[0] : rows[-1] + 1]
                for one in pd.unique(name[rows]):
                    mine = name[rows] == one
                    kept = ["sample", "batch"]
                    yield ad.AnnData(part[mine], obs=obs.iloc[rows[mine]][kept], var=var)

        blocks.write_store(folder / "counts.zarr", samples(), var)
    store = blocks.open_store(folder / "counts.zarr")
    n_counts = np.concatenate([block.sum(axis=1).A1 for _, block in blocks.iter_rows(store)])
    np.save(folder / "n_counts.npy", n_counts.astype(int))
    batch = pd.factorize(store.obs["batch"].astype(str))[0]
    found = normalize.moments(blocks.iter_rows(store), n_counts, batch, TARGET)
    table = normalize.variable_genes(found, np.zeros(store.n_vars, bool), N_GENES)
    np.save(folder / "chosen.npy", np.flatnonzero(table["highly_variable"]))
    scores, loadings, _ = embed.pca(
        lambda: blocks.iter_rows(store), n_counts, np.load(folder / "chosen.npy"), N_PCS, TARGET
    )
    np.save(folder / "loadings.npy", loadings)
    cells = ad.AnnData(obs=pd.DataFrame(index=store.obs.index))
    cells.obsm["X_harmony"] = scores
    embed.graph(cells, N_NEIGHBORS, 1)
    cells.write_h5ad(folder / "embedding.h5ad")


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


# Steps: each is given the folder and the clock, and gives a word on agreement -----------------


def qc_tilt(folder, clock):
    from tilt.cells import qc

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    for start, stop in by_sample(store):
        counts = store.rows(start, stop)
        clock.lap("load_s")
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
        clock.lap("load_s")
        sc.pp.calculate_qc_metrics(
            sample, qc_vars=flags, percent_top=None, log1p=False, inplace=True
        )
        clock.lap("work_s")
        ours = qc.metrics(sample.X, store.var["gene_symbol"])
        theirs = sample.obs[
            ["total_counts", "n_genes_by_counts", *(f"pct_counts_{f}" for f in flags)]
        ]
        largest = max(largest, float(np.nanmax(np.abs(ours.to_numpy() - theirs.to_numpy()))))
        clock.lap("compared")
    return f"largest difference {largest:.1g}"


def scrublet_tilt(folder, clock):
    from tilt.cells import doublets

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    for start, stop in by_sample(store):
        counts = store.rows(start, stop)
        clock.lap("load_s")
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
        clock.lap("load_s")
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
    for _start, counts in blocks.iter_rows(store):
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
    from tilt.cells import embed
    from tilt.io import store as blocks

    store, n_counts = open_inputs(folder)
    chosen = np.load(folder / "chosen.npy")
    clock.lap("import_s")
    embed.pca(lambda: blocks.iter_rows(store), n_counts, chosen, N_PCS, TARGET)
    clock.lap("work_s")
    return ""


def _pca(folder, clock, cells, **options):
    import numpy as np
    import scanpy as sc

    chosen = np.load(folder / "chosen.npy")
    cells = cells[:, chosen].copy()
    clock.lap("load_s")
    sc.pp.pca(cells, n_comps=N_PCS, **options)
    np.asarray(cells.obsm["X_pca"])
    clock.lap("work_s")
    cosines = np.linalg.svd(np.load(folder / "loadings.npy").T @ cells.varm["PCs"])[1]
    return f"least cosine between the spaces {cosines.min():.6f}"


def pca_scanpy(folder, clock):
    return _pca(folder, clock, _normalized(folder, clock, in_memory), svd_solver="arpack")


def pca_scanpy_covariance(folder, clock):
    return _pca(folder, clock, _normalized(folder, clock, in_memory), svd_solver="covariance_eigh")


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
    clock.lap("load_s")
    embed.graph(cells, N_NEIGHBORS, 1)
    clock.lap("work_s")
    return _recall(cells)


def neighbors_scanpy(folder, clock):
    import scanpy as sc

    clock.lap("import_s")
    cells = _embedding(folder)
    clock.lap("load_s")
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
    clock.lap("load_s")
    table = embed.leiden(cells.obsp["connectivities"], cells.obs_names, RESOLUTIONS, SEED)
    clock.lap("work_s")
    return _compared(folder, cells, table["leiden_1"], "tilt")


def _leiden(folder, clock, **options):
    import scanpy as sc

    clock.lap("import_s")
    cells = _embedding(folder)
    clock.lap("load_s")
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
        "scanpy, in memory, arpack": pca_scanpy,
        "scanpy, in memory, covariance": pca_scanpy_covariance,
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


# One process a measurement ---------------------------------------------------------------------


def measure(folder: Path, part: str, way: str) -> None:
    """Run one step in this process; prints its numbers as the last line."""
    import warnings

    warnings.simplefilter("ignore")
    clock = Clock()
    agreement = PARTS[part][way](folder, clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"load_s": 0.0, **clock.spent, "peak_mb": peak, "agreement": agreement}))


def child(folder: Path, part: str, way: str, cache: Path) -> dict:
    """The numbers of :func:`measure` in a new process with one thread and the numba ``cache``."""
    names = dict.fromkeys(THREADS, "1") | {"NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, __file__, "--folder", str(folder), "--measure", part, way]
    done = subprocess.run(
        command, env={**os.environ, **names}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{part}, {way}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def row(
    folder: Path, cells: int, part: str, way: str, repeats: int, cache: Path | None = None
) -> dict:
    """One row of the table: the least seconds of ``repeats`` warm runs, and what a cold one adds.

    A given ``cache`` is taken to be warm.
    """
    cold = None
    if cache is None:
        cache = folder / "numba_cache"
        shutil.rmtree(cache, ignore_errors=True)
        cold = child(folder, part, way, cache)
    runs = [child(folder, part, way, cache) for _ in range(repeats)]
    least = {name: min(run[name] for run in runs) for name in PHASES}
    extra = sum(cold[name] - least[name] for name in PHASES) if cold else None
    return {
        **{"cells": cells, "part": part, "way": way},
        **{name: round(least[name], 2) for name in PHASES},
        "compile_s": "NA" if extra is None else round(max(extra, 0), 1),
        "peak_mb": round(max(run["peak_mb"] for run in runs)),
        "agreement": runs[0]["agreement"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, default=30_000)
    parser.add_argument("--donors", type=int, default=15)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folder", type=Path, help="working folder, kept (default: beside --out)")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="a warm numba cache: no cold runs")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.folder, *options.measure)
    if options.out is None:
        parser.error("--out is needed")
    folder = (options.folder or options.out.with_suffix(".run")).resolve()
    if not (folder / "embedding.h5ad").exists():
        # In a process of its own: a child is told the largest memory of its parent as its own.
        job = multiprocessing.get_context("spawn").Process(
            target=prepare, args=(folder, options.cells, options.donors)
        )
        job.start()
        job.join()
        if job.exitcode:
            raise SystemExit("the inputs could not be made")
    lines = []
    for part in options.parts:
        for way in PARTS[part]:
            if "dask" in way and not importlib.util.find_spec("dask"):
                print(f"{part}, {way}: left out, dask is not installed", file=sys.stderr)
                continue
            found = row(folder, options.cells, part, way, options.repeats, options.cache)
            if way == "tilt":
                ours = found
            found["times_work"] = round(found["work_s"] / ours["work_s"], 2)
            found["times_all"] = round(
                sum(found[n] for n in PHASES) / sum(ours[n] for n in PHASES), 2
            )
            lines.append("\t".join(map(str, found.values())))
            text = "\n".join(["\t".join(found), *lines]) + "\n"
            options.out.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
