"""The user's object obeys the calls that scanpy's users make first, and R opens it."""

import shutil
import subprocess
import warnings

import anndata as ad
import decoupler as dc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy import sparse
from tilt.cells import embed, normalize
from tilt.figures.names import CohortLabel, subset_color
from tilt.io import store
from tilt.stages import tcells

N, SYMBOLS = 240, [*("PDCD1", "MAF", "CCR10", "IL7R", "HLA-DRA"), *(f"G{n}" for n in range(55))]
HVG = np.arange(60) % 3 > 0
COHORT = CohortLabel("c1", "Cohort", case="SLE", control="control")
LABELS = ["CD4_Tph_like", "CD4_Naive", "CD8_CM"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tcells")
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1, 2], N // 3)
    rate = rng.gamma(1, 1, (3, 60))[group] + 0.2
    counts = sparse.csr_matrix(rng.poisson(rate).astype(np.int32))
    cells = [f"S{n % 6}_AAAC{n}-1" for n in range(N)]
    obs = pd.DataFrame({"cohort": "c1", "sample": [f"S{n % 6}" for n in range(N)]}, index=cells)
    obs["donor"], obs["batch"] = obs["sample"].str.replace("S", "D"), "b1"
    obs["n_counts"] = np.asarray(counts.sum(axis=1)).ravel()
    ids = pd.Index([f"ENSG{n:011d}" for n in range(59)] + ["G54"], dtype=object)
    part = ad.AnnData(counts, obs=obs, var=pd.DataFrame({"gene_symbol": SYMBOLS}, index=ids))
    store.write_store(folder / "counts.zarr", [part], part.var)
    opened = store.open_store(folder / "counts.zarr")
    depth = obs["n_counts"].to_numpy()
    scores, found, share = embed.pca(counts[:, HVG], depth, 5, 1e4, 1)
    space = ad.AnnData(obs=obs, obsm={"X_harmony": scores})
    embed.graph(space, 10, 1)
    space.uns |= {"pca_loadings": found, "pca_variance_ratio": share, "pca_variance": share * 9}
    labels = pd.DataFrame({"cell": cells, "subset": np.array(LABELS)[group], "isg_high": False})
    clusters = pd.DataFrame({"cell": cells, "leiden_1": group + 9 * (np.arange(N) % 2)})
    tables = {
        "labels": labels.sample(frac=1, random_state=1),
        "clusters": clusters,
        "scores": pd.DataFrame({"cell": cells, "tph_score": rng.random(N)}),
    }
    sheet = [
        {"sample": f"S{n}", "donor": f"D{n}", "condition": "SLE" if n % 2 else "control"}
        | {"batch": "1", "age": str(30 + n) if n else "", "sex": "FM"[n % 2], "path": f"/data/{n}"}
        | {"donor_id": f"0{n}", "n_counts": "7"}
        for n in range(6)
    ]
    shown = tcells.observations(opened.obs, sheet, tables)
    slots = {
        "obs": shown,
        "var": tcells.genes(opened.var, HVG),
        "obsm": {"X_pca": scores, "X_harmony": scores, "X_umap": scores[:, :2]},
        "varm": tcells.loadings(space.uns, HVG),
        "obsp": dict(space.obsp),
        "uns": tcells.notes(shown, space.uns, COHORT, 0.3, {}, pd.DataFrame({"sha256": ["0"]})),
    }
    target = folder / "tcells.h5ad"
    store.write_h5ad(
        target,
        opened,
        lambda block, rows: normalize.log_normalized(block, depth[rows], 1e4),
        slots,
    )
    return target


@pytest.fixture
def cells(path):
    return ad.read_h5ad(path)


def test_names_are_symbols_and_ids_stand_beside(cells):
    assert list(cells.var_names) == SYMBOLS
    assert list(cells.var["gene_ids"][:2]) == ["ENSG00000000000", "ENSG00000000001"]
    assert (cells.var["feature_id"] == cells.var["gene_ids"]).all()
    assert list(cells.var["feature_name"]) == SYMBOLS
    with pytest.raises(ValueError, match="gene CD4 occurs twice"):
        tcells.genes(pd.DataFrame({"gene_symbol": ["CD4", "CD4"]}), np.ones(2, bool))


def test_the_sheet_is_in_obs(cells):
    obs = cells.obs
    one = obs[obs["sample"] == "S3"].iloc[0]
    assert (one["age"], one["sex"], one["condition"], one["donor"]) == (33.0, "M", "SLE", "D3")
    assert np.isnan(obs.loc[obs["sample"] == "S0", "age"]).all()
    assert obs["age"].dtype == float and obs["sex"].dtype == "category"
    assert (obs["n_counts_of_sheet"] == 7).all() and (obs["n_counts"] != 7).any()
    assert "path" not in obs and not obs.columns.duplicated().any()
    assert (obs["batch"] == "b1").all()


