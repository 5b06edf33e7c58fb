"""HDF5 formats: 10x of both versions, h5ad of old and new making, and files split by sample."""

import tracemalloc

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import rawdata as raw
import scipy.sparse as sp
from tilt.io import h5, h5_parts, read
from tilt.io.errors import BadSample


@pytest.mark.parametrize("version", [2, 3])
def test_10x_h5(tmp_path, version):
    matrix = raw.counts()
    path = raw.write_10x_h5(tmp_path / "S1.h5", matrix, version)
    adata = read.read_sample("10x_h5", {"h5": path}, sample="S1")
    np.testing.assert_array_equal(adata.X.toarray(), matrix)
    assert list(adata.obs_names) == raw.barcodes()
    assert list(adata.var_names) == raw.IDS and list(adata.var["gene_symbol"]) == raw.GENES


def test_genes_without_counts_at_the_end_stay(tmp_path):
    matrix = raw.counts()
    matrix[:, -3:] = 0
    path = raw.write_10x_h5(tmp_path / "S1.h5", matrix)
    found, _, ids, _ = h5.read_10x(path, "S1")
    assert found.shape == matrix.shape and ids == raw.IDS
    np.testing.assert_array_equal(found.toarray(), matrix)


def test_10x_h5_of_two_genomes(tmp_path):
    path = raw.write_10x_h5(tmp_path / "S1.h5", raw.counts(), 2)
    with h5py.File(path, "a") as file:
        for name, of in (("barcodes", "ACGT"), ("genes", "ENSMUSG1"), ("gene_names", "Cd3d")):
            file[f"mm10/{name}"] = np.array([of], "S")
    found = read.read_sample("10x_h5", {"h5": path}, sample="S1")
    np.testing.assert_array_equal(found.X.toarray(), raw.counts())
    with h5py.File(path, "a") as file:
        file.copy("GRCh38", "hg19")
        file["hg19/data"][:] *= 2
    with pytest.raises(BadSample, match=r"has 3 genomes: GRCh38, hg19, mm10. .* genome: GRCh38"):
        read.read_sample("10x_h5", {"h5": path}, sample="S1")
    with pytest.raises(BadSample, match=r"no genome 'GRCh37': GRCh38, hg19, mm10"):
        read.read_sample("10x_h5", {"h5": path}, sample="S1", genome="GRCh37")
    found = read.read_sample("10x_h5", {"h5": path}, sample="S1", genome="hg19")
    np.testing.assert_array_equal(found.X.toarray(), 2 * raw.counts())


def test_h5_that_is_not(tmp_path):
    path = tmp_path / "S1.h5"
    path.write_bytes(b"not HDF5 at all, but some text")
    with pytest.raises(BadSample, match=r"S1: .*S1.h5: the file is not HDF5. Fix: fetch"):
        read.read_sample("10x_h5", {"h5": path}, sample="S1")


def test_truncated_h5(tmp_path):
    path = raw.write_10x_h5(tmp_path / "S1.h5", raw.counts())
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(BadSample, match=r"cannot be opened as HDF5 .*delete it and fetch"):
        read.read_sample("10x_h5", {"h5": path}, sample="S1")


def release(n_cells: int = 30, seed: int = 0) -> ad.AnnData:
    """Structured as the CELLxGENE files: counts in raw/X, X adjusted, categoricals with NaN."""
    matrix = raw.counts(n_cells, seed=seed)
    names = [f"{b}-{i}" for i, b in enumerate(raw.barcodes(n_cells, seed))]
    obs = pd.DataFrame(
        {
            "sample_uuid": pd.Categorical([["s1", "s2", "s3"][i % 3] for i in range(n_cells)]),
            "ct_cov": pd.Categorical([None if i % 4 == 0 else "T4_naive" for i in range(n_cells)]),
            "lane": np.arange(n_cells) % 2,
        },
        index=names,
    )
    var = pd.DataFrame(
        {"feature_name": pd.Categorical(raw.GENES), "feature_is_filtered": False}, index=raw.IDS
    )
    raw_part = ad.AnnData(sp.csr_matrix(matrix.astype(np.float32)), obs=obs, var=var)
    adjusted = np.log1p(matrix) - 0.7
    full = ad.AnnData(sp.csr_matrix(adjusted.astype(np.float32)), obs=obs, var=var)
    full.raw = raw_part
    return full


