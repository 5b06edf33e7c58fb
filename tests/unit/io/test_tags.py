"""Antibody tags in every layout: the same proteins, the same genes, and what is wrong is told."""

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import rawdata as raw
import scipy.sparse as sp
from tilt.io import h5, store, tags
from tilt.io.errors import BadSample

TAGS = ["CD4_TotalSeqB", "CD279", "CD4-2", "Hashtag_1", "IgG1_control", "Strange"]
ADT = np.random.default_rng(5).poisson(20, (12, len(TAGS)))
MEANT = pd.DataFrame(
    {"CD4": ADT[:, 0] + ADT[:, 2], "PD-1": ADT[:, 1], "Strange": ADT[:, 5]},
    index=raw.barcodes(),
    dtype=np.int32,
)
TYPED = [[t, t, "Antibody Capture"] for t in TAGS]
# Names are compared as text: pandas 3 has a kind of its own for them.
NAMES = {"check_names": False, "check_index_type": False, "check_column_type": False}


@pytest.fixture
def matrix():
    return raw.counts()


def tags_only(folder, values=ADT, names=TAGS, barcodes=None):
    """A CITE-seq-Count folder: molecules and, to be passed over, reads."""
    barcodes = [b.split("-")[0] for b in raw.barcodes()] if barcodes is None else barcodes
    for kind, factor in (("umi_count", 1), ("read_count", 3)):
        raw.save(folder / kind / "matrix.mtx.gz", raw.mtx(values * factor))
        raw.save(folder / kind / "barcodes.tsv.gz", raw.lines([b] for b in barcodes))
        raw.save(folder / kind / "features.tsv.gz", raw.lines([n] for n in names))
    return folder


def features_10x(folder, matrix, typed=True):
    raw.write_10x(folder, np.hstack([matrix, ADT]))
    rows = TYPED if typed else [[f"{t}_ADT"] * 2 for t in TAGS]
    raw.save(folder / "features.tsv.gz", raw.lines([*raw.features(3 if typed else 2), *rows]))
    return raw.cohort(folder.parent, protein={"from": "features"}), raw.ROW


def features_h5(path, matrix):
    raw.write_10x_h5(path, np.hstack([matrix, ADT]))
    with h5py.File(path, "a") as file:
        for key, values in zip(
            ("id", "name", "feature_type"), zip(*TYPED, strict=True), strict=True
        ):
            old = file[f"matrix/features/{key}"][:]
            del file[f"matrix/features/{key}"]
            file[f"matrix/features/{key}"] = np.append(old, np.array(values, "S"))
    cohort = raw.cohort(path.parent, "10x_h5", protein={"from": "features"})
    return cohort, {"sample": "S1", "path": path.name}


def annotated(matrix):
    var = pd.DataFrame({"gene_symbol": raw.GENES}, index=raw.IDS)
    return ad.AnnData(
        sp.csr_matrix(matrix), obs=pd.DataFrame({"sample": "S1"}, index=raw.barcodes()), var=var
    )


def slot(folder, matrix, values, **uns):
    adata = annotated(matrix)
    adata.obsm["adt"], adata.uns = values, uns
    adata.write_h5ad(folder / "S1.h5ad")
    cohort = raw.cohort(folder, "h5ad_per_sample", protein={"from": "obsm/adt"})
    return cohort, {"sample": "S1", "path": "S1.h5ad"}


def frame(names=TAGS, values=ADT):
    return pd.DataFrame(values, raw.barcodes(), list(names))


def in_layer(folder, matrix):
    both = ad.AnnData(
        sp.csr_matrix(np.zeros((12, 8 + len(TAGS)))), pd.DataFrame(index=raw.barcodes())
    )
    both.var_names = [*raw.IDS, *TAGS]
    both.var["feature_types"] = ["Gene Expression"] * 8 + ["Antibody Capture"] * len(TAGS)
    both.var["gene_symbol"] = [*raw.GENES, *TAGS]
    both.layers["counts"] = sp.csr_matrix(np.hstack([matrix, ADT]))
    both.write_h5ad(folder / "S1.h5ad")
    more = {"h5ad": {"counts": "layers/counts"}, "protein": {"from": "features"}}
    return raw.cohort(folder, "h5ad_per_sample", **more), {"sample": "S1", "path": "S1.h5ad"}


