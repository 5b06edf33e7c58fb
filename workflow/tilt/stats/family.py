"""The estimators of the imbalance as a family: one joint p for each.

They measure the same imbalance in the same donors, so they rise and fall together. Labels are
permuted for all of them at once, and a joint p is the chance that *any* of them comes out as
extreme: the single-step max-T of Westfall & Young 1993 (ISBN 978-0471557616), on the scale of each
one's p because their degrees of freedom can differ.
"""

from collections.abc import Mapping

import numpy as np

from tilt.core import distributions
from tilt.core.terms import UNIT_KEY
from tilt.stats import resampling
from tilt.stats.compared import Compared, DesignCache


def joint_p(
    designs: DesignCache, ready: Mapping[str, Compared], p: Mapping[str, float]
) -> dict[str, float]:
    """Joint p of each comparison, never below its own ``p``.

    ``ready``: the comparisons, all estimable, of the same donors or parts of them. Each donor (or
    pair) has one random number a permutation, which places it in every comparison it is part of.
    """
    if len(ready) < 2:
        return dict(p)
    plan = designs.plan
    names = {name: _units(designs, one) for name, one in ready.items()}
    everyone = sorted(set().union(*names.values()))
    keys = np.random.default_rng(plan.seed).random((plan.permutations, len(everyone)))
    smallest = np.ones(plan.permutations)
    for name, one in ready.items():
        mine = keys[:, [everyone.index(unit) for unit in names[name]]]
        smallest = np.minimum(smallest, _permuted_p(one, mine))
    out = {}
    for name, own in p.items():
        extreme = int(np.sum(smallest <= own * (1 + 1e-10)))
        out[name] = max(own, (extreme + 1) / (plan.permutations + 1))
    return out


def _units(designs: DesignCache, one: Compared) -> list[tuple[str, ...]]:
    """What is placed at random: the pairs, or the donors in the order of the design."""
    if one.pairs is not None:
        return [(str(pair),) for pair in one.pairs["pair"]]
    return list(one.built.units[UNIT_KEY].astype(str).itertuples(index=False, name=None))


def _permuted_p(one: Compared, keys: np.ndarray) -> np.ndarray:
    """Two-sided p of the studentized effect under each permutation (m,)."""
    fit = one.fit
    if one.pairs is not None:
        drawn = one.scaled * np.where(keys < 0.5, -1.0, 1.0)
    else:
        orders = resampling.reorder(keys, one.built.case, one.built.strata)
        drawn = (fit.nuisance @ one.scaled)[orders]
    t = resampling.studentized(drawn, fit)
    return 2 * distributions.t_above(np.abs(t), fit.df_effect)
