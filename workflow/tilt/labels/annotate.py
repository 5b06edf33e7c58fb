"""Labels of T cells: branch, subset, states and poles, from marker tables and never from condition.

The caller extracts the genes of :func:`panel` for all T cells of a cohort; :func:`label` works on
that small matrix, so memory does not depend on the number of genes. Everything is driven by the
marker table: a new row is a new label.
"""

import dataclasses
import logging

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse, special

from tilt.cells import groups
from tilt.core.contracts import DETECTABILITY, LABELS, MARKER_EXPRESSION
from tilt.core.terms import BRANCH, INTERFERON_SET, ISG_HIGH, POLE_SETS, UNASSIGNED
from tilt.genes import taxonomy
from tilt.labels import known, mixture, reference, signature_scores
from tilt.labels.lineage import lineages, look_alikes
from tilt.labels.posterior import Cohort, posterior

__all__ = ["Annotation", "detectability", "label", "lineages", "marker_expression", "panel"]

log = logging.getLogger(__name__)

BLOCK = 20_000  # cells a pass
MIN_SCORE = 0.5  # probability below which a branch is not named: as likely wrong as right
# A cell whose best group is no likelier than that is named only if more is known of its group than
# the shares in blood: what is called "unassigned" has next to no evidence.
MIN_BITS = 1 / 3
CD8_SHOWN = 2  # counts of CD8A and CD8B, without one of CD4, by which a cell speaks against CD4
MOST_AGAINST = 0.1  # share of such cells above which a sort of CD4 is not believed
MEASURED_CELLS = 3  # cells in which a marker must be seen to be of use
STATES = {ISG_HIGH: "state_ISG_high", "proliferating": "state_Prolif"}
STATE_SETS = ("IFN", "HALLMARK_IFNA", "HANDLING", "COLD", "PROLIF", "GLUCOCORTICOID")
DETECT = ["CXCL13", "IL22", "IL21", "IL26", "CCR10", "CXCR5", "PDCD1", "ICOS", "MAF", "TOX"]
DETECT += ["CD96", "AHR", "AHRR", "TIPARP", "CYP1B1", "JUN"]


@dataclasses.dataclass
class Annotation:
    """Result of :func:`label`; all tables have the cells in the order of the panel.

    ``labels``: cell, level1, subset, subset_score, subset_margin, compartment, known, known_level,
    known_score (:mod:`tilt.labels.known`), isg_high, proliferating, tph_high, th22_high,
    look_alike. ``scores``: cell, one column a label (probability), tph_score, th22_score,
    isg_score. ``markers_found``: level, label, gene, sign,
    found, callable.
    """

    labels: pd.DataFrame
    scores: pd.DataFrame
    markers_found: pd.DataFrame


def panel(
    gene_stats: pd.DataFrame, markers: pd.DataFrame, signatures: pd.DataFrame, seed: int
) -> list[str]:
    """Names of the genes that annotation needs.

    Parameters: ``gene_stats`` indexed by gene name, with gene_symbol and mean, and optionally
    highly_variable (bool) and excluded ("" or the lists the gene is in).

    Returns marker genes of all levels, signature genes, background genes over the whole range of
    expression and, where given, the highly variable genes, in the order of ``gene_stats``.
    """
    symbols = gene_stats["gene_symbol"]
    named = _marker_genes(markers) | set(signatures["gene"])
    wanted = symbols.isin(named | set(reference.shipped().index)).to_numpy()
    left_out = np.zeros(len(symbols), dtype=bool)
    if "excluded" in gene_stats:
        left_out = gene_stats["excluded"].fillna("").ne("").to_numpy()
    chosen = wanted.copy()
    means = gene_stats["mean"].to_numpy()
    chosen[signature_scores.background(means, wanted | left_out, seed)] = True
    if "highly_variable" in gene_stats:
        chosen |= gene_stats["highly_variable"].to_numpy(bool) & ~left_out
    return gene_stats.index[chosen].tolist()


