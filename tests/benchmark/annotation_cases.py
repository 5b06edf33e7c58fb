"""Cells with known labels, a plain pipeline around tilt's annotation, and the simple methods."""

import dataclasses
import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse
from tilt.cells import embed, normalize
from tilt.genes import tables as gene_tables
from tilt.labels import annotate
from tilt.simulate import cohort as simulate

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = ROOT / "resources"
TARGET_SUM = 1e4
N_GENES, N_COMPONENTS, N_NEIGHBORS = 2000, 30, 15

ZHENG = "pbmc_facs_3774cells_16791genes.h5ad"
KANG = "kang_ctrl_12261cells_1287genes.h5ad"
CSLE = "csle_CD4mem_Treg_B_1000cells.h5ad"
MONACO = "Monaco_GSE107011_30types_pTPM_wide.csv.gz"

ZHENG_LINEAGE = {"T cell": "T", "B cell": "B", "CD34+": "Progenitor", "NK cell": "NK"}
ZHENG_LINEAGE["CD14+"] = "Mono"
ZHENG_T = {
    "CD4+/CD45RA+/CD25- Naive T": "naive CD4",
    "CD4+/CD45RO+ Memory": "memory CD4",
    "CD4+/CD25 T Reg": "Treg",
    "CD8+/CD45RA+ Naive Cytotoxic": "naive CD8",
    "CD8+ Cytotoxic T": "cytotoxic CD8",
}
KANG_LINEAGE = {
    "CD4 T cells": "T",
    "CD8 T cells": "T",
    "B cells": "B",
    "NK cells": "NK",
    "CD14+ Monocytes": "Mono_classical",
    "FCGR3A+ Monocytes": "Mono_nonclassical",
    "Dendritic cells": "cDC",
    "Megakaryocytes": "Platelet",
}
KANG_T = {"CD4 T cells": "CD4", "CD8 T cells": "CD8"}


@dataclasses.dataclass
class Tables:
    """The tables that ship with tilt."""

    markers: pd.DataFrame
    signatures: pd.DataFrame
    aliases: dict
    excluded: pd.DataFrame


def read_tables() -> Tables:
    return Tables(
        gene_tables.read_markers(RESOURCES / "markers.tsv"),
        gene_tables.read_signatures(RESOURCES / "signatures.tsv"),
        gene_tables.read_aliases(RESOURCES / "gene_aliases.tsv"),
        gene_tables.read_excluded(RESOURCES / "excluded_genes.tsv"),
    )


def read_cells(name: str, column: str, mapping: dict, tables: Tables) -> ad.AnnData:
    """Cells of the data folder whose author label is in ``mapping``; obs.truth is the label."""
    raw = ad.read_h5ad(Path(os.environ["TILT_REAL_DATA"]) / name)
    cells = gene_tables.standardize(raw, tables.aliases)
    cells.obs["truth"] = cells.obs[column].astype(str).map(mapping)
    cells = cells[cells.obs["truth"].notna()].copy()
    cells.obs["n_counts"] = np.asarray(cells.X.sum(1)).ravel()
    if "donor" not in cells.obs:
        cells.obs["donor"] = "one"
    return cells


def prepare(cells: ad.AnnData, tables: Tables, seed: int) -> tuple[ad.AnnData, np.ndarray]:
    """Variable genes, principal components and the panel, as the workflow makes them."""
    counts = sparse.csr_matrix(cells.X)
    depth = cells.obs["n_counts"].to_numpy()
    named = gene_tables.excluded(cells.var["gene_symbol"], tables.excluded).to_numpy()
    batch = np.zeros(cells.n_obs, int)
    found = normalize.moments([(0, counts)], depth, batch, TARGET_SUM)
    stats = normalize.variable_genes(found, named != "", N_GENES)
    stats.index = cells.var_names
    stats["gene_symbol"] = cells.var["gene_symbol"]
    stats["excluded"] = named
    chosen = np.flatnonzero(stats["highly_variable"])
    scores, _, _ = embed.pca(counts[:, chosen], depth, N_COMPONENTS, TARGET_SUM, seed)
    panel = annotate.panel(stats, tables.markers, tables.signatures, seed)
    return cells[:, panel].copy(), scores


def label(cells: ad.AnnData, tables: Tables, seed: int, **options) -> annotate.Annotation:
    """The whole of tilt's annotation on T cells."""
    small, scores = prepare(cells, tables, seed)
    return annotate.label(small, scores, tables.markers, tables.signatures, seed, **options)


def planted(tables: Tables, labels: tuple, share: float, depth: float, seed: int) -> ad.AnnData:
    """T cells of six simulated donors, of which ``labels`` are ``share`` each in every donor.

    ``depth``: median counts of a cell. The other T cells are as in the cohort demo_pbmc; nothing
    differs between the arms. Damaged cells and doublets are left out; obs.truth is the type.
    """
    params = simulate.null(simulate.read_parameters(RESOURCES / "demo" / "demo_pbmc.yaml"))
    types = params["cells"]["types"]
    kept = {name for name in params["abundance"] if types[name]["lineage"] == "T"} - set(labels)
    others = {name: n if name in kept else 1e-12 for name, n in params["abundance"].items()}
    each = share / (1 - len(labels) * share) * sum(others[name] for name in kept)
    params = simulate.override(
        params,
        abundance=others | dict.fromkeys(labels, each),
        donor_sd=0.0,
        depth={"median": depth},
        n_cells=1600,
    )
    return good_t_cells(params, simulate.sheet(3, 3, 2, seed), tables, seed)


