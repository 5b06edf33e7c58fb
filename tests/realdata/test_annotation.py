"""Values that annotation reaches on real cells, held with a small margin.

The full table is made by tests/benchmark/annotation.py; data in the folder TILT_REAL_DATA.
"""

import os

import bulk_simulation
import numpy as np
import pytest
from benchmark import annotation_cases as cases
from benchmark import label_mixes
from sklearn.metrics import adjusted_rand_score, f1_score
from tilt.genes import tables as gene_tables
from tilt.labels import annotate, reliability

pytestmark = pytest.mark.skipif(
    "TILT_REAL_DATA" not in os.environ, reason="TILT_REAL_DATA names no folder of real data"
)


@pytest.fixture(scope="module")
def tables():
    return cases.read_tables()


def macro(truth, called):
    return f1_score(truth, called, labels=sorted(set(truth)), average="macro", zero_division=0)


def test_zheng_lineages(tables):
    cells = cases.read_cells(cases.ZHENG, "subpop", cases.ZHENG_LINEAGE, tables)
    found = annotate.lineages(cells, tables.markers)["lineage"]
    truth = cells.obs["truth"].to_numpy()
    called = found.where(~found.str.startswith("Mono"), "Mono").to_numpy()
    assert macro(truth, called) > 0.94  # reached 0.95; the CD34 sort holds monocytes and B cells
    assert f1_score(truth == "T", called == "T") > 0.99


def test_zheng_t_subsets(tables):
    cells = cases.read_cells(cases.ZHENG, "celltype", cases.ZHENG_T, tables)
    found = cases.label(cells, tables, 0).labels
    assert macro(cells.obs["truth"].to_numpy(), cases.coarse(found["subset"])) > 0.67


def test_b_cells_alone_in_much_ambient_rna_are_b_cells(tables):
    """They carry as much LYZ and S100A8 as the T cells of the same donors (13 in 10,000)."""
    cells = cases.read_cells(cases.CSLE, "source_object", {"csle.bcell.small": "B"}, tables)
    assert cells.n_obs == 500
    found = annotate.lineages(cells, tables.markers)["lineage"]
    assert (found == "B").mean() > 0.98


def test_kang_lineages(tables):
    cells = cases.read_cells(cases.KANG, "cell_type", cases.KANG_LINEAGE, tables)
    found = annotate.lineages(cells, tables.markers)["lineage"].to_numpy()
    truth = cells.obs["truth"].to_numpy()
    assert macro(truth, found) > 0.79
    for name, least in (("T", 0.97), ("B", 0.96), ("NK", 0.88), ("Mono_classical", 0.92)):
        assert f1_score(truth == name, found == name) > least, name


def test_kang_cd4_or_cd8_without_cd4_cd8a_cd8b_and_steady(tables):
    cells = cases.read_cells(cases.KANG, "cell_type", cases.KANG_T, tables)
    assert not cells.var["gene_symbol"].isin(["CD4", "CD8A", "CD8B"]).any()
    small, embedding = cases.prepare(cells, tables, 0)
    first, second = (
        annotate.label(small, embedding, tables.markers, tables.signatures, seed) for seed in (0, 1)
    )
    assert macro(cells.obs["truth"].to_numpy(), first.labels["level1"].to_numpy()) > 0.90
    assert adjusted_rand_score(first.labels["subset"], second.labels["subset"]) > 0.95
    lost = first.markers_found.set_index("label")["callable"]
    assert not lost["CD8_Naive"].any()  # nothing tells it from naive CD4 without CD8 genes
    assert lost["CD4_Naive"].all()


def test_interferon_score_is_higher_in_lupus_t_cells(tables):
    cells = cases.read_cells(
        cases.CSLE, "source_object", {"csle.cd4.mem.small": "T", "csle.treg.small": "T"}, tables
    )
    found = cases.label(cells, tables, 0, branch="CD4")
    score = found.scores["isg_score"].groupby(cells.obs["donor"].astype(str).to_numpy()).mean()
    lupus = score.index.str.startswith("cSLE")
    assert score[lupus].mean() > score[~lupus].mean() + 0.3
    treg = cells.obs["source_object"].astype(str).to_numpy() == "csle.treg.small"
    called = found.labels["compartment"].to_numpy() == "treg"
    assert called[treg].mean() > 5 * np.maximum(called[~treg].mean(), 0.01)


def test_cells_sorted_for_cd8_are_not_believed_to_be_cd4(tables, caplog):
    cells = cases.read_cells(cases.ZHENG, "celltype", cases.ZHENG_T, tables)
    is_cd8 = cells.obs["truth"].str.endswith("CD8").to_numpy()
    found = cases.label(cells[is_cd8].copy(), tables, 0, branch="CD4").labels
    assert (found["level1"] == "CD4").mean() < 0.04
    assert "277 of 602 cells (46.0 %) show CD8A or CD8B and no CD4" in caplog.text
    caplog.clear()
    found = cases.label(cells[~is_cd8].copy(), tables, 0, branch="CD4").labels
    assert set(found["level1"]) == {"CD4"}
    assert "not believed" not in caplog.text


# Macro-F1 reached and, after it, that of the highest rank correlation with sorted bulk that may
# call the same T cells: .69 (.61), .53 (.50), .65 (.59), .64 (.53), .70 (.65). A MAIT cell counts
# as wrong: in CD8 alone 74 of 602 (KLRB1 6 in 10,000, none in the others). Where MAIT and
# gamma-delta cells of the CD8 sort are right: .72, .56, .65, .67, .77; a correlation that can't
# call them .62, .54, .57, .55, .73.
LEAST = {
    "as sorted": 0.67,
    "few naive": 0.52,
    "memory and Treg": 0.63,
    "few memory": 0.615,
    "CD8 alone": 0.675,
}


