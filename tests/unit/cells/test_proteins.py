"""Tags told from background: by hand, in batches that differ, and where nothing is concluded."""

import logging

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tilt.cells import proteins
from tilt.core import contracts


def cells(n=600, seed=0, batches=("A", "B")):
    """Two batches, in B twice the background; CD4 of 60 %, CD8 of the others, CD3 of all.

    With them, which cells have CD4.
    """
    rng = np.random.default_rng(seed)
    batch = np.repeat(batches, n // len(batches))
    cd4 = rng.random(n) < 0.6
    low = np.where(batch == batches[-1], 8.0, 4.0)
    mean = {"CD3": low + 60, "CD4": low + 100 * cd4, "CD8": low + 100 * ~cd4, "X": low, "Y": low}
    counts = pd.DataFrame({k: rng.poisson(v * np.ones(n)) for k, v in mean.items()}, dtype=float)
    return counts.set_axis([f"c{i}" for i in range(n)]), batch, cd4


def test_clr_by_hand():
    counts = pd.DataFrame({"a": [0.0, 3, 0], "b": [7.0, 3, 0], "c": [np.e - 1, 3, 0]})
    found = proteins.levels(counts, np.repeat("b", len(counts)), "demo", 1).level.to_numpy()
    first = np.array([0, np.log(8), 1])
    np.testing.assert_allclose(found[0], first - first.mean())
    np.testing.assert_allclose(found[1], 0, atol=1e-12)
    assert np.isnan(found[2]).all(), "a cell without any tag has no protein"


def test_cells_of_differing_panels_are_centered_over_what_all_have():
    counts = pd.DataFrame({n: [5.0, 5] for n in "abc"} | {"d": [500.0, np.nan]})
    found = proteins.levels(counts, np.repeat("b", len(counts)), "demo", 1).level
    np.testing.assert_allclose(found[["a", "b", "c"]], 0, atol=1e-12)
    assert found.loc[0, "d"] == pytest.approx(np.log(501 / 6)) and np.isnan(found.loc[1, "d"])


def test_signal_is_told_from_background_in_each_batch():
    counts, batch, cd4 = cells()
    found = proteins.levels(counts, batch, "demo", 1)
    assert ((found.log_odds["CD4"] > 0) == cd4).mean() > 0.99
    assert ((found.log_odds["CD8"] > 0) == ~cd4).mean() > 0.99
    fits = found.fits.set_index(["protein", "batch"])
    assert fits["apart"].groupby("protein").all().to_dict() == {
        "CD3": False,
        "CD4": True,
        "CD8": True,
        "X": False,
        "Y": False,
    }
    for name in "AB":
        share = cd4[batch == name].mean()
        assert fits.at[("CD4", name), "share_high"] == pytest.approx(share, abs=0.01)
    assert (found.log_odds[["X", "Y", "CD3"]] == 0).all(axis=None), "nothing is concluded"
    assert list(found.fits) == list(contracts.PROTEINS.columns)
    assert fits.loc[("X", "A"), "reason"]


def test_the_background_of_each_batch_is_taken_off():
    counts, batch, cd4 = cells(2000)
    found = proteins.levels(counts, batch, "demo", 1)
    for protein in ("CD4", "X"):
        raw, shifted = (
            table.loc[~cd4, protein].groupby(batch[~cd4]).median()
            for table in (found.level, found.aligned)
        )
        assert raw["B"] - raw["A"] > 0.15, "the batches differ"
        assert abs(shifted["B"] - shifted["A"]) < 0.08
    fit = found.fits.set_index(["protein", "batch"]).loc[("CD4", "A")]
    assert fit["background"] == fit["low_mean"]
    here = batch == "A"
    expected = found.level.loc[here, "CD4"] - fit["low_mean"]
    np.testing.assert_allclose(found.aligned.loc[here, "CD4"], expected, atol=1e-6)


def test_where_one_batch_is_not_told_apart_medians_are_taken_in_all():
    counts, batch, _ = cells()
    counts.loc[batch == "B", "CD4"] = np.random.default_rng(3).poisson(8, 300)
    found = proteins.levels(counts, batch, "demo", 1)
    fits = found.fits.set_index(["protein", "batch"]).loc["CD4"]
    assert fits["apart"].to_dict() == {"A": True, "B": False}
    assert (fits["background"] == fits["median"]).all()
    assert (found.log_odds.loc[batch == "B", "CD4"] == 0).all()


def test_log_odds_by_hand_and_never_falling():
    fit = {"low_mean": 0.0, "low_sd": 0.5, "high_mean": 2.0, "high_sd": 1.5}
    value = proteins.log_odds(np.array([1.0]), fit)[0]
    assert value == pytest.approx(stats.norm.logpdf(1, 2, 1.5) - stats.norm.logpdf(1, 0, 0.5))
    found = proteins.log_odds(np.linspace(-9, 9, 200), fit)
    assert (np.diff(found) >= 0).all(), "a wide signal does not reach below the background"
    assert found[0] == proteins.log_odds(np.array([0.0]), fit)[0]
    assert proteins.log_odds(np.array([2.0]), fit | {"low_sd": 0.1})[0] == proteins.MOST


def test_too_few_cells_and_absent_antibodies_say_so():
    counts, batch, _ = cells()
    counts.loc[batch == "B", "X"] = np.nan
    batch[:50] = "C"
    fits = proteins.levels(counts, batch, "demo", 1).fits.set_index(["protein", "batch"])
    assert fits.loc[("X", "B"), "reason"] == "no such antibody in this batch"
    assert fits.loc[("CD4", "C"), "reason"] == "fewer than 100 cells"
    assert not fits.loc[("CD4", "C"), "apart"]


def test_a_skewed_protein_is_no_two_populations():
    """A long tail makes two components better than one; they are no two kinds of cells."""
    counts, batch, _ = cells(2000)
    rng = np.random.default_rng(2)
    counts["X"] = rng.poisson(6 * np.exp(rng.gamma(1.5, 0.5, 2000)))
    fits = proteins.levels(counts, batch, "demo", 1).fits
    assert not fits.loc[fits["protein"] == "X", "apart"].any()


def test_order_of_cells_changes_nothing():
    counts, batch, _ = cells(batches=("A",), n=6000)
    first = proteins.levels(counts, batch, "demo", 1)
    order = np.random.default_rng(0).permutation(6000)
    other = proteins.levels(counts.iloc[order], batch[order], "demo", 1)
    pd.testing.assert_frame_equal(first.fits, other.fits, check_exact=True)
    back = other.log_odds.reindex(first.log_odds.index)
    pd.testing.assert_frame_equal(first.log_odds, back, check_exact=True)


def test_a_cohort_without_tags_stops_and_panels_that_differ_are_told(caplog):
    sample = pd.Series(list("aabbcc"))
    counts = pd.DataFrame(
        {"CD4": [1.0] * 4 + [np.nan] * 2, "X": [np.nan, np.nan, 1, 1] + 2 * [np.nan]}
    )
    for none in (None, counts[[]], counts * np.nan):
        with pytest.raises(ValueError, match=r"cohort demo: no sample has antibody tags\. Fix: "):
            proteins.require(none, sample, "demo")
    with caplog.at_level(logging.WARNING):
        assert proteins.require(counts, sample, "demo") is counts
    assert "1 sample without antibody tags: c" in caplog.text
    assert "no antibody against X in 1 samples: a" in caplog.text
    assert "against CD4" not in caplog.text


def test_over_empty_droplets_batches_meet_and_background_lies_at_zero():
    """Ambient that differs by batch and protein goes out; by hand, and of planted cells."""
    counts, batch, cd4 = cells(4000)
    rng = np.random.default_rng(5)
    rows = []
    for name, low in (("A", 4.0), ("B", 8.0)):
        logs = np.log(rng.poisson(low, (500, 5)) + 10.0)
        for place, protein in enumerate(counts):
            own = logs[:, place]
            rows.append({"sample": name, "protein": protein, "mean": own.mean(), "sd": own.std()})
    empty = pd.DataFrame(rows)
    over = proteins.over_droplets(counts, pd.Series(batch), empty, 10.0)
    found = proteins.levels(counts, batch, "demo", 1, over)
    mean, sd = empty.query("sample == 'B' and protein == 'X'")[["mean", "sd"]].iloc[0]
    last = np.log(counts["X"].iloc[-1] + 10) - mean
    assert found.level["X"].iloc[-1] == pytest.approx(last / sd, rel=1e-5)
    for name in "AB":
        rest = found.level.loc[batch == name, "X"]
        assert rest.mean() == pytest.approx(0, abs=0.1) and rest.std() == pytest.approx(1, abs=0.1)
        assert abs(found.level.loc[(batch == name) & ~cd4, "CD4"].mean()) < 0.1
    assert ((found.log_odds["CD4"] > 0) == cd4).mean() > 0.99
    apart = []
    for table in (proteins.levels(counts, batch, "demo", 1).level, found.level):
        a, b = (table.loc[batch == name, "X"] for name in "AB")
        apart.append(abs(a.mean() - b.mean()) / a.std())
    assert apart[0] > 0.3 and apart[1] < 0.1, "CLR leaves the batches apart"


def test_droplets_of_another_panel_are_told():
    counts, batch, _ = cells(40)
    empty = pd.DataFrame({"sample": ["A", "B"], "protein": "CD4", "mean": 1.0, "sd": 1.0})
    with pytest.raises(ValueError, match="no empty droplets of CD3 of sample A, CD3 of sample B, "):
        proteins.over_droplets(counts, pd.Series(batch), empty, 10.0)
