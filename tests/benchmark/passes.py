"""What a pass over all counts of a cohort costs: quality control, normalization, gene variance.

    python tests/benchmark/passes.py RUN --out passes.tsv

RUN is the folder of a run of scale.py. All cells that passed quality control, T cells or not, are
written to one count store; then two passes read it by blocks, on one thread of computing and one of
reading. Writes and prints task, metric, value, target, in seconds for 235,000 cells: the number of
cells for which BPCells (C++) takes 1.1 s for quality control and 4.4 s for normalization and
variance, of which the target is the sum.
"""

import argparse
import sys
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parents[2] / "workflow")]

from tilt.cells import normalize, qc  # noqa: E402
from tilt.core import machine  # noqa: E402
from tilt.io import store as blocks  # noqa: E402

CELLS, TARGET = 235_000, 5.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    files = sorted(options.run.glob("results/*/samples/*.h5ad"))
    path, var = Path(options.out).with_suffix(".zarr"), ad.read_h5ad(files[0]).var
    seconds = {}

    began = time.time()
    n_cells = blocks.write_store(path, map(ad.read_h5ad, files), var)
    seconds["samples into one store"] = time.time() - began

    began = time.time()
    store = blocks.open_store(path)
    symbols = store.var["gene_symbol"]
    tables = [qc.metrics(counts, symbols) for _, counts in blocks.iter_rows(store)]
    n_counts = pd.concat(tables)["n_counts"].to_numpy()
    seconds["quality control"] = time.time() - began

    began = time.time()
    found = normalize.moments(blocks.iter_rows(store), n_counts, np.zeros(n_cells, int), 1e4)
    normalize.variable_genes(found, np.zeros(store.n_vars, bool), 2000)
    seconds["normalization and variance"] = time.time() - began

    both = seconds["quality control"] + seconds["normalization and variance"]
    task = f"{n_cells} cells"
    rows = [(task, f"{step}, seconds", value, "") for step, value in seconds.items()]
    rows.append((task, "both passes, seconds for 235,000 cells", both * CELLS / n_cells, TARGET))
    rows.append((task, "bytes per non-zero", 1e6 * machine.size_mb([path]) / store.indptr[-1], ""))
    table = pd.DataFrame(rows, columns=["task", "metric", "value", "target"])
    table.to_csv(options.out, sep="\t", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
