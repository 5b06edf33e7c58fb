"""Which responses to perturbations lie along the imbalance of donors? Associations, no causes.

The axis is the cohort's own: the slope of every gene of the memory CD4 T cells (standardized log2
CPM, as in E3) on the leading estimator of the imbalance, within the arms. It is taken from donors
and not from the weights of the two signatures of E3, because these name 48 genes that define the
outcome: no response may be held against them (:func:`tilt.donors.activity.outcome_genes`), and few
other genes would be left to lie along them.

A response is projected on it: the mean slope of its genes, weighted by their log fold changes, each
gene beside genes of like expression that are not in the response, so that what moves all genes
(depth, batch) moves nothing. As the mean of slopes is the slope of the mean, the projection is a
value per donor, tested like any other: HC2 and the degrees of freedom of Bell & McCaffrey, donors
weighted by the precision of their ratio. A positive one says that donors further toward the
Tph/Tfh end express more of the response, a negative one that they express less.

The second question is asked of genes: how far do random sets go, of as many genes, each matched
for expression, with the same weights? ``p_random`` is the share of them with a t as large.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core.contracts import PERTURBATION_NULLS, PERTURBATIONS
from tilt.core.terms import UNIT_KEY, WORKING_SET
from tilt.core.text import count, few
from tilt.donors import pseudobulk, z_scores
from tilt.genes import tables as gene_tables
from tilt.stats import contrast, inference, matched, null_effects, precision
from tilt.stats.mediators import LEAST_DF, within

if TYPE_CHECKING:
    import anndata as ad

LEAST_GENES = 3  # measured ones of a response, as for a pole of E3
UNIT = "SD per SD"  # genes' mean, in SD of donors, per SD of the imbalance within the arms


def compare(
    bulk: "ad.AnnData",
    donors: pd.DataFrame,
    plan: contrast.Plan,
    imbalances: pd.DataFrame,
    responses: pd.DataFrame,
    outcome: set[str],
    min_cells: int,
    n_random: int,
    strata: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Projection of every response on the axis of the imbalance, and its null of random sets.

    Parameters
    ----------
    bulk, donors, imbalances
        pseudobulk.h5ad, one row a unit with covariates and strata, imbalance.tsv.
    responses
        perturbation, gene, log2_fold_change (:func:`tilt.genes.responses.read`).
    outcome
        Genes that define the imbalance, which leave every response.
    min_cells
        Memory CD4 cells behind a donor's pseudobulk.
    n_random
        Random sets for each response.
    strata
        Strata of each unit, indexed by (donor, condition), for standardizing genes.

    Returns
    -------
    Tables of :data:`tilt.core.contracts.PERTURBATIONS`, ranked by t, and
    :data:`tilt.core.contracts.PERTURBATION_NULLS`. q and q_random are Benjamini-Hochberg over the
    perturbations. Rows that cannot be estimated stay, with the reason.
    """
    lead = imbalances.loc[imbalances["leads"], "estimator"]
    estimator = lead.iloc[0] if len(lead) else "E1"
    rows = pseudobulk.of_subset(bulk, WORKING_SET, min_cells)
    mine = imbalances[(imbalances["estimator"] == estimator) & imbalances["estimable"]]
    values = mine[[*UNIT_KEY, "value", "variance"]].astype(dict.fromkeys(UNIT_KEY, str))
    units = rows.obs[UNIT_KEY].astype(str).reset_index(names="row")
    table = values.merge(units, on=UNIT_KEY)
    told: dict = {"estimator": estimator}
    problem, notes, donor = "", list[str](), None
    if plan.contrast.pair:
        problem = "pairs: the response and the imbalance change together within a donor"
    elif table.empty:
        problem = "no donor has both the imbalance and a pseudobulk of memory CD4 T cells"
    else:
        built, at = contrast.DesignCache(donors.reset_index(drop=True), plan).design(table)
        told |= {"n_case": built.n_case, "n_control": built.n_control, "covariates": built.label}
        problem, notes = built.problem, list(built.notes)
        if not problem:
            left_out = len(donors) - len(built.units)
            notes += [f"{count(left_out, 'donor')} left out"] if left_out else []
            table = table.iloc[at]
            donor = _regression(table, built.matrix)
            free = len(table) - built.matrix.shape[1] - 1
            if free < LEAST_DF or donor is None:
                problem = f"{count(len(table), 'donor')} for {built.matrix.shape[1] + 1} columns"
    out, nulls = [], []
    made = None if problem else z_scores.standardized(rows, strata)
    rng = np.random.default_rng(plan.seed)
    for name, genes in responses.groupby("perturbation", sort=False):
        row = told | {"perturbation": name, "n_genes": len(genes), "n_genes_found": 0}
        row |= {"reason": problem or "; ".join(notes)}
        if made is not None and donor is not None:
            where = rows.obs_names.get_indexer(table["row"])
            found, drawn = project(
                made, rows.var, genes, outcome, where, donor, n_random, rng, row["reason"]
            )
            row |= found
            if len(drawn):
                low, high = min(drawn.min(), row["effect"]), max(drawn.max(), row["effect"])
                bins = null_effects.binned(drawn, (low, high))
                nulls.append(bins.assign(perturbation=name))
        out.append(row)
    return _tables(out, nulls, str(donors["cohort"].iloc[0]), plan.contrast.name)


