"""The store gives back what went in, block by block, and refuses parts that do not fit."""

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse
from tilt.io import store as blocks


def part(rng, n, prefix, genes=7):
    counts = sparse.csr_matrix(rng.poisson(0.6, (n, genes)).astype(np.int32))
    obs = pd.DataFrame(
        {"donor": pd.Categorical([prefix] * n)}, index=[f"{prefix}{i}" for i in range(n)]
    )
    return ad.AnnData(counts, obs=obs, var=pd.DataFrame(index=[f"g{j}" for j in range(genes)]))


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    return [part(rng, 11, "a"), part(rng, 0, "b"), part(rng, 4, "c")]


@pytest.fixture
def store(parts, tmp_path):
    assert blocks.write_store(tmp_path / "counts.zarr", parts, parts[0].var) == 15
    return blocks.open_store(tmp_path / "counts.zarr")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_rows_come_back_in_order(parts, store, size):
    whole = sparse.vstack([p.X for p in parts]).toarray()
    got = [(start, block.toarray()) for start, block in blocks.iter_rows(store, size)]
    assert np.array_equal(np.vstack([block for _, block in got]), whole)
    assert [start for start, _ in got] == list(range(0, 15, size))
    assert list(store.obs.index) == [name for p in parts for name in p.obs_names]
    assert list(store.obs["donor"]) == ["a"] * 11 + ["c"] * 4


def test_store_is_an_anndata(store, parts, tmp_path):
    whole = ad.read_zarr(tmp_path / "counts.zarr")
    assert whole.shape == (15, 7)
    root = zarr.open_group(tmp_path / "counts.zarr", mode="r")
    assert root.metadata.zarr_format == 3
    assert {k: root.attrs[k] for k in blocks.ROOT_ATTRIBUTES} == blocks.ROOT_ATTRIBUTES
    assert np.array_equal(whole.X[:11].toarray(), parts[0].X.toarray())


def test_select_genes(store, parts):
    picked = blocks.select_genes(store, ["g5", "g0"], size=4)
    whole = sparse.vstack([p.X for p in parts]).toarray()
    assert list(picked.var_names) == ["g5", "g0"]
    assert np.array_equal(picked.X.toarray(), whole[:, [5, 0]])
    with pytest.raises(ValueError, match="not in the store"):
        blocks.select_genes(store, ["g99"])


def test_wrong_parts_leave_no_store(parts, tmp_path):
    other = parts[2][:, ::-1].copy()
    with pytest.raises(ValueError, match="same genes"):
        blocks.write_store(tmp_path / "x.zarr", [parts[0], other], parts[0].var)
    with pytest.raises(ValueError, match="'a0' occurs twice"):
        blocks.write_store(tmp_path / "x.zarr", [parts[0], parts[0]], parts[0].var)
    assert not (tmp_path / "x.zarr").exists()


