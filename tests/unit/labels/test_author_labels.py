"""Author labels beside our own."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tilt.genes import tables as gene_tables
from tilt.labels import author_labels

MARKERS = Path(__file__).resolve().parents[3] / "resources" / "markers.tsv"
MAPPING = {"T4 naive": "CD4_Naive", "T4 memory": "CD4_CM", "mait": "MAIT", "junk": "unassigned"}
AUTHOR = pd.Series(["T4 naive", "T4 memory", "mait", None, "junk", "T4 naive"])


@pytest.fixture(scope="module")
def markers():
    return gene_tables.read_markers(MARKERS)


@pytest.fixture
def labels():
    """Our labels of the cells of AUTHOR."""
    own = ["CD4_CM", "CD4_CM", "CD8_CM", "CD4_Treg_eff", "CD4_Naive", "CD4_Naive"]
    return pd.DataFrame(
        {
            "level1": [name[:3] for name in own],
            "subset": own,
            "compartment": ["memory", "memory", "memory", "treg", "naive", "naive"],
            "tph_high": [True, False, False, False, False, False],
        }
    )


def test_translate_names_every_problem(markers):
    assert author_labels.translate(AUTHOR, MAPPING, markers).tolist() == [
        *("CD4_Naive", "CD4_CM", "MAIT", "unassigned", "unassigned", "CD4_Naive")
    ]
    with pytest.raises(ValueError) as caught:
        author_labels.translate(AUTHOR, {"T4 naive": "CD4_naif", "mait": "MAIT"}, markers)
    assert "without a mapping: ['T4 memory', 'junk']" in str(caught.value)
    assert "does not know: ['CD4_naif']" in str(caught.value)


def test_authors_lead_and_ours_are_kept(markers, labels):
    table = author_labels.lead(labels, author_labels.translate(AUTHOR, MAPPING, markers), markers)
    assert table["subset"].tolist() == [
        *("CD4_Naive", "CD4_CM", "MAIT", "CD4_Treg_eff", "CD4_Naive", "CD4_Naive")
    ]
    assert table["level1"].tolist() == ["CD4", "CD4", "MAIT", "CD4", "CD4", "CD4"]
    assert table["compartment"].tolist() == ["naive", "memory", "", "treg", "naive", "naive"]
    assert table["own_subset"].tolist() == labels["subset"].tolist()
    assert table["tph_high"].tolist() == labels["tph_high"].tolist()


def test_confusion_and_agreement():
    author = pd.Series(["a", "a", "a", "b", "unassigned"])
    own = pd.Series(["a", "a", "b", "b", "a"])
    table = author_labels.confusion(author, own).set_index(["author", "own"])
    assert table.loc[("a", "a"), "n"] == 2
    assert table.loc[("a", "b"), "share"] == pytest.approx(1 / 3)
    found = author_labels.agreement(author, own)
    assert found["n"] == 4
    # F1 of a: precision 1, recall 2/3; of b: precision 1/2, recall 1
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert author_labels.agreement(author, author)["ari"] == 1


def test_comparison_with_and_without_a_map(markers, labels):
    meant = author_labels.translate(AUTHOR, MAPPING, markers)
    found, pairs = author_labels.compare(AUTHOR, labels, meant, markers)
    found = found.set_index("level")
    assert found["n"].tolist() == [4, 4]  # one cell without a label, one called junk
    # branches: CD4 right three times (F1 1), MAIT never; subsets: F1 of 2/3, 2/3 and 0
    assert found["macro_f1"].tolist() == pytest.approx([0.5, 4 / 9])
    assert pairs["n"].sum() == 5
    plain, _ = author_labels.compare(AUTHOR, labels, None, markers)
    assert plain["n"].tolist() == [5, 5]
    assert plain["macro_f1"].isna().all()
    none, pairs = author_labels.compare(pd.Series([""] * 6), labels, None, markers)
    assert none.empty and pairs.empty
    assert list(none) == ["level", "n", "ari", "macro_f1"]


def test_words_of_authors_at_both_levels(markers, labels):
    meant = pd.Series(["CD4", "NK", "unassigned", "MAIT", "CD4_CM", "CD8_CM"])
    table = author_labels.lead(labels, meant, markers)
    assert table["level1"].tolist() == ["CD4", "NK", "CD8", "MAIT", "CD4", "CD8"]
    assert table["subset"].tolist() == [
        *("unassigned", "NK", "CD8_CM", "MAIT", "CD4_CM", "CD8_CM"),
    ]
    assert table["own_level1"].tolist() == labels["level1"].tolist()
    assert table["own_compartment"].tolist() == labels["compartment"].tolist()
    theirs = author_labels.by_level(labels, meant, markers)
    assert theirs["level1"].tolist() == ["CD4", "NK", "unassigned", "MAIT", "CD4", "CD8"]
    assert theirs["subset"].tolist() == [
        *("unassigned", "unassigned", "unassigned", "MAIT", "CD4_CM", "CD8_CM"),
    ]


def test_agreement_is_that_of_scikit_learn_on_labeled_cells():
    from sklearn.metrics import adjusted_rand_score, f1_score

    rng = np.random.default_rng(0)
    author = pd.Series(rng.choice(["a", "b", "c", "unassigned"], 200))
    own = author.where(rng.random(200) < 0.7, pd.Series(rng.choice(["a", "b", "d"], 200)))
    own[rng.random(200) < 0.1] = "unassigned"
    found = author_labels.agreement(author, own)
    given = author != "unassigned"
    assert found["n"] == given.sum()
    assert found["ari"] == pytest.approx(adjusted_rand_score(author[given], own[given]))
    each = [f1_score(author[given] == name, own[given] == name) for name in ("a", "b", "c")]
    assert found["macro_f1"] == pytest.approx(np.mean(each))
    nothing = author_labels.agreement(pd.Series(["unassigned"]), pd.Series(["a"]))
    assert nothing["n"] == 0 and np.isnan(nothing["ari"]) and np.isnan(nothing["macro_f1"])


def test_pairs_of_labels_are_counted():
    author, own = pd.Series(list("aaab")), pd.Series(list("xxyx"))
    table = author_labels.confusion(author, own)
    assert table.columns.tolist() == author_labels.CONFUSION
    rows = {(r.author, r.own): (r.n, r.share) for r in table.itertuples()}
    assert rows == {
        ("a", "x"): (2, pytest.approx(2 / 3)),
        ("a", "y"): (1, pytest.approx(1 / 3)),
        ("b", "x"): (1, 1.0),
        ("b", "y"): (0, 0.0),
    }


def test_comparison_counts_only_cells_with_a_label(markers, labels):
    author = pd.Series(["CD4_CM", None, "", "CD4_Treg_eff", "x", "CD4_Naive"])
    found, pairs = author_labels.compare(author, labels, None, markers)
    found = found.set_index("level")
    assert found.loc["subset", "n"] == 4
    # pairs of cells: the authors join none, we join the two naive ones
    assert found.loc["subset", "ari"] == pytest.approx(0)
    assert set(pairs["author"]) == {"CD4_CM", "CD4_Treg_eff", "CD4_Naive", "x"}
    assert pairs["n"].sum() == 4
