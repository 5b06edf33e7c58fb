"""Activity of transcription factors, in one statistic and in each donor."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tilt.config import check
from tilt.core import contracts
from tilt.donors import factors, pseudobulk, z_scores

ROOT = Path(__file__).parents[3]


def test_circular_targets_leave_the_regulon(tmp_path):
    path = tmp_path / "net.tsv"
    path.write_text("source\ttarget\tweight\nAHR\tCXCL13\t1\nAHR\tCYP1B1\t1\nJUN\tFOS\t1\n")
    assert factors.read_regulon(path).edges["target"].tolist() == ["CYP1B1", "FOS"]
    path.write_text("source\ttarget\nAHR\tCXCL13\n")
    with pytest.raises(ValueError, match="no column"):
        factors.read_regulon(path)


def test_factor_activity_is_the_slope_of_the_linear_model():
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    genes = [f"g{i}" for i in range(200)]
    weight = np.zeros(200)
    weight[:20] = np.where(np.arange(20) < 15, 1.0, -1.0)
    statistic = pd.Series(2 * weight + rng.normal(size=200), genes)
    net = pd.DataFrame({"source": "STAT1", "target": genes[:20], "weight": weight[:20]})
    table = factors.of_statistic(statistic, factors.Regulon(net, {}), ["STAT1", "RORC"]).set_index(
        "factor"
    )
    fit = sm.OLS(statistic.to_numpy(), sm.add_constant(weight)).fit()
    assert table.loc["STAT1", "score"] == pytest.approx(fit.tvalues[1], rel=1e-9)
    assert table.loc["STAT1", "p"] == pytest.approx(fit.pvalues[1], rel=1e-6)
    assert table.loc["RORC", "reason"] == "0 targets measured; 5 are needed"


def test_the_linear_model_is_that_of_decoupler():
    import decoupler as dc

    rng = np.random.default_rng(3)
    genes = [f"g{i}" for i in range(300)]
    values = pd.DataFrame(rng.normal(0.3, 2, size=(6, 300)), list("abcdef"), genes)
    values.iloc[2, :30] += 4  # a large t
    edges = [("F", g, w) for g, w in zip(genes[:30], rng.normal(1, 1, 30), strict=True)]
    edges += [("G", g, -1.0) for g in genes[20:26]] + [("G", "unmeasured", 1.0)]
    edges += [("H", g, 1.0) for g in genes[50:54]]
    net = pd.DataFrame(edges, columns=["source", "target", "weight"])
    scores, targets = factors.ulm(values, factors.Regulon(net, {}), ["G", "F", "H"], 5)
    theirs, _ = dc.mt.ulm(values, net, tmin=5)
    assert targets == {"G": 6, "F": 30, "H": 4}
    assert list(scores) == ["G", "F"] and sorted(theirs) == ["F", "G"]
    assert scores.loc["c", "F"] > 8
    np.testing.assert_allclose(scores, theirs[["G", "F"]], rtol=1e-6)


def test_a_row_without_spread_has_no_score():
    genes = [f"g{i}" for i in range(40)]
    values = pd.DataFrame([[1.0] * 40, [*range(40)]], ["flat", "steep"], genes)
    net = pd.DataFrame({"source": "F", "target": genes[:6], "weight": 1.0})
    scores, _ = factors.ulm(values, factors.Regulon(net, {}), ["F"], 5)
    assert np.isnan(scores.loc["flat", "F"]) and scores.loc["steep", "F"] < -3


def test_a_regulon_that_cannot_be_used_is_refused(tmp_path):
    path = tmp_path / "net.tsv"
    path.write_text("source\ttarget\tweight\nAHR\tCXCL13\t1\nAHR\tIL22\t1\n")
    with pytest.raises(ValueError, match="no edge left without CXCL13, IL22"):
        factors.read_regulon(path)
    path.write_text("source\ttarget\tweight\nAHR\tFOS\t1\nJUN\tFOS\t1\nAHR\tFOS\t2\nJUN\tFOS\t1\n")
    with pytest.raises(ValueError, match="edge AHR -> FOS is there twice"):
        factors.read_regulon(path)
    path.write_text("# a comment\nsource\ttarget\tweight\nAHR\tFOS\t1\nJUN\tFOS\t1\n")
    assert len(factors.read_regulon(path).edges) == 2


def test_factors_need_their_least_number_of_measured_targets():
    rng = np.random.default_rng(1)
    genes = [f"g{i}" for i in range(60)]
    statistic = pd.Series(rng.normal(size=60), genes)
    statistic["g4"] = np.nan
    repeated = pd.concat([statistic, pd.Series([50.0], ["g0"])])  # only the first one counts
    edges = [("F", f"g{i}", 1.0) for i in range(6)] + [("G", f"g{i}", 1.0) for i in range(10, 14)]
    net = pd.DataFrame(edges, columns=["source", "target", "weight"])
    table = factors.of_statistic(
        repeated, factors.Regulon(net, {}), ["F", "G"], min_targets=5
    ).set_index("factor")
    assert table["n_targets"].to_dict() == {"F": 5, "G": 4}
    assert table["estimable"].to_dict() == {"F": True, "G": False}
    assert table.loc["F", "reason"] == ""
    assert table.loc["G", "reason"] == "4 targets measured; 5 are needed"
    assert np.isnan(table.loc["G", "p"])
    usual = factors.of_statistic(
        repeated, factors.Regulon(net, {}), ["F", "G"]
    )  # five are the default
    assert usual["estimable"].tolist() == [True, False]
    known = statistic.dropna()
    weight = known.index.isin([f"g{i}" for i in range(6)]).astype(float)
    line = stats.linregress(weight, known.to_numpy())
    assert table.loc["F", "score"] == pytest.approx(line.slope / line.stderr, rel=1e-9)
    assert table.loc["F", "p"] == pytest.approx(line.pvalue, rel=1e-9)


def test_removed_targets_are_counted_by_factor(tmp_path):
    path = tmp_path / "net.tsv"
    rows = ["AHR\tCXCL13\t-1", "AHR\tIL22\t1", "MAF\tPDCD1\t1", "MAF\tIL4\t1", "AHR\tTIPARP\t1"]
    path.write_text("source\ttarget\tweight\n" + "\n".join(rows) + "\n")
    regulon = factors.read_regulon(path)
    assert regulon.removed == {"AHR": 2, "MAF": 1}
    statistic = pd.Series(np.arange(5.0), ["TIPARP", "IL4", "A", "B", "C"])
    table = factors.of_statistic(statistic, regulon, ["AHR", "MAF", "JUN"])
    assert table["n_removed"].tolist() == [2, 1, 0]
    assert table["n_targets"].tolist() == [1, 1, 0]


def test_targets_of_the_outcome_leave_by_whatever_name(tmp_path, caplog):
    path = tmp_path / "net.tsv"
    rows = ["AHR\tENSG00000156234\t-1", "AHR\tBLC\t-1", "AHR\tTIPARP\t1", "JUN\tCXCL13\t-1"]
    path.write_text("source\ttarget\tweight\n" + "\n".join(rows) + "\n")
    regulon = factors.read_regulon(path, {"ENSG00000156234": "CXCL13", "BLC": "CXCL13"})
    assert regulon.edges["target"].tolist() == ["TIPARP"]
    assert regulon.removed == {"AHR": 1, "JUN": 1}
    assert "1 edges by another name of a target left out" in caplog.text


def test_the_shipped_regulon_has_a_source_for_every_edge_and_targets_for_every_factor():
    table = pd.read_csv(ROOT / "resources/regulons.tsv", sep="\t")
    assert list(table) == ["source", "target", "weight", "evidence", "license"]
    known = r"(PMID:\d+|PMCID:PMC\d+|doi:10\.\S+|Reactome:R-HSA-\d+|UniProt:\w+)"
    assert table["evidence"].str.fullmatch(rf"{known}(;{known})*").all()
    assert set(table["license"]) == {"facts", "CC0", "CC BY 4.0"}
    assert set(table["weight"]) == {1, -1}
    regulon = factors.read_regulon(ROOT / "resources/regulons.tsv")
    assert set(check.defaults()["stats"]["factors"]) == set(regulon.edges["source"])
    assert regulon.removed == {"AHR": 3, "BCL6": 2, "JUN": 2, "MAF": 3, "PRDM1": 1, "RORC": 2}
    # Factors are told apart: no two have the same genes, as STAT2 and IRF9 of one complex would.
    genes = {name: set(rows["target"]) for name, rows in table.groupby("source")}
    for a, b in itertools.combinations(sorted(genes), 2):
        assert len(genes[a] & genes[b]) < len(genes[a] | genes[b]) / 2, (a, b)
    assert len(genes["ISGF3"]) == 29 and {"IRF1", "CXCL10", "TAP1"} <= genes["STAT1"]
    # Law 2024: AHR with JUN represses CXCL13 and promotes IL-22, against stock CollecTRI.
    edge = table.set_index(["source", "target"])["weight"]
    assert edge[[("AHR", "CXCL13"), ("JUN", "CXCL13")]].tolist() == [-1, -1]
    assert edge[[("AHR", "IL22"), ("JUN", "IL22")]].tolist() == [1, 1]


def pooled(n: int, n_genes: int = 200, seed: int = 0):
    """Pseudobulk of ``n`` donors; in each second one genes 0 to 9 are doubled, 10 to 14 halved."""
    rng = np.random.default_rng(seed)
    mean = np.full((n, n_genes), 300.0)
    mean[::2, :10] *= 2
    mean[::2, 10:15] /= 2
    names = [f"g{i}" for i in range(n_genes)]
    obs = pd.DataFrame({"donor": [f"D{i}" for i in range(n)], "condition": "SLE"})
    obs = obs.assign(subset="memory_cd4", n_cells=[50] * (n - 1) + [8])
    return pseudobulk.assemble(rng.poisson(mean), obs, pd.DataFrame({"gene_symbol": names}, names))


NET = pd.DataFrame(
    [("F", f"g{i}", 1.0 if i < 10 else -1.0) for i in range(15)] + [("G", "g40", 1.0)],
    columns=["source", "target", "weight"],
)


def test_activity_of_donors_is_the_t_of_each_donors_own_line():
    bulk = pooled(9)
    donors = bulk.obs[["donor", "condition"]].reset_index(drop=True).assign(cohort="c")
    donors = pd.concat([donors, donors.iloc[:1].assign(donor="absent")], ignore_index=True)
    table = factors.of_donors(bulk, donors, factors.Regulon(NET, {}), ["F", "G"], 20)
    assert list(table) == list(contracts.FACTOR_ACTIVITY.columns)
    mine = table[table["factor"] == "F"].set_index("donor")
    weight = np.zeros(200)
    weight[:10], weight[10:15] = 1, -1
    kept = pseudobulk.of_subset(bulk, "memory_cd4", 20)
    z = z_scores.standardize(pseudobulk.log_cpm(pseudobulk.dense(kept)))
    for donor, own in zip(kept.obs["donor"], z, strict=True):
        line = stats.linregress(weight, own)
        assert mine.loc[donor, "value"] == pytest.approx(line.slope / line.stderr, rel=1e-9)
    assert mine.loc[["D0", "D2"], "value"].min() > 4 > -4 > mine.loc[["D1", "D3"], "value"].max()
    assert (
        mine.loc["D8", "reason"]
        == mine.loc["absent", "reason"]
        == ("fewer than 20 memory CD4 cells")
    )
    assert mine["n_cells"].tolist() == [50] * 8 + [8, 0]
    few = table[table["factor"] == "G"]
    assert not few["estimable"].any()
    assert set(few["reason"]) == {"1 target measured; 5 are needed"}


def test_too_few_donors_have_no_activity():
    bulk = pooled(4)
    donors = bulk.obs[["donor", "condition"]].reset_index(drop=True).assign(cohort="c")
    table = factors.of_donors(bulk, donors, factors.Regulon(NET, {}), ["F"], 20)
    assert set(table["reason"]) == {"3 donors with 20 memory CD4 cells; 4 needed"}
