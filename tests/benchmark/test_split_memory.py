"""The release of Perez 2022 in structure, a sixth of its cells: split within bounded memory.

Run with: pytest tests/benchmark/test_split_memory.py (1.3 GB of disk, about two minutes).
"""

import subprocess
import sys
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from anndata.io import write_elem
from tilt.io import read

ROOT = Path(__file__).parents[2]
N_CELLS, N_GENES, PER_CELL, BLOCK = 200_000, 30_172, 800, 10_000
LIMIT_MB = 700

SPLIT = """
import resource, sys
sys.path.insert(0, "workflow")
from tilt.io import h5
path, out = sys.argv[1:3]
cells = h5.split_h5ad(
    path, "donor_id", "raw/X", {f"D{i}": f"{out}/D{i}.h5ad" for i in range(40)},
    keep=["author_cell_type"], where={"Processing_Cohort": ["4.0"]},
)
print(sum(cells.values()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def write_release(path: Path) -> None:
    """raw/X CSR counts, X adjusted with negatives, categoricals with NaN; donors interleaved."""
    rng = np.random.default_rng(0)
    donor = rng.integers(0, 60, N_CELLS)
    obs = pd.DataFrame(
        {
            "donor_id": pd.Categorical([f"D{i}" for i in donor]),
            "Processing_Cohort": pd.Categorical(rng.choice(["2.0", "4.0"], N_CELLS)),
            "author_cell_type": pd.Categorical(rng.choice(["T4", "T8", "cM"], N_CELLS)),
            "ct_cov": pd.Categorical([None if i % 3 else "T4_naive" for i in range(N_CELLS)]),
        },
        index=[f"cell{i}" for i in range(N_CELLS)],
    )
    ids = [f"ENSG{i:011d}" for i in range(N_GENES)]
    var = pd.DataFrame({"feature_name": [f"G{i}" for i in range(N_GENES)]}, index=ids)
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        write_elem(file, "obs", obs)
        write_elem(file, "var", var)
        write_elem(file, "raw/var", var)
        for name, kind in (("X", "adjusted"), ("raw/X", "counts")):
            group = file.create_group(name)
            group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
            group.attrs["shape"] = np.array([N_CELLS, N_GENES])
            rows = N_CELLS if kind == "counts" else 100
            group["indptr"] = np.minimum(np.arange(N_CELLS + 1), rows) * PER_CELL
            size = (rows * PER_CELL,)
            data = group.create_dataset("data", size, "f4", chunks=(80_000,), compression="lzf")
            where = group.create_dataset("indices", size, "i4", chunks=(80_000,))
            for first in range(0, rows, BLOCK):
                n = min(BLOCK, rows - first)
                start = rng.integers(0, N_GENES // PER_CELL, (n, 1))
                columns = start + np.arange(PER_CELL) * (N_GENES // PER_CELL)
                values = rng.integers(1, 5, n * PER_CELL).astype(np.float32)
                at = slice(first * PER_CELL, (first + n) * PER_CELL)
                data[at] = values if kind == "counts" else values - 2.5
                where[at] = columns.ravel()


def test_split_of_a_large_release(tmp_path):
    write_release(tmp_path / "release.h5ad")
    done = subprocess.run(
        [sys.executable, "-c", SPLIT, tmp_path / "release.h5ad", tmp_path / "split"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    n_cells, peak_mb = map(int, done.stdout.split())
    obs = ad.read_h5ad(tmp_path / "release.h5ad", backed="r").obs
    wanted = (obs["Processing_Cohort"] == "4.0") & obs["donor_id"].isin(
        [f"D{i}" for i in range(40)]
    )
    assert n_cells == int(wanted.sum())
    assert peak_mb < LIMIT_MB, f"{peak_mb} MB"
    sample = read.read_sample("h5ad_per_sample", {"h5ad": tmp_path / "split/D7.h5ad"}, sample="D7")
    assert list(sample.obs_names) == list(obs.index[wanted & (obs["donor_id"] == "D7")])
    assert sample.X.data.min() >= 1 and sample.X.data.max() <= 4
    print(f"{n_cells} cells split, peak {peak_mb} MB")