def label(
    cells: ad.AnnData,
    embedding: np.ndarray,
    markers: pd.DataFrame,
    signatures: pd.DataFrame,
    seed: int,
    branch: str | None = None,
    proteins: pd.DataFrame | None = None,
) -> Annotation:
    """Label the T cells of a cohort.

    Parameters
    ----------
    cells
        T cells x genes of :func:`panel`: raw CSR counts; var gene_symbol; obs n_counts (over all
        genes) and donor. Other columns, the condition among them, are never read.
    embedding
        Cells x dimensions, batch-corrected where needed.
    markers, signatures
        From :mod:`tilt.genes`.
    seed
        Of the choice of cells for fitting.
    branch
        Level-1 label to which the cells were sorted (``CD4``), or None.
    proteins
        Log evidence of antibody tags (cells x labels, :mod:`tilt.labels.protein`), or None.

    Raises
    ------
    ValueError
        When no subset can be called from the genes of the panel.
    """
    counts = sparse.csr_matrix(cells.X)
    symbols = cells.var["gene_symbol"].to_numpy().astype(str)
    depth = np.maximum(cells.obs["n_counts"].to_numpy(dtype=float), 1.0)
    donor = cells.obs["donor"].astype(str).to_numpy()
    seen = _detected(counts) >= min(MEASURED_CELLS, len(depth))
    measured = set(symbols[seen])
    if branch == "CD4" and not _believed(counts, symbols):
        branch = None
    names = taxonomy.subset_labels(markers, measured)
    if branch is not None:
        names = [name for name in names if taxonomy.branch(markers, name) == branch]
    if not names:
        raise ValueError(
            f"no subset can be called: of {len(_marker_genes(markers))} marker genes "
            f"{len(measured & _marker_genes(markers))} are measured in {len(depth)} cells"
        )
    log.info("%d subsets can be called: %s", len(names), ", ".join(names))
    states = {
        gene
        for name, genes in signatures.groupby("set")["gene"]
        if name.startswith(STATE_SETS)
        for gene in genes
    } - _marker_genes(markers)
    cohort = Cohort(
        counts=counts,
        depth=depth,
        donor=donor,
        symbols=symbols,
        seen=seen,
        embedding=embedding,
        profile=np.flatnonzero(seen & ~np.isin(symbols, list(states))),
        fold=_folds(cells.obs_names, seed),
        seed=seed,
    )
    names, chance = posterior(cohort, names, markers, proteins)
    table = _call(chance, names, markers)
    table = pd.concat([table, known.deepest(chance, names, markers, MIN_SCORE)], axis=1)
    table.insert(0, "cell", cells.obs_names.to_numpy())
    scores = pd.DataFrame(chance, columns=names)
    scores.insert(0, "cell", cells.obs_names.to_numpy())
    table["look_alike"] = look_alikes(counts, depth, symbols, markers)
    row = markers.set_index("label")
    for flag, name in STATES.items():
        genes = row.at[name, "positive"] if name in row.index else []
        at = np.flatnonzero(np.isin(symbols, genes))
        table[flag], _ = signature_scores.state(
            counts[:, at], depth, row.at[name, "share"] if genes else 0.01
        )
    _poles(table, scores, counts, depth, symbols, donor, markers, signatures)
    found = taxonomy.found_table(
        markers, measured, [*names, *markers.loc[markers.level == 3, "label"]]
    )
    return Annotation(table[LABELS.required], scores, found)


