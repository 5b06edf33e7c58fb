"""Text formats: every layout gives the same sample; every broken file is named with its fix."""

import gzip

import numpy as np
import pytest
import rawdata as raw
import scipy.sparse as sp
from tilt.io import layouts, read_checks
from tilt.io import read as readers
from tilt.io.errors import BadSample


@pytest.fixture
def matrix():
    return raw.counts()


def same_as(adata, matrix):
    assert sp.issparse(adata.X) and adata.X.format == "csr" and adata.X.dtype == np.int32
    np.testing.assert_array_equal(adata.X.toarray(), matrix)
    assert list(adata.obs_names) == raw.barcodes(len(matrix))
    assert list(adata.var_names) == raw.IDS
    assert list(adata.var["gene_symbol"]) == raw.GENES


def read(cohort, row):
    files = layouts.sample_files(cohort, row)
    return readers.read_sample(cohort["format"], files, **layouts.read_options(cohort, row))


def cohort(folder, format="10x_dir", **more):
    return {"format": format, "folder": str(folder), **more}


ROW = {"sample": "S1", "path": "S1"}


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


# Bad data, one by one ---------------------------------------------------------------------------


def failure(tmp_path, **files):
    """Message of a 10x directory S1 in which some files are replaced by these bytes."""
    folder = raw.write_10x(tmp_path / "S1")
    names = {
        "matrix": "matrix.mtx.gz",
        "barcodes": "barcodes.tsv.gz",
        "features": "features.tsv.gz",
    }
    for role, data in files.items():
        path = folder / names[role]
        path.write_bytes(data) if data is not None else path.unlink()
    with pytest.raises(BadSample) as caught:
        read(cohort(tmp_path), ROW)
    assert caught.value.sample == "S1"
    return str(caught.value).replace(str(folder) + "/", "")


def zipped(data: bytes) -> bytes:
    return gzip.compress(data)


def test_barcodes_of_another_length(tmp_path):
    data = zipped(raw.lines([n] for n in raw.barcodes(11)))
    assert failure(tmp_path, barcodes=data) == (
        "sample S1: barcodes.tsv.gz: 11 barcodes for a matrix of 12 cells (matrix.mtx.gz). Fix: "
        "matrix and barcodes are not of the same sample, or one is cut short: fetch both again."
    )


def test_features_of_another_length(tmp_path):
    assert failure(tmp_path, features=zipped(raw.lines(raw.features()[:5]))) == (
        "sample S1: features.tsv.gz: 5 genes for a matrix of 8 genes (matrix.mtx.gz). Fix: give "
        "the features file that belongs to this matrix."
    )


def test_transposed_matrix(tmp_path):
    assert failure(tmp_path, matrix=zipped(raw.mtx(raw.counts().T))) == (
        "sample S1: matrix.mtx.gz: the matrix is transposed: 12 rows are the barcodes and 8 "
        "columns the genes, it must be the other way round. Fix: swap it once with scipy.io: "
        "mmwrite(path, mmread(path).T)."
    )


def test_no_features_file(tmp_path):
    assert failure(tmp_path, features=None) == (
        "sample S1: features.tsv.gz: the file does not exist. Fix: correct the sample sheet or "
        "the folder of the cohort file."
    )


def test_duplicated_barcodes(tmp_path):
    names = raw.barcodes()
    names[3] = names[7] = names[0]
    assert failure(tmp_path, barcodes=zipped(raw.lines([n] for n in names))) == (
        f"sample S1: matrix.mtx.gz: 2 barcodes occur more than once (first {names[0]}). Fix: two "
        "libraries were probably joined: give each its own row in the sample sheet, or make the "
        "barcodes differ."
    )


def test_log_transformed_counts(tmp_path):
    wrong = failure(tmp_path, matrix=zipped(raw.mtx(np.log1p(raw.counts()))))
    assert "sample S1: matrix.mtx.gz: holds values that are not whole numbers" in wrong
    assert "these look normalized (log-transformed)" in wrong
    assert wrong.endswith("Fix: give the raw counts (UMIs), as written by the aligner.")


def test_counts_scaled_to_a_common_depth(tmp_path):
    scaled = raw.counts() / raw.counts().sum(1, keepdims=True) * 1e4
    wrong = failure(tmp_path, matrix=zipped(raw.mtx(scaled)))
    assert "these look normalized (scaled to a common depth)" in wrong


def test_negative_values(tmp_path):
    wrong = failure(tmp_path, matrix=zipped(raw.mtx(raw.counts() - 2.5)))
    assert "holds negative values (smallest -2.5): these look scaled or batch-adjusted" in wrong


def test_missing_values(tmp_path):
    matrix = raw.counts().astype(float)
    matrix[2, 2] = np.nan
    wrong = failure(tmp_path, matrix=zipped(raw.mtx(matrix)))
    assert "matrix.mtx.gz: holds missing or infinite values (NaN, Inf)." in wrong


