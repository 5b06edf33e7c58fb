"""Each step that tilt computes itself beside scanpy's own function: processor seconds and memory.

    python tests/benchmark/scanpy_parts.py --cells 30000 --donors 15 --out parts.tsv

Simulates a cohort (scale_cohort.py), writes it as a count store, and runs every step in every way
in a process of its own, on one thread: once with an empty numba cache, then ``--repeats`` times
with a warm one. Prints and writes one row a step and way:

cells, part, way
import_s, load_s, work_s
    processor seconds (all threads) of imports, of reading and earlier steps, and of the step; the
    least of the repeats. Steps that read by blocks read within work_s. Reading that all ways of a
    step share (a sample, the graph) is left out.
compile_s
    what the first run with an empty numba cache needs beyond that (NA with ``--cache``)
peak_mb
    largest resident memory of the process
times, times_all
    load_s + work_s against tilt's, and with import_s
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

from scanpy_inputs import N_GENES, N_NEIGHBORS, N_PCS, SEED, TARGET  # noqa: E402
from scanpy_ways import PARTS  # noqa: E402

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
    chosen = blocks.select_genes(store, store.var_names[np.load(folder / "chosen.npy")])
    scores, loadings, _ = embed.pca(chosen.X, n_counts, N_PCS, TARGET, SEED)
    np.save(folder / "loadings.npy", loadings)
    cells = ad.AnnData(obs=pd.DataFrame(index=store.obs.index))
    cells.obsm["X_harmony"] = scores
    embed.graph(cells, N_NEIGHBORS, 1)
    cells.write_h5ad(folder / "embedding.h5ad")


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
            for name, phases in (("times", PHASES[1:]), ("times_all", PHASES)):
                mine, its = (sum(one[phase] for phase in phases) for one in (ours, found))
                found[name] = round(its / mine, 2)
            lines.append("\t".join(map(str, found.values())))
            text = "\n".join(["\t".join(found), *lines]) + "\n"
            options.out.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
