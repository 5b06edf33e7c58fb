"""Seconds and truth of our UMAP layout beside umap-learn's, on the embeddings of a run.

    python tests/benchmark/layouts.py results/*/embedding.h5ad

Processor seconds of the first layout, which compiles in a new folder, and of the second; share of
near cells that stay near (trustworthiness, Venna 2001) for 15 neighbors of up to 4,000 cells.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WORKFLOW = Path(__file__).parents[2] / "workflow"


def measure(which: str, path: str) -> dict:
    """Lay out the cells of one embedding twice, in this process."""
    sys.path.insert(0, str(WORKFLOW))
    import resource

    import anndata as ad
    import numpy as np
    import scanpy as sc
    from sklearn.manifold import trustworthiness
    from tilt.cells import embed

    def used() -> float:
        own = resource.getrusage(resource.RUSAGE_SELF)
        return own.ru_utime + own.ru_stime

    cells = ad.read_h5ad(path)
    points = cells.obsm["X_harmony"]
    seconds = []
    for seed in (0, 1):
        begun = used()
        if which == "tilt":
            cells.obsm["X_umap"] = embed.umap(cells, 0.3, seed)
        else:
            sc.tl.umap(cells, min_dist=0.3, random_state=seed)
        seconds.append(round(used() - begun, 1))
    some = np.random.default_rng(0).permutation(len(points))[:4000]
    true = trustworthiness(points[some], cells.obsm["X_umap"][some], n_neighbors=15)
    return {
        "cells": len(points),
        "layout": which,
        "first_s": seconds[0],
        "second_s": seconds[1],
        "trustworthiness": round(float(true), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("embeddings", nargs="+")
    parser.add_argument("--only", choices=("tilt", "umap-learn"), help="in this process")
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(measure(asked.only, asked.embeddings[0])))
        return
    for path in asked.embeddings:
        for which in ("tilt", "umap-learn"):
            with tempfile.TemporaryDirectory() as cache:
                own = {"NUMBA_CACHE_DIR": cache, "OMP_NUM_THREADS": "1"}
                command = [sys.executable, __file__, "--only", which, path]
                subprocess.run(command, check=True, env=os.environ | own)


if __name__ == "__main__":
    main()
