"""How groups, types and proteins make the probability of a label; which cells are learned from."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.labels import posterior

NAMES = ["CD4_CM", "CD4_EM", "CD8_N"]
GROUP = np.array([0, 0, 1])
WITHIN = np.array([0.25, 0.75])


class Fitted:
    """Stands for a cohort: notes what it is asked to fit, and tells WITHIN of every cell."""

    def __init__(self):
        self.asked = []

    def fit(self, markers, names, group, cells, own=None, **how):
        self.asked.append((list(names), list(group), list(cells), own, how))
        return np.tile(WITHIN, (len(cells), 1))


def probabilities(monkeypatch, first, by_type=None, proteins=None, learned=False):
    """``first`` cells that are CD4 at .8, then ten that are CD8 at .8."""
    chance = np.repeat([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], [first, 10], axis=0)
    found = None if learned else (chance.copy(), GROUP, by_type)
    monkeypatch.setattr(posterior, "_by_reference", lambda *_: found)
    monkeypatch.setattr(posterior, "_by_markers", lambda *_: (NAMES, chance.copy(), GROUP))
    cohort = Fitted()
    names, got = posterior.posterior(cohort, NAMES, pd.DataFrame(), proteins)
    assert names == NAMES and got.sum(axis=1) == pytest.approx(np.ones(first + 10))
    return cohort.asked, chance, got


def test_labels_of_a_group_are_told_apart_in_its_cells(monkeypatch):
    by_type = np.arange(180.0).reshape(60, 3)
    asked, chance, got = probabilities(monkeypatch, 50, by_type)
    [(names, group, cells, own, how)] = asked  # CD8_N is alone in its group
    assert (names, group, cells) == (NAMES[:2], [0, 1], list(range(50)))
    assert own.tolist() == by_type[:50, :2].tolist()
    assert how == {
        **posterior.WITHIN,
        "map_weight": 0.0,
        "by_donor": True,
    }  # sorted types say more than the map
    assert got[:50] == pytest.approx(np.tile([0.8 * 0.25, 0.8 * 0.75, 0.2], (50, 1)))
    assert got[50:] == pytest.approx(chance[50:])


def test_in_fewer_than_fifty_cells_shares_alone_tell_them_apart(monkeypatch):
    asked, chance, got = probabilities(monkeypatch, 49, np.zeros((59, 3)))
    assert not asked and got == pytest.approx(chance)


def test_without_sorted_types_the_map_counts_half(monkeypatch):
    [(*_, own, how)], _, got = probabilities(monkeypatch, 50, learned=True)
    assert own is None and how == {**posterior.WITHIN, "map_weight": 0.5, "by_donor": True}
    assert got[0] == pytest.approx([0.2, 0.6, 0.2])


@pytest.mark.parametrize("learned", [False, True])
def test_evidence_of_proteins_counts_for_the_group_and_within_it(monkeypatch, learned):
    told = pd.DataFrame(np.tile(np.log([1.0, 2, 3]), (60, 1)), columns=NAMES)[NAMES[::-1]]
    by_type = np.full((60, 3), 5.0)
    [(*_, own, _)], _, got = probabilities(monkeypatch, 50, by_type, told, learned)
    # .5 x 1, .3 x 2 and .2 x 3: 1.1 of 1.7 for the group
    assert got[0] == pytest.approx([1.1 / 1.7 * 0.25, 1.1 / 1.7 * 0.75, 0.6 / 1.7])
    # .1 x 1, .1 x 2 and .8 x 3
    assert got[-1] == pytest.approx(np.array([0.1, 0.2, 2.4]) / 2.7)
    assert own == pytest.approx(np.tile(np.log([1.0, 2]) + (0 if learned else 5), (50, 1)))


def test_a_probability_of_nothing_has_a_logarithm(monkeypatch):
    monkeypatch.setattr(
        posterior, "_by_reference", lambda *_: (np.array([[1.0, 0, 0]]), GROUP, np.zeros((1, 3)))
    )
    told = pd.DataFrame([[0.0, 0, 600]], columns=NAMES)
    got = posterior.posterior(Fitted(), NAMES, pd.DataFrame(), told)[1]
    assert got[0] == pytest.approx([1, 0, 0])


def test_groups_without_a_sign_are_left_out_one_by_one(monkeypatch):
    keys = {"CD4_CM": "CD4", "CD4_EM": "CD4", "CD8_N": "CD8", "MAIT": "MAIT"}
    monkeypatch.setattr(posterior.taxonomy, "groups", lambda _, names: [keys[n] for n in names])
    gone = iter(["MAIT", "CD8", ""])
    monkeypatch.setattr(posterior, "_absent", lambda *_: next(gone))
    cohort = Fitted()
    cohort.depth = np.ones(3)
    names, chance, group = posterior._by_markers(cohort, [*keys], pd.DataFrame())
    assert names == ["CD4_CM", "CD4_EM"] and group.tolist() == [0, 0]
    assert chance.shape == (3, 2)
    assert [names for names, *_ in cohort.asked] == [[*keys], [*keys][:3], [*keys][:2]]
    _, group, cells, own, how = cohort.asked[0]
    assert (group, cells, own) == ([0, 0, 1, 2], [0, 1, 2], None)
    assert how == {"power": 0.3, "map_weight": 0.2}


def test_cells_are_drawn_as_even_over_donors_as_they_have_them():
    donor = np.array(["A"] * 6 + ["B"] * 2 + ["C"])
    drawn = posterior._sample_by_donor(donor, 5, 3)
    assert (np.diff(drawn) > 0).all()
    assert sorted(donor[drawn]) == ["A", "A", "B", "B", "C"]
    assert posterior._sample_by_donor(donor, 9, 3).tolist() == list(range(9))
    assert len(posterior._sample_by_donor(donor, 8, 3)) == 8
    several = {tuple(posterior._sample_by_donor(donor, 5, seed)) for seed in range(20)}
    assert len(several) > 5  # any of A's cells
    assert posterior._sample_by_donor(donor, 5, 3).tolist() == drawn.tolist()


def test_a_fit_learns_from_some_cells_and_tells_of_all(monkeypatch):
    """Genes in which labels differ alone; shares in the order of the labels; block by block."""
    signs = np.array([[1, 1, 0, 1], [1, -1, 1, 1]])
    monkeypatch.setattr(posterior.taxonomy, "design", lambda *_: signs)
    monkeypatch.setattr(posterior, "FIT_CELLS", 3)
    monkeypatch.setattr(posterior, "BLOCK", 2)
    seen, told = [], []

    class Model:
        def posterior(self, counts, depth, embedding, profile, fold, own):
            told.append((counts.toarray().tolist(), embedding.ravel().tolist(), own.tolist()))
            assert profile.toarray().tolist() == [[c] for c in depth] and (fold == depth).all()
            return np.column_stack([depth, -depth])

    def fit(counts, depth, signs, share, group, embedding, profile, fold, floor, **how):
        seen.append((counts.toarray().tolist(), depth.tolist(), signs.tolist(), share.tolist()))
        seen.append((list(group), embedding.ravel().tolist(), fold.tolist(), floor, how))
        assert profile.toarray().ravel().tolist() == depth.tolist()
        return Model()

    monkeypatch.setattr(posterior.mixture, "fit", fit)
    depth = np.arange(6.0)
    counts = np.column_stack([10 * depth, 20 * depth, 30 * depth, depth])
    cohort = posterior.Cohort(
        sparse.csr_matrix(counts), depth, np.array(list("abbbbb")), np.array(list("WXYZ")),
        np.array([True, True, True, False]), depth[:, None] + 0.5, np.array([3]), depth, 1,
    )  # fmt: skip
    markers = pd.DataFrame({"label": ["two", "one"], "share": [0.2, 0.1]})
    own = np.arange(10.0).reshape(5, 2)
    cells = np.arange(1, 6)
    found = cohort.fit(markers, ["one", "two"], [0, 1], cells, own, power=7)
    rows = cells[posterior._sample_by_donor(cohort.donor[cells], 3, 1)]
    assert len(rows) == 3
    (data, deep, shown, share), (group, place, fold, floor, how) = seen
    assert data == counts[rows][:, 1:3].tolist()  # W is in both, Z measured nowhere
    assert shown == [[1, 0], [-1, 1]] and share == [0.1, 0.2]
    assert deep == fold == depth[rows].tolist() and place == (rows + 0.5).tolist()
    assert (group, floor, how["power"]) == ([0, 1], 0.3e-4, 7)
    assert how["own"].tolist() == own[rows - 1].tolist()
    assert [len(part) for part, *_ in told] == [2, 2, 1]
    assert [cell for part, *_ in told for cell in part] == counts[1:, 1:3].tolist()
    assert [cell for *_, part in told for cell in part] == own.tolist()
    assert found.tolist() == [[d, -d] for d in range(1, 6)]
    cohort.fit(markers, ["one", "two"], [0, 1], cells)
    assert seen[-1][-1] == {"own": pytest.approx(np.zeros((3, 2))), "donor": None}
    cohort.fit(markers, ["one", "two"], [0, 1], cells, by_donor=True)
    assert seen[-1][-1]["donor"].tolist() == pd.factorize(cohort.donor[rows])[0].tolist()


@pytest.mark.parametrize(("measured", "enough"), [(2, True), (1, False)])
def test_the_reference_tells_when_enough_of_its_genes_are_measured(monkeypatch, measured, enough):
    types = pd.DataFrame(1.0, index=["A", "B", "C", "D"], columns=["CD4_CM", "CD8_N"])
    monkeypatch.setattr(posterior.reference, "shipped", lambda: types)
    monkeypatch.setattr(posterior.reference, "LEAST_MEASURED", 0.5)
    columns = {"CD4": ["CD4_CM"], "CD8": ["CD8_N"]}
    monkeypatch.setattr(posterior.reference, "columns_of", lambda *_: columns)

    class Reached(Exception):
        pass

    def fit(*_):
        raise Reached

    monkeypatch.setattr(posterior.reference, "fit", fit)
    monkeypatch.setattr(posterior.taxonomy, "groups", lambda *_: ["CD4", "CD8"])
    cohort = SimpleNamespace(
        symbols=np.array(["B", "X", "D", "A"]),
        seen=np.array([True, True, measured == 2, False]),
        counts=sparse.csr_matrix((2, 4)),
        depth=np.ones(2),
        donor=np.array(["a", "b"]),
        seed=0,
    )
    markers = pd.DataFrame({"label": ["CD4_CM", "CD8_N"], "share": [0.5, 0.5]})

    def asked():
        return posterior._by_reference(cohort, ["CD4_CM", "CD8_N"], markers)

    if enough:
        with pytest.raises(Reached):
            asked()
        columns["CD8"] = []  # no sorted type for a group
        assert asked() is None
    else:
        assert asked() is None
