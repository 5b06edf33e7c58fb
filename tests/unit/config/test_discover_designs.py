"""Designs that are seen in an h5ad: pairs, visits, further groups, and cells that are nobody's."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import rawdata as raw
from tilt.config import discover


def found(folder, **obs):
    """What is found in an h5ad of a cell each row of ``obs``."""
    n = len(next(iter(obs.values())))
    table = pd.DataFrame(obs, index=raw.barcodes(n))
    full = ad.AnnData(raw.counts(n), obs=table, var=pd.DataFrame(index=raw.GENES))
    full.write_h5ad(folder / "all.h5ad")
    return discover.discover(folder / "all.h5ad", "mine")


def test_two_conditions_within_a_donor_are_not_pooled(tmp_path):
    """Without a column that tells samples apart: a stop, with the line that makes one."""
    ind, stim = ["1", "1", "2", "2"] * 3, ["ctrl", "stim"] * 6
    with pytest.raises(discover.NothingFound) as error:
        found(tmp_path, ind=ind, stim=stim)
    said = str(error.value)
    assert "2 of 2 values of ind hold cells of several values of stim (1: ctrl, stim)" in said
    assert 'adata.obs["ind"].astype(str) + "_" + adata.obs["stim"].astype(str)' in said
    with pytest.raises(discover.NothingFound, match="several values of stim"):
        found(tmp_path, ind=ind, stim=stim, disease=["SLE"] * 12)
    with pytest.raises(discover.NothingFound, match="several values of stim"):
        found(tmp_path, ind=ind, stim=stim, disease=["SLE" if i == "1" else "control" for i in ind])


def test_samples_of_two_conditions_of_a_donor_are_a_paired_contrast(tmp_path):
    ind, stim = ["1", "1", "2", "2"] * 3, ["ctrl", "stim"] * 6
    sample = [f"{a}_{b}" for a, b in zip(ind, stim, strict=True)]
    cohort, rows, guesses = found(tmp_path, ind=ind, stim=stim, sample=sample)
    assert cohort["contrast"] == {"case": "stim", "control": "ctrl", "paired": True}
    assert [(r["sample"], r["donor"], r["condition"]) for r in rows] == [
        ("1_ctrl", "1", "ctrl"), ("1_stim", "1", "stim"),
        ("2_ctrl", "2", "ctrl"), ("2_stim", "2", "stim"),
    ]  # fmt: skip
    assert "paired: 2 of 2 donors have both conditions" in guesses


def test_visits_are_seen_in_their_order(tmp_path):
    cohort, rows, guesses = found(
        tmp_path,
        sample=["a", "b", "c", "d"] * 2,
        donor=["1", "1", "2", "3"] * 2,
        disease=["SLE", "SLE", "SLE", "control"] * 2,
        visit=["week 2", "week 10", "week 2", "week 2"] * 2,
    )
    assert cohort["visits"] == {"column": "visit", "order": ["week 2", "week 10"]}
    assert [r["visit"] for r in rows] == ["week 2", "week 10", "week 2", "week 2"]
    assert any(g.startswith("visits: week 2, week 10, the first") for g in guesses)
    assert "paired" not in cohort["contrast"]
    with pytest.raises(discover.NothingFound, match="several values of visit"):
        found(tmp_path, donor=["1", "1"], disease=["SLE"] * 2, visit=["week 2", "week 10"])
    once = found(
        tmp_path, donor=["1", "2"], disease=["SLE", "control"], visit=["week 2", "week 10"]
    )[0]
    assert "visits" not in once


def test_rows_that_are_no_donors_are_left_out_with_their_number(tmp_path):
    cohort, rows, guesses = found(
        tmp_path,
        donor=["1", "2", "NA", "doublet", "unassigned", "1", "2"],
        disease=["SLE", "control", "SLE", "control", "SLE", "SLE", "control"],
        multiplets=["singlet"] * 6 + ["doublet"],
    )
    assert [r["donor"] for r in rows] == ["1", "2"]
    assert "3 cells of no donor (NA, doublet, unassigned) left out: not in the sheet" in guesses
    assert cohort["h5ad"]["where"] == {"multiplets": ["singlet"]}
    assert "only cells that are singlet in multiplets" in guesses


def test_further_conditions_are_told(tmp_path):
    guesses = found(
        tmp_path,
        donor=list("123456"),
        disease=["SLE", "control", "lupus nephritis", "SLE", "control", "RA"],
    )[2]
    (told,) = [g for g in guesses if "further" in g]
    assert "`groups` and `contrasts`" in told and "RA" in told
    assert np.sum(["paired" in g for g in guesses]) == 0


def test_visits_in_words_begin_with_the_one_before(tmp_path):
    order = found(
        tmp_path,
        sample=list("abcdef"),
        donor=["1", "1", "2", "2", "3", "3"],
        disease=["SLE"] * 4 + ["control"] * 2,
        timepoint=["post", "pre", "post", "pre", "post", "pre"],
    )[0]["visits"]["order"]
    assert order == ["pre", "post"]
    names = ["treated", "untreated", "week 10", "week 2"]
    rows = [{"donor": "1", "condition": "SLE", "visit": name} for name in names]
    assert discover._visits(rows)[0]["visits"]["order"] == [
        "untreated", "week 2", "week 10", "treated",
    ]  # fmt: skip


SHEET = """library,patient,diagnosis,timepoint,age at visit,age,gender
S1,P1,SLE,flare,31,31 years,female
S2,P1,SLE,remission,31,31 years,female
S3,P2,healthy,flare,40,40 years,male
S4,doublet,healthy,flare,,,
S9,P9,healthy,flare,50,50,male
"""


def folder_of(tmp_path, samples):
    """Folders of 10x files, which say nothing of who the samples are."""
    for sample in samples:
        place = tmp_path / f"run7_{sample}_out"
        place.mkdir()
        for name in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"):
            (place / name).touch()
    return tmp_path


def test_a_table_says_who_the_files_are_with_visits_and_what_is_left_over(tmp_path):
    folder = folder_of(tmp_path, ["S1", "S2", "S3", "S4", "S5"])
    sheet = tmp_path / "clinical.csv"
    sheet.write_text(SHEET)
    cohort, rows, guesses = discover.discover(folder, "mine", sheet)
    assert [(r["sample"], r["donor"], r["condition"], r["visit"]) for r in rows] == [
        ("run7_S1_out", "P1", "SLE", "flare"),
        ("run7_S2_out", "P1", "SLE", "remission"),
        ("run7_S3_out", "P2", "healthy", "flare"),
        ("run7_S5_out", "run7_S5_out", "", ""),
    ]
    assert (rows[0]["age"], rows[0]["sex"], rows[2]["sex"]) == ("31", "F", "M")
    assert rows[0]["path"] == "run7_S1_out"
    assert cohort["contrast"] == {"case": "SLE", "control": "healthy"}
    assert cohort["visits"] == {"column": "visit", "order": ["flare", "remission"]}
    told = "\n".join(guesses)
    assert "clinical.csv: files by column library; donor = patient, condition = diagnosis" in told
    assert "1 sample in no row of clinical.csv: fill them in" in told
    assert "1 row of clinical.csv without files: not in the sheet" in told
    assert "1 sample of no donor (run7_S4_out) left out" in told
    assert "condition of 1 of 4 samples is not known" in told


def test_a_table_of_pairs_makes_a_paired_contrast(tmp_path):
    folder = folder_of(tmp_path, ["S1", "S2", "S3", "S4"])
    sheet = tmp_path / "sheet.tsv"
    lines = ["name\tdonor\tstim"]
    lines += [f"S{i + 1}\tP{i // 2}\t{'stim' if i % 2 else 'ctrl'}" for i in range(4)]
    sheet.write_text("\n".join(lines) + "\n")
    cohort, rows, _ = discover.discover(folder, "mine", sheet)
    assert cohort["contrast"] == {"case": "stim", "control": "ctrl", "paired": True}
    assert [r["donor"] for r in rows] == ["P0", "P0", "P1", "P1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample,donor\nX,Y\n", "no column names the files .run7_S1_out.*Fix"),
        ("just words\n", "no table with a header and rows.*Fix"),
        ("sample,donor\nS1,NA\n", "all rows are of no donor.*Fix"),
    ],
)
def test_a_table_that_says_nothing_is_told(tmp_path, text, said):
    folder = folder_of(tmp_path, ["S1"])
    (tmp_path / "sheet.csv").write_text(text)
    with pytest.raises(discover.NothingFound, match=said):
        discover.discover(folder, "mine", tmp_path / "sheet.csv")