def test_empty_store(parts, tmp_path):
    assert blocks.write_store(tmp_path / "e.zarr", [parts[1]], parts[1].var) == 0
    store = blocks.open_store(tmp_path / "e.zarr")
    assert list(blocks.iter_rows(store)) == []
    assert blocks.select_genes(store, ["g1"]).shape == (0, 1)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_of_any_size_hold_the_same_counts(parts, tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(blocks, "CHUNK", chunk)
    var = parts[0].var
    blocks.write_store(tmp_path / "counts.zarr", parts, var)
    store = blocks.open_store(tmp_path / "counts.zarr")
    assert store.data.chunks == (chunk,)
    whole = sparse.vstack([sparse.csr_matrix(part.X) for part in parts])
    assert (store.rows(0, store.n_obs) != whole).nnz == 0
    assert store.data.shape == store.indices.shape == (whole.nnz,)


def test_a_sample_comes_back_as_it_was(parts, tmp_path):
    sample = parts[0]
    sample.var["gene_symbol"] = list("ABCDEFG")
    blocks.write_sample(tmp_path / "s.h5ad", sample)
    found = ad.read_h5ad(tmp_path / "s.h5ad")
    assert np.array_equal(found.X.toarray(), sample.X.toarray())
    assert found.obs_names.tolist() == sample.obs_names.tolist()
    assert found.obs["donor"].tolist() == ["a"] * 11
    assert found.var["gene_symbol"].tolist() == list("ABCDEFG")
    with h5py.File(tmp_path / "s.h5ad") as file:
        assert dict(file.attrs) == blocks.ROOT_ATTRIBUTES
        assert file["X/data"].scaleoffset is not None


@pytest.mark.parametrize("size", [4, 1000])
def test_a_file_for_users_holds_counts_and_what_is_shown(parts, store, tmp_path, size):
    seen = []

    def normalize(counts, rows):
        seen.extend(rows)
        return (counts * 0.5).astype(np.float32)

    slots = {"obs": store.obs, "var": store.var, "obsm": {"X_umap": np.ones((15, 2))}}
    slots |= {"obsp": {}, "uns": {"tilt": {"version": "1"}}}
    blocks.write_h5ad(tmp_path / "u.h5ad", store, normalize, slots, size)
    found = ad.read_h5ad(tmp_path / "u.h5ad")
    whole = sparse.vstack([p.X for p in parts]).toarray()
    assert np.array_equal(found.layers["counts"].toarray(), whole)
    assert np.array_equal(found.X.toarray(), whole * 0.5)
    assert seen == list(range(15))
    assert found.layers["counts"].dtype == np.int32 and found.X.dtype == np.float32
    with h5py.File(tmp_path / "u.h5ad") as file:
        assert dict(file.attrs) == blocks.ROOT_ATTRIBUTES
        assert file["X/data"].compression == file["layers/counts/data"].compression == "gzip"
        assert set(file) == {"X", "layers", "obs", "obsm", "obsp", "uns", "var", "varm", "varp"}
    assert found.obsm["X_umap"].shape == (15, 2) and found.uns["tilt"]["version"] == "1"


@pytest.mark.parametrize(("most", "kind"), [(2**31 - 1, "int32"), (10, "int64")])
def test_places_of_counts_are_written_once_and_hold_any_number(
    store, tmp_path, monkeypatch, most, kind
):
    """More counts than 32 bits can number: here, more than 10."""
    monkeypatch.setattr(blocks, "MOST_32", most)
    slots = {"obs": store.obs, "var": store.var}
    blocks.write_h5ad(tmp_path / "u.h5ad", store, lambda block, rows: block * 0.5, slots, 4)
    with h5py.File(tmp_path / "u.h5ad") as file:
        for name in ("indices", "indptr"):
            assert file["X"][name] == file["layers/counts"][name]  # one dataset, two names
        assert file["X/indptr"].dtype == kind and file["X/indices"].dtype == "int32"
        assert file["X"].attrs["shape"].tolist() == [15, 7]
    found = ad.read_h5ad(tmp_path / "u.h5ad")
    assert (found.layers["counts"] != found.X * 2).nnz == 0 and found.X.nnz == store.indptr[-1]


@pytest.mark.parametrize(("start", "stop"), [(0, 15), (3, 9), (14, 15), (5, 5)])
def test_any_rows_can_be_read(parts, store, start, stop):
    whole = sparse.vstack([p.X for p in parts]).toarray()
    assert np.array_equal(store.rows(start, stop).toarray(), whole[start:stop])
    assert (store.n_obs, store.n_vars, list(store.var_names)) == (
        15,
        7,
        [f"g{j}" for j in range(7)],
    )


def test_items_are_made_one_ahead_and_errors_come_through():
    made = []

    def items():
        for i in range(4):
            made.append(i)
            yield i

    taken = blocks.ahead(items())
    assert next(taken) == 0 and list(taken) == [1, 2, 3] and made == [0, 1, 2, 3]

    def broken():
        yield 1
        raise RuntimeError("no more")

    taken = blocks.ahead(broken())
    assert next(taken) == 1
    with pytest.raises(RuntimeError, match="no more"):
        next(taken)


def test_a_store_that_is_not_there_is_not_made_by_opening_it(tmp_path):
    with pytest.raises(FileNotFoundError):
        blocks.open_store(tmp_path / "absent.zarr")
    assert list(tmp_path.iterdir()) == []


def test_tables_beside_the_counts_are_joined_and_missing_where_a_part_has_none(parts, tmp_path):
    first, _, last = parts
    first.obsm["tags"] = pd.DataFrame({"CD4": np.arange(11)}, first.obs_names)
    last.obsm["tags"] = pd.DataFrame({"CD8": [0.5, 1, 2, 3]}, last.obs_names)
    last.obsm["other"] = pd.DataFrame({"x": [1, 2, 3, 4]}, last.obs_names)
    blocks.write_store(tmp_path / "t.zarr", parts, first.var)
    found = blocks.read_slot(tmp_path / "t.zarr", "tags")
    assert found.index.tolist() == [*first.obs_names, *last.obs_names]
    assert (found.dtypes == np.float32).all() and list(found) == ["CD4", "CD8"]
    nothing = [np.nan] * 11
    assert found["CD4"].tolist()[:11] == list(range(11)) and found["CD4"].isna()[11:].all()
    np.testing.assert_array_equal(found["CD8"], [*nothing, 0.5, 1, 2, 3])
    other = blocks.read_slot(tmp_path / "t.zarr", "other")["x"]
    np.testing.assert_array_equal(other, [*nothing, 1, 2, 3, 4])
    assert blocks.read_slot(tmp_path / "t.zarr", "none") is None
    blocks.write_sample(tmp_path / "s.h5ad", first)
    path = tmp_path / "s.h5ad"
    assert blocks.read_slot(path, "tags")["CD4"].tolist() == list(range(11))
    assert blocks.read_slot(path, "none") is None
    assert blocks.read_part(path, "obs").index.tolist() == first.obs_names.tolist()
    assert np.array_equal(blocks.read_part(path, "X").toarray(), first.X.toarray())


def test_a_store_takes_the_place_of_an_older_one_and_of_a_half_written_one(parts, tmp_path):
    path, scratch = tmp_path / "counts.zarr", tmp_path / ".counts.zarr.part"
    for folder in (path, scratch):
        folder.mkdir()
        (folder / "old").write_text("x")
    blocks.write_store(path, parts[:1], parts[0].var)
    assert not (path / "old").exists() and not scratch.exists()
    assert blocks.open_store(path).n_obs == 11


def test_chosen_genes_bring_their_tables_and_are_whole_numbers(parts, tmp_path):
    var = parts[0].var.assign(gene_symbol=list("ABCDEFG"))
    whole = [ad.AnnData(part.X, obs=part.obs, var=var) for part in parts]
    blocks.write_store(tmp_path / "g.zarr", whole, var)
    picked = blocks.select_genes(blocks.open_store(tmp_path / "g.zarr"), ["g6", "g2"])
    assert picked.var["gene_symbol"].tolist() == ["G", "C"]
    assert picked.obs["donor"].tolist() == ["a"] * 11 + ["c"] * 4
    assert picked.X.dtype == np.int32 and picked.X.indices.dtype == np.int32
    assert blocks.open_store(tmp_path / "g.zarr").rows(0, 15).dtype == np.int32


def test_no_more_than_a_chunk_waits_in_memory_and_whole_chunks_alone_are_written(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(blocks, "CHUNK", 10)
    root = zarr.open_group(tmp_path / "g.zarr", mode="w", zarr_format=3)
    growing = blocks._GrowingCsr(root, 4)
    row = sparse.csr_matrix(np.array([[1, 2, 0, 3]], dtype=np.int32))
    written = []
    for n in (3, 1, 2, 9):  # 9, 12, 18 and 45 counts in all
        growing.append(sparse.vstack([row] * n).tocsr())
        written.append(root["X/data"].shape[0])
        waiting = sum(map(len, growing.kept["data"]))
        assert waiting < 10 and waiting == sum(map(len, growing.kept["indices"]))
    assert written == [0, 10, 10, 40]
    growing.finish()
    assert root["X/data"][:].tolist() == [1, 2, 3] * 15
    assert root["X/indices"][:].tolist() == [0, 1, 3] * 15
    assert root["X/indptr"][:].tolist() == list(range(0, 46, 3))
    assert root["X"].attrs["shape"] == [15, 4]
