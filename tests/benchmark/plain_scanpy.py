"""The same road by hand: what a plain scanpy script needs for it, everything in memory.

    python plain_scanpy.py COHORT.h5ad OUT.tsv

Writes step, seconds, max_rss_mb (of the process so far) for each step. The steps are those of the
workflow that scanpy has: quality control, doublets of each sample, normalization, variable genes,
PCA, Harmony, neighbors, Leiden at one resolution (the workflow: at three), UMAP, markers.
"""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "rivals"))
from record import Record

step = Record(sys.argv[2])
warnings.simplefilter("ignore")
import cohort  # noqa: E402
import harmonypy  # noqa: E402
import numpy as np  # noqa: E402
import scanpy as sc  # noqa: E402

step("import")
adata = cohort.read(sys.argv[1])
step("read")
adata.var["mito"] = adata.var["gene_symbol"].str.startswith("MT-")
sc.pp.calculate_qc_metrics(adata, qc_vars=["mito"], inplace=True, percent_top=None)
sc.pp.filter_cells(adata, min_counts=500)
sc.pp.filter_cells(adata, min_genes=200)
adata = adata[adata.obs["pct_counts_mito"] < 20].copy()
sc.pp.filter_genes(adata, min_cells=3)
step("quality control")
sc.pp.scrublet(adata, batch_key="sample", random_state=0)
adata = adata[~adata.obs["predicted_doublet"].astype(bool)].copy()
step("scrublet")
sc.pp.normalize_total(adata, target_sum=10_000)
sc.pp.log1p(adata)
step("normalize")
sc.pp.highly_variable_genes(adata, n_top_genes=2000, batch_key="batch")
sc.pp.pca(adata, n_comps=30, mask_var="highly_variable")
step("variable genes and PCA")
found = harmonypy.run_harmony(adata.obsm["X_pca"], adata.obs, ["batch"], verbose=False)
corrected = np.asarray(found.Z_corr)
adata.obsm["X_harmony"] = corrected if len(corrected) == adata.n_obs else corrected.T
step("Harmony")
sc.pp.neighbors(adata, use_rep="X_harmony", n_neighbors=15)
step("neighbors")
sc.tl.leiden(adata, flavor="leidenalg", n_iterations=2)
step("Leiden (leidenalg)")
sc.tl.umap(adata)
step("UMAP")
sc.tl.rank_genes_groups(adata, "leiden", method="wilcoxon")
step("markers")
