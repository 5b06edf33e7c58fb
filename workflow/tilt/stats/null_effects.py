"""What the imbalance would be by chance: its effects with the labels of donors permuted."""

import numpy as np
import pandas as pd

from tilt.core.contracts import PERMUTED
from tilt.stats import inference, resampling
from tilt.stats.compared import DesignCache, Plan
from tilt.stats.contrast import of_values

BINS = 40  # of the histogram: enough to see its shape in a figure


def effects(designs: DesignCache, rows: pd.DataFrame) -> np.ndarray:
    """Studentized effects (m,) of one estimator with the labels of donors permuted.

    Each is the permuted effect over its own HC2 standard error, times the standard error of the
    effect as it was found: in its unit, and beyond it just as often as the permutation p says, also
    where the arms differ in size and spread (:func:`tilt.stats.resampling.permutation_p`).

    ``rows``: the units of one estimator in imbalance.tsv. Labels are permuted within strata, with
    covariates and weights as in :func:`tilt.stats.resampling.permutation`; signs of
    pairs are flipped in a paired design. Empty where there is no test.
    """
    plan = designs.plan
    found = of_values(designs, rows, "")
    if found.problem:
        return np.empty(0)
    fit = found.fit
    if found.pairs is not None:
        rng = np.random.default_rng(plan.seed)
        signs, _ = resampling.flips(len(found.value), plan.permutations, rng)
        null = resampling.studentized(signs * found.scaled, fit)
    else:
        orders, complete = found.built.orders(plan.permutations, plan.seed)
        null = resampling.permutation_p(found.scaled, fit, orders, complete)[1]
    return null * float(inference.hc2(found.scaled[None, :], fit)[1][0])


def histograms(donors: pd.DataFrame, plan: Plan, imbalances: pd.DataFrame) -> pd.DataFrame:
    """Histogram of the permuted effects of every estimator that can be tested.

    ``donors`` and ``imbalances`` as for :func:`tilt.stats.contrast.run`. Returns
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
        parts.append(
            binned(found).assign(cohort=str(donors["cohort"].iloc[0]), estimator=estimator)
        )
    columns = list(PERMUTED.columns)
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def binned(values: np.ndarray, limits: tuple[float, float] | None = None) -> pd.DataFrame:
    """Histogram of effects by chance within ``limits`` (None: all): bin_low, bin_high, n."""
    n, edges = np.histogram(values, BINS, limits)
    return pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:], "n": n})
