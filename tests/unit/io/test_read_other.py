"""Layouts of other counters: counts as scanpy or anndata read them; or told what to do."""

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import rawdata as raw
import scanpy as sc
import scipy.sparse as sp
from tilt.genes import tables as gene_tables
from tilt.io import h5, layouts, read
from tilt.io.errors import BadSample

CODES = [name.removesuffix("-1") for name in raw.barcodes()]


@pytest.fixture
def matrix():
    return raw.counts()


def sample(folder, format="10x_dir", path="S1", **more):
    cohort = {"format": format, "folder": str(folder), **more}
    row = {"sample": "S1", "path": path}
    options = layouts.read_options(cohort, row)
    return read.read_sample(format, layouts.sample_files(cohort, row), **options)


def same(found, expected, genes=raw.IDS, symbols=raw.GENES, cells=CODES):
    np.testing.assert_array_equal(found.X.toarray(), expected)
    assert list(found.obs_names) == list(cells)
    assert list(found.var_names) == list(genes)
    assert list(found.var["gene_symbol"]) == list(symbols)


def write_mtx(path, cells_x_genes, packed=False):
    raw.save(path, raw.mtx(np.asarray(cells_x_genes).T), packed)


@pytest.mark.parametrize("packed", [False, True])
def test_kallisto_bustools(tmp_path, matrix, packed):
    end = ".gz" if packed else ""
    write_mtx(tmp_path / f"S1/cells_x_genes.mtx{end}", matrix, packed)
    raw.save(tmp_path / "S1/cells_x_genes.barcodes.txt", raw.lines([c] for c in CODES))
    raw.save(tmp_path / "S1/cells_x_genes.genes.txt", raw.lines([f"{i}.2"] for i in raw.IDS))
    found = sample(tmp_path)
    same(found, sc.read_mtx(tmp_path / f"S1/cells_x_genes.mtx{end}").X.toarray(), symbols=[
        f"{i}.2" for i in raw.IDS
    ])  # fmt: skip
    raw.save(tmp_path / "S1/cells_x_genes.genes.names.txt", raw.lines([g] for g in raw.GENES))
    same(sample(tmp_path), matrix)
    raw.save(tmp_path / "S1/cells_x_genes.genes.names.txt", raw.lines([g] for g in raw.GENES[1:]))
    with pytest.raises(BadSample, match=r"names.txt: 7 gene names for 8 genes\. Fix: take"):
        sample(tmp_path)


@pytest.mark.parametrize("below", ["", "alevin"])
def test_alevin_fry(tmp_path, matrix, below):
    folder = tmp_path / "S1" / below
    write_mtx(folder / "quants_mat.mtx", matrix)
    raw.save(folder / "quants_mat_rows.txt", raw.lines([c] for c in CODES))
    raw.save(folder / "quants_mat_cols.txt", raw.lines([i] for i in raw.IDS))
    found = sample(tmp_path)
    same(found, sc.read_mtx(folder / "quants_mat.mtx").X.toarray(), symbols=raw.IDS)
    assert found.uns["notes"] == []


def test_alevin_fry_that_tells_unspliced_molecules(tmp_path, matrix):
    unspliced, ambiguous = raw.counts(seed=1), raw.counts(seed=2)
    write_mtx(tmp_path / "S1/quants_mat.mtx", np.hstack([matrix, unspliced, ambiguous]))
    raw.save(tmp_path / "S1/quants_mat_rows.txt", raw.lines([c] for c in CODES))
    names = [f"{i}{end}" for end in ("", "-U", "-A") for i in raw.IDS]
    raw.save(tmp_path / "S1/quants_mat_cols.txt", raw.lines([n] for n in names))
    found = sample(tmp_path)
    same(found, matrix + ambiguous, symbols=raw.IDS)
    assert f"{unspliced.sum()} unspliced molecules are left out" in found.uns["notes"][0]


def test_parse(tmp_path, matrix):
    write_mtx(tmp_path / "S1/DGE.mtx", matrix)
    cells = [["bc_wells", "sample", "species"], *([c, "all", "hg38"] for c in CODES)]
    genes = [["gene_id", "gene_name", "genome"]]
    genes += [[i, f'"{g}"', "hg38"] for i, g in zip(raw.IDS, raw.GENES, strict=True)]
    for name, rows in (("cell_metadata", cells), ("all_genes", genes)):
        raw.save(tmp_path / f"S1/{name}.csv", raw.lines(rows).replace(b"\t", b","))
    same(sample(tmp_path), sc.read_mtx(tmp_path / "S1/DGE.mtx").X.toarray())


