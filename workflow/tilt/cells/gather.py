"""The samples of a cohort brought together: shared genes, T cells, and tables of who is where."""

import hashlib
import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

log = logging.getLogger(__name__)

MIN_SHARED = 0.5  # of the genes of the smallest sample; below it the namings differ
STORE_COLUMNS = [
    *("cohort", "sample", "donor", "batch"),
    *("n_counts", "n_genes", "pct_mito", "pct_ribo", "pct_hb", "doublet_score"),
    *("lineage_score", "lineage_margin"),
]


def shared_genes(variables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Genes that all samples have, in the order of the first sample.

    Parameters
    ----------
    variables
        Sample -> its ``var`` (index: gene, column gene_symbol). Samples without genes (skipped
        ones) are passed over.

    Raises
    ------
    ValueError
        No sample is left, or two samples share less than half of their genes, as happens when
        one uses Ensembl ids and the other symbols.
    """
    variables = {name: var for name, var in variables.items() if len(var)}
    if not variables:
        raise ValueError("no sample of this cohort could be used; see the samples' logs")
    first = next(iter(variables))
    common = variables[first].index
    for name, var in variables.items():
        common = common[common.isin(var.index)]
        if len(common) < MIN_SHARED * min(len(variables[first]), len(var)):
            raise ValueError(
                f"samples {first} and {name} share only {len(common)} genes: {first} names them "
                f"like {variables[first].index[0]}, {name} like {var.index[0]}. Fix: give all "
                "samples of a cohort the same genes file, or make two cohorts of them."
            )
    smallest = min(len(var) for var in variables.values())
    if len(common) < smallest:
        log.warning(
            "genes not in every sample are left out: %d of %d", smallest - len(common), smallest
        )
    return variables[first].loc[common, ["gene_symbol"]]


def same_libraries(cells: pd.DataFrame) -> list[list[str]]:
    """Samples that hold the same barcodes with the same numbers of counts and genes.

    Parameters: ``cells``, every barcode that was read (columns cell, sample, n_counts, n_genes;
    cells are named ``<sample>_<barcode>``). Returns the names of each group of two or more.
    """
    groups: dict[str, list[str]] = {}
    for sample, mine in cells.groupby("sample", sort=True):
        bare = mine["cell"].str.slice(len(str(sample)) + 1)
        table = mine.assign(cell=bare)[["cell", "n_counts", "n_genes"]].sort_values("cell")
        digest = hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()
        groups.setdefault(digest, []).append(str(sample))
    return [names for names in groups.values() if len(names) > 1]


def t_cells(
    samples: Iterator[tuple[pd.DataFrame, pd.DataFrame, sparse.csr_matrix, pd.DataFrame | None]],
    var: pd.DataFrame,
) -> Iterator[AnnData]:
    """T cells of each sample, with the genes of ``var``, without the condition.

    ``samples`` gives ``obs``, ``var``, the counts (cells x genes) and, where there are antibody
    tags, those of proteins (cells x proteins) of one sample at a time. The condition stays behind:
    annotation must not see it.
    """
    for obs, genes, counts, proteins in samples:
        if len(obs) == 0:
            continue
        inside = np.flatnonzero(obs["lineage"] == "T")
        part = counts[inside]
        columns = genes.index.get_indexer(var.index)
        if not np.array_equal(columns, np.arange(len(genes))):
            part = part[:, columns]
        kept = [name for name in (*STORE_COLUMNS, "author_label") if name in obs]
        beside = {} if proteins is None else {"protein": proteins.iloc[inside]}
        yield AnnData(part, obs=obs.loc[obs["lineage"] == "T", kept], var=var, obsm=beside)


def waterfall(summaries: list[dict], about: pd.DataFrame) -> pd.DataFrame:
    """Cells left after each step of quality control.

    Parameters
    ----------
    summaries
        One dict a sample: sample, and steps as from ``qc.clean`` (skipped samples have none).
    about
        cohort, sample, donor, condition, one row a sample.

    Returns
    -------
    cohort, sample, donor, condition, step, n_removed, n_left.
    """
    rows = [{"sample": s["sample"], **step} for s in summaries for step in s["steps"]]
    table = pd.DataFrame(rows, columns=["sample", "step", "n_removed", "n_left"])
    return about.merge(table, on="sample", how="inner")


def lineage_counts(cells: pd.DataFrame) -> pd.DataFrame:
    """Kept cells per sample and lineage: cohort, sample, donor, lineage, n."""
    kept = cells[cells["kept"]]
    keys = ["cohort", "sample", "donor", "lineage"]
    return kept.groupby(keys, sort=True, observed=True).size().rename("n").reset_index()


def sample_table(summaries: list[dict], about: pd.DataFrame) -> pd.DataFrame:
    """What became of each sample: ``about``, status (ok or skipped), message, limits and notes."""
    rows = [
        {
            "sample": s["sample"],
            "status": s["status"],
            "message": s["message"],
            "n_read": s.get("n_read", 0),
            "n_kept": s["steps"][-1]["n_left"] if s["steps"] else 0,
            **s.get("limits", {}),
            "doublets": s.get("doublets", ""),
            "notes": "; ".join(s.get("notes", [])),
        }
        for s in summaries
    ]
    return about.merge(pd.DataFrame(rows), on="sample", how="left")