def _tables(
    rows: list[dict], nulls: list[pd.DataFrame], cohort: str, name: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and histograms in the columns of their tables, ranked, with q."""
    found = pd.DataFrame(rows).reindex(columns=list(PERTURBATIONS.columns))
    found["cohort"], found["contrast"] = cohort, name
    found["covariates"] = found["covariates"].fillna("none")
    found["estimable"] = found["effect"].notna()
    for p, q in (("p", "q"), ("p_random", "q_random")):
        found[q] = inference.benjamini_hochberg(found[p].to_numpy(float))
    t = (found["effect"] / found["se"]).abs()
    found["rank"] = t.rank(ascending=False, method="first")
    found = found.iloc[np.argsort(-t.fillna(-1).to_numpy(), kind="stable")].reset_index(drop=True)
    null = pd.concat(nulls, ignore_index=True) if nulls else pd.DataFrame()
    null = null.reindex(columns=list(PERTURBATION_NULLS.columns)).assign(cohort=cohort)
    return found, null


@dataclass(frozen=True)
class Regression:
    """Slopes on the imbalance within the arms: ``fit`` of the weighted design, ``root`` weights."""

    fit: inference.Projection
    root: np.ndarray


def _regression(table: pd.DataFrame, matrix: np.ndarray) -> Regression | None:
    """Regression on the imbalance per SD of donors within the arms; None where it has no spread."""
    y = table["value"].to_numpy(float)
    spread = table["variance"].to_numpy(float)
    root = np.ones(len(y))
    if len(y) <= matrix.shape[1] + 1:
        return None
    if np.isfinite(spread).all():
        root, _ = precision.root_weights(y, spread, matrix)
    arms = inference.project(matrix * root[:, None])
    sd = float(within((y * root)[:, None], arms)[0])
    if not sd > 1e-9:
        return None
    design = np.column_stack([matrix, y / sd]) * root[:, None]
    return Regression(inference.project(design), root)


def project(
    made: z_scores.Standardized,
    var: pd.DataFrame,
    genes: pd.DataFrame,
    outcome: set[str],
    where: np.ndarray,
    donor: Regression,
    n_random: int,
    rng: np.random.Generator,
    notes: str = "",
) -> tuple[dict, np.ndarray]:
    """Projection of one response, and those of its random sets (n_random,).

    ``var``: genes of the pseudobulk; ``where``: rows of ``made.z`` in the order of the regression;
    ``notes``: what is told of the donors, beside which unmeasured genes are told.
    """
    method = {"method": "wls_hc2" if np.ptp(donor.root) else "ols_hc2", "unit": UNIT}
    change = genes.set_index("gene")["log2_fold_change"]
    change = change[~change.index.isin(outcome) & (change != 0)]
    place = gene_tables.locate(var, change.index)
    column = pd.Index(made.genes).get_indexer(var.index.get_indexer(place))
    usable = made.z.std(axis=0) > 0
    kept = (column >= 0) & usable[np.maximum(column, 0)]
    column, weight = column[kept], change[place.index[kept]].to_numpy(float)
    told = method | {"n_genes": len(change), "n_genes_found": len(column)}
    lost = [name for name in change.index if name not in set(place.index[kept])]
    if lost:
        note = f"{count(len(lost), 'gene')} of the response not measured: {few(lost)}"
        told["reason"] = "; ".join(filter(None, [note, notes]))
    if len(column) < LEAST_GENES:
        said = f"{count(len(column), 'gene')} measured; {LEAST_GENES} are needed"
        return told | {"reason": said}, np.empty(0)
    symbols = var["gene_symbol"].to_numpy()[made.genes]
    taken = np.union1d(column, np.flatnonzero(np.isin(symbols, list(outcome))))
    pools = matched.pools(made.mean, usable, taken)
    if pools is None:
        return told | {"reason": "no other gene to draw random sets from"}, np.empty(0)
    scores = matched.scores(made.z[where], column, weight, pools, n_random, rng, beside=True)
    effects, errors = inference.hc2(scores * donor.root, donor.fit)
    estimate = inference.from_t(float(effects[0]), float(errors[0]), donor.fit.df_effect)
    if not np.isfinite(estimate.p):
        return told | {"reason": "no spread within the arms"}, np.empty(0)
    t = np.abs(effects / errors)
    low, high = np.quantile(effects[1:], [0.025, 0.975])
    numbers = {k: getattr(estimate, k) for k in ("effect", "se", "df", "ci_low", "ci_high", "p")}
    random = {"p_random": float((np.sum(t[1:] >= t[0]) + 1) / (n_random + 1))}
    random |= {"null_low": float(low), "null_high": float(high)}
    return told | numbers | random, effects[1:]