def test_starsolo(tmp_path, matrix):
    """Unzipped, with the type in the third column; scanpy reads the same."""
    folder = tmp_path / "S1/Solo.out/Gene/filtered"
    raw.write_10x(folder, matrix, names=CODES)
    for path in list(folder.iterdir()):
        raw.save(path.with_suffix(""), read._open(path).read())
        path.unlink()
    theirs = sc.read_mtx(folder / "matrix.mtx").T
    same(sample(tmp_path, path="S1/Solo.out/Gene/filtered"), theirs.X.toarray())


def test_bd_rhapsody(tmp_path, matrix):
    """A table under comments, cells in rows; genes carry their transcript, antibodies theirs."""
    names = [f"{g}|NM_00{n}.2|Reference_end" for n, g in enumerate(raw.GENES)]
    names += ["CD3:UCHT1|CD3E|AHS0033|pAbO"]
    lines = [["Cell_Index", *names]]
    lines += [[str(n), *map(str, [*row, 90])] for n, row in enumerate(matrix, 1)]
    text = b"## BD Rhapsody\n## RSEC\n" + raw.lines(lines).replace(b"\t", b",")
    raw.save(tmp_path / "S1_RSEC_MolsPerCell.csv", text)
    found = sample(tmp_path, "table", "S1_RSEC_MolsPerCell.csv")
    np.testing.assert_array_equal(found.X.toarray(), matrix)
    assert "1 of 9 features are antibody tags" in found.uns["notes"][0]
    clean = gene_tables.standardize(found, {})
    assert list(clean.var["gene_symbol"]) == raw.GENES
    assert clean.uns["notes"][-1].startswith("8 gene names joined to an id")


def test_cellbender(tmp_path, matrix):
    """10x v3 with further groups and vectors, counts as floats."""
    path = raw.write_10x_h5(tmp_path / "S1.h5", matrix)
    with h5py.File(path, "a") as file:
        values = file["matrix/data"][:].astype(float)
        del file["matrix/data"]
        file["matrix/data"] = values
        file["droplet_latents/cell_probability"] = np.ones(len(matrix))
        file["matrix/features/genome"] = np.array(["GRCh38"] * 8, "S")
    theirs = sc.read_10x_h5(path)
    same(sample(tmp_path, "10x_h5", "S1.h5"), theirs.X.toarray(), cells=raw.barcodes())


TAGS = ["CD3_TotalSeqB", "ADT_CD45RA", "CD19-prot", "Hashtag_1", "HLA.DR_TotalC_ADT"]


@pytest.mark.parametrize("with_ids", [True, False])
def test_antibodies_without_a_type_are_no_genes(tmp_path, matrix, with_ids):
    plain = ["CD45RA", "HLA-DR"] if with_ids else []  # told from genes by having no id
    tags = TAGS + plain
    folder = raw.write_10x(tmp_path / "S1", np.hstack([matrix, np.full((12, len(tags)), 900)]))
    names = zip(raw.IDS if with_ids else raw.GENES, raw.GENES, strict=True)
    raw.save(folder / "features.tsv.gz", raw.lines([*names, *([t, t] for t in tags)]))
    found = sample(tmp_path)
    genes = raw.IDS if with_ids else raw.GENES
    same(found, matrix, genes=genes, cells=raw.barcodes())
    told = f"{len(tags)} of {8 + len(tags)} features are antibody tags by their names (first CD3_"
    assert found.uns["notes"][0].startswith(told)


def test_a_transgene_without_an_id_is_no_antibody(tmp_path, matrix):
    folder = raw.write_10x(tmp_path / "S1", matrix)
    rows = [[i, g] for i, g in zip(raw.IDS, raw.GENES, strict=True)]
    raw.save(folder / "features.tsv.gz", raw.lines([*rows[:-1], ["EBV_EBNA1", "EBV_EBNA1"]]))
    assert sample(tmp_path).n_vars == 8


