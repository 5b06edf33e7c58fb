"""Small raw files in the layouts of real cohorts, for the tests of readers and retrieval."""

import gzip
import io
from pathlib import Path

import anndata
import h5py
import numpy as np
import scipy.sparse as sp
from scipy.io import mmwrite
from tilt.io import layouts
from tilt.io.read import read_sample

GENES = ["CD3D", "CD4", "PDCD1", "MAF", "CCR10", "B2M", "ACTB", "MT-CO1"]
IDS = [f"ENSG{i:011d}" for i in range(1, len(GENES) + 1)]


def counts(n_cells: int = 12, n_genes: int = len(GENES), seed: int = 0) -> np.ndarray:
    """Counts, cells x genes; no cell and no gene is empty."""
    matrix = np.random.default_rng(seed).poisson(1.5, (n_cells, n_genes))
    matrix[:, 0] += 1
    matrix[0] += 1
    return matrix


def barcodes(n_cells: int = 12, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    letters = rng.choice(list("ACGT"), (n_cells, 16))
    return [f"{''.join(row)}-1" for row in letters]


def mtx(matrix: np.ndarray, field: str | None = None) -> bytes:
    """MatrixMarket text, genes x cells, of a cells x genes matrix."""
    buffer = io.BytesIO()
    mmwrite(buffer, sp.coo_matrix(np.asarray(matrix).T), field=field)
    return buffer.getvalue()


def lines(rows) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def save(path: Path, data: bytes, packed: bool | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = path.suffix == ".gz" if packed is None else packed
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return path


def features(version: int = 3) -> list[list[str]]:
    rows = [[i, g] for i, g in zip(IDS, GENES, strict=True)]
    return [[*row, "Gene Expression"] for row in rows] if version == 3 else rows


def write_10x(folder: Path, matrix=None, names=None, version: int = 3, prefix: str = "") -> Path:
    """A 10x directory: v3 (features.tsv.gz) or v2 (genes.tsv, not compressed)."""
    matrix = counts() if matrix is None else matrix
    names = barcodes(len(matrix)) if names is None else names
    end = ".gz" if version == 3 else ""
    table = "features" if version == 3 else "genes"
    save(folder / f"{prefix}matrix.mtx{end}", mtx(matrix))
    save(folder / f"{prefix}barcodes.tsv{end}", lines([n] for n in names))
    save(folder / f"{prefix}{table}.tsv{end}", lines(features(version)))
    return folder


def write_10x_h5(path: Path, matrix: np.ndarray, version: int = 3) -> Path:
    found = sp.csr_matrix(matrix)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix" if version == 3 else "GRCh38")
        group["data"], group["indices"], group["indptr"] = found.data, found.indices, found.indptr
        group["shape"] = np.array(found.shape[::-1])
        group["barcodes"] = np.array(barcodes(len(matrix)), dtype="S")
        if version == 3:
            group["features/id"] = np.array(IDS, dtype="S")
            group["features/name"] = np.array(GENES, dtype="S")
            group["features/feature_type"] = np.array(["Gene Expression"] * len(IDS), dtype="S")
        else:
            group["genes"], group["gene_names"] = np.array(IDS, "S"), np.array(GENES, "S")
    return path


def read(cohort: dict, row: dict) -> anndata.AnnData:
    """A sample of a cohort, read as the workflow reads it."""
    files = layouts.sample_files(cohort, row)
    return read_sample(cohort["format"], files, **layouts.read_options(cohort, row))


def cohort(folder: Path, format: str = "10x_dir", **more) -> dict:
    """What a cohort file says of a layout."""
    return {"format": format, "folder": str(folder), **more}


ROW = {"sample": "S1", "path": "S1"}  # of the sheet of such a cohort