def test_counts_in_raw_and_cells_of_one_sample(tmp_path):
    full = release()
    full.write_h5ad(tmp_path / "all.h5ad")
    adata = read.read_sample(
        "h5ad",
        {"h5ad": tmp_path / "all.h5ad"},
        sample="s2",
        counts="raw/X",
        sample_column="sample_uuid",
        keep=["ct_cov", "lane"],
    )
    wanted = full[full.obs["sample_uuid"] == "s2"]
    np.testing.assert_array_equal(adata.X.toarray(), wanted.raw.X.toarray())
    assert adata.X.dtype == np.int32 and list(adata.obs_names) == list(wanted.obs_names)
    assert list(adata.var_names) == raw.IDS and list(adata.var["gene_symbol"]) == raw.GENES
    assert list(adata.obs["ct_cov"]) == wanted.obs["ct_cov"].astype(object).fillna("").tolist()
    assert list(adata.obs["lane"]) == wanted.obs["lane"].astype(str).tolist()


@pytest.mark.parametrize("kind", ["layer", "dense", "csc"])
def test_counts_in_a_layer_and_in_other_kinds_of_matrix(tmp_path, kind):
    matrix = raw.counts(20)
    stored = {"layer": sp.csr_matrix, "dense": np.asarray, "csc": sp.csc_matrix}[kind](matrix)
    obs = pd.DataFrame({"who": ["a", "b"] * 10}, index=raw.barcodes(20))
    var = pd.DataFrame({"gene_ids": raw.IDS}, index=raw.GENES)
    adata = ad.AnnData(stored if kind != "layer" else np.log1p(matrix), obs=obs, var=var)
    if kind == "layer":
        adata.layers["counts"] = stored
    adata.write_h5ad(tmp_path / "a.h5ad")
    found = read.read_sample(
        "h5ad",
        {"h5ad": tmp_path / "a.h5ad"},
        sample="b",
        counts="layers/counts" if kind == "layer" else "X",
        sample_column="who",
    )
    np.testing.assert_array_equal(found.X.toarray(), matrix[1::2])
    assert list(found.var_names) == raw.IDS


def failure(path, **options):
    with pytest.raises(BadSample) as caught:
        read.read_sample("h5ad", {"h5ad": path}, sample="s1", **options)
    return str(caught.value).replace(f"{path}", "all.h5ad")


def test_h5ad_without_the_mapped_column(tmp_path):
    release().write_h5ad(tmp_path / "all.h5ad")
    wrong = failure(tmp_path / "all.h5ad", counts="raw/X", sample_column="donor")
    assert wrong == (
        "sample s1: all.h5ad: obs has no column 'donor'. Fix: name one of its columns in the "
        "cohort file: ct_cov, lane, sample_uuid."
    )


def test_h5ad_whose_x_is_not_counts_points_to_the_counts(tmp_path):
    release().write_h5ad(tmp_path / "all.h5ad")
    wrong = failure(tmp_path / "all.h5ad", counts="X", sample_column="sample_uuid")
    assert "X holds negative values (smallest -0.7)" in wrong
    assert "whole numbers are in raw/X: set h5ad: {counts: raw/X} in the cohort file" in wrong


def test_h5ad_without_the_layer(tmp_path):
    release().write_h5ad(tmp_path / "all.h5ad")
    wrong = failure(tmp_path / "all.h5ad", counts="layers/raw", sample_column="sample_uuid")
    assert wrong.endswith(
        "has no layers/raw. Fix: set h5ad: counts: to one of X, raw/X in the cohort file."
    )


@pytest.mark.parametrize("part", ["obs", "var"])
def test_h5ad_that_lacks_a_part(tmp_path, part):
    release().write_h5ad(tmp_path / "all.h5ad")
    with h5py.File(tmp_path / "all.h5ad", "a") as file:
        del file[part]
    wrong = failure(tmp_path / "all.h5ad", sample_column="sample_uuid")
    assert wrong.startswith("sample s1: all.h5ad: a part of the file is missing or damaged (")
    assert wrong.endswith(
        "Fix: fetch it again; if it is whole, another `format` in the cohort file may fit."
    )


def test_10x_file_in_place_of_an_h5ad(tmp_path):
    raw.write_10x_h5(tmp_path / "all.h5ad", raw.counts())
    assert failure(tmp_path / "all.h5ad") == (
        "sample s1: all.h5ad: the file is a 10x HDF5 file, not an h5ad. Fix: set format: 10x_h5 "
        "in the cohort file."
    )


WHO = {
    "numbers": (np.array([7, 7, 8, 8]), "7"),
    "numbers with gaps": (np.array([7, 7, np.nan, 8]), "7"),
    "numbers as categories": (pd.Categorical([7, 7, 8, 8]), "7"),
    "leading zeros": (["007", "007", "7", "7"], "007"),
    "spaces": (["patient 3", "patient 3", "patient 4", "patient 4"], "patient_3"),
    "umlauts": (["Müller", "Müller", "Meier", "Meier"], "Muller"),
}


