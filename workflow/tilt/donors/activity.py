"""Signature activity of donors, from pseudobulk."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core.contracts import ACTIVITY, SIGNATURE_OVERLAPS
from tilt.core.terms import POLE_SETS, UNIT, UNIT_KEY
from tilt.donors import pseudobulk
from tilt.genes import tables as gene_tables

if TYPE_CHECKING:
    import anndata as ad

# Genes that define the outcome: never part of a predictor (SCIENCE 0.4 and 1.4: stock CollecTRI
# has AHR -> CXCL13 = +1, the opposite of Law et al. 2024, doi:10.1038/s41586-024-07627-2).
CIRCULAR = ("CXCL13", "IL22", "IL21", "IL17A", "IL10", "PDCD1", "MAF", "CCR6")
OUTCOMES = tuple(POLE_SETS.values())


def weights(signatures: pd.DataFrame, name: str, without: Iterable[str] = ()) -> pd.Series:
    """Weights of one set by gene symbol, without the genes named.

    Raises
    ------
    ValueError
        If the table has no such set.
    """
    rows = signatures[signatures["set"] == name]
    if rows.empty:
        known = sorted(signatures["set"].unique())
        raise ValueError(f"no signature {name!r}; there are {known}")
    gene = rows.set_index("gene")["weight"].astype(float)
    return gene[~gene.index.isin(set(without))]


def predictor_weights(signatures: pd.DataFrame, name: str) -> pd.Series:
    """Weights of a set with every gene of the outcome taken out (unless it is the outcome)."""
    if name in OUTCOMES:
        return weights(signatures, name)
    return weights(signatures, name, outcome_genes(signatures))


def outcome_genes(signatures: pd.DataFrame) -> set[str]:
    """Genes that define the imbalance: those of both poles, and :data:`CIRCULAR`."""
    known = set(signatures["set"])
    return set(CIRCULAR).union(*(weights(signatures, o).index for o in OUTCOMES if o in known))


def overlaps(signatures: pd.DataFrame) -> pd.DataFrame:
    """Genes shared by every two sets: set_a, set_b, n_shared, genes."""
    sets = {name: set(rows["gene"]) for name, rows in signatures.groupby("set", sort=True)}
    names = list(sets)
    rows = [
        (a, b, len(sets[a] & sets[b]), " ".join(sorted(sets[a] & sets[b])))
        for i, a in enumerate(names)
        for b in names[i:]
    ]
    return pd.DataFrame(rows, columns=list(SIGNATURE_OVERLAPS.columns))


def weighted_mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean over genes of weight x value, per unit; weights may be negative (units,)."""
    return values @ weight / np.abs(weight).sum()


def score(
    bulk: "ad.AnnData",
    donors: pd.DataFrame,
    signatures: pd.DataFrame,
    subsets: Iterable[str],
    sets: Iterable[str],
    min_cells: int,
    min_share: float,
) -> pd.DataFrame:
    """Score gene sets in the pseudobulk of each unit: weighted mean of moderated log2 CPM.

    A set is not scored when fewer than ``min_share`` of its genes are in the matrix, nor a
    unit with fewer than ``min_cells`` cells; such rows stay, with the reason.

    Returns
    -------
    Table of :data:`tilt.core.contracts.ACTIVITY`: every unit of ``donors`` x subset x set.
    """
    key = UNIT_KEY
    units = donors[UNIT].astype(str)
    tables = []
    for subset in subsets:
        rows = bulk[bulk.obs["subset"] == subset]
        n_cells = rows.obs.set_index(key)["n_cells"]
        usable = pseudobulk.of_subset(bulk, subset, min_cells)
        values = pseudobulk.log_cpm(pseudobulk.dense(usable)) if usable.n_obs else None
        for name in sets:
            weight = predictor_weights(signatures, name)
            where = gene_tables.locate(bulk.var, weight.index)
            table = units.assign(subset=subset, signature=name)
            at = pd.MultiIndex.from_frame(table[key])
            table["n_cells"] = n_cells.reindex(at).fillna(0).astype(int).to_numpy()
            table["n_genes_found"], table["n_genes"] = len(where), len(weight)
            table["value"], table["reason"] = np.nan, ""
            if len(where) < min_share * len(weight) or not len(where):
                table["reason"] = (
                    f"{len(where)} of {len(weight)} genes of {name} measured; "
                    f"{min_share:.0%} are needed"
                )
            else:
                if values is not None:
                    columns = bulk.var.index.get_indexer(where)
                    value = weighted_mean(values[:, columns], weight[where.index].to_numpy())
                    scored = pd.Series(value, pd.MultiIndex.from_frame(usable.obs[key]))
                    table["value"] = scored.reindex(at).to_numpy()
                thin = table["value"].isna()
                table.loc[thin, "reason"] = [
                    f"{n} {subset} cells; {min_cells} are needed" for n in table["n_cells"][thin]
                ]
            table["estimable"] = table["value"].notna()
            tables.append(table)
    return pd.concat(tables, ignore_index=True)[list(ACTIVITY.columns)]
