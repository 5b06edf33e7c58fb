"""Groups of T cells that are counted and summed; quantiles in which every donor weighs alike."""

import numpy as np
import pandas as pd

from tilt.core.terms import BRANCH, WORKING_SET


def masks(cells: pd.DataFrame) -> dict[str, pd.Series]:
    """Which cells are in which group (bool, one a cell): memory_cd4, cd4 and t.

    memory_cd4 is the working set of the imbalance: CD4 T cells of the compartment memory, which
    neither naive nor regulatory cells are in. Doublet look-alikes are in no group.

    ``cells``: branch (:data:`tilt.core.terms.BRANCH`), compartment, and look_alike: the lineage a
    cell resembles, or True. A cell of which look_alike is "", False or missing is none; one without
    branch is only in ``t``, one without compartment in no memory.
    """
    like = cells["look_alike"].astype(object)
    single = ~like.where(like.notna(), "").astype(bool)
    cd4 = single & cells[BRANCH].eq("CD4").fillna(False).astype(bool)
    memory = cd4 & cells["compartment"].eq("memory").fillna(False).astype(bool)
    return {WORKING_SET: memory, "cd4": cd4, "t": single}


def working_set(cells: pd.DataFrame) -> np.ndarray:
    """Cells of the working set (bool, one a cell); columns as for :func:`masks`."""
    return masks(cells)[WORKING_SET].to_numpy()


def donor_quantile(values: np.ndarray, donor: np.ndarray, quantile: float) -> float:
    """Smallest value that the share ``quantile`` of cells does not exceed, donors weighing alike.

    ``values`` and ``donor``: one a cell; every donor has the weight one, shared by its cells. Cells
    whose value is missing are left out. Blind to condition: a donor with samples in several
    conditions is one donor. Returns NaN when there are no cells.
    """
    values, donor = np.asarray(values, float), np.asarray(donor)
    known = ~np.isnan(values)
    values, donor = values[known], donor[known]
    if not len(values):
        return float("nan")
    codes, _ = pd.factorize(donor)
    weight = 1 / np.bincount(codes)[codes]
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][min(int(np.searchsorted(reached, quantile)), len(values) - 1)])
