"""Ambient RNA: what T cells seem to carry of genes that only other blood cells transcribe.

Genes of another lineage show how much free RNA got into the droplets (the idea behind SoupX,
Young & Behjati 2020, doi:10.1093/gigascience/giaa151). The numbers come from counts that are
already summed per donor, so they cost no pass over cells.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core.contracts import AMBIENT
from tilt.core.terms import UNIT_KEY
from tilt.genes import tables as gene_tables

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class Sentinel:
    """Genes that stand for one source of ambient RNA, and why."""

    genes: tuple[str, ...]
    source: str
    reason: str


# HBB to IGKC are the markers of their lineage in resources/markers.tsv or its secreted product;
# SIGLEC1 is a sentinel of resources/signatures.tsv (set IFN1_AMBIENT_SENTINEL).
SENTINELS = (
    Sentinel(("HBB",), "red blood cells", "lysed or left-over red cells"),
    Sentinel(("PPBP",), "platelets", "platelets burst or stuck to cells"),
    Sentinel(
        ("S100A8", "S100A9"), "myeloid cells", "monocytes and neutrophils, more of them in lupus"
    ),
    Sentinel(("LYZ",), "monocytes", "as above, by another gene"),
    Sentinel(("IGKC",), "B, plasma cells", "plasmablasts rise in active lupus"),
    Sentinel(("SIGLEC1",), "interferon monocytes", "feigns an interferon response of T cells"),
)


def sentinels(bulk: "AnnData", subset: str = "t") -> pd.DataFrame:
    """Counts of each sentinel in the T cells of each donor.

    Parameters
    ----------
    bulk
        Pseudobulk: X sums of counts (groups x genes); obs donor, condition, subset.
    subset
        Group of cells that is looked at.

    Returns
    -------
    One row a donor, condition and sentinel: ``n_counts`` of its genes, ``n_total`` counts of all
    genes, ``per_10k`` = 10,000 x n_counts / n_total. ``n_counts`` is NaN where none of the genes
    is in the matrix.
    """
    rows = bulk[(bulk.obs["subset"] == subset).to_numpy()]
    total = np.asarray(rows.X.sum(axis=1)).ravel()
    parts = []
    for sentinel in SENTINELS:
        where = gene_tables.locate(bulk.var, sentinel.genes)
        table = rows.obs[UNIT_KEY].astype(str).reset_index(drop=True)
        table["genes"], table["source"] = " + ".join(sentinel.genes), sentinel.source
        table["n_counts"] = np.nan
        if len(where):
            columns = bulk.var.index.get_indexer(where)
            table["n_counts"] = np.asarray(rows.X[:, columns].sum(axis=1)).ravel().astype(float)
        table["n_total"] = total
        table["per_10k"] = 1e4 * table["n_counts"] / np.maximum(total, 1)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)[list(AMBIENT.columns)]