def _believed(counts: sparse.csr_matrix, symbols: np.ndarray) -> bool:
    """Whether cells said to be sorted for CD4 may be; tells how many speak against it."""
    shown = {
        gene: np.asarray(counts[:, np.flatnonzero(symbols == gene)].sum(1)).ravel()
        for gene in ("CD4", "CD8A", "CD8B")
    }
    against = int(((shown["CD8A"] + shown["CD8B"] >= CD8_SHOWN) & (shown["CD4"] == 0)).sum())
    share = against / counts.shape[0]
    said = (
        f"{against} of {counts.shape[0]} cells ({100 * share:.1f} %) show CD8A or CD8B and no CD4"
    )
    if share <= MOST_AGAINST:
        log.info("sorted for CD4: %s", said)
        return True
    log.warning(
        "cells: cd4 is not believed: %s. They are labeled as T cells of all branches. "
        "Fix: cells: t_cells, or look whether samples were swapped.",
        said,
    )
    return False


def _call(chance: np.ndarray, names: list[str], markers: pd.DataFrame) -> pd.DataFrame:
    """From probabilities to calls: branch, then compartment, then subset."""
    labels = np.array(names, dtype=object)
    branches = np.array([taxonomy.branch(markers, name) for name in names], dtype=object)
    groups = np.array(taxonomy.groups(markers, names), dtype=object)
    row = markers.set_index("label")
    n = np.arange(len(chance))

    def summed(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        unique, code = np.unique(keys.astype(str), return_inverse=True)
        return unique, code, chance @ np.eye(len(unique))[code]

    branch_names, branch_code, by_branch = summed(branches)
    best_branch = by_branch.argmax(1)
    _, group_code, by_group = summed(groups)
    of_branch = np.zeros(by_group.shape[1], dtype=int)
    of_branch[group_code] = branch_code
    inside = of_branch[None, :] == best_branch[:, None]
    best_group = np.where(inside, by_group, -1).argmax(1)
    member = group_code[None, :] == best_group[:, None]
    best = np.where(member, chance, -1).argmax(1)
    no_branch = by_branch[n, best_branch] < MIN_SCORE
    typical = np.bincount(group_code, row["share"].reindex(names).to_numpy())
    told = special.rel_entr(by_group, typical / typical.sum()).sum(1) / np.log(2)
    no_subset = no_branch | ((by_group[n, best_group] < MIN_SCORE) & (told < MIN_BITS))
    others = chance.copy()
    others[n, best] = -np.inf
    runner_up = np.maximum(others.max(1), 0)
    compartment = row["compartment"].reindex(names).to_numpy()
    return pd.DataFrame(
        {
            BRANCH: np.where(no_branch, UNASSIGNED, branch_names[best_branch].astype(object)),
            "subset": np.where(no_subset, UNASSIGNED, labels[best]),
            "subset_score": chance[n, best],
            "subset_margin": chance[n, best] - runner_up,
            "compartment": np.where(no_subset, "", compartment[best]),
        }
    )


def _poles(
    table: pd.DataFrame,
    scores: pd.DataFrame,
    counts: sparse.csr_matrix,
    depth: np.ndarray,
    symbols: np.ndarray,
    donor: np.ndarray,
    markers: pd.DataFrame,
    signatures: pd.DataFrame,
) -> None:
    """Add pole scores and flags, and the interferon score."""
    listed = _marker_genes(markers) | set(signatures["gene"])
    inside = groups.working_set(table)
    for name, key in {**POLE_SETS, "isg": INTERFERON_SET}.items():
        genes = signatures[signatures["set"] == key].set_index("gene")["weight"]
        value, n_found = signature_scores.score(counts, depth, symbols, genes, listed)
        scores[f"{name}_score"] = value
        if name in POLE_SETS:
            limit = groups.donor_quantile(value[inside], donor[inside], signature_scores.QUANTILE)
            table[f"{name}_high"] = inside & (value > limit) if n_found else False
            log.info("%s: %d of %d genes, threshold %.3f", key, n_found, len(genes), limit)


def marker_expression(
    cells: ad.AnnData, labels: pd.DataFrame, markers: pd.DataFrame
) -> pd.DataFrame:
    """Markers, negatives included, in every called subset, for the dot plot.

    Returns a tidy table: subset, n_cells, gene, sign (+, - or "" where the subset does not name
    the gene), fraction of cells with a count, mean of log1p counts per 10,000.
    """
    counts = sparse.csr_matrix(cells.X)
    symbols = cells.var["gene_symbol"].to_numpy()
    wanted = _marker_genes(markers[markers["level"].isin([1, 2])])
    at = np.flatnonzero(np.isin(symbols, list(wanted)))
    part = counts[:, at]
    depth = np.maximum(cells.obs["n_counts"].to_numpy(dtype=float), 1.0)
    log_counts = sparse.diags(1e4 / depth) @ part
    log_counts.data = np.log1p(log_counts.data)
    code, subsets = pd.factorize(labels["subset"].to_numpy(), sort=True)
    size = np.bincount(code, minlength=len(subsets))
    join = sparse.csr_matrix((1 / size[code], (code, np.arange(len(code)))))
    fraction = (join @ (part > 0)).toarray()
    mean = (join @ log_counts).toarray()
    known = [name for name in subsets if name in set(markers["label"])]
    signs = dict(zip(known, taxonomy.design(markers, known, symbols[at]), strict=True))
    word = {1: "+", -1: "-", 0: ""}
    rows = [
        (name, int(size[k]), gene, word[int(signs[name][j])] if name in signs else "", f, m)
        for k, name in enumerate(subsets)
        for j, (gene, f, m) in enumerate(zip(symbols[at], fraction[k], mean[k], strict=True))
    ]
    return pd.DataFrame(rows, columns=list(MARKER_EXPRESSION.columns))


def detectability(
    cells: ad.AnnData, labels: pd.DataFrame, genes: list[str] | None = None
) -> pd.DataFrame:
    """Cells and donors of the working set with at least one count of each gene.

    ``genes``: symbols; by default the list of the imbalance (CXCL13, IL22, ... JUN). Returns gene,
    n_cells, pct_cells, n_donors, pct_donors; a gene that is not in the matrix has NA.
    """
    genes = DETECT if genes is None else genes
    inside = groups.working_set(labels)
    symbols = cells.var["gene_symbol"].to_numpy()
    donor = cells.obs["donor"].astype(str).to_numpy()[inside]
    chosen = np.flatnonzero(np.isin(symbols, genes))  # before the cells: no copy of the panel
    counts = sparse.csc_matrix(sparse.csr_matrix(cells.X)[:, chosen][np.flatnonzero(inside)])
    symbols = symbols[chosen]
    all_donors = len(np.unique(donor))
    rows = []
    for gene in genes:
        at = np.flatnonzero(symbols == gene)
        if not len(at):
            rows.append((gene, pd.NA, np.nan, pd.NA, np.nan))
            continue
        seen = np.asarray((counts[:, at] > 0).sum(1)).ravel() > 0
        donors = len(np.unique(donor[seen]))
        rows.append(
            (
                gene,
                int(seen.sum()),
                100 * seen.sum() / max(len(seen), 1),
                donors,
                100 * donors / max(all_donors, 1),
            )
        )
    table = pd.DataFrame(rows, columns=list(DETECTABILITY.columns))
    return table.astype({"n_cells": "Int64", "n_donors": "Int64"})


def _marker_genes(markers: pd.DataFrame) -> set[str]:
    return {g for column in ("positive", "negative") for genes in markers[column] for g in genes}


def _folds(names: pd.Index, seed: int) -> np.ndarray:
    """Part of each cell for cross-fitting, from its name alone: the same in any cohort."""
    hashed = pd.util.hash_array(names.to_numpy(dtype=object), hash_key=f"{seed % 10**16:016d}")
    return (hashed % mixture.FOLDS).astype(int)


def _detected(counts: sparse.csr_matrix) -> np.ndarray:
    """Cells with at least one count of each gene (genes,), by blocks of cells."""
    total = np.zeros(counts.shape[1], dtype=np.int64)
    for start in range(0, counts.shape[0], BLOCK):
        total += np.asarray((counts[start : start + BLOCK] > 0).sum(0)).ravel()
    return total
