"""Which groups of labels a cohort shows at all."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.labels import posterior

MARKERS = pd.DataFrame(
    [
        ("T", 0, "", ["CD3D"], ""),
        ("CD4", 1, "T", ["CD4", "IL7R"], ""),
        ("CD8", 1, "T", ["CD8A", "CD8B", "SHARED"], ""),
        ("CD4_CM", 2, "CD4", ["SHARED", "CCR7"], "memory"),
        ("CD8_N", 2, "CD8", ["SELL"], "naive"),
    ],
    columns=["label", "level", "parent", "positive", "compartment"],
)
NAMES, KEYS = ["CD4_CM", "CD8_N"], ["CD4/memory", "CD8/naive"]


def absent(inside: int, outside: int, called: int = 40, seen=(True, True, True)) -> str:
    """``called`` of 100 cells are CD8's; so many counts of CD8A and CD8B in them and elsewhere."""
    counts = np.zeros((100, 3), int)
    counts[0, 0], counts[1, 1] = inside // 2, inside - inside // 2
    counts[98, 0], counts[99, 1] = outside // 2, outside - outside // 2
    counts[:, 2] = 50  # a gene that labels of CD4 have too says nothing of the branch
    chance = np.tile([0.9, 0.1], (100, 1))
    chance[:called] = [0.2, 0.8]
    cohort = SimpleNamespace(
        symbols=np.array(["CD8A", "CD8B", "SHARED"]),
        seen=np.array(seen),
        counts=sparse.csr_matrix(counts),
        depth=np.full(100, 1000.0),
    )
    return posterior._absent(cohort, chance, NAMES, KEYS, MARKERS)


@pytest.mark.parametrize(("inside", "outside"), [(13, 5), (30, 5), (3, 0)])
def test_a_group_is_there_when_its_genes_are_three_times_as_high(inside, outside):
    # 40 cells inside, 60 outside, of equal depth; a count is added outside
    assert inside / 40 >= posterior.PRESENT_FOLD * (outside + 1) / 60
    assert absent(inside, outside) == ""


@pytest.mark.parametrize(("inside", "outside"), [(11, 5), (12, 6), (0, 0), (1, 0)])
def test_a_group_whose_genes_are_hardly_higher_is_named(inside, outside):
    assert inside / 40 < posterior.PRESENT_FOLD * (outside + 1) / 60
    assert absent(inside, outside) == "CD8/naive"


def test_rare_groups_and_those_of_one_measured_gene_are_not_doubted():
    assert absent(0, 0, called=int(100 * posterior.COMMON)) == "CD8/naive"
    assert absent(0, 0, called=int(100 * posterior.COMMON) - 1) == ""
    assert absent(0, 0, seen=(True, False, True)) == ""


def test_types_have_the_shares_of_their_groups_and_types_of_none_are_left_out(monkeypatch):
    markers = MARKERS.assign(share=[0, 0, 0, 0.5, 0.2])
    types = pd.DataFrame(1.0, index=["CD4", "CD8A"], columns=["CD4_CM", "CD4_EM", "CD8_N", "MAIT"])
    columns = {"CD4/memory": ["CD4_CM", "CD4_EM"], "CD8/naive": ["CD8_N"]}
    monkeypatch.setattr(posterior.reference, "shipped", lambda: types)
    monkeypatch.setattr(posterior.reference, "columns_of", lambda *_: columns)
    asked = []

    class Model:
        shares = np.array([0.25, 0.25, 0.5])

        def evidence(self, counts, depth):
            return np.tile(np.log([0.5, 0.25, 0.125]), (len(depth), 1))

        def of_groups(self, evidence, groups):
            asked.append(groups)
            return np.tile(np.log([0.3, 0.1]), (len(evidence), 1))

    def fit(counts, depth, table, shares):
        asked.extend([counts.toarray().tolist(), depth.tolist(), list(table), shares.tolist()])
        return Model()

    monkeypatch.setattr(posterior.reference, "fit", fit)
    cohort = SimpleNamespace(
        symbols=np.array(["CD8A", "OTHER", "CD4"]),
        seen=np.array([True, True, True]),
        counts=sparse.csr_matrix(np.array([[1, 2, 3], [4, 5, 6]])),
        depth=np.array([100.0, 200.0]),
        donor=np.array(["a", "b"]),
        seed=0,
    )
    chance, group, own = posterior._by_reference(cohort, NAMES, markers)
    counts, depth, names, shares, groups = asked
    assert counts == [[3, 1], [6, 4]] and depth == [100, 200]  # genes as the reference has them
    assert names == ["CD4_CM", "CD4_EM", "CD8_N"] and shares == pytest.approx([0.25, 0.25, 0.2])
    assert groups == [["CD4_CM", "CD4_EM"], ["CD8_N"]]
    assert group.tolist() == [0, 1]
    assert chance == pytest.approx(np.tile([0.75, 0.25], (2, 1)))
    assert own == pytest.approx(np.tile(np.log([0.5, 0.125]), (2, 1)))
