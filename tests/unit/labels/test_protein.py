"""Evidence of antibody tags for labels: by hand, weighed by reliability, nothing where unsure."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tilt.core import contracts
from tilt.genes import antibodies
from tilt.genes import tables as gene_tables
from tilt.labels import protein

ROOT = antibodies.SHIPPED.parent
MARKERS = gene_tables.read_markers(ROOT / "markers.tsv", ROOT / "shares.tsv")
NAMES = ["CD4_Naive", "CD4_CM", "CD4_Treg_eff", "CD8_Naive", "CD8_TEMRA_GZMH", "MAIT"]


def test_signs_come_from_label_compartment_and_branch():
    found = protein.signs(MARKERS, NAMES, ["CD4", "CD8", "CD45RA", "CD45RO", "CD25", "XYZ", "CD19"])
    assert found.to_dict("list") == {
        "CD4": [1, 1, 1, -1, -1, 0],
        "CD8": [-1, -1, -1, 1, 1, 0],
        "CD45RA": [1, 0, 0, 1, 1, 0],
        "CD45RO": [-1, 1, 1, -1, -1, 0],
        "CD25": [-1, 0, 1, -1, 0, 0],
    }, "the label comes before its compartment: effector CD8 cells are CD45RA+"


def fits(separation, apart=True):
    return pd.DataFrame(
        {"batch": ["A"], "protein": ["CD4"], "separation": [separation], "apart": [apart]}
    )


def test_reliability_is_youdens_index_and_zero_where_they_overlap():
    assert protein.reliability(fits(3.0)).at["A", "CD4"] == pytest.approx(
        stats.norm.cdf(1.5) - stats.norm.cdf(-1.5)
    )
    assert protein.reliability(fits(3.0, apart=False)).at["A", "CD4"] == 0


def evidence(odds, sure):
    signs = pd.DataFrame({"CD4": [1, -1, 0]}, index=["has", "lacks", "other"])
    log_odds = pd.DataFrame({"CD4": [odds]}, index=["c"])
    return protein.evidence(log_odds, pd.DataFrame({"CD4": [sure]}, index=["c"]), signs).loc["c"]


def test_evidence_by_hand():
    found = evidence(np.log(9), 1.0)  # nine to one for having it
    assert found["has"] == pytest.approx(np.log(2 * (0.9 * 9 + 0.1) / 10))
    assert found["lacks"] == pytest.approx(np.log(2 * (0.1 * 9 + 0.9) / 10))
    assert found["other"] == 0
    half = evidence(np.log(9), 0.5)
    assert half["has"] == pytest.approx(np.log(2 * (0.7 * 9 + 0.3) / 10))


@pytest.mark.parametrize(("odds", "sure"), [(0.0, 1.0), (7.0, 0.0), (np.nan, 1.0), (3.0, np.nan)])
def test_nothing_known_is_no_evidence(odds, sure):
    np.testing.assert_allclose(evidence(odds, sure), 0, atol=1e-12)


def test_evidence_is_bounded_and_symmetric():
    for_it, against = evidence(7.0, 1.0), evidence(-7.0, 1.0)
    assert for_it["has"] - for_it["lacks"] == pytest.approx(np.log(9), abs=0.01)
    assert against["lacks"] - against["has"] == pytest.approx(np.log(9), abs=0.01)


def test_of_cells_takes_the_reliability_of_the_batch():
    table = pd.concat([fits(6.0), fits(6.0, apart=False).assign(batch="B")])
    odds = pd.DataFrame({"CD4": [5.0, 5.0]}, index=["a", "b"])
    found = protein.of_cells(odds, table, np.array(["A", "B"]), MARKERS)
    assert found.at["a", "CD4_CM"] - found.at["a", "CD8_CM"] > 2
    assert (found.loc["b"] == 0).all()
    assert found.at["a", "CD4_CM"] == found.at["a", "CD4_Naive"], "CD4 says nothing of memory"


def test_shown_counts_cells_of_each_label():
    aligned = pd.DataFrame({"CD4": [0.0, 1, 2, 3, np.nan]})
    odds = pd.DataFrame({"CD4": [-2.0, -1, 2, 3, np.nan]})
    labels = pd.DataFrame({"subset": ["CD4_CM", "CD4_CM", "CD4_CM", "CD8_CM", "CD4_CM"]})
    found = protein.shown(aligned, odds, labels, MARKERS)
    assert list(found) == list(contracts.PROTEIN_EVIDENCE.columns)
    row = found.set_index("label").loc["CD4_CM"]
    assert (row["n_cells"], row["median"], row["sign"]) == (3, 1.0, "+")
    assert row["share_positive"] == pytest.approx(1 / 3)
    assert found.set_index("label").at["CD8_CM", "sign"] == "-"


def test_shown_by_hand_with_quartiles_and_cells_without_a_fit():
    """Odds of 0 are those of a batch whose signal and background are not apart."""
    aligned = pd.DataFrame({"CD4": [0.0, 1, 2, 3, 4, 7], "XYZ": [1.0, 1, 1, 1, np.nan, np.nan]})
    odds = pd.DataFrame({"CD4": [-2.0, 0, 2, 3, 0, 1], "XYZ": [0.0, 0, 0, 0, 0, 0]})
    subset = ["CD4_CM"] * 4 + ["CD8_CM", "unassigned"]
    found = protein.shown(aligned, odds, pd.DataFrame({"subset": subset}), MARKERS)
    assert found["protein"].tolist() == ["CD4", "CD4", "XYZ", "XYZ"]
    assert found["label"].tolist() == 2 * [n for n in MARKERS["label"] if n in ("CD4_CM", "CD8_CM")]
    row = found.set_index(["protein", "label"])
    columns = list(contracts.PROTEIN_EVIDENCE.columns)[3:]
    assert row.loc[("CD4", "CD4_CM"), columns].tolist() == [4, 1.5, 0.75, 2.25, 2 / 3]
    one = row.loc[("CD4", "CD8_CM")]
    assert one[columns[:4]].tolist() == [1, 4, 4, 4] and np.isnan(one["share_positive"])
    other = row.loc[("XYZ", "CD4_CM")]
    assert other["sign"] == "" and other["n_cells"] == 4 and np.isnan(other["share_positive"])
    none = row.loc[("XYZ", "CD8_CM")]
    assert none["n_cells"] == 0 and np.isnan(none[columns[1:]].astype(float)).all()


def test_evidence_of_several_proteins_adds_up_and_a_batch_without_a_fit_says_nothing():
    table = pd.concat([fits(2.0), fits(4.0).assign(protein="CD8"), fits(1.0).assign(batch="B")])
    odds = pd.DataFrame({"CD4": [1.0, 1.0, 1.0], "CD8": [-2.0, -2.0, -2.0]}, index=list("abc"))
    found = protein.of_cells(odds, table, np.array(["A", "B", "C"]), MARKERS)
    wanted = MARKERS.loc[MARKERS["level"].isin([1, 2]), "label"].tolist()
    assert list(found) == wanted and found.index.tolist() == list("abc")

    def one(sign, odds, separation):
        shown = 0.5 + sign * 0.4 * (2 * stats.norm.cdf(separation / 2) - 1)
        return np.log(2 * (shown * np.exp(odds) + 1 - shown) / (np.exp(odds) + 1))

    assert found.at["a", "CD4_CM"] == pytest.approx(one(1, 1, 2) + one(-1, -2, 4))
    assert found.at["a", "CD8_CM"] == pytest.approx(one(-1, 1, 2) + one(1, -2, 4))
    assert found.at["b", "CD4_CM"] == pytest.approx(one(1, 1, 1))  # CD8 was not fitted in B
    np.testing.assert_allclose(found.loc["c"], 0, atol=1e-12)
