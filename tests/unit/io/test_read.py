"""Text formats: every layout gives the same sample."""

import gzip

import numpy as np
import pytest
import rawdata as raw
import scipy.sparse as sp
from rawdata import ROW, cohort, read
from tilt.io.errors import BadSample
from tilt.io.read import as_counts


@pytest.fixture
def matrix():
    return raw.counts()


def same_as(adata, matrix):
    assert sp.issparse(adata.X) and adata.X.format == "csr" and adata.X.dtype == np.int32
    np.testing.assert_array_equal(adata.X.toarray(), matrix)
    assert list(adata.obs_names) == raw.barcodes(len(matrix))
    assert list(adata.var_names) == raw.IDS
    assert list(adata.var["gene_symbol"]) == raw.GENES


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("prefix", ["", "S1_"])
def test_10x_directory_of_both_versions(tmp_path, matrix, version, prefix):
    raw.write_10x(tmp_path / "S1", matrix, version=version, prefix=prefix)
    same_as(read(cohort(tmp_path), ROW), matrix)


@pytest.mark.parametrize("prefix", ["GSM1_HD1", "GSM1_HD1_", "sub/GSM1_HD1"])
def test_triplets_with_a_prefix(tmp_path, matrix, prefix):
    raw.write_10x(tmp_path, matrix, prefix=prefix.rstrip("_") + "_")
    same_as(read(cohort(tmp_path, "triplets"), {"sample": "S1", "prefix": prefix}), matrix)


def test_triplets_with_one_genes_file_for_the_series(tmp_path, matrix):
    raw.write_10x(tmp_path, matrix, prefix="GSM1_JB17001_")
    (tmp_path / "GSM1_JB17001_features.tsv.gz").rename(tmp_path / "series_genes.tsv.gz")
    series = cohort(tmp_path, "triplets", genes_file="series_genes.tsv.gz")
    same_as(read(series, {"sample": "S1", "prefix": "GSM1_JB17001"}), matrix)


def test_triplets_with_files_named_one_by_one(tmp_path, matrix):
    raw.write_10x(tmp_path, matrix)
    (tmp_path / "matrix.mtx.gz").rename(tmp_path / "GSM_2.1.mtx.gz")
    row = {"sample": "S1", "matrix": "GSM_2.1.mtx.gz", "barcodes": "barcodes.tsv.gz"}
    same_as(read(cohort(tmp_path, "triplets", genes_file="features.tsv.gz"), row), matrix)


@pytest.mark.parametrize("separator", ["\t", ",", ";", " "])
@pytest.mark.parametrize("cells_in_rows", [True, False])
def test_dense_table_either_way_round(tmp_path, matrix, cells_in_rows, separator):
    names = raw.barcodes(len(matrix))
    rows, columns, values = (
        (names, raw.GENES, matrix) if cells_in_rows else (raw.GENES, names, matrix.T)
    )
    table = [["", *columns]] + [[r, *map(str, v)] for r, v in zip(rows, values, strict=True)]
    text = raw.lines(table).replace(b"\t", separator.encode())
    raw.save(tmp_path / "S1.tsv.gz", text)
    adata = read(cohort(tmp_path, "table"), {"sample": "S1", "path": "S1.tsv.gz"})
    np.testing.assert_array_equal(adata.X.toarray(), matrix)
    assert list(adata.var_names) == raw.GENES and list(adata.obs_names) == names


def test_names_of_a_table_are_taken_as_they_stand(tmp_path):
    rows = ["cell\tTBCE\tTBCE\tB2M\tNA", "001\t1\t2\t3\t4", " 1e5 \t4\t5\t6\t7", "NA\t1\t1\t1\t1"]
    raw.save(tmp_path / "S1.tsv", "\n".join(rows).encode())
    adata = read(cohort(tmp_path, "table"), ROW | {"path": "S1.tsv"})
    assert list(adata.obs_names) == ["001", "1e5", "NA"]
    assert list(adata.var_names) == ["TBCE", "TBCE", "B2M", "NA"]
    assert adata.X.toarray().tolist() == [[1, 2, 3, 4], [4, 5, 6, 7], [1, 1, 1, 1]]


def test_headers_quotes_windows_ends_and_bom_are_tolerated(tmp_path, matrix):
    folder = raw.write_10x(tmp_path / "S1", matrix)
    names = "".join(f'"{name}"\r\n' for name in ["x", *raw.barcodes()])
    raw.save(folder / "barcodes.tsv.gz", b"\xef\xbb\xbf" + names.encode())
    header = [["gene_id", "gene_name", "type"], *raw.features()]
    raw.save(folder / "features.tsv.gz", raw.lines(header).replace(b"\n", b"\r\n") + b"\r\n")
    same_as(read(cohort(tmp_path), ROW), matrix)


