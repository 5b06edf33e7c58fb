"""What is known of a cell where its subset is not, worked out by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tilt.donors import composition
from tilt.genes import tables as gene_tables
from tilt.labels import known

MARKERS = gene_tables.read_markers(
    Path(__file__).resolve().parents[3] / "resources" / "markers.tsv"
)
NAMES = ["CD4_Naive", "CD4_Th1", "CD4_Th17", "CD8_EM_GZMK", "Vd1", "Vd2", "MAIT"]
CASES = [
    # probabilities of NAMES, known, known_level, known_score
    ([0.60, 0.20, 0.20, 0.00, 0.00, 0.00, 0.00], "CD4_Naive", "subset", 0.60),
    ([0.20, 0.30, 0.30, 0.20, 0.00, 0.00, 0.00], "memory CD4", "compartment", 0.60),
    ([0.30, 0.20, 0.20, 0.30, 0.00, 0.00, 0.00], "CD4", "branch", 0.70),
    # the likeliest subset is CD8, the likeliest compartment CD4's: neither reaches a half
    ([0.10, 0.20, 0.10, 0.35, 0.10, 0.05, 0.10], "T", "t_cell", 1.00),
    ([0.10, 0.00, 0.00, 0.10, 0.35, 0.35, 0.10], "gdT", "branch", 0.70),  # no compartments
    ([0.00, 0.10, 0.10, 0.10, 0.05, 0.05, 0.60], "MAIT", "subset", 0.60),
    ([0.25, 0.25, 0.25, 0.25, 0.00, 0.00, 0.00], "memory CD4", "compartment", 0.50),  # just
]


@pytest.mark.parametrize(("chance", "name", "level", "score"), CASES)
def test_the_deepest_level_that_is_likelier_than_not(chance, name, level, score):
    found = known.deepest(np.array([chance]), NAMES, MARKERS, 0.5).iloc[0]
    assert (found["known"], found["known_level"]) == (name, level)
    assert found["known_score"] == pytest.approx(score)


def test_a_subset_that_is_alone_in_its_compartment_is_named_itself():
    found = known.deepest(np.array([[1.0, 0.0]]), ["CD8_Naive", "Vd1"], MARKERS, 0.5)
    assert found.loc[0, ["known", "known_level"]].tolist() == ["CD8_Naive", "subset"]


def test_known_labels_are_counted_in_every_donor_without_look_alikes():
    cells = pd.DataFrame(
        [
            ("a", "CD4_Th1", "subset", 0.9, ""),
            ("a", "memory CD4", "compartment", 0.6, ""),
            ("a", "memory CD4", "compartment", 0.8, ""),
            ("a", "memory CD4", "compartment", 0.8, "T_B"),
            ("b", "CD4_Th1", "subset", 0.7, ""),
        ],
        columns=["donor", "known", "known_level", "known_score", "look_alike"],
    ).assign(condition="SLE", level1="CD4", compartment="memory")
    donors = pd.DataFrame({"cohort": "x", "donor": list("abc"), "condition": "SLE"})
    found = composition.count_known(cells, donors).set_index(["known", "donor"])
    assert len(found) == 6
    assert found["n"].to_dict() == {
        ("CD4_Th1", "a"): 1, ("CD4_Th1", "b"): 1, ("CD4_Th1", "c"): 0,
        ("memory CD4", "a"): 2, ("memory CD4", "b"): 0, ("memory CD4", "c"): 0,
    }  # fmt: skip
    assert found["n_t"].groupby("donor").first().to_dict() == {"a": 3, "b": 1, "c": 0}
    assert found.loc[("memory CD4", "a"), "n_expected"] == pytest.approx(1.4)
    assert found.loc[("memory CD4", "a"), "known_level"] == "compartment"
    nobody = composition.count_known(cells.iloc[:0], donors)
    assert list(nobody) == list(found.reset_index()[nobody.columns]) and nobody.empty
