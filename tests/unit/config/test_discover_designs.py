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
