"""What the imbalance would be by chance: its effects with the labels of donors permuted."""

import numpy as np
import pandas as pd

from tilt.core.contracts import PERMUTED
from tilt.stats import design, inference
from tilt.stats.contrast import DesignCache, Plan

BINS = 40  # of the histogram: enough to see its shape in a figure


def effects(designs: DesignCache, rows: pd.DataFrame) -> np.ndarray:
    """Effects (m,) of one estimator over the permutations from which its p comes.

    ``rows``: the units of one estimator in imbalance.tsv. Labels are permuted within strata, with
    covariates as in :func:`tilt.inference.permutation_p`; signs of pairs are flipped in a paired
    design. Empty where there is no test.
    """
    plan = designs.plan
    table = rows[rows["estimable"]]
    if table.empty:
        return np.empty(0)
    if plan.contrast.pair:
        pairs, problem, _ = design.pairs(designs.with_pair(table), plan.contrast)
        if problem:
            return np.empty(0)
        value = table["value"].to_numpy(float)
        difference = value[pairs["case"]] - value[pairs["control"]]
        rng = np.random.default_rng(plan.seed)
        return inference.sign_flips(difference, plan.permutations, rng)[0]
    built, order = designs.design(table)
    if built.problem:
        return np.empty(0)
    value = table["value"].to_numpy(float)[order]
    orders, complete = built.orders(plan.permutations, plan.seed)
    return inference.permutation_p(value, built.fit, orders, complete)[1]


def histograms(donors: pd.DataFrame, plan: Plan, imbalances: pd.DataFrame) -> pd.DataFrame:
    """Histogram of the permuted effects of every estimator that can be tested.

    ``donors`` and ``imbalances`` as for :func:`tilt.contrast.run`. Returns
    :data:`tilt.core.contracts.PERMUTED`; the bins are in the unit of the effect, and n adds up to
    the permutations made.
    """
    designs = DesignCache(donors.reset_index(drop=True), plan)
    parts = []
    for estimator, rows in imbalances.groupby("estimator", sort=True):
        found = effects(designs, rows)
        found = found[np.isfinite(found)]
        if len(found) == 0 or np.ptp(found) < 1e-12:  # no spread but that of rounding
            continue
        n, edges = np.histogram(found, BINS)
        part = pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:], "n": n})
        parts.append(part.assign(cohort=str(donors["cohort"].iloc[0]), estimator=estimator))
    columns = list(PERMUTED.columns)
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)