@pytest.mark.parametrize("kind", WHO)
def test_sample_names_of_every_kind(tmp_path, kind):
    """Also those that the sheet cannot hold as they are: they are found by their safe name."""
    column, name = WHO[kind]
    obs = pd.DataFrame({"who": column}, index=raw.barcodes(4))
    path, out = tmp_path / "all.h5ad", tmp_path / "one.h5ad"
    full = ad.AnnData(raw.counts(4), obs=obs, var=pd.DataFrame(index=raw.GENES))
    full.write_h5ad(path)
    found = read.read_sample("h5ad", {"h5ad": path}, sample=name, sample_column="who")
    np.testing.assert_array_equal(found.X.toarray(), full.X[:2])
    assert h5.split_h5ad(path, "who", "X", {name: out}) == {name: 2}
    split = read.read_sample("h5ad_per_sample", {"h5ad": out}, sample=name)
    np.testing.assert_array_equal(split.X.toarray(), full.X[:2])


def test_two_values_that_would_be_the_same_sample(tmp_path):
    obs = pd.DataFrame({"who": ["s 1", "s 1", "s-1", "s/1"]}, index=raw.barcodes(4))
    full = ad.AnnData(raw.counts(4), obs=obs, var=pd.DataFrame(index=raw.GENES))
    full.write_h5ad(tmp_path / "all.h5ad")
    with pytest.raises(BadSample, match=r"sample s_1: .* 's 1' and 's/1' are both s_1 as"):
        h5.split_h5ad(tmp_path / "all.h5ad", "who", "X", {"s_1": tmp_path / "o.h5ad"})


def test_values_wanted_are_compared_as_numbers(tmp_path):
    full = release(6)
    full.obs["cohort"] = pd.Categorical([1.0, 4.0] * 3)
    full.write_h5ad(tmp_path / "all.h5ad")
    for wanted in (["4.0"], ["4"], [4], [4.0]):
        found = read.read_sample(
            "h5ad_per_sample",
            {"h5ad": tmp_path / "all.h5ad"},
            counts="raw/X",
            where={"cohort": wanted},
        )
        assert list(found.obs_names) == list(full.obs_names[1::2])


def test_sample_without_cells(tmp_path):
    release().write_h5ad(tmp_path / "all.h5ad")
    wrong = failure(tmp_path / "all.h5ad", counts="raw/X", sample_column="ct_cov")
    assert "no cell has ct_cov = 's1'. Fix: use the values of ct_cov as sample names" in wrong


def test_h5ad_written_by_old_versions(tmp_path):
    """Before 2020 categories lay apart from their codes and the index was a plain column."""
    matrix = sp.csr_matrix(raw.counts(6))
    with h5py.File(tmp_path / "old.h5ad", "w") as file:
        group = file.create_group("X")
        group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", matrix.shape
        group["data"], group["indices"], group["indptr"] = (
            matrix.data,
            matrix.indices,
            matrix.indptr,
        )
        file["obs/index"] = np.array(raw.barcodes(6), "S")
        file["obs/who"] = np.array([0, 1, 0, 1, -1, 0], dtype=np.int8)
        file["obs/__categories/who"] = np.array(["s1", "s2"], "S")
        file["obs/who"].attrs["categories"] = file["obs/__categories/who"].ref
        file["var/index"] = np.array(raw.GENES, "S")
    found = read.read_sample(
        "h5ad", {"h5ad": tmp_path / "old.h5ad"}, sample="s1", sample_column="who"
    )
    np.testing.assert_array_equal(found.X.toarray(), matrix.toarray()[[0, 2, 5]])


def test_split_gives_what_reading_gives(tmp_path):
    full = release(31)
    path = tmp_path / "all.h5ad"
    full.write_h5ad(path)
    out = {name: tmp_path / "split" / f"{name}.h5ad" for name in ("s1", "s3")}
    written = h5.split_h5ad(path, "sample_uuid", "raw/X", out, keep=["ct_cov"], block_rows=4)
    assert written == {"s1": 11, "s3": 10}
    assert sorted(p.name for p in (tmp_path / "split").iterdir()) == ["s1.h5ad", "s3.h5ad"]
    for name, target in out.items():
        split = read.read_sample("h5ad_per_sample", {"h5ad": target}, sample=name)
        direct = read.read_sample(
            "h5ad", {"h5ad": path}, sample=name, counts="raw/X", sample_column="sample_uuid"
        )
        assert (split.X != direct.X).nnz == 0
        assert split.obs_names.equals(direct.obs_names) and split.var.equals(direct.var)
    kept = ad.read_h5ad(out["s1"]).obs["ct_cov"]
    wanted = full.obs.loc[full.obs["sample_uuid"] == "s1", "ct_cov"]
    assert list(kept) == wanted.astype(object).fillna("").tolist()