@pytest.mark.parametrize("split", [False, True])
def test_antibodies_in_an_h5ad(tmp_path, matrix, split):
    both = ad.AnnData(sp.csr_matrix(np.hstack([matrix, np.full((12, 2), 900)])))
    both.obs_names = raw.barcodes()
    both.obs["sample"] = "S1"
    both.var_names = [*raw.GENES, "CD3", "CD19"]
    both.var["feature_types"] = ["Gene Expression"] * 8 + ["Antibody Capture"] * 2
    both.write_h5ad(tmp_path / "S1.h5ad")
    if split:
        (tmp_path / "S1.h5ad").rename(tmp_path / "all.h5ad")
        h5.split_h5ad(tmp_path / "all.h5ad", "sample", "X", {"S1": tmp_path / "S1.h5ad"})
    found = sample(tmp_path, "h5ad_per_sample", "S1.h5ad")
    same(found, matrix, genes=raw.GENES, cells=raw.barcodes())


def test_two_species_are_told_how_to_part_them(tmp_path, matrix):
    folder = raw.write_10x(tmp_path / "S1", matrix)
    rows = [[f"GRCh38_{i}", f"GRCh38_{g}"] for i, g in zip(raw.IDS, raw.GENES, strict=True)]
    rows[-1] = ["mm10___ENSMUSG00000064351", "mm10___mt-Co1"]
    raw.save(folder / "features.tsv.gz", raw.lines(rows))
    told = r"1 of 8 genes are of another genome .*adata\[share > 0.9, human\]"
    with pytest.raises(BadSample, match=told):
        sample(tmp_path)


def test_folder_is_told(tmp_path):
    (tmp_path / "plain").mkdir()
    with pytest.raises(BadSample, match=r"is a folder \(empty\)\. Fix: name a file"):
        sample(tmp_path, "h5ad_per_sample", "plain")


@pytest.mark.parametrize("name", ["S1.rds", "S1.RData", "S1.rds.gz"])
def test_object_of_r_is_told_how_to_export(tmp_path, name):
    raw.save(tmp_path / name, b"RDX3\nX\n", packed=True)
    with pytest.raises(BadSample, match=r"an object of R\. Fix: .*writeMM"):
        sample(tmp_path, "h5ad_per_sample", name)


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ("mod/rna", r"MuData.*h5ad: \{counts: mod/rna/X\}"),
        ("mod/rna obs var", r"MuData.*h5ad: \{counts: mod/rna/X\}"),
        ("mod/rna var", r"MuData.*h5ad: \{counts: mod/rna/X\}"),
        ("assays/RNA", r"h5Seurat.*writeMM"),
        ("matrix/features", "10x HDF5 file.*format: 10x_h5"),
    ],
)
def test_other_hdf5_files_are_told(tmp_path, group, told):
    with h5py.File(tmp_path / "S1.h5ad", "w") as file:
        for name in group.split():
            file.create_group(name)
    with pytest.raises(BadSample, match=told):
        sample(tmp_path, "h5ad_per_sample", "S1.h5ad")


@pytest.mark.parametrize("kind", ["csr", "csc", "dense", "csr_array"])
def test_h5ad_with_nullable_names(tmp_path, matrix, kind):
    """Nullable text in obs and var, a matrix of any kind: as anndata reads them."""
    x = {"dense": np.asarray}.get(kind, getattr(sp, f"{kind.removesuffix('_array')}_matrix", None))
    x = sp.csr_array(matrix) if kind == "csr_array" else x(matrix)
    cells = ad.AnnData(x.astype(np.float32))
    cells.obs_names, cells.var_names = raw.barcodes(), raw.GENES
    cells.obs["who"] = pd.array(["a", None] * 6, dtype="string")
    cells.var["gene_ids"] = pd.array(raw.IDS, dtype="string")
    with ad.settings.override(allow_write_nullable_strings=True):
        cells.write_h5ad(tmp_path / "S1.h5ad")
    theirs = ad.read_h5ad(tmp_path / "S1.h5ad").X
    theirs = theirs.toarray() if sp.issparse(theirs) else theirs
    same(sample(tmp_path, "h5ad_per_sample", "S1.h5ad"), theirs, cells=raw.barcodes())


def nullable(frame, name):
    """Text as anndata 0.13 writes it: a group of values and a mask."""
    if isinstance(frame[name], h5py.Group):
        return
    values = frame[name][:]
    del frame[name]
    group = frame.create_group(name)
    group.attrs["encoding-type"] = "nullable-string-array"
    group["values"], group["mask"] = values, np.zeros(len(values), bool)


