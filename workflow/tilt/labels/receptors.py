"""What the receptor of a T cell says of its label, as log evidence beside that of genes and tags.

An invariant alpha chain speaks for MAIT, any other against; alpha and beta together speak against
gamma-delta T cells. A cell without chains, or with more than a T cell has, says nothing.
"""

import numpy as np
import pandas as pd

from tilt.cells.receptors import MAIT, NKT
from tilt.core.text import count
from tilt.genes import taxonomy
from tilt.labels.protein import KEPT

GAMMA_DELTA = "gdT"
# Of other T cells with an alpha chain: TRAV1-2 is one V gene of 45 and there are about 50 J genes,
# so that one cell in 750 has it with one of the three, if all are used alike; some are used more.
BY_CHANCE = 0.002


def evidence(receptors: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Log evidence of every label below the branches of T cells (cells x labels).

    ``receptors``: table of :data:`tilt.core.contracts.RECEPTORS`. ``KEPT`` of MAIT cells have an
    invariant chain among those that are read; as many cells with both chains are alpha-beta.
    """
    names = markers.loc[markers["level"].isin([1, 2]), "label"].tolist()
    out = pd.DataFrame(0.0, index=receptors["cell"].to_numpy(), columns=names)
    single = ~receptors["many_chains"].to_numpy(bool)
    alpha = single & (receptors["n_tra"] > 0).to_numpy()
    both = alpha & (receptors["n_trb"] > 0).to_numpy()
    has = alpha & (receptors["invariant"] == MAIT).to_numpy()
    for name in names:
        branch = taxonomy.branch(markers, name)
        if branch == MAIT:
            out.loc[has, name] = np.log(KEPT / BY_CHANCE)
            out.loc[alpha & ~has, name] = np.log((1 - KEPT) / (1 - BY_CHANCE))
        elif branch == GAMMA_DELTA:
            out.loc[both, name] = np.log((1 - KEPT) / KEPT)
    return out


def told(receptors: pd.DataFrame) -> str:
    """What the receptors of a cohort show, in words, with numbers."""
    n = len(receptors)
    both = int(((receptors["n_tra"] > 0) & (receptors["n_trb"] > 0)).sum())
    kinds = receptors["invariant"].value_counts()
    many = int(receptors["many_chains"].sum())
    more = f"{count(many, 'cell')} with more chains than a T cell has"
    return (
        f"{both} of {n} T cells have alpha and beta chains; invariant chains: {kinds.get(MAIT, 0)} "
        f"of MAIT, {kinds.get(NKT, 0)} of iNKT cells; {more}"
    )
