"""Text formats: every broken file is named with its fix."""

import gzip

import numpy as np
import pytest
import rawdata as raw
from rawdata import ROW, cohort, read
from tilt.io import read as readers
from tilt.io import read_checks
from tilt.io.errors import BadSample


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


@pytest.mark.parametrize("role", ["matrix", "barcodes", "features"])
def test_a_nul_in_place_of_a_line_end(tmp_path, role):
    """In the matrix it would end the process: no message, and no other sample of the job."""
    whole = {
        "matrix": raw.mtx(raw.counts()),
        "barcodes": raw.lines([n] for n in raw.barcodes()),
        "features": raw.lines(raw.features()),
    }[role]
    at = whole.rindex(b"\n", 0, len(whole) // 2)
    said = failure(tmp_path, **{role: zipped(whole[:at] + b"\0" + whole[at + 1 :])})
    name = {"matrix": "matrix.mtx"}.get(role, f"{role}.tsv")
    assert said.startswith(f"sample S1: {name}.gz: the file is not text (UTF-8). Fix: fetch it")


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


ENTRY = b"1 1 3"  # of the matrix, as it is written


@pytest.mark.parametrize(
    ("kind", "instead", "said"),
    [
        (b"integer", b"1 1 1,003", "something that is no count stands among the numbers ('1 1 1,0"),
        (
            b"real",
            b"1 1 3,7",
            "among the numbers ('1 1 3,7'). Fix: write raw counts, as 3: no",
        ),
        (b"integer", b"1 1 3.5", "stands among the numbers ('1 1 3.5')"),
        (b"integer", b"1 1 0x3", "stands among the numbers ('1 1 0x3')"),
        (b"integer", b"1 1 3e1", "stands among the numbers ('1 1 3e1')"),
        (b"integer", b"1 1 3 7", "its entries have 4 parts, not row, column and count"),
        (b"real", b"1 1 3.5", "holds values that are not whole numbers (for instance 3.5"),
    ],
)
def test_entries_that_the_reader_in_c_would_read_in_part(tmp_path, kind, instead, said):
    text = raw.mtx(raw.counts()).replace(b"integer", kind)
    assert text.count(b"\n" + ENTRY + b"\n") == 1
    assert said in failure(tmp_path, matrix=zipped(text.replace(ENTRY + b"\n", instead + b"\n")))


@pytest.mark.parametrize(("kind", "three"), [(b"integer", b"3.0"), (b"real", b"3e0")])
def test_whole_numbers_in_other_words_are_read(tmp_path, kind, three):
    text = raw.mtx(raw.counts()).replace(b"integer", kind)
    raw.write_10x(tmp_path / "S1")
    text = text.replace(ENTRY + b"\n", ENTRY[:-1] + three + b"\n")
    (tmp_path / "S1/matrix.mtx.gz").write_bytes(zipped(text))
    np.testing.assert_array_equal(read(cohort(tmp_path), ROW).X.toarray(), raw.counts())


@pytest.mark.parametrize("name", [" ", "AC\x1bGT", "ACGT\u200b"])
def test_barcodes_that_cannot_be_seen(tmp_path, name):
    data = zipped(raw.lines([n] for n in [name, *raw.barcodes()[1:]]))
    assert "1 barcodes are empty or hold characters that are not seen (first '" in failure(
        tmp_path, barcodes=data
    )


def test_genes_parted_by_commas(tmp_path):
    rows = [[",".join(row)] for row in raw.features()]
    assert failure(tmp_path, features=zipped(raw.lines(rows))) == (
        "sample S1: matrix.mtx.gz: the columns of the genes are parted by commas, not by tabs "
        "(ENSG00000000001,CD3D,Gene Expression). Fix: write the features file with tabs."
    )


def test_genes_of_another_species(tmp_path):
    rows = [[i.replace("ENSG", "ENSMMUG"), g] for i, g in raw.features(2)]  # of macaques
    wrong = failure(tmp_path, features=zipped(raw.lines(rows)))
    assert "8 of 8 genes are of another species (ENSMMUG00000000001). Fix: tilt knows hum" in wrong


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
            b"#gene\tA\tB\nCD4\t1\t2\nMAF\t1\t2\n",
            "its header begins with #, as comments do: take the # out",
        ),
        (b"gene\tA\tB\tC\nCD4\t1\t2\n", "4 names above 2 columns"),
        (b"gene\tA\tB\nCD4\tTRUE\tFALSE\n", "true and false are no counts"),
        (b"gene\tLength\tB\nCD4\t900\t2\n", "Length is neither a cell nor a gene. Fix: take i"),
        (b"gene\tA\tA\nCD4\t1\t2\n", "1 barcodes occur more than once .first A"),
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
