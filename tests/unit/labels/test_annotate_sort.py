"""A sort of CD4 is believed unless too many cells show CD8 and no CD4."""

import numpy as np
import pytest
from scipy import sparse
from tilt.labels import annotate

SYMBOLS = np.array(["CD4", "CD8A", "CD8B", "IL7R", "CD8A"])
AGAINST = {
    "both chains": [0, 1, 1, 0, 0],
    "one twice": [0, 2, 0, 0, 0],
    "two rows": [0, 1, 0, 0, 1],
}
FOR = {"one count": [0, 1, 0, 9, 0], "CD4 beside": [1, 3, 3, 0, 0], "neither": [0, 0, 0, 4, 0]}


def believed(rows: list[list[int]]) -> bool:
    return annotate._believed(sparse.csr_matrix(np.array(rows)), SYMBOLS)


@pytest.mark.parametrize("cell", AGAINST.values(), ids=AGAINST)
def test_two_counts_of_cd8_without_cd4_speak_against_it(cell, caplog):
    good = [1, 0, 0, 1, 0]
    with caplog.at_level("INFO"):
        assert believed([cell] + [good] * 9)
        assert "sorted for CD4: 1 of 10 cells (10.0 %)" in caplog.text
        assert not believed([cell] * 2 + [good] * 17)
    assert "not believed: 2 of 19 cells (10.5 %) show CD8A or CD8B and no CD4" in caplog.text


@pytest.mark.parametrize("cell", FOR.values(), ids=FOR)
def test_other_cells_do_not(cell):
    assert believed([cell] * 10)
    assert annotate.MOST_AGAINST == 0.1 and annotate.CD8_SHOWN == 2