def test_h5ad_whose_names_carry_a_mask(tmp_path, matrix):
    """As anndata 0.13 with pandas 3 writes every h5ad: names of cells, of genes, of categories."""
    cells = ad.AnnData(sp.csr_matrix(matrix))
    cells.obs_names, cells.var_names = raw.barcodes(), raw.GENES
    cells.obs["who"] = pd.Categorical(["a", "b"] * 6)
    cells.var["gene_ids"] = raw.IDS
    cells.write_h5ad(tmp_path / "S1.h5ad")
    with h5py.File(tmp_path / "S1.h5ad", "a") as file:
        nullable(file["obs"], "_index")
        nullable(file["obs/who"], "categories")
        nullable(file["var"], "_index")
        nullable(file["var"], "gene_ids")
    more = {"h5ad": {"where": {"who": ["b"]}}}
    found = sample(tmp_path, "h5ad_per_sample", "S1.h5ad", **more)
    same(found, matrix[1::2], cells=raw.barcodes()[1::2])


@pytest.mark.parametrize("sign", [".", "_"])
def test_tables_from_r_lose_no_gene(tmp_path, matrix, sign):
    """HLA.DRA and MT.CO1 are genes of the tables again; mitochondrial genes are found."""
    genes = [name.replace("-", sign) for name in [*raw.GENES[:-1], "MT-CO1"]]
    rows = [["", *CODES]]
    rows += [[g, *map(str, v)] for g, v in zip(genes, matrix.T, strict=True)]
    raw.save(tmp_path / "S1.tsv", raw.lines(rows))
    clean = gene_tables.standardize(sample(tmp_path, "table", "S1.tsv"), {})
    assert list(clean.var["gene_symbol"]) == raw.GENES
    np.testing.assert_array_equal(clean.X.toarray(), matrix)
    told = f"1 gene names with another sign for the hyphen were read as MT{sign}CO1 is MT-CO1"
    assert clean.uns["notes"] == [told]


@pytest.mark.parametrize("style", [str.lower, "gene-{}".format, "GRCh38_{}".format])
def test_tables_in_other_styles_find_which_side_the_genes_are(tmp_path, matrix, style):
    rows = [["", *map(style, raw.GENES)]]
    rows += [[c, *map(str, v)] for c, v in zip(CODES, matrix, strict=True)]
    raw.save(tmp_path / "S1.tsv", raw.lines(rows))
    clean = gene_tables.standardize(sample(tmp_path, "table", "S1.tsv"), {})
    assert list(clean.obs_names) == CODES
    assert list(clean.var["gene_symbol"]) == raw.GENES


@pytest.mark.parametrize("schema", ["5.2.0", "6.0.0", "7.1.0"])
def test_cellxgene_of_each_schema(tmp_path, matrix, schema):
    """A gene that is filtered in X is whole in raw; its biotype is no type of feature."""
    about = {"feature_name": raw.GENES, "feature_reference": "NCBITaxon:9606"}
    about |= {"feature_biotype": "gene", "feature_length": 900, "feature_type": "protein_coding"}
    var = pd.DataFrame(about, index=raw.IDS).astype({"feature_name": "category"})
    obs = pd.DataFrame({"donor_id": pd.Categorical(["001"] * len(matrix))}, index=raw.barcodes())
    species = {"organism_ontology_term_id": "NCBITaxon:9606"}
    obs = obs.assign(**(species if schema < "6" else {})).astype("category")
    whole = ad.AnnData(sp.csr_matrix(matrix.astype("f4")), obs=obs, var=var)
    shown = np.log1p(matrix)
    shown[:, 2] = 0
    made = ad.AnnData(sp.csr_matrix(shown.astype("f4")), obs=obs, raw=whole, var=var)
    made.var["feature_is_filtered"] = [n == 2 for n in range(len(raw.IDS))]
    made.uns |= {"schema_version": schema} | (species if schema >= "6" else {})
    made.write_h5ad(tmp_path / "all.h5ad")
    h5ad = {"counts": "raw/X", "sample_column": "donor_id"}
    cohort = {"format": "h5ad", "folder": str(tmp_path), "file": "all.h5ad", "h5ad": h5ad}
    row = {"sample": "001"}
    files, options = layouts.sample_files(cohort, row), layouts.read_options(cohort, row)
    found = read.read_sample("h5ad", files, **options)
    same(found, ad.read_h5ad(tmp_path / "all.h5ad").raw.X.toarray(), cells=raw.barcodes())
    assert found.X[:, 2].sum() > 0
