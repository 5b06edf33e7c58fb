"""Gene tables and gene names."""

import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.genes import tables as gene_tables

HERE = Path(__file__).resolve().parents[3]
RESOURCES = HERE / "resources"


@pytest.fixture(scope="module")
def aliases():
    return gene_tables.read_aliases(RESOURCES / "gene_aliases.tsv")


@pytest.fixture(scope="module")
def markers():
    return gene_tables.read_markers(RESOURCES / "markers.tsv")


def matrix(names, counts=None, **columns):
    counts = np.arange(1, 2 * len(names) + 1).reshape(2, -1) if counts is None else counts
    var = pd.DataFrame(columns, index=names)
    return ad.AnnData(X=sparse.csr_matrix(counts.astype("int32")), var=var)


def test_shipped_tables_are_sound(markers, aliases):
    signatures = gene_tables.read_signatures(RESOURCES / "signatures.tsv")
    excluded = gene_tables.read_excluded(RESOURCES / "excluded_genes.tsv")
    assert set(markers["level"]) == {0, 1, 2, 3}
    assert {"CD4_Naive", "CD4_Tph_like", "CD4_Tfh_circ", "CD4_Th22_like"} <= set(markers["label"])
    compartment = markers.set_index("label")["compartment"]
    assert compartment["CD4_Naive"] == "naive"
    assert compartment["CD4_Th22_like"] == "memory"
    assert compartment["CD4_Treg_naive"] == "treg"
    assert set(markers["evidence"]) | set(signatures["evidence"]) <= set(gene_tables.EVIDENCE)
    used = {g for column in ("positive", "negative") for row in markers[column] for g in row}
    used |= set(signatures["gene"])
    assert not used & set(aliases), "the tables must use current symbols"
    assert not set(excluded["value"]) & set(aliases)
    assert not any(new in aliases for new in aliases.values()), "an alias must not chain"


def test_no_private_wording_in_the_tables():
    for name in ("markers.tsv", "signatures.tsv", "gene_aliases.tsv", "excluded_genes.tsv"):
        text = (RESOURCES / name).read_text().lower()
        for word in ("memory:", "found", "third-party", "rheumlens"):
            assert word not in text, (name, word)


def test_marker_table_names_every_bad_row(tmp_path):
    path = tmp_path / "markers.tsv"
    path.write_text(
        "level\tlabel\tparent\tpositive\tnegative\tcompartment\n"
        "0\tT\tPBMC\tCD3D\t\t\n"
        "1\tCD4\tTcell\tCD4\t\t\n"
        "2\tX\tCD4\tCCR7\tCCR7\tyoung\n"
    )
    with pytest.raises(ValueError) as caught:
        gene_tables.read_markers(path)
    message = str(caught.value)
    assert "unknown parent 'Tcell'" in message
    assert "'young'" in message
    assert "both positive and negative: ['CCR7']" in message


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["CD3D", "CD8A", "HLA-DRA"], "symbols"),
        (["ENSG00000167286", "ENSG00000153563"], "Ensembl ids"),
        (["ENSG00000167286.9", "ENSG00000153563.1"], "Ensembl ids with version"),
        (["ENSG00000167286", "CD8A", "HLA-DRA"], "mixed Ensembl ids and symbols"),
        (["Cd3d", "Cd8a", "Gapdh"], "mouse symbols"),
        (["ENSMUSG00000032094", "ENSMUSG00000053977"], "mouse Ensembl ids"),
        (["915", "925"], "Entrez numbers"),
    ],
)
def test_naming(names, expected):
    assert gene_tables.naming(names) == expected


def test_old_symbols_ids_and_versions_become_one_gene(aliases):
    data = matrix(["GPR56", "ENSG00000205336.3", "ADGRG1", "WARS", "CD3D"])
    out = gene_tables.standardize(data, aliases)
    assert out.var["gene_symbol"].tolist() == ["ADGRG1", "WARS1", "CD3D"]
    assert out.var.index.tolist() == ["ENSG00000205336", "WARS1", "CD3D"]
    assert out.X.toarray().tolist() == [[1 + 2 + 3, 4, 5], [6 + 7 + 8, 9, 10]]
    assert out.X.dtype == np.int32
    assert sparse.issparse(out.X)


def test_ids_in_a_column_lead_and_duplicate_symbols_are_summed(aliases):
    data = matrix(
        ["MATR3", "MATR3-1", "CD3D"],
        ensembl=["ENSG00000015479.14", "ENSG00000280987", "ENSG00000167286"],
        gene_name=["MATR3", "MATR3", "CD3D"],
    )
    out = gene_tables.standardize(data, aliases)
    assert out.var.index.tolist() == ["ENSG00000015479", "ENSG00000280987", "ENSG00000167286"]
    data.var.index = ["MATR3", "MATR3", "CD3D"]
    out = gene_tables.standardize(data, aliases)
    assert out.var.index.tolist() == ["ENSG00000015479", "ENSG00000167286"]
    assert out.X.toarray().tolist() == [[3, 3], [9, 6]]


