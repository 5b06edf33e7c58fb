"""Names of antibody tags, in the spellings of vendors and programs, and what they bind."""

import pytest
from tilt.genes import antibodies, taxonomy
from tilt.genes import tables as gene_tables

ROOT = antibodies.SHIPPED.parent
SPELLINGS = {
    "PD-1": [
        "CD279",
        "CD279\u2011PD\u20111",
        "PDCD1",
        "PD-1_TotalSeqC",
        "CD279_PD-1",
        "Hu.CD279",
        "CD279_EH12.2H7",
    ],
    "ICOS": ["CD278", "CD278-CGCGCACCCATTAAA", "HuMsRt.CD278", "CD278_(ICOS)", "icos"],
    "CD96": ["TACTILE", "CD96_TACTILE", "ADT-CD96", "CD96 (NK92.39)"],
    "CXCR5": ["CD185", "CD185_(CXCR5)"],
    "CD45RA": ["CD45RA_HI100", "adt_CD45RA", "CD45RA-prot", "cd45ra"],
    "CD45RO": ["CD45RO-2", "CD45RO_TotalSeqB"],
    "CCR7": ["CD197", "CD197-CCR7", "CCR7_ADT"],
    "CD25": ["IL2RA", "CD25-2A3"],
    "CD127": ["CD127_IL7Ra", "IL-7Rα"],
    "CXCR3": ["CD183"],
    "CCR6": ["CD196"],
    "CCR4": ["CD194"],
    "CCR10": ["ADT_CCR10"],
    "CD4": [
        "CD4_TotalSeqB",
        "adt_CD4",
        "Hu.CD4",
        "CD4(SK3)",
        "A0072-CD4",
        "TotalSeqC_CD4",
        "TotalSeq-C0072 CD4",
        "C0072_CD4_RPA-T4",
        "GRCh38_CD4",
        "anti-human CD4_TotalSeqC",
        "C0072 anti-human CD4",
        "TotalSeq-C0072 anti-human CD4",
        "TotalSeq™-A0072_CD4",
    ],
    "CD5": ["CD5:L17F12|CD5|AHS0047|pAbO"],
    "CD8": ["CD8a", "CD8A_TotalSeqB", "Hu.CD8"],
    "TCR-ab": ["TCRα/β", "TCR.AB", "adt_TCR_ab"],
}


@pytest.mark.parametrize(("protein", "names"), SPELLINGS.items())
def test_spellings_of_a_protein(protein, names):
    assert {name: antibodies.protein(name) for name in names} == dict.fromkeys(
        names, (protein, True)
    )
    assert {antibodies.kind(name) for name in names} == {"protein"}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            "hashtag",
            [
                "Hashtag_1",
                "HTO_3",
                "HTO1-ACCCACCAGTAAGAC",
                "CMO301",
                "human_Hashtag2",
                "MULTIseq_1",
            ],
        ),
        (
            "isotype",
            ["IgG1_control_TotalSeqC", "Mouse-IgG2a", "rat.IgG2b", "IgG2a", "Isotype_HTK888"],
        ),
        ("other", ["unmapped", "no_match"]),
        ("protein", ["IgD", "IgM", "IgG_Fc", "CD56", "PHTOx"]),
    ],
)
def test_what_is_no_protein(kind, names):
    assert {name: antibodies.kind(name) for name in names} == dict.fromkeys(names, kind)


@pytest.mark.parametrize("name", ["PD-L1", "CD158b", "CD11a/CD18", "CD45R_B220", "TCR-Vb13"])
def test_a_protein_that_is_not_in_the_table_is_not_taken_for_another(name):
    assert antibodies.protein(name) == (name, False)


def test_the_user_has_the_last_word():
    assert antibodies.protein("anti_X", {"anti_X": "CD279"}) == ("PD-1", True)
    assert antibodies.protein("CD4-2", {"CD4-2": "mine"}) == ("mine", True)


def test_the_table_is_sound():
    table = antibodies.shipped()
    assert table["protein"].is_unique and table["source"].ne("").all()
    markers = gene_tables.read_markers(ROOT / "markers.tsv", ROOT / "shares.tsv")
    t_cells = markers[markers["level"].isin([1, 2])]
    known = {*t_cells["label"], *(c for c in t_cells["compartment"] if c)}
    named = {word for text in (*table["positive"], *table["negative"]) for word in text.split()}
    assert named <= known, named - known
    assert taxonomy.branch(markers, "CD8_CM") in named
