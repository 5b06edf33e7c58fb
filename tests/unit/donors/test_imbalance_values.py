"""The estimators at their limits, and what of them leads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tilt.config import check
from tilt.core import contracts
from tilt.donors import composition as composition_of
from tilt.donors import imbalance, pseudobulk, sampling, z_scores
from tilt.genes import tables
from tilt.stats import plan

ROOT = Path(__file__).parents[3]

UNIT = ["cohort", "donor", "condition"]
N = 8
DONORS = pd.DataFrame(
    {"cohort": "c", "donor": list("ABCDEFGH"), "condition": ["SLE", "control"] * 4}
)
POLES = {"tph": ("Tph", "Tfh"), "th22": ("Th22",)}
USUAL = plan.imbalance_settings(check.defaults()["imbalance"])
LIMITS = replace(USUAL, poles=POLES, min_memory_cells=100, min_median_th22=6, typical_th22=0.05)


def composition(**n):
    parts = []
    for subset, count in n.items():
        for home, total in (("memory_cd4", np.arange(N) * 50 + 60), ("cd4", 5000)):
            rows = DONORS.assign(subset=subset, n=count, denominator=home, n_denominator=total)
            parts.append(rows.assign(kind="subset"))
    return pd.concat(parts, ignore_index=True)


def test_cells_of_both_poles_are_summed_in_the_working_set(caplog):
    table = composition(Tph=np.arange(N), Tfh=2, Th22=7, other=99)
    table.loc[table["denominator"] == "cd4", "n"] = 1000
    found = imbalance.pole_counts(table, POLES)
    assert found.columns.tolist() == [*UNIT, "n_cells", "n_tph", "n_th22"]
    assert found["n_tph"].tolist() == (np.arange(N) + 2).tolist()
    assert found["n_th22"].tolist() == [7] * N
    assert found["n_cells"].tolist() == (np.arange(N) * 50 + 60).tolist()
    assert caplog.text == ""
    found = imbalance.pole_counts(table, {"tph": ("Tph", "absent"), "th22": ("nothing",)})
    assert found["n_tph"].tolist() == list(range(N)) and (found["n_th22"] == 0).all()
    assert "no rows for absent: counted as zero" in caplog.text


def counts(n_th22, n_cells=300):
    table = DONORS.assign(n_tph=np.arange(N), n_th22=n_th22, n_cells=n_cells)
    return table


def test_rows_of_a_ratio():
    table = counts(3, np.r_[99, 100, np.full(N - 2, 500)])
    found = imbalance.ratio_rows(table, "E2", 100, "")
    # shares of all donors, those with few cells counting for less, give the expected cells
    cells = np.r_[99.0, 100, np.full(N - 2, 500)]
    root = np.sqrt(cells) / np.sqrt(cells).sum()
    tph, th22 = (cells * (root @ (n / cells)) for n in (np.arange(N), np.full(N, 3)))
    bias = sampling.log_bias(tph) - sampling.log_bias(th22)
    plain = np.log((np.arange(N) + 0.5) / 3.5)
    assert found["value"].to_numpy()[1:] == pytest.approx((plain - bias)[1:])
    assert found["variance"].to_numpy()[1:] == pytest.approx((1 / tph + 1 / th22)[1:])
    assert np.isnan(found["value"].iloc[0]) and not found["estimable"].iloc[0]
    assert found["reason"].tolist() == ["fewer than 100 memory CD4 cells"] + [""] * (N - 1)
    assert found["estimable"].tolist() == [False] + [True] * (N - 1)
    assert (found["estimator"] == "E2").all() and found["n_cells"].iloc[0] == 99
    nothing = imbalance.ratio_rows(table, "E1", 100, "because")
    assert nothing["value"].isna().all() and (nothing["reason"] == "because").all()
    assert not nothing["estimable"].any()


def test_donors_without_cells_expect_none_and_the_others_theirs():
    found = imbalance.expected_cells(np.array([0.0, 100, 400]), np.array([0.0, 10, 20]))
    share = (10 * 0.1 + 20 * 0.05) / 30  # roots of the cells weigh
    assert found == pytest.approx(np.array([0, 100, 400]) * share)
    assert imbalance.expected_cells(np.zeros(2), np.zeros(2)).tolist() == [0, 0]


SEEN = pd.DataFrame({"gene": ["IL22", "CCR10", "X"], "n_cells": [0, 1, 50]})


@pytest.mark.parametrize(
    ("n_th22", "n_cells", "seen", "words"),
    [
        (5, 120, SEEN, ""),
        (5, 99, SEEN, "no donor has 100 memory CD4 cells"),
        (
            5,
            119,
            SEEN,
            "5.95 Th22-like cells expected in the median donor, of 119 memory CD4 cells",
        ),
        # what is expected follows from the cells alone; how many are found, and in whom, does not
        (400, 119, SEEN, "5.95 Th22-like cells expected in the median donor"),
        (1, 120, SEEN, ""),
        ([0, 0, 0, 0, 2, 99, 99, 99], 120, SEEN, ""),
        ([5] * 8, [100] * 5 + [400] * 3, SEEN, "5 Th22-like cells expected in the median donor"),
        ([5] * 8, [99] * 5 + [120] * 3, SEEN, ""),
        # unless labels find next to none
        (0.5, 120, SEEN, ""),
        (
            [9, 9, 9, 9, 9, 0.5, 0.5, 0.4],
            [99] * 5 + [120] * 3,
            SEEN,
            "0.47 Th22-like cells a donor",
        ),
        (5, 120, SEEN.assign(n_cells=[0, 0, 50]), "IL22 and CCR10 were not detected"),
        (5, 120, SEEN.assign(n_cells=[1, 0, 0]), ""),
        (5, 120, SEEN.iloc[2:], "IL22 and CCR10 were not detected in any memory CD4 cell"),
        (5, 120, None, ""),
    ],
)
def test_whether_labeled_counts_can_carry_the_ratio(n_th22, n_cells, seen, words):
    found = imbalance.e1_problem(counts(n_th22, n_cells), seen, LIMITS)
    assert (found == "") == (words == "") and words in found


def test_the_effect_does_not_decide_whether_labeled_counts_carry_the_ratio():
    """18 donors of 230 cells, 1 % Th22-like, a fifth of these in ten cases: by the shares of all
    donors E1 led in .89 of cohorts without a difference and in .11 of those with this one."""
    case = np.arange(18) < 10
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(18)]})
    donors["condition"] = np.where(case, "SLE", "control")
    for seed in range(60):
        for fold in (1.0, 0.2):
            rng = np.random.default_rng(seed)
            n = np.round(230 * np.exp(rng.normal(0, 0.4, 18))).astype(int)
            share = 0.01 * np.exp(rng.normal(0, 0.5, 18)) * np.where(case, fold, 1)
            table = donors.assign(n_cells=n, n_tph=n // 50, n_th22=rng.poisson(n * share))
            assert imbalance.e1_problem(table, None, USUAL) == "", (seed, fold)
            few = table.assign(n_cells=n // 6)
            assert "expected in the median donor" in imbalance.e1_problem(few, None, USUAL)


def test_the_typical_share_is_that_of_the_table_of_shares():
    markers = tables.read_markers(ROOT / "resources/markers.tsv", ROOT / "resources/shares.tsv")
    share = markers.set_index("label")["share"]
    memory = share[composition_of.labels_of(markers, "memory_cd4")]
    typical = memory[list(USUAL.poles["th22"])].sum() / memory.sum()
    assert USUAL.typical_th22 == pytest.approx(typical, abs=0.0005)


def estimates(**shares):
    """Rows of E1 to E3 of which so many donors are estimable."""
    parts = []
    for name, n in shares.items():
        rows = DONORS[UNIT].assign(estimator=name, value=1.0, estimable=np.arange(N) < n)
        parts.append(rows.assign(reason=np.where(rows["estimable"], "", f"no {name}")))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("shares", "lead", "said"),
    [
        ({"E1": 4, "E2": 8, "E3": 8}, "E1", "E1 leads: estimable in 4 of 8 donors"),
        (
            {"E1": 3, "E2": 8, "E3": 4},
            "E3",
            "E1 not estimable: no E1; E3 leads: estimable in 4 of 8 donors",
        ),
        (
            {"E1": 0, "E2": 8, "E3": 3},
            "E2",
            "E1 not estimable: no E1; E3 not estimable: no E3; "
            "E2 leads: estimable in 8 of 8 donors",
        ),
        (
            {"E1": 0, "E2": 3},
            "",
            "E1 not estimable: no E1; E3 not estimable: no donors; E2 not estimable: no E2",
        ),
    ],
)
def test_the_first_that_half_of_the_donors_have_leads(shares, lead, said):
    assert imbalance.leading(estimates(**shares)) == (lead, said)


GENES = [f"t{i}" for i in range(5)] + [f"h{i}" for i in range(5)] + [f"o{i}" for i in range(10)]
SIGNATURES = pd.DataFrame(
    {"gene": GENES[:10], "set": ["TPH_BLOOD"] * 5 + ["TH22_BLOOD"] * 5, "weight": [1.0, -2] * 5}
)


def bulk(cells=50, n=N):
    rng = np.random.default_rng(0)
    obs = DONORS[["donor", "condition"]].iloc[:n].assign(subset="memory_cd4", n_cells=cells)
    var = pd.DataFrame({"gene_symbol": GENES}, index=[f"id{i}" for i in range(20)])
    return pseudobulk.assemble(rng.poisson(rng.lognormal(4, 1, 20), (n, 20)), obs, var)


def axis(of=None, signatures=SIGNATURES):
    of = bulk() if of is None else of
    return imbalance.axis(of, signatures, ("TPH_BLOOD", "TH22_BLOOD"), None, LIMITS)


def test_the_axis_is_the_weighted_mean_of_one_set_less_that_of_the_other():
    of = bulk()
    made, reason = axis(of)
    assert reason == ""
    values = pseudobulk.log_cpm(pseudobulk.dense(of))
    z = (values - values.mean(0)) / values.std(0, ddof=1)
    assert made.z == pytest.approx(z)
    assert made.mean == pytest.approx(values.mean(0))
    weight = SIGNATURES["weight"].to_numpy()
    expected = z[:, :5] @ weight[:5] / np.abs(weight[:5]).sum()
    expected -= z[:, 5:10] @ weight[5:] / np.abs(weight[5:]).sum()
    assert made.value("TPH_BLOOD", "TH22_BLOOD") == pytest.approx(expected)
    rows = imbalance.axis_rows(DONORS, made, "", LIMITS)
    assert rows["value"].to_numpy() == pytest.approx(expected)
    assert rows["n_cells"].tolist() == [50] * N and rows["estimable"].all()


def test_donors_that_are_not_in_the_axis_keep_a_row():
    made, _ = axis(bulk(50, 6))
    rows = imbalance.axis_rows(DONORS, made, "", LIMITS).set_index("donor")
    assert rows.loc[["G", "H"], "n_cells"].tolist() == [0, 0]
    assert (rows.loc[["G", "H"], "reason"] == "fewer than 20 memory CD4 cells").all()
    assert rows["estimable"].tolist() == [True] * 6 + [False] * 2
    nothing = imbalance.axis_rows(DONORS, None, "because", LIMITS)
    assert (nothing["reason"] == "because").all() and (nothing["n_cells"] == 0).all()
    assert nothing["value"].isna().all() and not nothing["estimable"].any()


@pytest.mark.parametrize(("cells", "n", "fits"), [(20, 8, True), (19, 8, False), (20, 4, True)])
def test_the_axis_needs_four_donors_with_cells(cells, n, fits):
    made, reason = axis(bulk(cells, n))
    assert (made is not None) == fits
    if not fits:
        assert reason == "0 donors with 20 memory CD4 cells; 4 are needed"
    made, reason = axis(bulk(50, 3))
    assert made is None and reason.startswith("3 donors with 20")


@pytest.mark.parametrize(
    ("lost", "hidden", "words"),
    [
        (1, 0, ""),  # four of five genes are 80 %
        (2, 0, "3 of 5 genes of TPH_BLOOD measured; 80% are needed"),
        (0, 2, ""),
        (0, 3, "2 genes of TPH_BLOOD have counts in the pseudobulk; 3 are needed"),
    ],
)
def test_the_axis_needs_genes_that_are_measured_and_counted(lost, hidden, words):
    of = bulk()
    of.X = of.X.toarray()
    of.X[:, :hidden] = 0
    genes = SIGNATURES.copy()
    genes.loc[genes.index[:5][::-1][:lost], "gene"] = "absent"
    made, reason = axis(of, genes)
    assert (made is None) == bool(words) and reason == words


@pytest.mark.parametrize(
    "genes", [["absent"] * 3 + ["o1", "o2", "o3", "o4"], ["t0", "t1", "o1", "o2"]]
)
def test_a_third_set_that_cannot_be_scored_is_passed_over(genes):
    of = bulk()
    of.X = of.X.toarray()
    of.X[:, [0, 1]] = 0  # t0 and t1 are not counted
    third = pd.DataFrame({"gene": genes, "set": "MORE", "weight": 1.0})
    table = pd.concat([SIGNATURES, third])
    made, reason = imbalance.axis(of, table, ("TPH_BLOOD", "TH22_BLOOD", "MORE"), None, LIMITS)
    assert reason == "" and set(made.sets) == {"TPH_BLOOD", "TH22_BLOOD"}


def test_genes_are_seen_with_ten_counts_and_in_a_quarter_of_the_units():
    counts = np.zeros((8, 4))
    counts[:2, 0] = 5  # ten in two of eight
    counts[:3, 1] = 3  # nine
    counts[0, 2] = 99  # one of eight
    counts[:, 3] = 2
    assert z_scores.seen_genes(counts).tolist() == [True, False, False, True]


def test_counts_given_take_the_place_of_those_of_the_bulk():
    of = bulk()
    thin = pseudobulk.thin(pseudobulk.dense(of), 200, np.random.default_rng(0)).astype(float)
    made, _ = imbalance.measure(of, None, LIMITS, thin)
    assert made.mean == pytest.approx(pseudobulk.log_cpm(thin).mean(0))


def test_the_whole_table():
    table = composition(Tph=20, Tfh=5, Th22=np.arange(N) + 5, tph_high=9, th22_high=4)
    found, sentence = imbalance.estimate(table, bulk(), DONORS, SIGNATURES, LIMITS, SEEN)
    assert found.columns.tolist() == list(contracts.IMBALANCE.columns)
    assert found["estimator"].tolist() == ["E1"] * N + ["E2"] * N + ["E3"] * N
    assert sentence == "E1 leads: estimable in 7 of 8 donors"
    assert found.set_index("estimator")["leads"].groupby(level=0).all().to_dict() == {
        **{"E1": True, "E2": False, "E3": False}
    }
    e1 = found[found["estimator"] == "E1"]
    plain = np.log(25.5 / (np.arange(1, N) + 5.5))
    assert e1["value"].to_numpy()[1:] == pytest.approx(plain, abs=0.05)  # less a small bias
    e2 = found[found["estimator"] == "E2"]
    assert e2["value"].to_numpy()[1:] == pytest.approx(np.full(N - 1, np.log(9.5 / 4.5)), abs=0.05)
    unscored = composition(Tph=20, Tfh=5, Th22=9, tph_high=0, th22_high=0)
    found, _ = imbalance.estimate(unscored, bulk(), DONORS, SIGNATURES, LIMITS, SEEN)
    assert set(found.loc[found["estimator"] == "E2", "reason"]) == {
        "no cell has a score of the poles"
    }
    elsewhere = table[table["denominator"] == "cd4"]
    found, sentence = imbalance.estimate(elsewhere, None, DONORS, SIGNATURES, LIMITS, SEEN)
    assert set(found.loc[found["estimator"] != "E3", "reason"]) == {
        "the composition has no denominator memory_cd4"
    }
    assert len(found) == 3 * N and not found["estimable"].any() and not found["leads"].any()


def test_limits_where_nothing_is_said():
    made = USUAL
    assert (made.min_memory_cells, made.min_pseudobulk_cells) == (1, 20)
    assert (made.min_median_th22, made.typical_th22, made.min_genes) == (2, 0.036, 0.8)
    assert (made.tph_set, made.th22_set) == ("TPH_BLOOD", "TH22_BLOOD")


def test_units_keep_their_order_in_the_counts_of_poles():
    rows = [("c", d, "SLE", "Tph", n, "memory_cd4", 50) for d, n in (("D9", 4), ("D1", 7))]
    names = ["cohort", "donor", "condition", "subset", "n", "denominator", "n_denominator"]
    found = imbalance.pole_counts(pd.DataFrame(rows, columns=names), {"tph": ("Tph",)})
    assert found[["donor", "n_tph", "n_cells"]].values.tolist() == [["D9", 4, 50], ["D1", 7, 50]]
