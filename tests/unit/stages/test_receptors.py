"""Receptors of a cohort from the tables of its samples: who has none, and what was called."""

import pandas as pd
import pytest
from tilt.core import contracts, tables
from tilt.io.errors import BadSample
from tilt.stages import receptors

HEAD = "barcode,chain,v_gene,j_gene,productive,cdr3,cdr3_nt,umis"
CODES = [f"AAACCTGAGAAAC{a}{b}{c}-1" for a in "ACGT" for b in "ACGT" for c in "ACGT"][:20]
SHEET = [{"sample": f"S{n}", "donor": f"D{n}", "condition": "SLE"} for n in (1, 2, 3)]


def saved(folder, codes=CODES, several=4):
    """Alpha and beta of every barcode; the first few have a second beta chain."""
    lines = [HEAD]
    for n, code in enumerate(codes):
        lines.append(f"{code},TRA,TRAV21,TRAJ9,True,CAF,TGT{n},3")
        lines.append(f"{code},TRB,TRBV5-1,TRBJ1-1,True,CAF,TGT{n},3")
        if n < several:
            lines.append(f"{code},TRB,TRBV20-1,TRBJ2-1,True,CAF,TGA,2")
    (folder / "c.csv").write_text("\n".join(lines) + "\n")
    return str(folder / "c.csv")


def cells(*samples):
    """Every barcode: of those with two beta chains half were called doublets, of others none."""
    parts = []
    for name in samples:
        part = pd.DataFrame({"cell": [f"{name}_{c}" for c in CODES], "sample": name, "kept": True})
        parts.append(part.assign(is_doublet=[n < 2 for n in range(len(CODES))]))
    return pd.concat(parts)


def obs(*samples):
    table = cells(*samples)
    kept = table[~table["is_doublet"]].set_index("cell")
    return kept.assign(donor=kept["sample"].str.replace("S", "D"))


def test_a_sample_without_contigs_or_without_cells_is_told_and_stops_nothing(tmp_path):
    files = {"S1": saved(tmp_path), "S3": saved(tmp_path)}
    found, table = receptors.of_cohort(files, SHEET, cells("S1", "S2"), obs("S1", "S2"), "demo")
    assert tables.problems(found, contracts.RECEPTORS) == []
    assert tables.problems(table, contracts.RECEPTOR_SAMPLES) == []
    told = table.set_index("sample")
    assert told.loc["S2", "notes"] == "no table of receptors"
    assert told.loc["S3", "notes"] == "no cells of this sample"
    row = told.loc["S1"]
    assert row[["n_contigs", "n_barcodes", "n_no_cell"]].tolist() == [44, 20, 0]
    assert row[["n_t", "n_t_both", "n_t_many"]].tolist() == [18, 18, 2]
    assert row[["n_single_beta", "n_several_beta"]].tolist() == [16, 4]
    assert row[["pct_doublets_single", "pct_doublets_several"]].tolist() == [0, 50]
    assert told.loc["S2", "n_t_both"] == 0 and len(row["sha256"]) == 64
    mine = found.set_index("cell")
    assert list(mine.index) == list(obs("S1", "S2").index)
    assert (mine["clone"] != "").sum() == 16, "two T cells have two beta chains, S2 has none"


def test_barcodes_that_are_no_cell_are_counted(tmp_path):
    more = [f"GGGGGTGAGAAAC{a}{b}A-1" for a in "ACGT" for b in "AC"]
    file = saved(tmp_path, [*CODES, *more])
    _, table = receptors.of_cohort({"S1": file}, SHEET[:1], cells("S1"), obs("S1"), "demo")
    assert table[["n_barcodes", "n_no_cell"]].to_numpy().tolist() == [[28, 8]]
    assert table["notes"].tolist() == ["8 barcodes with receptors are no cell of the RNA"]


def test_receptors_of_another_sample_stop(tmp_path):
    other = [code.replace("AAACC", "TTTTT") for code in CODES]
    with pytest.raises(BadSample, match="0 of 20 barcodes"):
        receptors.of_cohort({"S1": saved(tmp_path, other)}, SHEET[:1], cells("S1"), obs("S1"), "d")
