"""Scarf (Dhapola 2022, doi:10.1038/s41467-022-32097-3) from the h5ad to markers of clusters.

    python scarf_steps.py COHORT.h5ad OUT.tsv

It has neither doublets nor Harmony; its neighbors are found on its own PCA.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from record import Record

step = Record(sys.argv[2])
import scarf  # noqa: E402

step("import")
folder = Path(tempfile.mkdtemp(dir=Path(sys.argv[2]).parent))
reader = scarf.H5adReader(
    sys.argv[1], matrix_key="raw/X", feature_attrs_key="raw/var", feature_name_key="gene_symbol"
)
# A batch that divides the number of cells loses the last one (0.32.5), and stops.
scarf.H5adToZarr(reader, zarr_loc=str(folder / "cohort.zarr")).dump(batch_size=997)
step("read")
store = scarf.DataStore(
    str(folder / "cohort.zarr"), default_assay="RNA", nthreads=2, min_features_per_cell=10
)
step("quality control metrics")
store.filter_cells(
    attrs=["RNA_nCounts", "RNA_nFeatures", "RNA_percentMito"],
    highs=[10**9, 10**9, 20],
    lows=[500, 200, 0],
)
store.mark_hvgs(min_cells=20, top_n=2000, show_plot=False)
step("filter and variable genes")
store.make_graph(feat_key="hvgs", k=15, dims=30, n_centroids=100)
step("PCA and neighbors")
store.run_umap(n_epochs=200, parallel=True)
step("UMAP")
store.run_leiden_clustering(resolution=1.0)
step("Leiden, one resolution")
store.run_marker_search(group_key="RNA_leiden_cluster")
step("markers")
shutil.rmtree(folder)