def test_all_zero(tmp_path):
    wrong = failure(tmp_path, matrix=zipped(raw.mtx(raw.counts() * 0)))
    assert "sample S1: matrix.mtx.gz: every count is zero. Fix: fetch the file again or" in wrong


def test_gzip_that_is_not(tmp_path):
    assert failure(tmp_path, matrix=raw.mtx(raw.counts())) == (
        "sample S1: matrix.mtx.gz: the file is named .gz but is not compressed by gzip. Fix: "
        "rename it to matrix.mtx if it is plain text, else fetch it again."
    )


def test_web_page_saved_as_data(tmp_path):
    assert failure(tmp_path, matrix=b"<!DOCTYPE html><html>Not found</html>") == (
        "sample S1: matrix.mtx.gz: the file is a web page, not data. Fix: delete it and fetch it "
        "again."
    )


@pytest.mark.parametrize("role", ["matrix", "barcodes", "features"])
def test_truncated_gzip(tmp_path, role):
    whole = {
        "matrix": raw.mtx(raw.counts(300)),
        "barcodes": raw.lines([n] for n in raw.barcodes(300)),
        "features": raw.lines(raw.features() * 40),
    }[role]
    data = zipped(whole)[:-60]
    assert "the compressed file is cut short or damaged. Fix: delete it and fetch" in failure(
        tmp_path, **{role: data}
    )


def test_truncated_text_of_a_matrix(tmp_path):
    wrong = failure(tmp_path, matrix=zipped(raw.mtx(raw.counts())[:-20]))
    assert "matrix.mtx.gz: the file is not a whole MatrixMarket matrix" in wrong


def test_empty_file(tmp_path):
    wrong = failure(tmp_path, barcodes=b"")
    assert wrong == "sample S1: barcodes.tsv.gz: the file is empty. Fix: fetch it again."


def test_empty_gzip(tmp_path):
    assert "0 barcodes for a matrix of 12 cells" in failure(tmp_path, barcodes=zipped(b""))
    assert "0 genes for a matrix of 8 genes" in failure(tmp_path, features=zipped(b""))


def test_binary_where_text_should_be(tmp_path):
    assert "the file is not text (UTF-8)" in failure(tmp_path, barcodes=zipped(b"\xff\xfe\x00A"))


def test_mixed_mouse_and_human(tmp_path):
    rows = [["hg19_" + i, "hg19_" + g] for i, g in raw.features(2)[:6]]
    rows += [["mm10_ENSMUSG00000000001", "mm10_Cd4"], ["mm10_ENSMUSG00000000002", "mm10_Maf"]]
    wrong = failure(tmp_path, features=zipped(raw.lines(rows)))
    assert "2 of 8 genes are of another genome" in wrong and "Fix: write the human part" in wrong


def test_mouse_symbols(tmp_path):
    rows = [[g.capitalize()] for g in raw.GENES[:-1]] + [["mt-Co1"]]
    assert "genes are mouse genes" in failure(tmp_path, features=zipped(raw.lines(rows)))


@pytest.mark.parametrize("kind", ["pattern", "complex"])
def test_matrix_without_numbers_of_molecules(tmp_path, kind):
    text = f"%%MatrixMarket matrix coordinate {kind} general\n8 12 1\n1 1 1 0\n"
    assert failure(tmp_path, matrix=zipped(text.encode())) == (
        "sample S1: matrix.mtx.gz: the matrix holds no numbers of molecules (pattern or complex "
        "entries). Fix: give the matrix of raw counts (UMIs)."
    )


def test_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(read_checks, "open", refuse, raising=False)
    wrong = failure(tmp_path)
    assert "sample S1: matrix.mtx.gz: the file cannot be read (Permission denied). Fix: " in wrong


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"gene\tA\tB\nCD4\t1\ttwo\n", "not a table of numbers with names in its first row and"),
        (b"gene\nCD4\nMAF\n", "names in its first row or column only. Fix: fetch it again; col"),
        (
            "gene\tA\nCD4\t1\n".encode("utf-16"),
            "the file is not text .UTF-8.. Fix: fetch it again",
        ),
        (
            b"PK\x03\x04" + bytes(99),
            "an Excel table or a zip archive. Fix: save an Excel table as",
        ),
    ],
)
def test_dense_table_that_is_none(tmp_path, data, words):
    raw.save(tmp_path / "S1.tsv", data)
    with pytest.raises(BadSample, match=f"sample S1: .*{words}"):
        read(cohort(tmp_path, "table"), {"sample": "S1", "path": "S1.tsv"})


def test_format_that_is_not_known():
    with pytest.raises(ValueError, match="unknown format '10X'; known: 10x_dir, triplets, 10x_h5"):
        readers.read_sample("10X", {})
