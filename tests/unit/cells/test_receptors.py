"""Receptors of cells by hand: chains, doublets, invariant chains, and what a clone is."""

import pandas as pd
from tilt.cells import receptors
from tilt.core import contracts, tables
from tilt.io.receptor_columns import CHAINS

TRA1, TRA2, TRB1, TRB2 = (
    "TRAV21 TRAJ9 AAA",
    "TRAV21 TRAJ9 CCC",
    "TRBV5-1 TRBJ1-1 A",
    "TRBV5-1 TRBJ1-1 C",
)


def table(**cells):
    """Chains from texts ``V J bases``, the strongest first."""
    rows = [
        (cell, text[:3], *text.split()[:2], "CAF", text.split()[2], 9 - place)
        for cell, chains in cells.items()
        for place, text in enumerate(chains)
    ]
    return pd.DataFrame(rows, columns=list(CHAINS))


def of(donor="D", **cells):
    donors = pd.Series(donor, index=list(cells)) if isinstance(donor, str) else pd.Series(donor)
    made = receptors.of_cells(table(**cells), donors)
    assert tables.problems(made, contracts.RECEPTORS) == []
    return made.set_index("cell")


def test_chains_of_a_cell():
    found = of(one=[TRA1, TRB1], bare=[], two=[TRA2, TRA1, TRB2])
    assert found.loc["one", ["tra_v", "tra_j", "trb_v"]].tolist() == ["TRAV21", "TRAJ9", "TRBV5-1"]
    assert found.loc["bare", ["tra_v", "trb_cdr3", "clone"]].tolist() == ["", "", ""]
    assert found["n_tra"].tolist() == [1, 0, 2] and found["n_trb"].tolist() == [1, 0, 1]
    assert not found["many_chains"].any(), "two alpha chains are usual"


def test_two_beta_or_three_alpha_chains_are_of_a_doublet_and_in_no_clone():
    three = [TRA1, TRA2, "TRAV21 TRAJ9 GGG", TRB1]
    found = of(a=[TRA1, TRB1], b=[TRA1, TRB1, TRB2], c=three)
    assert found["many_chains"].tolist() == [False, True, True]
    assert found["clone"].tolist() == ["D_1", "", ""]
    assert found["clone_size"].tolist() == [1, 0, 0]


def test_invariant_chains_need_both_genes():
    names = {"a": "TRAV1-2 TRAJ33", "b": "TRAV1-2 TRAJ12", "c": "TRAV1-2 TRAJ20"}
    names |= {"d": "TRAV1-2 TRAJ9", "e": "TRAV21 TRAJ33", "f": "TRAV10 TRAJ18"}
    found = of(**{cell: [f"{name} A"] for cell, name in names.items()}, g=[TRA1, "TRAV10 TRAJ18 C"])
    assert found["invariant"].tolist() == ["MAIT"] * 3 + ["", "", "iNKT", "iNKT"]


def test_a_clone_has_one_beta_and_a_common_alpha_chain():
    """Cells of one clone of which one alpha or the other was missed are one clone."""
    found = of(
        both=[TRA1, TRA2, TRB1],
        first=[TRA1, TRB1],
        second=[TRA2, TRB1],
        other_beta=[TRA1, TRB2],
        other_alpha=["TRAV8-3 TRAJ9 AAA", TRB1],
        alone=[TRA1],
    )
    assert found["clone"].tolist() == ["D_1", "D_1", "D_1", "D_3", "D_2", ""]
    assert found["clone_size"].tolist() == [3, 3, 3, 1, 1, 0]


def test_bases_and_genes_make_a_chain_not_amino_acids():
    found = of(a=[TRA1, TRB1], b=[TRA1, TRB2], c=[TRA1, "TRBV5-1 TRBJ2-7 A"])
    assert found["clone"].nunique() == 3


def test_clones_are_within_donors_and_named_by_size():
    cells = {"a": [TRA1, TRB1], "b": [TRA1, TRB1], "c": [TRA2, TRB1], "d": [TRA1, TRB1]}
    donor = {"a": "D1", "b": "D1", "c": "D1", "d": "D2"}
    found = of(donor, **cells)
    assert found["clone"].tolist() == ["D1_1", "D1_1", "D1_2", "D2_1"]
    turned = of(donor, **dict(reversed(cells.items()))).loc[list(cells)]
    assert turned["clone"].tolist() == found["clone"].tolist(), "whatever the order of the cells"