def test_clusters_and_text_are_categories(cells):
    assert list(cells.obs["leiden_1"].cat.categories) == ["0", "1", "2", "9", "10", "11"]
    assert not [c for c in cells.obs if cells.obs[c].dtype == object]
    assert (cells.obs["subset"].astype(str) == np.repeat(LABELS, N // 3)).all()


def test_principal_components_give_back_the_expression(cells):
    used = cells.var["highly_variable"].to_numpy()
    x = cells.X[:, used].toarray()
    expected = (x - x.mean(axis=0)) @ cells.varm["PCs"][used]
    np.testing.assert_allclose(expected, cells.obsm["X_pca"], atol=1e-3)
    assert not cells.varm["PCs"][~used].any()
    theirs = sc.pp.pca(cells, n_comps=5, mask_var="highly_variable", copy=True)
    np.testing.assert_allclose(np.abs(theirs.varm["PCs"]), np.abs(cells.varm["PCs"]), atol=2e-3)
    assert set(cells.uns["pca"]) == set(theirs.uns["pca"])


def test_colors_are_those_of_the_figures(cells):
    categories = cells.obs["subset"].cat.categories
    assert list(cells.uns["subset_colors"]) == [subset_color(name) for name in categories]
    conditions = cells.obs["condition"].cat.categories
    assert list(cells.uns["condition_colors"]) == [COHORT.color(name) for name in conditions]


@pytest.mark.parametrize("color", ["PDCD1", "HLA-DRA", "subset", "condition", "age", "leiden_1"])
def test_umap_by_gene_and_by_column(cells, color):
    sc.pl.umap(cells, color=color, show=False)
    sc.pl.pca(cells, color=color, show=False)
    plt.close("all")


def test_usual_plots(cells):
    sc.pl.dotplot(cells, ["PDCD1", "MAF", "CCR10"], groupby="subset", show=False)
    sc.pl.violin(cells, ["PDCD1", "n_counts"], groupby="condition", show=False)
    sc.pl.pca_loadings(cells, components="1,2", show=False)
    sc.pl.pca_variance_ratio(cells, show=False)
    plt.close("all")


def test_markers_of_subsets(cells):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas, of scanpy's own frames
        sc.tl.rank_genes_groups(cells, "subset", method="wilcoxon")
    table = sc.get.rank_genes_groups_df(cells, "CD8_CM")
    assert set(table["names"]) == set(SYMBOLS)


def test_paga_uses_the_neighbors(cells):
    sc.tl.paga(cells, groups="subset")
    assert cells.uns["paga"]["connectivities"].shape == (3, 3)
    sc.tl.leiden(cells, flavor="igraph", n_iterations=2, directed=False)
    assert cells.obs["leiden"].nunique() > 1


def test_new_cells_are_placed_by_ingest(cells):
    """As docs/scanpy.md says: on components that new cells can have, not on Harmony's."""
    new = cells[::7].copy()
    new.obsm.clear()
    sc.pp.neighbors(cells, n_neighbors=10, n_pcs=5)
    sc.tl.ingest(new, cells, obs="subset", embedding_method=("pca", "umap"))
    same = new.obs["subset"].astype(str) == cells.obs["subset"].astype(str)[::7]
    assert same.mean() > 0.9
    ours = cells.obsm["X_pca"][::7]  # scanpy centers new cells at their own mean
    np.testing.assert_allclose(
        new.obsm["X_pca"] - new.obsm["X_pca"].mean(axis=0), ours - ours.mean(axis=0), atol=1e-3
    )
    assert new.obsm["X_umap"].shape == (len(ours), 2)


def test_decoupler_finds_genes_by_their_symbols(cells):
    net = pd.DataFrame({"source": "axis", "target": SYMBOLS[:10], "weight": 1.0})
    dc.mt.ulm(cells, net)
    assert cells.obsm["score_ulm"].shape == (N, 1)


def test_backed_and_written_again(path, tmp_path):
    backed = ad.read_h5ad(path, backed="r")
    assert backed[:10, "PDCD1"].X.shape == (10, 1)
    backed.file.close()
    ad.read_h5ad(path).write_h5ad(tmp_path / "again.h5ad")


@pytest.mark.skipif(
    not shutil.which("Rscript"),
    reason="needs R with hdf5r and Matrix (r-cran-hdf5r, r-cran-matrix)",
)
def test_r_reads_it(path, cells):
    code = f"""
    for (name in c("hdf5r", "Matrix")) if (!requireNamespace(name, quietly=TRUE)) quit(status=77)
    f <- hdf5r::H5File$new("{path}", "r")
    x <- f[["layers/counts"]]
    cells <- f[["obs/_index"]][]
    genes <- f[["var/_index"]][]
    m <- Matrix::sparseMatrix(i=x[["indices"]][]+1, p=x[["indptr"]][], x=as.numeric(x[["data"]][]),
      dims=c(length(genes), length(cells)), dimnames=list(genes, cells))
    cat(sum(m), m["MAF", cells[8]], f[["obs/subset/categories"]][][f[["obs/subset/codes"]][1]+1])
    """
    run = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=False)
    if run.returncode == 77:
        pytest.skip("needs R with hdf5r and Matrix (r-cran-hdf5r, r-cran-matrix)")
    counts = cells.layers["counts"]
    assert run.stdout.split() == [str(counts.sum()), str(counts[7, 1]), LABELS[0]]
