"""The user's object: T cells with counts, normalized expression, labels, scores and maps."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import json

import anndata as ad
import numpy as np
import pandas as pd

from tilt.cells import normalize
from tilt.core import provenance, tables
from tilt.io import store as blocks
from tilt.figures import names

store = blocks.open_store(snakemake.input.counts)
obs = store.obs.copy()
samples = tables.read(snakemake.input.samples).set_index("sample")
obs["condition"] = obs["sample"].astype(str).map(samples["condition"]).astype("category")
parts = [obs]
for kind in ("labels", "clusters", "scores"):
    table = tables.read(snakemake.input[kind]).set_index("cell").loc[obs.index]
    parts.append(table.astype(dict.fromkeys(table.select_dtypes(float), np.float32)))
for part in parts:
    for name in part.select_dtypes(object):
        part[name] = part[name].astype(str).astype("category")
obs = pd.concat(parts, axis=1)
del parts, part, table
var = store.var.copy()
var["highly_variable"] = tables.read(snakemake.input.hvg)["highly_variable"].to_numpy(bool)

embedding = ad.read_h5ad(snakemake.input.embedding)
umap = tables.read(snakemake.input.umap).set_index("cell").loc[obs.index]
obsm = {name: embedding.obsm[name] for name in ("X_pca", "X_harmony")}
obsm["X_umap"] = umap.to_numpy(np.float32)
subsets = obs["subset"].cat.categories
uns = {
    "subset_colors": np.array([names.subset_colour(name) for name in subsets]),
    "log1p": {},
    "neighbors": embedding.uns["neighbors"],
    "tilt": {
        "config": json.dumps(snakemake.params.config, sort_keys=True),
        "versions": json.dumps(provenance.tool_versions()),
        "inputs": json.dumps(tables.read(snakemake.input.inputs).to_dict("records")),
    },
}
n_counts = store.obs["n_counts"].to_numpy()
target = snakemake.params.target_sum
with tables.atomic(snakemake.output[0]) as part:
    blocks.write_h5ad(
        part,
        store,
        lambda counts, rows: normalize.log_normalized(counts, n_counts[rows], target),
        {"obs": obs, "var": var, "obsm": obsm, "obsp": dict(embedding.obsp), "uns": uns},
    )
log.info("%d cells, %d subsets", len(obs), len(subsets))
