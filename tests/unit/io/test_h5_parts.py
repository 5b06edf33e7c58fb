"""Parts of HDF5 count files, one by one."""

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from tilt.io import h5_parts
from tilt.io.errors import BadSample

IDS = [f"ENSG{i:011d}" for i in range(4)]


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as opened:
        yield opened


def put(file, name, values):
    file[name] = np.array(values, dtype="S" if isinstance(values[0], str) else None)
    return file[name]


def test_values_as_text(file):
    assert h5_parts.texts(put(file, "a", ["x", "y"])) == ["x", "y"]
    assert h5_parts.texts(put(file, "b", [1.0, 2.5])) == ["1", "2.5"]
    assert h5_parts.texts(put(file, "c", [1, 20])) == ["1", "20"]


def genes(file, index, group="var", **columns):
    part = file.require_group(group)
    part.attrs["_index"] = "own"
    put(part, "own", index)
    for name, values in columns.items():
        put(part, name, values)
    if "obs" not in file:
        file.create_group("obs").attrs["_index"] = "_index"
        put(file, "obs/index", ["c1", "c2"])


@pytest.mark.parametrize(
    ("index", "columns", "ids", "symbols"),
    [
        (IDS, {}, IDS, IDS),
        (IDS, {"symbol": ["A", "B", "", "D"]}, IDS, ["A", "B", IDS[2], "D"]),
        (IDS, {"symbol": list("WXYZ"), "gene_symbol": list("ABCD")}, IDS, list("ABCD")),
        (list("ABCD"), {"gene_ids": [*IDS[:3], ""]}, [*IDS[:3], "D"], list("ABCD")),
        (list("ABCD"), {"gene_ids": [*IDS[:2], "", ""]}, list("ABCD"), list("ABCD")),
        ([*IDS[:3], "D"], {"symbol": list("ABCD")}, [*IDS[:3], "D"], list("ABCD")),
        ([*IDS[:2], "C", "D"], {"symbol": list("ABCD")}, [*IDS[:2], "C", "D"], None),
    ],
)
def test_names_of_genes_are_told_from_their_symbols(file, index, columns, ids, symbols):
    genes(file, index, **columns)
    found = h5_parts.names(file, "X")
    assert found == (["c1", "c2"], ids, symbols or index)


def test_names_of_the_raw_part(file):
    genes(file, list("ABCD"))
    genes(file, IDS, "raw/var")
    assert h5_parts.names(file, "raw/X")[1] == IDS
    assert h5_parts.names(file, "layers/x")[1] == list("ABCD")


def test_columns_of_every_kind(file, tmp_path):
    obs = file.create_group("obs")
    put(obs, "plain", ["a", "nan", "b"])
    group = obs.create_group("category")
    put(group, "categories", ["a", "b"])
    put(group, "codes", np.array([1, -1, 0], np.int8))
    masked = obs.create_group("masked")
    put(masked, "values", [1, 2, 3])
    put(masked, "mask", np.array([False, True, False]))
    obs.create_group("__categories")
    path = tmp_path / "a.h5"
    assert h5_parts.column(file, "plain", "s", path) == ["a", "", "b"]
    assert h5_parts.column(file, "category", "s", path) == ["b", "", "a"]
    assert h5_parts.column(file, "masked", "s", path) == ["1", "", "3"]
    for name in ("__categories", "absent"):
        with pytest.raises(BadSample, match=r"obs has no column '.*: category, masked, plain"):
            h5_parts.column(file, name, "s", path)


def test_cells_are_chosen_by_all_values_wanted(file, tmp_path):
    obs = file.create_group("obs")
    put(obs, "a", ["x", "x", "y", "z"])
    put(obs, "n", [1.0, 2.0, 1.0, 1.0])
    path = tmp_path / "a.h5"
    found = h5_parts.chosen(file, {"a": ["x", "y"], "n": [1]}, 4, "s", path)
    assert found.tolist() == [True, False, True, False]
    assert h5_parts.chosen(file, {}, 4, "s", path).tolist() == [True] * 4
    with pytest.raises(BadSample, match=r"no cell has n among 2, 3.*values of n: 1, 2"):
        h5_parts.chosen(file, {"a": ["z"], "n": [2, 3]}, 4, "s", path)


