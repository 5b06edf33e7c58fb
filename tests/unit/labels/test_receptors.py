"""Evidence of receptors for labels by hand."""

import numpy as np
import pandas as pd
import pytest
from tilt.genes import antibodies
from tilt.genes import tables as gene_tables
from tilt.labels import receptors

ROOT = antibodies.SHIPPED.parent
MARKERS = gene_tables.read_markers(ROOT / "markers.tsv", ROOT / "shares.tsv")


def table(**columns):
    made = {"cell": ["c"], "n_tra": 1, "n_trb": 1, "invariant": "", "many_chains": False}
    return pd.DataFrame(made | {name: [value] for name, value in columns.items()})


def evidence(**columns):
    return receptors.evidence(table(**columns), MARKERS).loc["c"]


def test_an_invariant_chain_speaks_for_mait_and_any_other_against():
    assert evidence(invariant="MAIT")["MAIT"] == pytest.approx(np.log(0.9 / 0.002))
    for kind in ("", "iNKT"):
        assert evidence(invariant=kind)["MAIT"] == pytest.approx(np.log(0.1 / 0.998))


def test_both_chains_speak_against_gamma_delta_cells():
    found = evidence()
    assert found[["Vd1", "Vd2", "gdT"]].tolist() == pytest.approx([np.log(1 / 9)] * 3)
    assert found.drop(["Vd1", "Vd2", "gdT", "MAIT"]).eq(0).all()
    assert evidence(n_trb=0)["Vd2"] == 0, "one chain may be ambient"


@pytest.mark.parametrize("columns", [{"n_tra": 0}, {"many_chains": True, "invariant": "MAIT"}])
def test_nothing_known_is_no_evidence(columns):
    assert evidence(**columns).eq(0).all()


def test_numbers_are_told():
    rows = [table(), table(invariant="MAIT"), table(n_trb=0), table(many_chains=True)]
    assert receptors.told(pd.concat(rows)) == (
        "3 of 4 T cells have alpha and beta chains; invariant chains: 1 of MAIT, 0 of iNKT cells; "
        "1 cell with more chains than a T cell has"
    )
