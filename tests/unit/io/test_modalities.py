"""RNA and proteins as an h5mu: what mudata reads is what tcells.h5ad and proteins.h5ad hold."""

import warnings

import anndata as ad
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.io import modalities, store

CELLS = [f"S1_c{i}" for i in range(6)]
PROTEINS = ["CD4", "CD8"]  # CD4 is the symbol of a gene, too


@pytest.fixture
def made(tmp_path):
    """The h5mu of six cells, and what it was made of: tcells.h5ad, counts and levels of tags."""
    rng = np.random.default_rng(0)
    counts = pd.DataFrame([[5.0, np.nan]] * 3 + [[0, 9]] * 3, CELLS, PROTEINS).astype(np.float32)
    layers = {name: rng.normal(size=(6, 2)).astype(np.float32) for name in ("aligned", "log_odds")}
    levels = ad.AnnData(
        rng.normal(size=(6, 2)).astype(np.float32),
        obs=pd.DataFrame({"donor": ["D1"] * 6}, CELLS),
        var=pd.DataFrame(index=PROTEINS),
        layers=layers,
    )
    subset = pd.Categorical(["Th1", "Th2"] * 3)
    cells = ad.AnnData(
        sparse.csr_matrix(rng.poisson(1, (6, 3)).astype(np.float32)),
        obs=pd.DataFrame({"donor": pd.Categorical(["D1"] * 6), "subset": subset}, CELLS),
        var=pd.DataFrame({"gene_ids": ["E1", "E2", "E3"]}, ["CD4", "IL2", "MAF"]),
        obsm={
            "X_umap": rng.normal(size=(6, 2)),
            "protein": counts,
            "protein_level": levels.to_df(),
        },
        obsp={"connectivities": sparse.eye(6, format="csr")},
        uns={"subset_colors": np.array(["#000000", "#ffffff"])},
    )
    cells.layers["counts"] = cells.X.astype(np.int32)
    cells.write_h5ad(tmp_path / "tcells.h5ad")
    prot = modalities.proteins(counts, levels)
    modalities.write(tmp_path / "tcells.h5mu", tmp_path / "tcells.h5ad", prot)
    return tmp_path, ad.read_h5ad(tmp_path / "tcells.h5ad"), counts, levels


def read(path):
    with warnings.catch_warnings():  # mudata tells of its next version
        warnings.filterwarnings("ignore", category=FutureWarning, module="mudata")
        warnings.filterwarnings("error", message=".*unique.*")
        return mudata.read_h5mu(path)


def test_mudata_reads_both_modalities(made):
    folder, cells, counts, levels = made
    both = read(folder / "tcells.h5mu")
    assert list(both.mod) == ["rna", "prot"] and both.shape == (6, 5)
    rna, prot = both["rna"], both["prot"]
    assert (rna.X != cells.X).nnz == 0 and rna.layers["counts"].dtype == np.int32
    assert (rna.layers["counts"] != cells.layers["counts"]).nnz == 0
    pd.testing.assert_frame_equal(rna.obs, cells.obs)
    pd.testing.assert_frame_equal(rna.var, cells.var)
    assert (rna.obsp["connectivities"] != cells.obsp["connectivities"]).nnz == 0
    assert list(rna.uns["subset_colors"]) == ["#000000", "#ffffff"]
    assert list(rna.obsm) == ["X_umap"], "tags are a modality, not once more in obsm"
    assert (
        list(prot.var_names) == ["prot:CD4", "prot:CD8"] and list(prot.var["protein"]) == PROTEINS
    )
    np.testing.assert_array_equal(prot.layers["counts"], counts)
    np.testing.assert_array_equal(prot.X, levels.X)
    np.testing.assert_array_equal(prot.layers["log_odds"], levels.layers["log_odds"])
    assert list(both.obs["subset"]) == list(cells.obs["subset"]), "shown for both at once"


def test_a_cell_that_is_picked_is_the_same_in_both(made):
    folder, cells, _, _ = made
    one = read(folder / "tcells.h5mu")[[CELLS[4]]]
    assert one["prot"].layers["counts"].tolist() == [[0, 9]]
    np.testing.assert_array_equal(one["rna"].X.toarray(), cells[CELLS[4]].X.toarray())


def test_nothing_is_unpacked_on_the_way(made):
    """Pieces are copied as they are: compressed, and of the same size."""
    folder, *_ = made
    with h5py.File(folder / "tcells.h5ad", "r+") as file:
        del file["X"]
        big = sparse.random(6, 3, 0.9, "csr", np.float32, random_state=1)
        chunks = store.PACKED_H5 | {"chunks": (5,)}
        ad.io.write_elem(file, "X", big, dataset_kwargs=chunks)
    modalities.write(
        folder / "again.h5mu", folder / "tcells.h5ad", read(folder / "tcells.h5mu")["prot"]
    )
    with h5py.File(folder / "again.h5mu") as file:
        data = file["mod/rna/X/data"]
        assert (data.compression, data.shuffle, data.chunks) == ("gzip", True, (5,))
        assert dict(file["mod/rna"].attrs)["encoding-type"] == "anndata"


def test_other_cells_or_proteins_are_refused(made):
    folder, _, counts, levels = made
    with pytest.raises(ValueError, match="other cells or proteins"):
        modalities.proteins(counts[["CD8", "CD4"]], levels)
    prot = modalities.proteins(counts, levels)
    with pytest.raises(ValueError, match=r"tcells\.h5ad: its cells are not those"):
        modalities.write(folder / "wrong.h5mu", folder / "tcells.h5ad", prot[::-1].copy())
    assert not (folder / "wrong.h5mu").exists()