def test_values_are_samples_by_their_text_or_their_safe_name(tmp_path):
    path = tmp_path / "a.h5"
    assert h5_parts.of_samples(["s 1", "s2", "", "x"], ["s_1", "s2", "s3"], path) == {
        "s2": "s2",
        "s 1": "s_1",
    }
    assert h5_parts.of_samples(["s 1", "s_1"], ["s_1"], path) == {"s_1": "s_1"}
    with pytest.raises(BadSample, match="'s 1' and 's/1' are both s_1"):
        h5_parts.of_samples(["s 1", "s/1"], ["s_1"], path)


def stored(file, matrix, name="X"):
    made = sp.csr_matrix(matrix)
    group = file.create_group(name)
    for part in ("data", "indices", "indptr"):
        group[part] = getattr(made, part)
    return group


def test_places_that_hold_whole_numbers(file):
    stored(file, [[0.5, 1]])
    stored(file, [[2, 1]], "layers/counts")
    stored(file, [[2, 1]], "raw/X")
    file["layers/dense"] = np.array([[1.0, 2.0]])
    assert h5_parts.places_of_counts(file) == ["raw/X", "layers/counts", "layers/dense"]
    with pytest.raises(BadSample, match=r"whole numbers are in raw/X: set h5ad: {counts: raw/X}"):
        h5_parts.check_counts(file, file["X"], "X", "s", "a.h5ad")
    h5_parts.check_counts(file, file["raw/X"], "raw/X", "s", "a.h5ad")
    del file["raw"], file["layers"]
    with pytest.raises(BadSample, match="Fix: give a file with the raw counts"):
        h5_parts.check_counts(file, file["X"], "X", "s", "a.h5ad")


def test_the_matrix_that_is_named(file):
    stored(file, [[1]])
    stored(file, [[1]], "layers/a")
    assert h5_parts.counts_group(file, "layers/a", "s", "p") == file["layers/a"]
    with pytest.raises(BadSample, match=r"has no raw/X. Fix: .* one of X, layers/a in the"):
        h5_parts.counts_group(file, "raw/X", "s", "p")


@pytest.mark.parametrize("kind", ["csr", "dense", "csc"])
@pytest.mark.parametrize("size", [1, 3, 7, 99])
@pytest.mark.parametrize("rows", [[0, 1, 2, 6, 9], [9], list(range(10)), [3, 4, 5]])
def test_blocks_hold_the_rows_asked_for(file, kind, size, rows):
    matrix = np.random.default_rng(0).poisson(0.7, (10, 5))
    if kind == "dense":
        file["X"] = matrix
    elif kind == "csr":
        stored(file, matrix)
    else:
        stored(file, matrix.T).attrs["encoding-type"] = "csc_matrix"
        file["X"].attrs["shape"] = [10, 5]
    found = list(h5_parts.blocks(file["X"], 5, np.array(rows), size))
    assert [row for wanted, _ in found for row in wanted] == rows
    assert np.vstack([block.toarray() for _, block in found]).tolist() == matrix[rows].tolist()
    if kind != "csc":
        assert max(len(wanted) for wanted, _ in found) <= size
        assert all(len(set(wanted // size)) == 1 for wanted, _ in found)


def test_faults_of_the_disk_are_not_taken_for_faults_of_the_file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as made:
        made["X"] = 1

    def fail(error):
        with h5_parts.opened(tmp_path / "a.h5", "s") as file:
            raise error if error else KeyError(list(file))

    with pytest.raises(OSError, match="No space") as caught:
        fail(OSError(28, "No space left"))
    assert not isinstance(caught.value, BadSample)
    with pytest.raises(BadSample, match="a part of the file is missing or damaged"):
        fail(None)