def h5mu(folder, matrix, normalized=False):
    """The layout of mudata: names at the root, an AnnData a modality below ``mod``."""
    parts = {"rna": annotated(matrix), "prot": ad.AnnData(ADT.astype(float))}
    if normalized:
        parts["prot"].layers["counts"] = sp.csr_matrix(ADT)
        parts["prot"].X = np.log1p(ADT)
    parts["prot"].obs_names, parts["prot"].var_names = raw.barcodes(), TAGS
    with h5py.File(folder / "S1.h5mu", "w") as file:
        file.attrs["encoding-type"] = "MuData"
        modalities = file.create_group("mod")
        for name, part in parts.items():
            ad.io.write_elem(modalities, name, part)
        for name in ("obs", "var"):
            ad.io.write_elem(file, name, getattr(parts["rna"], name))
    more = {"h5ad": {"counts": "mod/rna/X"}, "protein": {"from": "mod/prot"}}
    return raw.cohort(folder, "h5ad_per_sample", **more), {"sample": "S1", "path": "S1.h5mu"}


def beside(folder, matrix):
    raw.write_10x(folder / "S1", matrix)
    tags_only(folder / "adt")
    return raw.cohort(folder, protein={"from": "folder"}), raw.ROW | {"tags": "adt"}


def table(folder, matrix):
    """A dense table with Seurat's ``adt_`` names among the genes."""
    rows = [*raw.GENES, *(f"adt_{t}" for t in TAGS)]
    pd.DataFrame(np.hstack([matrix, ADT]).T, rows, raw.barcodes()).to_csv(
        folder / "S1.tsv", sep="\t"
    )
    cohort = raw.cohort(folder, "table", protein={"from": "features"})
    return cohort, {"sample": "S1", "path": "S1.tsv"}


