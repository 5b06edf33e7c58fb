"""Receptors of single cells: chains, more of them than a cell has, invariant ones, and clones.

A clone is all cells of a donor with the same beta chain and a common alpha chain; chains are the
same where V gene, J gene and the nucleotides of CDR3 are (as in scirpy, Sturm 2020,
doi:10.1093/bioinformatics/btaa611; IMGT's definition of a clonotype). One T cell in three has two
productive alpha rearrangements (Padovan 1993, doi:10.1126/science.8211163), of which one may be
missed: cells that share one of theirs are one clone. Cells without both chains are in none.
"""

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from tilt.core.contracts import RECEPTORS
from tilt.io.receptor_columns import ALPHA, BETA

# Chains of a cell at most; 1 % of T cells have two productive beta chains (Padovan 1995,
# doi:10.1084/jem.181.4.1587), doublets mostly have.
MOST = {ALPHA: 2, BETA: 1}
MAIT, NKT = "MAIT", "iNKT"
# Alpha chains of cells that are restricted by MR1 (Reantragoon 2013, doi:10.1084/jem.20130958) and
# of invariant NKT cells (Porcelli 1993, doi:10.1084/jem.178.1.1).
INVARIANT = {
    **{("TRAV1-2", f"TRAJ{j}"): MAIT for j in (33, 12, 20)},
    ("TRAV10", "TRAJ18"): NKT,
}


def of_cells(chains: pd.DataFrame, donor: pd.Series) -> pd.DataFrame:
    """What each cell has.

    Parameters: ``chains`` a row a productive chain, the strongest of a cell first
    (:data:`tilt.io.receptor_columns.CHAINS`), of any cells; ``donor`` of each T cell (index: cell).

    Returns the table of :data:`tilt.core.contracts.RECEPTORS`, the cells in the order of ``donor``:
    the strongest alpha and beta chain ("" without), numbers of chains, ``many_chains`` (more than
    a T cell has: evidence of a doublet), ``invariant`` (MAIT, iNKT or ""), clone ("" without) and
    its size, in cells of the donor.
    """
    chains = chains[chains["cell"].isin(donor.index)]
    table = pd.DataFrame({"cell": donor.index.to_numpy()}, index=donor.index)
    many = pd.Series(False, donor.index)
    for locus, most in MOST.items():
        mine = chains[chains["locus"] == locus]
        first = mine.drop_duplicates("cell").set_index("cell").reindex(donor.index)
        for column in ("v", "j", "cdr3"):
            table[f"{locus}_{column}".lower()] = first[column].fillna("")
        n = mine.groupby("cell").size().reindex(donor.index).fillna(0).astype(int)
        table[f"n_{locus}".lower()] = n
        many |= n > most
    table["many_chains"] = many
    alpha = chains[chains["locus"] == ALPHA]
    kinds = pd.Series(
        [INVARIANT.get(pair, "") for pair in zip(alpha["v"], alpha["j"], strict=True)],
        alpha["cell"].to_numpy(),
        dtype=object,
    )
    kinds = kinds[kinds != ""]
    table["invariant"] = kinds[~kinds.index.duplicated()].reindex(donor.index).fillna("")
    table["clone"] = clones(chains[~chains["cell"].map(many)], donor)
    size = table.loc[table["clone"] != "", "clone"].value_counts()
    table["clone_size"] = table["clone"].map(size).fillna(0).astype(int)
    return table[list(RECEPTORS.columns)].reset_index(drop=True)


def clones(chains: pd.DataFrame, donor: pd.Series) -> pd.Series:
    """Clone of each cell (index of ``donor``): ``<donor>_<number>``, the largest first, or "".

    ``chains``: of cells with one beta and at most two alpha chains.
    """
    key = chains["v"] + " " + chains["j"] + " " + chains["cdr3_nt"]
    chains = chains.assign(key=key)[["cell", "locus", "key"]]
    beta = chains[chains["locus"] == BETA].drop(columns="locus")
    pairs = chains[chains["locus"] == ALPHA].merge(beta, on="cell", suffixes=("", "_beta"))
    out = pd.Series("", donor.index, dtype=object, name="clone")
    if pairs.empty:
        return out
    pairs["donor"] = pairs["cell"].map(donor).astype(str)
    whole = pairs["donor"] + "|" + pairs["key_beta"] + "|" + pairs["key"]
    cell, names = pd.factorize(pairs["cell"])
    code, receptors = pd.factorize(whole, sort=True)
    n = len(names) + len(receptors)
    links = sparse.coo_matrix((np.ones(len(cell)), (cell, len(names) + code)), shape=(n, n))
    _, part = csgraph.connected_components(links, directed=False)
    found = pd.DataFrame({"cell": names, "part": part[: len(names)]})
    found["donor"] = found["cell"].map(donor).astype(str)
    # Named by size, then by the first of their receptors: no name hangs on the order of cells.
    first = pd.Series(np.arange(len(receptors)), part[len(names) :]).groupby(level=0).min()
    groups = found.groupby(["donor", "part"]).size().rename("n").reset_index()
    groups["first"] = groups["part"].map(first)
    groups = groups.sort_values(["donor", "n", "first"], ascending=[True, False, True])
    groups["name"] = groups["donor"] + "_" + (groups.groupby("donor").cumcount() + 1).astype(str)
    out[found["cell"]] = found["part"].map(groups.set_index("part")["name"]).to_numpy()
    return out
