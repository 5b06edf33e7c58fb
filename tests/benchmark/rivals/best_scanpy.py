"""scanpy with its fastest settings: counts in dask blocks until PCA, igraph's Leiden, t test.

python best_scanpy.py COHORT.h5ad OUT.tsv
"""

import sys
import warnings

from record import Record

step = Record(sys.argv[2])
warnings.simplefilter("ignore")
import anndata as ad  # noqa: E402
import h5py  # noqa: E402
import harmonypy  # noqa: E402
import numpy as np  # noqa: E402
import scanpy as sc  # noqa: E402
from anndata.experimental import read_elem_lazy  # noqa: E402

BLOCK = 20_000  # rows of a dask block
step("import")
file = h5py.File(sys.argv[1])
obs, var = ad.io.read_elem(file["obs"]), ad.io.read_elem(file["raw/var"])
blocks = (min(BLOCK, len(obs)), len(var))
cells = ad.AnnData(read_elem_lazy(file["raw/X"], chunks=blocks), obs=obs, var=var)
cells.var["mito"] = cells.var["gene_symbol"].str.startswith("MT-").to_numpy()
sc.pp.calculate_qc_metrics(cells, qc_vars=["mito"], inplace=True, percent_top=None, log1p=False)
good = (cells.obs["total_counts"] >= 500) & (cells.obs["n_genes_by_counts"] >= 200)
good &= cells.obs["pct_counts_mito"] < 20
cells = cells[good.to_numpy()].copy()
step("quality control")
doublet = np.zeros(cells.n_obs, bool)
for rows in cells.obs.groupby("sample", observed=True).indices.values():
    one = cells[rows].copy()
    one.X = one.X.compute()
    sc.pp.filter_genes(one, min_cells=3)
    sc.pp.scrublet(one, random_state=0, verbose=False)
    doublet[rows] = one.obs["predicted_doublet"].to_numpy(bool)
cells = cells[~doublet].copy()
step("doublets of each sample")
sc.pp.normalize_total(cells, target_sum=10_000)
sc.pp.log1p(cells)
sc.pp.highly_variable_genes(cells, n_top_genes=2000, batch_key="batch")
cells = cells[:, cells.var["highly_variable"].to_numpy()].copy()
cells.X = cells.X.compute()
step("normalization and variable genes")
sc.pp.pca(cells, n_comps=30)
step("PCA")
found = np.asarray(
    harmonypy.run_harmony(cells.obsm["X_pca"], cells.obs, ["batch"], verbose=False).Z_corr
)
cells.obsm["X_harmony"] = found if len(found) == cells.n_obs else found.T
step("Harmony")
sc.pp.neighbors(cells, use_rep="X_harmony", n_neighbors=15)
step("neighbors")
sc.tl.leiden(cells, flavor="igraph", n_iterations=2, directed=False)
step("Leiden, one resolution")
sc.tl.umap(cells)
step("UMAP")
sc.tl.rank_genes_groups(cells, "leiden", method="t-test")
step("markers")
