"""Pegasus (Li 2020, doi:10.1038/s41592-020-0905-x) from the h5ad to markers of clusters.

    python pegasus_steps.py COHORT.h5ad OUT.tsv

Without Harmony, for which it needs PyTorch.
"""

import sys

from record import Record

step = Record(sys.argv[2])
import cohort  # noqa: E402
import pegasus as pg  # noqa: E402
import pegasusio  # noqa: E402

step("import")
cells = cohort.read(sys.argv[1])
cells.var_names = cells.var["gene_symbol"].astype(str).to_numpy()
cells.var_names_make_unique()
cells.obs["Channel"] = cells.obs["sample"].astype(str).astype("category")
data = pegasusio.MultimodalData(cells)
step("read")
pg.qc_metrics(data, min_umis=500, min_genes=200, mito_prefix="MT-", percent_mito=20)
pg.filter_data(data)
step("quality control")
pg.identify_robust_genes(data, percent_cells=0.01)
pg.log_norm(data)
pg.infer_doublets(data, channel_attr="Channel", plot_hist=None)
pg.mark_doublets(data)
data.obs["passed_qc"] = (data.obs["demux_type"] == "singlet").to_numpy()
pg.filter_data(data)
step("doublets of each sample")
pg.highly_variable_features(data, n_top=2000, batch="batch")
pg.pca(data, n_components=30)
step("variable genes and PCA")
pg.neighbors(data, rep="pca", K=15, n_jobs=2)
step("neighbors")
pg.leiden(data, rep="pca", resolution=1.0)
step("Leiden, one resolution")
pg.umap(data, rep="pca", n_jobs=2)
step("UMAP")
pg.de_analysis(data, cluster="leiden_labels", n_jobs=2)
step("markers")
