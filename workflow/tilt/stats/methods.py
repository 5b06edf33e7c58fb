"""The same comparison by other methods: sensitivity, each row with its own interval and p.

permutation       studentized effect, labels permuted within strata, interval by inversion
bootstrap_t       studentized (wild) bootstrap, donors keeping arm and stratum
mann_whitney      Hodges-Lehmann shift, rank p (van Elteren within strata)
wilcoxon          the same for pairs (signed ranks)
unweighted_*      E1, E2: every donor weighing the same
logit_normal      E1, E2: Tph out of Tph + Th22 cells, donors' log odds normal: the mean log-ratio
                  without a pseudocount
quasi_binomial    shares: counts out of their denominator, overdispersed: the mean share
clr_*             shares: centered log-ratio
points_*          shares: difference in percentage points
"""

import numpy as np
import pandas as pd

from tilt.donors import composition
from tilt.stats import inference, overdispersed, resampling
from tilt.stats.compared import (
    Compared,
    DesignCache,
    left_out,
    main_row,
    not_estimable,
    placed,
    prepare,
    refused,
    row_of,
)
from tilt.stats.readable import POINTS

LOG_ODDS = "ln odds ratio"
MODELS = {
    "quasi_binomial": overdispersed.quasi_binomial,
    "logit_normal": overdispersed.logit_normal,
}


def _said(base: dict, reason: str) -> dict:
    return base | {"reason": "; ".join(text for text in (base["reason"], reason) if text)}


def resampled(designs: DesignCache, found: Compared) -> list[dict]:
    """Permutation and bootstrap of the effect of the main row."""
    plan = designs.plan
    rng = np.random.default_rng(plan.seed)
    if found.pairs is not None:
        permuted, said = resampling.sign_flip(found.scaled, found.fit, plan.permutations, rng)
    else:
        orders, complete = found.built.orders(plan.permutations, plan.seed)
        permuted = resampling.permutation(found.scaled, found.fit, orders, complete)
        said = f"{'all ' if complete else ''}{len(orders)} permutations"
        said += f" within {found.built.blocks}" if found.built.blocks else ""
    drawn = resampling.bootstrap_t(found.scaled, found.fit, plan.bootstraps, rng)
    rows = [row_of(_said(found.base, said), "permutation", permuted)]
    return rows + [row_of(found.base, "bootstrap_t", drawn)] * bool(np.isfinite(drawn.ci_low))


def ranked(
    designs: DesignCache, found: Compared, values: np.ndarray | None = None, unit: str = ""
) -> dict:
    """Rank test and shift of the value, or of another column of the same table."""
    outcome = found.value if values is None else found.of(values)
    named = {"unit": unit} if unit else {}
    if found.pairs is not None:
        return row_of(found.base, "wilcoxon", inference.walsh(outcome)) | named
    shift = inference.hodges_lehmann(outcome, found.built.case, found.built.strata)
    named |= {"covariates": found.built.blocks or "none"}
    return row_of(found.base, "mann_whitney", shift) | named


def of_share(
    designs: DesignCache,
    found: Compared,
    table: pd.DataFrame,
    rows: pd.DataFrame,
    whole: pd.DataFrame,
    notes: tuple[str, ...],
) -> list[dict]:
    """All other methods for one subset.

    ``table`` and ``notes``: of :func:`tilt.stats.compared.share_table`.
    """
    out = resampled(designs, found)
    out.append(ranked(designs, found, table["percent"].to_numpy(float), POINTS))
    out.append(counts_model(designs, table, "quasi_binomial", LOG_ODDS, notes))
    subset, home = rows["subset"].iloc[0], rows["denominator"].iloc[0]
    others = {
        "points": (table.assign(value=table["percent"]), POINTS),
        "clr": (composition.clr(whole, subset, home), "CLR"),
    }
    for name, (values, unit) in others.items():
        row = main_row(prepare(designs, values, "ols_hc2", unit, "", notes))
        out.append(row | {"method": f"{name}_{row['method']}"})
    return out


def unweighted(designs: DesignCache, rows: pd.DataFrame, unit: str) -> dict:
    """The ratio with every donor weighing the same."""
    usable = rows[rows["estimable"]].drop(columns="variance", errors="ignore")
    row = main_row(prepare(designs, usable, "ols_hc2", unit))
    return row | {"method": f"unweighted_{row['method']}"}


def counts_model(
    designs: DesignCache, table: pd.DataFrame, method: str, unit: str, notes: tuple = ()
) -> dict:
    """Row of a model of columns ``n`` out of ``total`` (> 0), one of ``MODELS``.

    Of pairs both members enter, and each pair has a level of its own.
    """
    found, table = placed(designs, table, method, unit, notes)
    if found.problem:
        return refused(found)
    if found.pairs is None:
        rows, matrix = found.rows, found.built.matrix
    else:
        rows, n = np.r_[found.pairs["case"], found.pairs["control"]], len(found.pairs)
        matrix = np.column_stack([np.tile(np.eye(n), (2, 1)), np.repeat([1.0, 0.0], n)])
    n, total = (table[c].to_numpy(float)[rows] for c in ("n", "total"))
    try:
        estimate, _ = MODELS[method](n, total, matrix)
    except ValueError as error:
        return not_estimable(found.base, method, str(error))
    if not np.isfinite([estimate.effect, estimate.p]).all():
        return not_estimable(found.base, method, "the model did not converge")
    return row_of(found.base, method, estimate)


def ratio(designs: DesignCache, counts: pd.DataFrame) -> dict:
    """Pseudocount-free test of the ratio: ``n_tph`` out of ``n_tph + n_th22`` per unit."""
    table = counts.assign(n=counts["n_tph"], total=counts["n_tph"] + counts["n_th22"])
    gone = int((table["total"] == 0).sum())
    notes = left_out(gone, "not a cell of either pole")
    return counts_model(designs, table[table["total"] > 0], "logit_normal", "ln ratio", notes)