def test_barcodes_stand_in_the_first_column(tmp_path, matrix):
    folder = raw.write_10x(tmp_path / "S1", matrix)
    raw.save(folder / "barcodes.tsv.gz", raw.lines([name, "well 1"] for name in raw.barcodes()))
    same_as(read(cohort(tmp_path), ROW), matrix)


def test_only_genes_are_kept_and_versions_leave_the_ids(tmp_path, matrix):
    folder = raw.write_10x(tmp_path / "S1", np.hstack([matrix, matrix[:, :1] + 7]))
    rows = [[f"{i}.4", g, k] for i, g, k in raw.features()]
    rows.append(["CD4_TotalSeqB", "CD4_TotalSeqB", "Antibody Capture"])
    raw.save(folder / "features.tsv.gz", raw.lines(rows))
    same_as(read(cohort(tmp_path), ROW), matrix)


@pytest.mark.parametrize("columns", [[0], [1], [0, 1], [1, 0], [1, 1]])
def test_features_of_one_or_two_columns(tmp_path, matrix, columns):
    """Ids alone, symbols alone, both, both the other way round, symbols in the place of ids."""
    folder = raw.write_10x(tmp_path / "S1", matrix)
    raw.save(folder / "features.tsv.gz", raw.lines([f[i] for i in columns] for f in raw.features()))
    adata = read(cohort(tmp_path), ROW)
    np.testing.assert_array_equal(adata.X.toarray(), matrix)
    assert list(adata.var_names) == (raw.IDS if 0 in columns else raw.GENES)
    assert list(adata.var["gene_symbol"]) == (raw.GENES if 1 in columns else raw.IDS)


@pytest.mark.parametrize(
    "unpacked", [["matrix.mtx"], ["matrix.mtx", "barcodes.tsv", "features.tsv"]]
)
def test_files_unpacked_by_hand_or_misnamed(tmp_path, matrix, unpacked):
    folder = raw.write_10x(tmp_path / "S1", matrix)
    for name in unpacked:
        packed = folder / f"{name}.gz"
        (folder / name).write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    same_as(read(cohort(tmp_path), ROW), matrix)
    (folder / "matrix.mtx").write_bytes(gzip.compress((folder / "matrix.mtx").read_bytes()))
    same_as(read(cohort(tmp_path), ROW), matrix)


def test_matrix_written_densely(tmp_path, matrix):
    values = "\n".join(str(value) for value in matrix.ravel())
    text = f"%%MatrixMarket matrix array integer general\n8 {len(matrix)}\n{values}\n"
    folder = raw.write_10x(tmp_path / "S1", matrix)
    raw.save(folder / "matrix.mtx.gz", text.encode())
    same_as(read(cohort(tmp_path), ROW), matrix)


def test_symbols_alone_and_repeated_symbols_stay_as_found(tmp_path, matrix):
    folder = raw.write_10x(tmp_path / "S1", matrix)
    symbols = [*raw.GENES[:-1], "CD4"]
    raw.save(folder / "features.tsv.gz", raw.lines([g] for g in symbols))
    adata = read(cohort(tmp_path), ROW)
    assert list(adata.var_names) == symbols == list(adata.var["gene_symbol"])
    np.testing.assert_array_equal(adata.X.toarray(), matrix)


def test_entries_written_twice_are_summed_and_zeros_are_not_stored(tmp_path):
    text = b"%%MatrixMarket matrix coordinate integer general\n8 2 4\n1 1 2\n1 1 3\n2 2 0\n3 2 1\n"
    folder = raw.write_10x(tmp_path / "S1", raw.counts(2))
    raw.save(folder / "matrix.mtx.gz", text)
    adata = read(cohort(tmp_path), ROW)
    assert adata.X.nnz == 2 and adata.X[0, 0] == 5 and adata.X[1, 2] == 1


