"""How far two packages, and the shortcut for large graphs, agree on Leiden clusters.

    python tests/benchmark/clusters.py RUN/results/scale/embedding.h5ad --out clusters.tsv

RUN is the folder of a run of scale.py. Writes and prints task, metric, value, target: processor
seconds, modularity, and the agreement (adjusted Rand index) with leidenalg on the whole graph;
beside it how far leidenalg agrees with itself under another seed, which is all one can ask for.
"""

import argparse
import sys
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

sys.path[:0] = [str(Path(__file__).parents[2] / "workflow")]

from tilt.cells import embed  # noqa: E402

RESOLUTION = 1.0
WAYS = {  # package, cells up to which the graph is clustered whole, seed
    "leidenalg, whole graph": ("leidenalg", np.inf, 1),
    "leidenalg, whole graph, another seed": ("leidenalg", np.inf, 2),
    "leidenalg, communities": ("leidenalg", 0, 1),
    "igraph": ("igraph", np.inf, 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("embedding", type=Path)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    cells = ad.read_h5ad(options.embedding)
    weights = cells.obsp["connectivities"]
    links, strength = embed._links(weights)
    rows, found = [], {}
    for task, (package, whole, seed) in WAYS.items():
        embed.WHOLE_GRAPH = whole
        began = time.process_time()
        table = embed.leiden(weights, cells.obs_names, [RESOLUTION], seed, package)
        seconds = time.process_time() - began
        found[task] = table.iloc[:, 0].astype(int).to_numpy()
        rows.append((task, "processor seconds", seconds, ""))
        rows.append((task, "clusters", found[task].max() + 1, ""))
        rows.append((task, "modularity", links.modularity(found[task], weights=strength), ""))
    first = found["leidenalg, whole graph"]
    for task, clusters in found.items():
        rows.append((task, "ARI with leidenalg", adjusted_rand_score(first, clusters), ""))
    table = pd.DataFrame(rows, columns=["task", "metric", "value", "target"])
    table.to_csv(options.out, sep="\t", index=False)
    print(f"{cells.n_obs} cells, resolution {RESOLUTION}")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
