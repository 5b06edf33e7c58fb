"""zarr stores and loom files: the same sample as an h5ad, whole or split, and what is damaged."""

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import rawdata as raw
import scipy.sparse as sp
from tilt.core import provenance
from tilt.io import h5, layouts, read
from tilt.io.errors import BadSample


def made(matrix: np.ndarray, kind=sp.csr_matrix) -> ad.AnnData:
    """Cells of two donors, with normalized X and counts in a layer and in raw."""
    donors = pd.Categorical([f"D{n % 2}" for n in range(len(matrix))])
    obs = pd.DataFrame({"donor": donors}, index=raw.barcodes()).assign(age=30.5)
    var = pd.DataFrame({"feature_name": raw.GENES}, index=raw.IDS)
    cells = ad.AnnData(kind(matrix), obs=obs, var=var)
    cells.raw = cells.copy()
    cells.layers["counts"] = kind(matrix)
    cells.X = cells.X * 0.5
    return cells


def sample(path, **options) -> ad.AnnData:
    about = {"format": "h5ad_per_sample", "folder": str(path.parent)}
    files = layouts.sample_files(about, {"sample": "S1", "path": path.name})
    return read.read_sample("h5ad_per_sample", files, sample="S1", **options)


def same(found: ad.AnnData, matrix: np.ndarray) -> None:
    np.testing.assert_array_equal(found.X.toarray(), matrix)
    assert list(found.obs_names) == raw.barcodes() and list(found.var_names) == raw.IDS
    assert list(found.var["gene_symbol"]) == raw.GENES


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_matrix, np.asarray])
def test_zarr_is_read_as_anndata_reads_it(tmp_path, version, kind):
    path = tmp_path / "S1.zarr"
    with ad.settings.override(zarr_write_format=version):
        made(raw.counts(), kind).write_zarr(path)
    theirs = ad.read_zarr(path)
    for counts, values in (("layers/counts", theirs.layers["counts"]), ("raw/X", theirs.raw.X)):
        values = values.toarray() if sp.issparse(values) else values
        found = sample(path, counts=counts, keep=["donor"])
        same(found, values)
        assert list(found.obs["donor"]) == list(theirs.obs["donor"])
    with pytest.raises(BadSample, match=r"X .* whole numbers are in raw/X: set h5ad"):
        sample(path)


def test_zarr_of_a_cohort_is_split_by_sample(tmp_path):
    matrix = raw.counts()
    made(matrix).write_zarr(tmp_path / "all.zarr")
    out = {name: tmp_path / f"{name}.h5ad" for name in ("D0", "D1")}
    n = h5.split_h5ad(tmp_path / "all.zarr", "donor", "layers/counts", out, block_rows=2)
    assert n == {"D0": len(matrix[::2]), "D1": len(matrix[1::2])}
    np.testing.assert_array_equal(ad.read_h5ad(out["D1"]).X.toarray(), matrix[1::2])


def test_zarr_without_some_of_its_pieces_is_told(tmp_path):
    """zarr itself reads what is missing as zeros."""
    path = tmp_path / "S1.zarr"
    with ad.settings.override(zarr_write_format=3):
        made(raw.counts()).write_zarr(path)
    (piece,) = (path / "layers/counts/data/c").iterdir()
    piece.unlink()
    told = r"1 of 1 pieces of its part layers/counts/data are missing\. Fix: copy the whole folder"
    with pytest.raises(BadSample, match=told):
        sample(path, counts="layers/counts")


def test_zarr_that_is_none_or_holds_no_cells_is_told(tmp_path):
    (tmp_path / "S1.zarr").mkdir()
    with pytest.raises(BadSample, match=r"S1\.zarr: the file cannot be opened as zarr"):
        sample(tmp_path / "S1.zarr")
    import zarr

    zarr.open_group(tmp_path / "S2.zarr", mode="w").create_group("images")
    with pytest.raises(BadSample, match=r"has no X"):
        sample(tmp_path / "S2.zarr")


def test_store_has_a_digest_and_a_size_of_all_its_files(tmp_path):
    path = tmp_path / "S1.zarr"
    made(raw.counts()).write_zarr(path)
    record, print_ = provenance.file_record(path), provenance.fingerprint(path)
    files = [part for part in path.rglob("*") if part.is_file()]
    assert record["bytes"] == sum(part.stat().st_size for part in files) > 1000
    assert len(record["sha256"]) == 64 and print_.startswith(f"{len(files)}-")
    with open(sorted(files)[0], "ab") as handle:
        handle.write(b" ")
    assert provenance.file_record(path)["sha256"] != record["sha256"]
    assert provenance.fingerprint(path) != print_


def write_loom(path, matrix: np.ndarray, cells="CellID", genes=("Accession", "Gene")) -> None:
    """A file in loom's layout: genes x cells, a spliced layer, donors of the cells."""
    with h5py.File(path, "w") as file:
        file.create_dataset("matrix", data=matrix.T.astype("f4"), chunks=(4, 4), compression="gzip")
        file["layers/spliced"] = (matrix.T // 2).astype("i4")
        file[f"col_attrs/{cells}"] = np.array(raw.barcodes(), "S")
        file["col_attrs/donor"] = np.array([f"D{n % 2}" for n in range(len(matrix))], "S")
        file["col_attrs/PCA"] = np.zeros((len(matrix), 3))
        for name, values in zip(genes, (raw.IDS, raw.GENES), strict=True):
            file[f"row_attrs/{name}"] = np.array(values, "S")


def test_loom_is_read_by_cells(tmp_path):
    matrix = raw.counts()
    write_loom(tmp_path / "S1.loom", matrix)
    found = sample(tmp_path / "S1.loom", keep=["donor"])
    same(found, matrix)
    assert list(found.obs["donor"][:3]) == ["D0", "D1", "D0"]
    same(sample(tmp_path / "S1.loom", counts="layers/spliced"), matrix // 2)
    write_loom(tmp_path / "S2.loom", matrix, "obs_names", ("gene_ids", "var_names"))
    same(sample(tmp_path / "S2.loom"), matrix)


def test_loom_of_a_cohort_is_split_by_sample(tmp_path):
    matrix = raw.counts()
    write_loom(tmp_path / "all.loom", matrix)
    out = {"D1": tmp_path / "D1.h5ad"}
    assert h5.split_h5ad(tmp_path / "all.loom", "donor", "X", out, block_rows=3)
    np.testing.assert_array_equal(ad.read_h5ad(out["D1"]).X.toarray(), matrix[1::2])


def test_loom_that_cannot_be_used_is_told(tmp_path):
    path = tmp_path / "S1.loom"
    write_loom(path, raw.counts() + 0.5)
    with pytest.raises(BadSample, match=r"X .*whole numbers are in layers/spliced"):
        sample(path)
    with pytest.raises(BadSample, match=r"obs has no column 'who'.*donor"):
        sample(path, keep=["who"])
    write_loom(path, raw.counts(), "unnamed")
    with pytest.raises(BadSample, match=r"col_attrs has none of CellID"):
        sample(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(BadSample, match=r"the file is not HDF5"):
        sample(path)
