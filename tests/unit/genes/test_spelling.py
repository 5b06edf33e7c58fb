"""Names as other programs spell them are the names of the tables again, and the number is told."""

import pytest
from tilt.genes import spelling

PLAIN = ["CD3D", "HLA-DRA", "MT-CO1", "NKX2-1", "C1orf112", "TRBV7-2", "GATA3-AS1", "AC004381.6"]
PLAIN += ["RP11-34P13.7", "HLA-DQA1", "FOXP3", "MTCO1P12", "CDR1"]


def corrected(names):
    return spelling.corrected(names).symbols


@pytest.mark.parametrize("sign", [".", "_"])
def test_hyphens_that_r_took_away_come_back(sign):
    found = spelling.corrected([name.replace("-", sign) for name in PLAIN])
    assert found.symbols == PLAIN
    told = f"7 gene names with another sign for the hyphen were read as HLA{sign}DRA is HLA-DRA"
    assert found.notes == [told]


@pytest.mark.parametrize("prefix", ["gene-", "gene:", "GRCh38_", "GRCh38-", "hg19___", "GRCh38___"])
def test_prefixes_leave(prefix):
    found = spelling.corrected([prefix + name for name in PLAIN])
    assert found.symbols == PLAIN
    assert found.notes == [f"13 gene names with a prefix were read as {prefix}CD3D is CD3D"]


def test_small_letters_are_raised_as_the_tables_write_them():
    found = spelling.corrected([name.lower() for name in PLAIN])
    assert found.symbols == PLAIN
    assert found.notes == ["13 gene names in small letters were read as cd3d is CD3D"]


def test_all_at_once():
    assert corrected(f"gene-{name.lower().replace('-', '_')}" for name in PLAIN) == PLAIN


@pytest.mark.parametrize(
    "form", ["{s}|{i}", "{i}|{s}", "{s}_{i}", "{i}_{s}", "{s}-{i}", "{i}.{s}", "{s}|{i}.7|protein"]
)
def test_symbol_and_id_joined(form):
    id_ = "ENSG00000167286"
    names = [form.format(s="HLA-DRA", i=id_), "CD4"]
    found = spelling.corrected(names)
    assert found.symbols == ["HLA-DRA", "CD4"]
    assert [name.split(".")[0] for name in found.ids] == [id_, ""]
    told = f"1 gene names joined to an id or transcript were read as {names[0]} is HLA-DRA"
    assert found.notes == [told]


@pytest.mark.parametrize(
    "names",
    [
        PLAIN,
        ["AL627309.1", "ABCF2", "ABCF2.1", "Y_RNA", "7SK", "5S_rRNA"],  # make.unique, Rfam
        ["ENSG00000167286", "ENSG00000167286.9", "ENSG00000002586.20_PAR_Y"],
        ["Cd3d", "Hla.dra", "Gapdh"],  # mouse
        ["CD3D", "ABCF2.1", "AKAP2.CD3D"],  # no hyphen, but none is known to be lost
        ["CD3D", "CD4", "cd8a", "GFP"],  # one small name among others is its own
        [],
    ],
)
def test_names_that_are_right_or_unknown_stay(names):
    found = spelling.corrected(names)
    assert [symbol or id_ for symbol, id_ in zip(found.symbols, found.ids, strict=True)] == names
    assert found.notes == []


def test_dots_stay_where_the_table_has_its_hyphens():
    """With hyphens about, a dot is no lost hyphen, save for a name that only so is a known gene."""
    assert corrected(["HLA-DRA", "NKX2.5", "TTC4.CD4", "MT.CO1"]) == [
        *("HLA-DRA", "NKX2.5", "TTC4.CD4", "MT-CO1")
    ]


def test_dates_of_a_spreadsheet_are_told():
    found = spelling.corrected(["CD4", "1-Mar", "2-Sep", "MARCHF1"])
    assert found.symbols == ["CD4", "1-Mar", "2-Sep", "MARCHF1"]
    assert found.notes[0].startswith("2 gene names are dates made by a spreadsheet (1-Mar)")


def test_a_users_own_alias_is_known():
    assert corrected(["MY.GENE"]) == ["MY.GENE"]
    assert spelling.corrected(["MY.GENE"], {"MY-GENE": "CD4"}).symbols == ["MY-GENE"]


def test_the_tables_know_enough():
    known = spelling.shipped()
    assert {"CD3D", "HLA-DQA1", "IL22", "GPR56", "ADGRG1"} <= known
    assert len(known) > 2_000 and not any(name.startswith("ENSG") for name in known)
