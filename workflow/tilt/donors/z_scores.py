"""Expression of donors in standard deviations of each gene, blind to the condition."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core.terms import UNIT_KEY
from tilt.donors import pseudobulk

if TYPE_CHECKING:
    import anndata as ad

log = logging.getLogger(__name__)

MIN_FREE = 3  # degrees of freedom that strata must leave for the SD of a gene


def standardize(values: np.ndarray, strata: pd.DataFrame | None = None) -> np.ndarray:
    """Center each gene over all units, divide by its SD between units of the same strata.

    ``values`` units x genes; ``strata`` one row a unit, one column a stratum. Strata are taken
    out of the SD (additively, as in the model of the test), so that a gene that moves with
    batches does not count for less; they are not taken out of the values, which is left to that
    model. They are passed over where fewer than three degrees of freedom would be left. A gene
    without spread gives zeros.
    """
    n = len(values)
    nuisance = np.ones((n, 1))
    if strata is not None:
        dummies = pd.get_dummies(strata.fillna("missing").astype(str)).to_numpy(float)
        joint = np.column_stack([nuisance, dummies])
        if n - np.linalg.matrix_rank(joint) >= MIN_FREE:
            nuisance = joint
        else:
            log.info("%d strata columns of %d units: SD of genes over all", dummies.shape[1], n)
    residual = values - nuisance @ (np.linalg.pinv(nuisance) @ values)
    free = max(n - np.linalg.matrix_rank(nuisance), 1)
    sd = np.sqrt(np.square(residual).sum(axis=0) / free)
    centered = values - values.mean(axis=0)
    return np.divide(centered, sd, out=np.zeros_like(centered), where=sd > 1e-9)


def seen_genes(counts: np.ndarray) -> np.ndarray:
    """Genes with 10 counts in all and some in a quarter of the units (label-blind)."""
    return (counts.sum(axis=0) >= 10) & ((counts > 0).mean(axis=0) >= 0.25)


@dataclass(frozen=True)
class Standardized:
    """Genes that are seen (:func:`seen_genes`): positions, z (units x genes), mean log2 CPM."""

    genes: np.ndarray
    z: np.ndarray
    mean: np.ndarray


def standardized(rows: "ad.AnnData", strata: pd.DataFrame | None) -> Standardized:
    """Standardized log2 CPM of the units of ``rows`` (pseudobulk of one subset), as in the axis.

    ``strata``: strata of each unit, indexed by (donor, condition), or None.
    """
    counts = pseudobulk.dense(rows)
    seen = np.flatnonzero(seen_genes(counts))
    if strata is not None:
        strata = strata.reindex(pd.MultiIndex.from_frame(rows.obs[UNIT_KEY]))
    values = pseudobulk.log_cpm(counts)[:, seen]
    return Standardized(seen, standardize(values, strata), values.mean(axis=0))
