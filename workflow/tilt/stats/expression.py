"""Differential expression between donors: PyDESeq2 on pseudobulk of one group of cells."""

import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core.contracts import EXPRESSION
from tilt.core.terms import MIN_COUNT, UNIT_KEY
from tilt.donors import pseudobulk
from tilt.stats import design

if TYPE_CHECKING:
    import anndata as ad

log = logging.getLogger(__name__)


def _blank(reason: str, covariates: str = "none") -> pd.DataFrame:
    """A table of one row that says why there is nothing to report."""
    row = {"covariates": covariates, "estimable": False, "reason": reason}
    return pd.DataFrame([row]).reindex(columns=list(EXPRESSION.columns))


def test(
    bulk: "ad.AnnData",
    subset: str,
    donors: pd.DataFrame,
    contrast: design.Contrast,
    min_cells: int = 20,
) -> pd.DataFrame:
    """Wald tests of case against control in the pseudobulk of ``subset``.

    PyDESeq2 (Muzellec 2023, doi:10.1093/bioinformatics/btad547), all genes at once
    (:mod:`tilt.stats.negative_binomial`), with the covariates and strata of the contrast (paired:
    the pair as a factor); donors with fewer than ``min_cells`` cells and genes that reach ten
    counts in fewer donors than the smaller arm has are left out.

    Returns
    -------
    One row a gene, :data:`tilt.core.contracts.EXPRESSION`; log2fc is case over control, not shrunk;
    q is Benjamini-Hochberg after independent filtering. When no test is possible: one row without
    a gene, estimable False and the reason.
    """
    rows = pseudobulk.of_subset(bulk, subset, min_cells)
    key = UNIT_KEY
    have = pd.MultiIndex.from_frame(rows.obs[key].astype(str))
    units = donors[pd.MultiIndex.from_frame(donors[key].astype(str)).isin(have)]
    short = f"{len(units)} of {len(donors)} donors have {min_cells} {subset} cells"
    if contrast.pair:
        units = units.reset_index(drop=True)
        pairs, problem, notes = design.pairs(units, contrast)
        if problem:
            return _blank(f"{short}; {problem}", contrast.pair)
        order = np.r_[pairs["case"], pairs["control"]]
        units = units.iloc[order].reset_index(drop=True)
        blocks = np.tile(np.eye(len(pairs)), (2, 1))
        matrix = np.column_stack([blocks, np.repeat([1.0, 0.0], len(pairs))])
        label = contrast.pair
    else:
        built = design.build(units, contrast)
        if built.problem:
            return _blank(f"{short}; {built.problem}")
        units, matrix, label, notes = built.units, built.matrix, built.label, built.notes
    at = have.get_indexer(pd.MultiIndex.from_frame(units[key].astype(str)))
    counts = pseudobulk.dense(rows[at])
    case = int((units["condition"] == contrast.case).sum())
    fewest = min(case, len(units) - case)
    kept = (counts >= MIN_COUNT).sum(axis=0) >= fewest
    enough = f"{MIN_COUNT} counts in {fewest} donors"
    if kept.sum() < 10:
        return _blank(f"{int(kept.sum())} genes with {enough}", label)
    names = [f"x{i}" for i in range(matrix.shape[1] - 1)] + ["condition"]
    model = pd.DataFrame(matrix, columns=names, index=units.index.astype(str))
    table = _deseq(counts[:, kept], rows.var_names[kept], model)
    table["gene_symbol"] = rows.var["gene_symbol"].reindex(table["gene"]).to_numpy()
    table = table.assign(n_case=case, n_control=len(units) - case, covariates=label)
    table = table.assign(estimable=table["p"].notna(), reason="; ".join(notes))
    log.info("%s: %d of %d genes have %s", subset, kept.sum(), len(kept), enough)
    log.info("%s: %d with q < 0.05", subset, int((table["q"] < 0.05).sum()))
    return table.sort_values(["p", "gene"])[list(EXPRESSION.columns)].reset_index(drop=True)


def _deseq(counts: np.ndarray, names: pd.Index, model: pd.DataFrame) -> pd.DataFrame:
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    from tilt.stats.negative_binomial import AllGenes

    frame = pd.DataFrame(counts.astype(int), index=model.index, columns=names)
    quiet = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(quiet):
        warnings.simplefilter("ignore")
        inference = AllGenes(n_cpus=1)
        zeros = (counts > 0).all(axis=0).sum() < 10
        data = DeseqDataSet(
            counts=frame,
            metadata=model,
            design=model,
            size_factors_fit_type="poscounts" if zeros else "ratio",
            refit_cooks=True,
            inference=inference,
            quiet=True,
        )
        data.deseq2()
        vector = np.zeros(model.shape[1])
        vector[-1] = 1.0
        result = DeseqStats(data, contrast=vector, inference=inference, quiet=True)
        result.summary()
    renamed = {
        "baseMean": "base_mean",
        "log2FoldChange": "log2fc",
        "lfcSE": "se",
        "stat": "stat",
        "pvalue": "p",
        "padj": "q",
    }
    out = result.results_df.rename(columns=renamed)
    return out.rename_axis("gene").reset_index()