LAYOUTS = {
    "10x folder": lambda f, m: features_10x(f / "S1", m),
    "10x folder, names only": lambda f, m: features_10x(f / "S1", m, typed=False),
    "10x HDF5": lambda f, m: features_h5(f / "S1.h5", m),
    "obsm table": lambda f, m: slot(f, m, frame()),
    "obsm array, names in uns": lambda f, m: slot(f, m, ADT, adt_names=np.array(TAGS)),
    "obsm sparse": lambda f, m: slot(f, m, sp.csr_matrix(ADT), protein_names=np.array(TAGS)),
    "layer": in_layer,
    "h5mu": h5mu,
    "h5mu, counts in a layer": lambda f, m: h5mu(f, m, normalized=True),
    "CITE-seq-Count": beside,
    "dense table": table,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_proteins_and_genes(tmp_path, matrix, layout):
    cohort, row = LAYOUTS[layout](tmp_path, matrix)
    found = raw.read(cohort, row)
    pd.testing.assert_frame_equal(found.obsm["protein"], MEANT, **NAMES)
    assert list(found.var["gene_symbol"]) == raw.GENES
    assert (found.X.toarray() == matrix).all(), "no tag is a gene, no gene is a tag"
    assert found.obs_names.tolist() == raw.barcodes()
    notes = "; ".join(found.uns["notes"])
    assert "1 hashtag left out" in notes and "1 isotype control left out" in notes
    assert "2 tags bind CD4 and are summed" in notes
    assert "1 protein not in resources/antibodies.tsv, kept under their own names: " in notes
    assert "3 proteins measured" in notes


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_the_key_genes_are_the_same_and_tags_left_out(tmp_path, matrix, layout):
    cohort, row = LAYOUTS[layout](tmp_path, matrix)
    del cohort["protein"]
    found = raw.read(cohort, row)
    assert not found.obsm
    assert (found.X.toarray() == matrix).all()
    assert not any("protein" in note for note in found.uns["notes"])


def test_of_a_cohort_h5ad_each_sample_gets_its_tags(tmp_path, matrix):
    cohort, _ = slot(tmp_path, matrix, frame())
    adata = ad.read_h5ad(tmp_path / "S1.h5ad")
    adata.obs["sample"] = ["A"] * 5 + ["B"] * 7
    adata[::-1].copy().write_h5ad(tmp_path / "all.h5ad")
    out = {name: tmp_path / f"{name}.h5ad" for name in "AB"}
    h5.split_h5ad(tmp_path / "all.h5ad", "sample", "X", out, tags_from="obsm/adt", block_rows=3)
    cohort["protein"] = {"from": "obsm/protein"}
    found = raw.read(cohort, {"sample": "A", "path": "A.h5ad"})
    want = MEANT.iloc[:5].iloc[::-1]
    pd.testing.assert_frame_equal(found.obsm["protein"], want, **NAMES)


def test_a_cell_without_tags_is_kept_with_zeros(tmp_path, matrix):
    cohort, row = beside(tmp_path, matrix)
    tags_only(tmp_path / "adt", ADT[:9], barcodes=[b.split("-")[0] for b in raw.barcodes()[:9]])
    found = raw.read(cohort, row).obsm["protein"]
    pd.testing.assert_frame_equal(found.iloc[:9], MEANT.iloc[:9], **NAMES)
    assert (found.iloc[9:] == 0).all().all() and len(found) == 12


def test_a_sample_without_tags(tmp_path, matrix):
    raw.write_10x(tmp_path / "S1", matrix)
    for place in ("features", "folder"):
        found = raw.read(raw.cohort(tmp_path, protein={"from": place}), raw.ROW | {"tags": ""})
        assert found.obsm["protein"].shape == (12, 0)
        assert "no antibody tags in this sample" in found.uns["notes"]


def test_names_given_by_the_user(tmp_path, matrix):
    cohort, row = slot(tmp_path, matrix, frame())
    cohort["protein"]["names"] = {"Strange": "CD278", "Hashtag_1": "CD96"}
    found = raw.read(cohort, row).obsm["protein"]
    assert found["ICOS"].tolist() == ADT[:, 5].tolist()
    assert found["CD96"].tolist() == ADT[:, 3].tolist()


OTHERS = [f"{'ACGT'[i % 4] * 8}{'TGCA'[i // 4] * 8}" for i in range(12)]
BROKEN = {
    "no names": (lambda f, m: slot(f, m, ADT), r"obsm/adt has 6 columns without names\. Fix: "),
    "numbers for names": (
        lambda f, m: slot(f, m, frame(["CD4", "CD8", "CD3", "4", "5", "6"])),
        r"3 of 6 antibody tags have no name \(first '4'\)\. Fix: name each tag",
    ),
    "negative": (
        lambda f, m: slot(f, m, frame(values=ADT - 30.0)),
        r"of the antibody tags: holds negative values .*Fix: give the raw counts of the tags",
    ),
    "normalized": (
        lambda f, m: slot(f, m, frame(values=np.log1p(ADT))),
        r"of the antibody tags: .*not whole numbers.*log-transformed.*Fix: give the raw counts",
    ),
    "no such place": (
        lambda f, m: (slot(f, m, frame())[0] | {"protein": {"from": "obsm/x"}}, {
            "sample": "S1", "path": "S1.h5ad"}),
        r"has no obsm/x\. Fix: name one of obsm/adt as `protein: from`",
    ),
    "other cells": (
        lambda f, m: (beside(f, m)[0], tags_only(f / "adt", barcodes=OTHERS) and raw.ROW | {
            "tags": "adt"}),
        r"0 of 12 barcodes of the antibody tags are among the 12 of the genes \(tags AAAA",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_wrong_is_told(tmp_path, matrix, fault):
    make, told = BROKEN[fault]
    cohort, row = make(tmp_path, matrix)
    with pytest.raises(BadSample, match=f"sample S1: .*{told}"):
        raw.read(cohort, row)


def test_the_same_tag_twice_is_told(tmp_path, matrix):
    cohort, row = beside(tmp_path, matrix)
    tags_only(tmp_path / "adt", names=["CD4", "CD4", *TAGS[2:]])
    with pytest.raises(BadSample, match="antibody tag CD4 occurs more than once"):
        raw.read(cohort, row)


def test_a_store_joins_panels_that_differ(tmp_path, matrix):
    """What a sample's panel lacks is missing, not zero."""
    parts = [annotated(matrix), annotated(matrix), annotated(matrix)]
    for number, part in enumerate(parts):
        part.obs_names = [f"S{number}_{name}" for name in part.obs_names]
        part.obsm["protein"] = MEANT.set_axis(part.obs_names)[["CD4", "PD-1"][: 2 - number]]
    store.write_store(tmp_path / "counts.zarr", iter(parts), parts[0].var)
    found = store.read_slot(tmp_path / "counts.zarr", "protein")
    assert list(found) == ["CD4", "PD-1"] and len(found) == 36
    assert found["CD4"].tolist()[:24] == 2 * MEANT["CD4"].tolist() and found[24:].isna().all().all()
    assert found["PD-1"].tolist()[:12] == MEANT["PD-1"].tolist()
    assert found["PD-1"][12:].isna().all()


def test_a_sample_object_keeps_tags_and_is_the_same_bytes_without(tmp_path, matrix):
    part = annotated(matrix)
    store.write_sample(tmp_path / "a.h5ad", part)
    assert store.read_slot(tmp_path / "a.h5ad", "protein") is None
    part.obsm["protein"] = MEANT
    store.write_sample(tmp_path / "b.h5ad", part)
    back = ad.read_h5ad(tmp_path / "b.h5ad").obsm["protein"]
    pd.testing.assert_frame_equal(back, MEANT, **NAMES)


def of_cells(barcodes, cells):
    found = pd.DataFrame({"CD4": range(1, len(barcodes) + 1)}, index=barcodes, dtype=np.int32)
    return tags.for_cells(found, cells, "S1", "adt")["CD4"]


@pytest.mark.parametrize(
    ("barcodes", "cells", "counts"),
    [
        (["A-1", "B-1", "C-1"], ["C-1", "X-1", "A-1"], [3, 0, 1]),
        (["A", "B"], ["B-1", "A-2"], [2, 1]),  # without what follows the dash
        (["A-1", "B-1"], ["B", "A"], [2, 1]),
        (["A-1", "A-2"], ["A-2", "X-1"], [2, 0]),  # as they are, where some are the same
        (["A", "B", "C", "D"], ["A", "B", "X", "Y", "Z"], [1, 2, 0, 0, 0]),  # half is enough
    ],
)
def test_counts_go_to_the_cell_of_their_barcode(barcodes, cells, counts):
    found = of_cells(barcodes, cells)
    assert found.tolist() == counts and found.index.tolist() == cells
    assert found.dtype == np.int32


@pytest.mark.parametrize(
    ("barcodes", "cells", "n"),
    [
        (["A-1", "A-1", "B-1"], ["A-1", "B-1"], 0),  # a barcode twice: whose counts are they?
        (["A-1", "A-2"], ["A", "B"], 0),
        (["A", "B", "C", "D"], ["A", "X", "Y", "Z", "W"], 1),
    ],
)
def test_barcodes_that_fit_no_cell_or_two_are_refused(barcodes, cells, n):
    with pytest.raises(BadSample, match=f"{n} of {len(barcodes)} barcodes of the antibody tags"):
        of_cells(barcodes, cells)


def test_a_protein_without_a_count_was_not_stained():
    """A panel lists the antibodies of every tube; levels of zeros alone would be those of depth."""
    cells = [f"C{i}" for i in range(100)]
    values = np.random.default_rng(1).poisson(3, (100, 3))
    values[:, 1] = 0
    made, notes = tags.proteins(pd.DataFrame(values, cells, ["CD4", "PD-1", "ICOS"]), {}, "S1", "x")
    assert list(made) == ["CD4", "ICOS"]
    assert "1 protein without a count in any cell taken as not stained: PD-1" in notes
    few = pd.DataFrame(values[:99], cells[:99], ["CD4", "PD-1", "ICOS"])
    assert list(tags.proteins(few, {}, "S1", "x")[0]) == ["CD4", "ICOS", "PD-1"]


def test_two_clones_of_one_name_are_told_apart_by_their_ids_and_summed():
    kind = "Antibody Capture"
    features = [["A0072", "CD4", kind], ["G1", "CD4", "Gene Expression"], ["A0088", "CD279", kind]]
    values = sp.csr_matrix([[1, 9, 2]])
    assert tags.of_features(values, ["C1"], features).to_dict("list") == {"CD4": [1], "CD279": [2]}
    twice = [*features, ["A0922", "CD4", kind]]
    values = sp.csr_matrix([[1, 9, 2, 3]])
    found = tags.of_features(values, ["C1"], twice)
    assert list(found) == ["CD4-A0072", "CD279", "CD4-A0922"]
    made, _ = tags.proteins(found, {}, "S1", "x")
    assert made.to_dict("list") == {"CD4": [4], "PD-1": [2]}