def test_split_leaves_nothing_when_it_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(h5_parts, "FIRST_VALUES", 10)
    full = release()
    full.raw.X.data[-1] = 0.5
    full.write_h5ad(tmp_path / "all.h5ad")
    target = tmp_path / "split" / "s3.h5ad"
    with pytest.raises(BadSample, match=r"not whole numbers \(for instance 0.5"):
        h5.split_h5ad(tmp_path / "all.h5ad", "sample_uuid", "raw/X", {"s3": target}, block_rows=4)
    assert list(target.parent.iterdir()) == []


def test_split_of_samples_that_are_not_in_the_file(tmp_path, caplog):
    release().write_h5ad(tmp_path / "all.h5ad")
    target = tmp_path / "split" / "s3.h5ad"
    with pytest.raises(BadSample, match=r"sample s9: .* no cell has sample_uuid = 's9'"):
        h5.split_h5ad(tmp_path / "all.h5ad", "sample_uuid", "raw/X", {"s9": target})


def test_split_holds_one_block_at_a_time(tmp_path):
    """Peak memory is far below the matrix: 24 MB of counts, blocks of 500 of 20,000 rows."""
    rng = np.random.default_rng(0)
    n, nnz = 20_000, 100
    indptr = np.arange(0, (n + 1) * nnz, nnz)
    indices = np.tile(np.arange(0, 1000, 10, dtype=np.int32), n)
    matrix = sp.csr_matrix((rng.integers(1, 9, n * nnz), indices, indptr), shape=(n, 1000))
    obs = pd.DataFrame(
        {"who": pd.Categorical(rng.choice(["s1", "s2"], n))}, index=[f"c{i}" for i in range(n)]
    )
    genes = pd.DataFrame(index=[f"G{i}" for i in range(1000)])
    ad.AnnData(matrix, obs=obs, var=genes).write_h5ad(tmp_path / "all.h5ad")
    matrix_bytes = matrix.data.nbytes + matrix.indices.nbytes
    out = {s: tmp_path / f"{s}.h5ad" for s in ("s1", "s2")}
    tracemalloc.start()
    written = h5.split_h5ad(tmp_path / "all.h5ad", "who", "X", out, block_rows=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(written.values()) == n
    assert peak < 0.5 * matrix_bytes


def test_split_tells_samples_without_cells_and_cells_without_a_sample(tmp_path, caplog):
    release().write_h5ad(tmp_path / "all.h5ad")
    out = {name: tmp_path / f"{name}.h5ad" for name in ("s1", "gone")}
    written = h5.split_h5ad(tmp_path / "all.h5ad", "sample_uuid", "raw/X", out)
    assert written == {"s1": 10, "gone": 0}
    assert "2 values of sample_uuid are not samples of the sheet and are left out: s2, s3" in (
        caplog.text
    )
    with pytest.raises(BadSample, match=r"sample gone: .* has no cells of this sample"):
        read.read_sample("h5ad_per_sample", {"h5ad": out["gone"]}, sample="gone")


def test_only_cells_with_the_wanted_values(tmp_path):
    full = release()
    path = tmp_path / "all.h5ad"
    full.write_h5ad(path)
    where = {"lane": [1]}
    written = h5.split_h5ad(
        path, "sample_uuid", "raw/X", {"s1": tmp_path / "s1.h5ad"}, where=where, block_rows=7
    )
    wanted = full[(full.obs["sample_uuid"] == "s1") & (full.obs["lane"] == 1)]
    assert written == {"s1": wanted.n_obs}
    split = read.read_sample("h5ad_per_sample", {"h5ad": tmp_path / "s1.h5ad"}, sample="s1")
    np.testing.assert_array_equal(split.X.toarray(), wanted.raw.X.toarray())
    options = {"sample": "s1", "counts": "raw/X", "sample_column": "sample_uuid"}
    direct = read.read_sample("h5ad", {"h5ad": path}, **options, where=where)
    assert list(direct.obs_names) == list(split.obs_names) == list(wanted.obs_names)
    with pytest.raises(BadSample, match=r"no cell has lane among 7. Fix: .* lane: 0, 1"):
        read.read_sample("h5ad", {"h5ad": path}, **options, where={"lane": [7]})


def test_10x_file_with_fewer_names_than_genes(tmp_path):
    path = raw.write_10x_h5(tmp_path / "S1.h5", raw.counts())
    with h5py.File(path, "a") as file:
        names = file["matrix/features/name"][:-1]
        del file["matrix/features/name"]
        file["matrix/features/name"] = names
    with pytest.raises(BadSample, match=r"a part of the file is missing or damaged \(zip"):
        read.read_sample("10x_h5", {"h5": path}, sample="S1")