@pytest.mark.parametrize("mix", LEAST)
def test_labels_do_not_hang_on_the_mix_of_cells_and_probabilities_are_true(tables, mix):
    cells = cases.read_cells(cases.ZHENG, "celltype", cases.ZHENG_T, tables)
    truth = cells.obs["truth"].to_numpy().astype(str)
    keep = label_mixes.mixes(truth)[mix]
    cells, truth = cells[keep].copy(), truth[keep]
    found = cases.label(cells, tables, 0)
    called = cases.coarse(found.labels["subset"])
    assert macro(truth, called) > LEAST[mix]
    assert macro(truth, called) > macro(truth, cases.reference(cells, cases.MONACO_ALL_T)) + 0.02
    simple = macro(truth, cases.reference(cells, cases.MONACO_T))
    assert macro(truth, label_mixes.of_the_sort(called, truth)) > simple + 0.015
    chance = label_mixes.probabilities(found, tables)
    best, top = chance.columns.to_numpy()[chance.to_numpy().argmax(1)], chance.to_numpy().max(1)
    # the sort of CD8+ cells holds naive and MAIT cells; error reached: .04, .05, .07, .04, .02
    of_sort = (truth == "cytotoxic CD8") & np.isin(best, ["MAIT", "naive CD8"])
    assert reliability.error(reliability.binned(top, (best == truth) | of_sort)) < 0.09


def test_cells_of_45_percent_of_the_counts_keep_their_labels(tables):
    cells = cases.read_cells(cases.ZHENG, "celltype", cases.ZHENG_T, tables)
    found = cases.label(label_mixes.thin(cells, 0.45), tables, 0).labels
    reached = macro(cells.obs["truth"].to_numpy(), cases.coarse(found["subset"]))
    assert reached > 0.59  # reached 0.61, of 0.69 with all counts


def test_cells_of_a_donor_keep_their_labels_without_the_other_donors(tables):
    cells = cases.read_cells(cases.KANG, "cell_type", cases.KANG_T, tables)
    shares = {row[1]: row[2] for row in label_mixes.other_cohorts("Kang", cells, tables)}
    assert shares["same label, half of the donors"] > 0.93  # reached 0.94; at first 0.77
    assert shares["same label, a donor doubled"] > 0.97


@pytest.fixture(scope="module")
def drawn(tables):
    """Cells drawn from bulk profiles."""
    made = bulk_simulation.cells(bulk_simulation.BLOOD)
    cells = gene_tables.standardize(made, tables.aliases)
    cells.obs = made.obs
    return cells


def test_subsets_of_cells_drawn_from_bulk_profiles(tables, drawn):
    """Reached: CD8 CM, EM and TEMRA 1.00 each (the profiles are those of the reference, moved by
    platform, donor and ambient RNA), Th22-like 0.91, Tph-like 0.88 (before 0.88, 0.79)."""
    least = {"CD8_CM": 0.95, "CD8_EM_GZMK": 0.95, "CD8_TEMRA_GZMH": 0.95}
    least |= {"CD4_Th22_like": 0.86, "CD4_Tph_like": 0.83}
    found = cases.label(drawn, tables, 0).labels
    called = found["subset"].to_numpy().astype(str)
    truth = drawn.obs["truth"].to_numpy().astype(str)
    for name, value in least.items():
        assert f1_score(truth == name, called == name) > value, name
    # reached 0.956 (before 0.932)
    names = sorted(set(truth) - {"Treg"})
    assert f1_score(truth, called, labels=names, average="macro") > 0.945
    right = np.where(np.char.startswith(called, "CD4_Treg"), "Treg", called) == truth
    score = found["subset_score"].to_numpy()
    assert reliability.error(reliability.binned(score, right)) < 0.03  # reached 0.02


def test_rare_poles_keep_their_labels_without_half_of_the_donors(tables, drawn):
    """Reached 0.965 and 0.95 with half the donors (before 0.94, 0.92), 0.975 and 1.00 with one
    donor doubled (0.95, 0.93)."""
    shares = {row[1]: row[2] for row in label_mixes.other_cohorts("bulk", drawn, tables)}
    assert shares["same label, half of the donors"] > 0.955
    assert shares["same label, half of the donors, poles"] > 0.925
    assert shares["same label, a donor doubled"] > 0.965
    assert shares["same label, a donor doubled, poles"] > 0.95


def test_what_is_said_to_be_known_of_thin_cells_is_right_as_often_as_said(tables):
    """At 45 % of the counts; reached 0.79 right, 0.78 said, a subset named of 0.71 of the cells."""
    cells = cases.read_cells(cases.ZHENG, "celltype", cases.ZHENG_T, tables)
    found = cases.label(label_mixes.thin(cells, 0.45), tables, 0).labels
    truth = cells.obs["truth"].to_numpy().astype(str)
    in_cd8 = found["known"].isin(["memory CD8", "MAIT"]) | found["known"].str.startswith("CD8_")
    fine = cases.coarse(found["known"]) == truth
    cytotoxic = (truth == "cytotoxic CD8") & (in_cd8 | (found["known"] == "naive CD8")).to_numpy()
    memory = (truth == "memory CD4") & (found["known"] == "memory CD4").to_numpy()
    treg = (truth == "Treg") & (found["known"] == "treg CD4").to_numpy()
    branch = np.where(np.char.endswith(truth, "CD8"), "CD8", "CD4") == found["known"].to_numpy()
    right = fine | cytotoxic | memory | treg | branch | (found["known"] == "T").to_numpy()
    assert right.mean() > 0.76
    assert abs(right.mean() - found["known_score"].mean()) < 0.03
    assert 0.65 < (found["known_level"] == "subset").mean() < 0.77