def lane(tmp_path):
    """Two samples in one lane, with the table of GSE96583: R's, renumbered barcodes, doublets."""
    matrix = raw.counts()
    raw.write_10x(tmp_path, matrix, prefix="GSM1_")
    letters = [name[:-2] for name in raw.barcodes()]
    head = ["tsne1", "ind", "stim", "multiplets"]
    kinds = ["singlet"] * 10 + ["doublet", "ambs"]
    rows = [
        [f"{name}-{1 if i % 3 else 11}", "0.5", str(101 + i % 2 * 6), "stim", kinds[i]]
        for i, name in enumerate(letters)
    ]
    rows += [[f"{name}-1", "0.5", "101", "ctrl", "singlet"] for name in letters]
    raw.save(tmp_path / "cells.tsv.gz", raw.lines([head, *rows]))
    table = {
        "file": "cells.tsv.gz",
        "match": {"ind": "donor", "stim": "condition"},
        "keep": {"multiplets": ["singlet"]},
    }
    row = {"sample": "stim_101", "donor": "101", "condition": "stim", "prefix": "GSM1"}
    return matrix, cohort(tmp_path, "triplets", cell_table=table, author_labels="tsne1"), row


def test_lane_of_several_samples(tmp_path):
    matrix, series, row = lane(tmp_path)
    adata = read(series, row)
    np.testing.assert_array_equal(adata.X.toarray(), matrix[[0, 2, 4, 6, 8]])
    assert list(adata.obs_names) == [raw.barcodes()[i] for i in (0, 2, 4, 6, 8)]
    assert list(adata.obs["tsne1"]) == ["0.5"] * 5


def test_lane_whose_table_does_not_fit(tmp_path):
    _, series, row = lane(tmp_path)
    with pytest.raises(BadSample, match=r"sample stim_101: .* has no cells of this sample"):
        read(series, row | {"donor": "999"})
    raw.write_10x(tmp_path, prefix="GSM1_", names=raw.barcodes(seed=9))
    with pytest.raises(BadSample, match="only 0 of 5 barcodes of the sample are in the"):
        read(series, row)
    series["cell_table"]["match"] = {"individual": "donor"}
    with pytest.raises(BadSample, match=r"no column 'individual'. Fix: name one of its"):
        read(series, row)


def test_a_matrix_of_several_lanes_keeps_their_numbers(tmp_path):
    """The same letters in two lanes are two cells."""
    letters = [name[:-2] for name in raw.barcodes()[:6]]
    names = [f"{name}-{lane}" for lane in (1, 2) for name in letters]
    raw.write_10x(tmp_path, names=names, prefix="GSM1_")
    rows = [[name, "a" if name in names[:3] + names[9:] else "b"] for name in names]
    raw.save(tmp_path / "cells.tsv", raw.lines([["cell", "who"], *rows]))
    table = {"file": "cells.tsv", "match": {"who": "donor"}}
    series = cohort(tmp_path, "triplets", cell_table=table)
    found = read(series, {"sample": "S1", "donor": "a", "condition": "x", "prefix": "GSM1"})
    assert list(found.obs_names) == names[:3] + names[9:]


@pytest.mark.parametrize(("there", "fits"), [(2, False), (3, True)])
def test_half_of_the_barcodes_of_a_lane_must_be_in_the_matrix(tmp_path, there, fits):
    _, series, row = lane(tmp_path)  # the sample has five cells of the table: 0, 2, 4, 6, 8
    names, strange = raw.barcodes(), raw.barcodes(seed=7)
    mixed = [strange[i] if i in (0, 2, 4, 6, 8)[there:] else names[i] for i in range(12)]
    raw.write_10x(tmp_path, prefix="GSM1_", names=mixed)
    if fits:
        assert list(read(series, row).obs_names) == [names[i] for i in (0, 2, 4)]
    else:
        with pytest.raises(BadSample, match="only 2 of 5 barcodes of the sample are in the"):
            read(series, row)


def test_a_compressed_matrix_with_an_entry_twice_holds_their_sum_once():
    parts = (np.array([2, 3, 0]), np.array([1, 1, 0]), np.array([0, 2, 3]))
    found = as_counts(sp.csr_matrix(parts, shape=(2, 2)), "S1", "a.h5")
    assert found.data.tolist() == [5] and found.indices.tolist() == [1]
    assert found.indptr.tolist() == [0, 1, 1] and found.dtype == np.int32


def test_features_of_other_types_are_left_out_whatever_they_are_called(tmp_path):
    rows = raw.features()
    rows[2] = [*rows[2][:2], "CRISPR Guide Capture"]
    rows[5] = [*rows[5][:2], "Custom"]
    raw.write_10x(tmp_path / "S1", raw.counts())
    raw.save(tmp_path / "S1/features.tsv.gz", raw.lines(rows))
    adata = read(cohort(tmp_path), ROW)
    kept = [i for i in range(len(raw.IDS)) if i not in (2, 5)]
    assert list(adata.var_names) == [raw.IDS[i] for i in kept]
    np.testing.assert_array_equal(adata.X.toarray(), raw.counts()[:, kept])
