"""What counts are, in words, and how tables of features are taken apart."""

import numpy as np
import pytest
from tilt.io.errors import MAX_COUNT, BadSample, not_counts, split_features, tags


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([0, 3, 7]), ""),
        (np.array([0.0, 3.0, 7.0]), ""),
        (np.array([True, False]), "holds true and false, no numbers of molecules"),
        (np.array([], float), ""),
        (np.array([MAX_COUNT]), ""),
        (np.array([MAX_COUNT + 1]), "holds a count of 2.147e+09, more than a cell can have"),
        (np.array([float(MAX_COUNT + 1)]), "holds a count of 2.147e+09"),
        (np.array([2, -1]), "holds negative values (smallest -1): these look scaled or batch"),
        (np.array([2.0, -0.5]), "holds negative values (smallest -0.5)"),
        (np.array([1.0, np.nan]), "holds missing or infinite values (NaN, Inf)"),
        (np.array([1.0, np.inf]), "holds missing or infinite values (NaN, Inf)"),
        (
            np.array([1.0, 1.25, 29.9]),
            "not whole numbers (for instance 1.25, largest 29.9): these look normalized (log-tran",
        ),
        (np.array([1.0, 1.5, 30.0]), "largest 30): these look normalized (scaled to a common"),
    ],
)
def test_values_that_are_no_counts_are_described(values, words):
    found = not_counts(values)
    assert (found == "") == (words == "")
    assert words in found


def test_a_bad_sample_says_which_where_why_and_what_to_do():
    error = BadSample("s1", "a/b.h5", "is empty", "fetch it again")
    assert str(error) == "sample s1: a/b.h5: is empty. Fix: fetch it again."
    assert (error.sample, error.file, error.wrong) == ("s1", "a/b.h5", "is empty")
    assert str(BadSample("", "b", "is empty", "do")).startswith("sample: b: is empty")


ID = "ENSG00000000001"


@pytest.mark.parametrize(
    ("rows", "ids", "symbols", "keep"),
    [
        ([[ID, "A"]], [ID], ["A"], None),
        ([["A", ID]], [ID], ["A"], None),
        ([["A"]], ["A"], ["A"], None),
        ([[ID, ""]], [ID], [ID], None),
        ([["x", "A"], [ID, "B"]], ["x", ID], ["A", "B"], None),
        ([[ID, "A", "Gene Expression"], ["b", "B", "Gene Expression"]], [ID, "b"], "AB", None),
        ([[ID, "A", "Gene Expression"], ["b", "B", "Antibody"]], [ID], ["A"], [True, False]),
        ([[ID, "A", "Antibody"], ["b", "B", "Guide"]], [ID, "b"], ["A", "B"], None),
        ([[ID, "A", "Gene Expression"], ["b", "B"]], [ID, "b"], ["A", "B"], None),
        ([["b", "B", "x"], [ID, "A", "Gene Expression"], ["c"]], [ID], ["A"], [False, True, False]),
    ],
)
def test_features_are_taken_apart(rows, ids, symbols, keep):
    found = split_features(rows)
    assert found[0] == ids and found[1] == list(symbols)
    assert (found[2] if found[2] is None else found[2].tolist()) == keep


@pytest.mark.parametrize(
    ("ids", "symbols", "found"),
    [
        ([ID, ID, "CD45RA"], ["CD4", "CD8A", "CD45RA"], [False, False, True]),
        # where half of the features or fewer have an id, names of proteins may be genes
        ([ID, "CD45RA"], ["CD4", "CD45RA"], [False, False]),
        (["CD4", "CD45RA"], ["CD4", "CD45RA"], [False, False]),
        ([ID, ID, "X"], ["CD4", "CD8A", "HLA-DR"], [False, False, True]),
        ([ID, ID, "GFP"], ["CD45RA", "CD8A", "GFP"], [False, False, False]),  # a transgene is none
    ],
)
def test_tags_are_told_from_their_names(ids, symbols, found):
    assert tags(ids, symbols).tolist() == found
