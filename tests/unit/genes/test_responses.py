"""Tables of responses to perturbations: read one after the other, and the one that ships."""

from pathlib import Path

import pandas as pd
import pytest
from tilt.genes import responses

SHIPPED = Path(__file__).parents[3] / "resources/perturbations.tsv"
HEAD = "perturbation\tgene\tlog2_fold_change\n"


def test_a_later_table_takes_the_place_of_the_same_perturbation(tmp_path):
    first, second = tmp_path / "a.tsv", tmp_path / "b.tsv"
    first.write_text(HEAD + "KO\tAHRR\t-1\nKO\tMX1\t2\nIFN\tMX1\t3\n")
    second.write_text("# mine\ngene\tperturbation\tlog2_fold_change\tnote\nTIPARP\tKO\t-0.5\tx\n")
    table = responses.read([first, second])
    assert table.values.tolist() == [["KO", "TIPARP", -0.5], ["IFN", "MX1", 3.0]]


def test_genes_get_their_current_names_and_that_is_told(tmp_path, caplog):
    path = tmp_path / "mine.tsv"
    rows = [("KO", "TNFRSF5", 1.0), ("KO", "CD40", 3.0), ("KO", "HLA.DRA", -1.0)]
    rows += [("KO", "ENSG00000156234.8", 2.0), ("KO", "NOVEL1", 4.0), ("OTHER", "CD40", 5.0)]
    lines = ["\t".join(map(str, row)) for row in rows]
    path.write_text(HEAD + "\n".join(lines) + "\n")
    aliases = {"TNFRSF5": "CD40", "ENSG00000156234": "CXCL13"}
    table = responses.read([path], aliases)
    assert table.values.tolist() == [
        ["KO", "CD40", 2.0], ["KO", "HLA-DRA", -1.0], ["KO", "CXCL13", 2.0], ["KO", "NOVEL1", 4.0],
        ["OTHER", "CD40", 5.0],
    ]  # fmt: skip
    assert "mine.tsv: 3 of 5 genes by their current names (TNFRSF5 is CD40" in caplog.text
    assert "mine.tsv: 1 rows are of a gene that another row names" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("perturbation\tgene\nKO\tAHRR\n", "no column"),
        (HEAD + "KO\tAHRR\t1\nKO\tAHRR\t2\n", "gene AHRR twice in KO"),
        (HEAD + "KO\tAHRR\tup\n", "could not convert"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, text, said):
    path = tmp_path / "a.tsv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        responses.read([path])


def test_the_shipped_responses_are_of_interferon_ahr_and_jun():
    table = responses.read([SHIPPED]).set_index(["perturbation", "gene"])["log2_fold_change"]
    ifn, ahr = table["IFNB"], table["AHR_AGONIST"]
    assert len(ifn) == 103
    assert ifn[["IFIT1", "IFIT3", "ISG15", "MX1", "IFI6"]].min() > 4
    assert (ifn.abs() >= 1).all() and (ifn > 0).mean() > 0.95
    assert not {"CXCL10", "IFI27", "SIGLEC1"} & set(ifn.index)  # of monocytes
    assert ahr[["AHRR", "TIPARP", "CYP1B1"]].tolist() == [1, 1, 1]
    assert ahr[["RORC", "IL23R"]].tolist() == [-1, -1] and "AHR" not in ahr.index
    assert table["JUN_TARGETS"]["CXCL13"] == -1
    assert pd.read_csv(SHIPPED, sep="\t")[["source", "license"]].notna().all(axis=None)
