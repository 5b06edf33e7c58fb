"""Raw files that claim more than they hold, or lead into other files: told, and quickly."""

import gzip

import h5py
import numpy as np
import pytest
import rawdata
from tilt.io import limits, read
from tilt.io.errors import BadSample


@pytest.fixture(autouse=True)
def little_for_free(monkeypatch):
    monkeypatch.setattr(limits, "FREE", 100_000)


def told(layout, files):
    with pytest.raises(BadSample) as caught:
        read.read_sample(layout, files, sample="S1")
    assert "sample S1: " in str(caught.value) and "Fix: " in str(caught.value)
    return str(caught.value)


def ten_x(folder, **instead):
    rawdata.write_10x(folder)
    for name, data in instead.items():
        ending = "matrix.mtx.gz" if name == "matrix" else f"{name}.tsv.gz"
        (folder / ending).write_bytes(gzip.compress(data, mtime=0))
    names = {"matrix": "matrix.mtx.gz", "barcodes": "barcodes.tsv.gz"}
    names["features"] = "features.tsv.gz"
    return {role: folder / name for role, name in names.items()}


HEAD = b"%%MatrixMarket matrix coordinate integer general\n"


@pytest.mark.parametrize(
    ("part", "data", "said"),
    [
        ("barcodes", b"A" * 1_000_000, "barcodes.tsv.gz: the compressed file is a bomb"),
        ("features", b"\n" * 1_000_000, "features.tsv.gz: the compressed file is a bomb"),
        ("matrix", HEAD + b"%\n" * 500_000, "matrix.mtx.gz: the compressed file is a bomb"),
        ("matrix", HEAD + b"9 9 1000000000000\n1 1 1\n", "said to have 1,000,000,000,000 entries"),
        ("matrix", HEAD.replace(b"coordinate", b"array") + b"1000000 1000000\n1\n", "entries"),
        ("matrix", HEAD + b"%" * 100_000 + b"\n9 9 1\n1 1 x\n", "among the numbers ('1 1 x')"),
    ],
)
def test_compressed_text(tmp_path, part, data, said):
    assert said in told("10x_dir", ten_x(tmp_path, **{part: data}))


def test_a_damaged_first_line_does_not_end_the_process(tmp_path):
    """The reader in C goes back to before the start of the file, and died of the exception."""
    rawdata.write_10x(tmp_path, version=2)
    path = tmp_path / "matrix.mtx"
    path.write_bytes(b"%%Matri5" + path.read_bytes()[40:])
    files = {"matrix": path, "barcodes": tmp_path / "barcodes.tsv"}
    files["features"] = tmp_path / "genes.tsv"
    assert "not a whole MatrixMarket matrix" in told("10x_dir", files)


def test_a_table_that_unpacks_without_an_end(tmp_path):
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b"g\tc1\tc2\n" + b"A\t0\t0\n" * 200_000))
    assert "t.tsv.gz: the compressed file is a bomb" in told(
        "table", {"table": tmp_path / "t.tsv.gz"}
    )


def test_a_sparse_table_of_zeros_is_no_bomb(tmp_path):
    """A thousand genes by two thousand cells, one count in a hundred: packs 60 times."""
    rng = np.random.default_rng(0)
    matrix = (rng.random((1000, 2000)) < 0.01).astype(int)
    lines = ["\t".join(["", *(f"C{i}" for i in range(2000))])]
    lines += ["\t".join([f"G{i}", *map(str, row)]) for i, row in enumerate(matrix)]
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    found = read.read_sample("table", {"table": tmp_path / "t.tsv.gz"}, sample="S1")
    assert found.X.sum() == matrix.sum()


def h5(tmp_path, change):
    path = rawdata.write_10x_h5(tmp_path / "a.h5", rawdata.counts())
    (tmp_path / "secret").write_bytes(bytes(range(64)) * 1000)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["data"] = np.arange(9)
    with h5py.File(path, "a") as file:
        change(file["matrix"], tmp_path)
    return told("10x_h5", {"h5": path})


def replaced(group, name, **more):
    del group[name]
    group.create_dataset(name, **more)


def absurd(group, _):
    replaced(group, "data", shape=(10**12,), dtype="i4", chunks=(1000,))


def wide(group, _):
    replaced(group, "barcodes", shape=(10**9,), dtype="S1000", chunks=(10,))


def elsewhere(group, folder):
    del group["data"]
    group["data"] = h5py.ExternalLink(str(folder / "other.h5"), "data")


def raw_bytes(group, folder):
    replaced(group, "data", shape=(100,), dtype="i4", external=str(folder / "secret"))


def virtual(group, folder):
    layout = h5py.VirtualLayout(shape=(9,), dtype="i8")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "data", shape=(9,))
    del group["data"]
    group.create_virtual_dataset("data", layout)


def out_of_range(group, _):
    group["indices"][3] = 10_000


def backwards(group, _):
    group["indptr"][2] = 0


def text(group, _):
    replaced(group, "indptr", data=np.array([b"a"] * 13))


def folder_for_data(group, _):
    del group["barcodes"]
    group.create_group("barcodes")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (absurd, "matrix/data is said to have 4,000,000,000,000 bytes, more than the file can"),
        (wide, "matrix/barcodes is said to have 1,000,000,000,000 bytes"),
        (elsewhere, "matrix/data is a link into another file"),
        (elsewhere, "Fix: copy its parts into one file (h5repack)"),
        (raw_bytes, "matrix/data lies in another file"),
        (virtual, "matrix/data lies in another file"),
        (out_of_range, "a part of the file is missing or damaged"),
        (backwards, "a part of the file is missing or damaged"),
        (text, "a part of the file is missing or damaged"),
        (folder_for_data, "a part of the file is missing or damaged"),
    ],
)
def test_hdf5(tmp_path, change, said):
    assert said in h5(tmp_path, change)