def good_t_cells(params: dict, sheet: pd.DataFrame, tables: Tables, seed: int) -> ad.AnnData:
    """Simulated T cells without doublets and damaged cells; obs.truth is the type."""
    cells = simulate.cells(params, sheet, tables.markers, tables.signatures, seed)
    keep = (cells.obs["true_lineage"] == "T") & ~cells.obs["true_is_low_quality"]
    cells = cells[keep & ~cells.obs["true_is_doublet"]].copy()
    cells.obs["n_counts"] = np.asarray(cells.X.sum(1)).ravel()
    cells.obs["truth"] = cells.obs["true_subset"].astype(str)
    return cells


def coarse(subset: pd.Series) -> np.ndarray:
    """Subsets in the words of the five sorted populations; MAIT cells are none of them."""

    def word(name: str) -> str:
        if "Treg" in name:
            return "Treg"
        if name in ("CD4_Naive", "CD8_Naive"):
            return f"naive {name[:3]}"
        if name.startswith("CD4"):
            return "memory CD4"
        return "cytotoxic CD8" if name.startswith("CD8") else name

    return subset.astype(str).map(word).to_numpy()


# ------------------------------------------------------------------ simple methods


def log_counts(cells: ad.AnnData) -> sparse.csr_matrix:
    counts = sparse.csr_matrix(cells.X)
    return normalize.log_normalized(counts, cells.obs["n_counts"].to_numpy(), TARGET_SUM)


def marker_scores(cells: ad.AnnData, markers: pd.DataFrame, labels: list[str]) -> np.ndarray:
    """Mean z of the positive minus mean z of the negative genes (cells x labels)."""
    values = log_counts(cells)
    symbols = cells.var["gene_symbol"].to_numpy()
    row = markers.set_index("label")
    out = np.zeros((cells.n_obs, len(labels)))
    for k, name in enumerate(labels):
        for sign, wanted in ((1, row.at[name, "positive"]), (-1, row.at[name, "negative"])):
            dense = values[:, np.flatnonzero(np.isin(symbols, wanted))].toarray()
            spread = dense.std(0)
            dense = (dense - dense.mean(0))[:, spread > 0] / spread[spread > 0]
            if dense.shape[1]:
                out[:, k] += sign * dense.mean(1)
    return out


def smooth(scores: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    """Mean over a cell and its nearest neighbors, 15 in all."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(embedding)
    return near.kneighbors_graph(embedding) @ scores / N_NEIGHBORS


def bound(embedding: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Five-fold logistic regression on the principal components: what supervision reaches."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(embedding)
    return cross_val_predict(LogisticRegression(max_iter=2000), scaled, truth, cv=5)


def reference(cells: ad.AnnData, types: dict[str, str], n_genes: int = 1500) -> np.ndarray:
    """SingleR-like: the sorted bulk type (Monaco 2019) of highest rank correlation."""
    path = Path(os.environ["TILT_REAL_DATA"]) / MONACO
    bulk = pd.read_csv(path).drop(columns="Gene").groupby("Gene name").sum()[list(types)]
    bulk = np.log2(bulk + 1)
    shared = bulk.index.intersection(cells.var["gene_symbol"])
    spread = bulk.loc[shared].std(axis=1).sort_values(ascending=False)
    wanted = spread.index[:n_genes]
    at = pd.Index(cells.var["gene_symbol"]).get_indexer(wanted)
    ranks = pd.DataFrame(log_counts(cells)[:, at].toarray().T).rank().to_numpy()
    target = bulk.loc[wanted].rank().to_numpy()

    def unit(x):
        x = x - x.mean(0)
        return x / np.linalg.norm(x, axis=0)

    best = (unit(ranks).T @ unit(target)).argmax(1)
    return np.array(list(types.values()))[best]


MONACO_T = {
    "naive CD4 T-cell": "naive CD4",
    "Memory CD4 T-cell TFH": "memory CD4",
    "Memory CD4 T-cell Th1": "memory CD4",
    "Memory CD4 T-cell Th1/Th17": "memory CD4",
    "Memory CD4 T-cell Th17": "memory CD4",
    "Memory CD4 T-cell Th2": "memory CD4",
    "Terminal effector memory CD4 T-cell": "memory CD4",
    "T-reg": "Treg",
    "naive CD8 T-cell": "naive CD8",
    "Central memory CD8 T-cell": "cytotoxic CD8",
    "Effector memory CD8 T-cell": "cytotoxic CD8",
    "Terminal effector memory CD8 T-cell": "cytotoxic CD8",
}
# All sorted T cells, as tilt may name them.
MONACO_ALL_T = {
    **MONACO_T,
    "MAIT T-cell": "MAIT",
    "Non-Vd2 gdTCR": "gdT",
    "Vd2 gdTCR": "gdT",
}