def test_ensembl_only_matrix_gets_symbols_and_standardize_is_idempotent(aliases):
    data = matrix(["ENSG00000010610.10", "ENSG00000049768.16", "GRCh38_CCR7"])
    once = gene_tables.standardize(data, aliases)
    assert once.var["gene_symbol"].tolist() == ["CD4", "FOXP3", "CCR7"]
    twice = gene_tables.standardize(once, aliases)
    assert twice.var.equals(once.var)
    assert (twice.X != once.X).nnz == 0


def test_locate_and_require(aliases, markers):
    out = gene_tables.standardize(matrix(["ENSG00000010610", "CCR7"]), aliases)
    found = gene_tables.locate(out.var, ["CCR7", "CD4", "FOXP3", "CCR7"])
    assert found.to_dict() == {"CCR7": "CCR7", "CD4": "ENSG00000010610"}
    assert (
        gene_tables.locate(out.var, ["ENSG00000010610", "CD4"]).tolist() == ["ENSG00000010610"] * 2
    )
    mouse = matrix(["Cd4", "Ccr7", "Foxp3"])
    wanted = {g for row in markers["positive"] for g in row}
    with pytest.raises(ValueError, match="mouse symbols"):
        gene_tables.require(gene_tables.standardize(mouse, aliases).var, wanted)


def test_excluded_lists():
    table = gene_tables.read_excluded(RESOURCES / "excluded_genes.tsv")
    symbols = [
        "TRAV1-2",
        "TRBJ2-7",
        "TRAC",
        "TRDC",
        "IGHV3-23",
        "IGKC",
        "MT-CO1",
        "RPS6",
        "RPL36AL",
    ]
    symbols += ["RPS6KA1", "ISG15", "FOS", "HSPA1A", "XIST", "MKI67", "CD4", "CCR7", "FOXP3"]
    named = gene_tables.excluded(symbols, table).to_dict()
    expected = dict.fromkeys(symbols, "")
    expected |= {"TRAV1-2": "tcr", "TRBJ2-7": "tcr", "IGHV3-23": "ig", "IGKC": "ig"}
    expected |= {"MT-CO1": "mitochondrial", "RPS6": "ribosomal", "RPL36AL": "ribosomal"}
    expected |= {"ISG15": "interferon", "FOS": "immediate_early", "HSPA1A": "heat_shock"}
    expected |= {"XIST": "sex", "MKI67": "cell_cycle"}
    assert named == expected
    assert gene_tables.excluded(["RPS4Y1"], table).tolist() == ["ribosomal,sex"]


def test_importing_genes_does_not_import_scanpy():
    code = "import sys; import tilt.genes; sys.exit('scanpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE / "workflow", check=False)
    assert done.returncode == 0


def test_a_copy_of_the_marker_table_elsewhere_has_the_same_shares(tmp_path):
    copy = tmp_path / "markers.tsv"
    copy.write_bytes((RESOURCES / "markers.tsv").read_bytes())
    pd.testing.assert_frame_equal(
        gene_tables.read_markers(copy), gene_tables.read_markers(RESOURCES / "markers.tsv")
    )
    shares = tmp_path / "own.tsv"
    shares.write_text("label\tshare\nCD4_Naive\t0.5\n")
    share = gene_tables.read_markers(copy, shares).set_index("label")["share"]
    assert share["CD4_Naive"] == 0.5
    assert share["CD4_CM"] == gene_tables.DEFAULT_SHARE


def test_names_that_were_asked_before_are_answered_anew_where_anything_differs():
    var = pd.DataFrame({"gene_ids": ["ENSG1", "x"]}, index=["MLL", "HLA.DRA"])
    old = {"MLL": "KMT2A"}
    first = gene_tables.names_of(var, old)
    assert first["symbol"].tolist() == ["KMT2A", "HLA-DRA"] and len(first.attrs["notes"]) == 1
    first.loc[:, "symbol"] = "spoiled"
    again = gene_tables.names_of(var.copy(), old)
    assert again["symbol"].tolist() == ["KMT2A", "HLA-DRA"] and len(again.attrs["notes"]) == 1
    assert gene_tables.names_of(var, {"MLL": "other"})["symbol"].tolist() == ["other", "HLA-DRA"]
    assert gene_tables.names_of(var.rename(index={"MLL": "A"}), old)["symbol"].iloc[0] == "A"
    ids = var.assign(gene_ids=["ENSG00000118058", "x"])
    assert gene_tables.names_of(ids, old)["id"].tolist() == ["ENSG00000118058", ""]
