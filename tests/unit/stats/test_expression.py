import numpy as np
import pandas as pd
import pytest
from tilt.core import contracts
from tilt.donors import pseudobulk
from tilt.stats import design, expression
from tilt.stats.negative_binomial import AllGenes

CONTRAST = design.Contrast("SLE", "control")


def bulk(donors=12, cells=50, genes=120, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "cohort": "c",
            "donor": [f"D{i}" for i in range(donors)],
            "condition": ["SLE", "control"] * (donors // 2),
            "batch": ["B1", "B1", "B2", "B2"] * (donors // 4),
        }
    )
    mean = rng.lognormal(4, 1, genes) * rng.lognormal(0, 0.3, (donors, genes))
    mean[::2, :5] *= 4
    names = [f"ENSG{i:011d}" for i in range(genes)]
    var = pd.DataFrame({"gene_symbol": [f"g{i}" for i in range(genes)]}, index=names)
    obs = table[["donor", "condition"]].assign(subset="cd4", n_cells=cells)
    return pseudobulk.assemble(rng.poisson(mean), obs, var), table


def test_planted_genes_are_found_with_their_size():
    sums, donors = bulk()
    table = expression.test(sums, "cd4", donors, design.Contrast("SLE", "control", (), ("batch",)))
    top = table[table["q"] < 0.05]
    assert {f"g{i}" for i in range(5)} <= set(top["gene_symbol"])
    planted = table.set_index("gene_symbol").loc[[f"g{i}" for i in range(5)], "log2fc"]
    assert planted.mean() == pytest.approx(2, abs=0.5)
    assert (table["covariates"] == "batch").all()


def test_it_is_pydeseq2_with_its_formula():
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    sums, donors = bulk()
    counts = pd.DataFrame(
        pseudobulk.dense(sums).astype(int), index=donors["donor"], columns=sums.var_names
    )
    counts = counts.loc[:, (counts >= 10).sum() >= 6]  # six donors an arm
    about = donors.set_index("donor")
    data = DeseqDataSet(counts=counts, metadata=about, design="~batch + condition", quiet=True)
    data.deseq2()
    stats = DeseqStats(data, contrast=["condition", "SLE", "control"], quiet=True)
    stats.summary()
    contrast = design.Contrast("SLE", "control", (), ("batch",))
    found = expression.test(sums, "cd4", donors, contrast).set_index("gene")
    assert set(found.index) == set(counts) != set(sums.var_names)
    expected = stats.results_df.loc[found.index]
    assert found["log2fc"].to_numpy() == pytest.approx(
        expected["log2FoldChange"], rel=0.005, abs=0.004
    )
    assert found["p"].to_numpy() == pytest.approx(expected["pvalue"], rel=0.05, abs=0.025)


def test_genes_need_ten_counts_in_as_many_donors_as_the_smaller_arm_has():
    sums, donors = bulk()
    is_case = (donors["condition"] == "SLE").to_numpy()
    sums.X = pseudobulk.dense(sums)
    sums.X[:, 0] = np.where(is_case, 10, 0)  # in one arm only: stays
    sums.X[:, 1] = np.where(is_case, 9, 0)
    sums.X[:, 2] = 0
    sums.X[:5, 2] = 500
    found = expression.test(sums, "cd4", donors, CONTRAST)["gene_symbol"]
    assert "g0" in set(found)
    assert not {"g1", "g2"} & set(found)


@pytest.mark.parametrize("cells", [5, 19])
def test_thin_donors_are_not_tested(cells):
    sums, donors = bulk(cells=cells)
    table = expression.test(sums, "cd4", donors, CONTRAST)
    assert len(table) == 1
    assert not table["estimable"].iloc[0]
    assert table["reason"].iloc[0].startswith("0 of 12 donors have 20 cd4 cells")


def test_one_arm_is_said():
    sums, donors = bulk()
    only = donors["condition"] == "SLE"
    table = expression.test(sums, "cd4", donors[only], CONTRAST)
    assert "0 control donors" in table["reason"].iloc[0]


def by_pydeseq2(sums, model, kind):
    """Statistics of PyDESeq2 itself with a design matrix whose last column is the condition."""
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    counts = pd.DataFrame(
        pseudobulk.dense(sums).astype(int), index=model.index, columns=sums.var_names
    )
    together = AllGenes(n_cpus=1)
    data = DeseqDataSet(
        counts=counts,
        metadata=model,
        design=model,
        size_factors_fit_type=kind,
        inference=together,
        quiet=True,
    )
    data.deseq2()
    vector = np.r_[np.zeros(model.shape[1] - 1), 1]
    found = DeseqStats(data, contrast=vector, inference=together, quiet=True)
    found.summary()
    return found.results_df


@pytest.mark.parametrize(("whole", "kind"), [(9, "poscounts"), (10, "ratio")])
def test_pairs_are_factors_and_sparse_genes_get_positive_counts(whole, kind):
    sums, donors = bulk(donors=8, genes=60)
    sums.X = pseudobulk.dense(sums) + 10
    holes = np.arange(8)[:, None] == np.arange(60) % 8
    sums.X[holes & (np.arange(60) >= whole)] = 0  # nine genes counted in all: too few for a ratio
    donors["donor"] = [f"P{i // 2}" for i in range(8)]
    sums.obs["donor"] = donors["donor"].to_numpy()
    sums.obs_names = sums.obs["donor"] + sums.obs["condition"]
    paired = design.Contrast("SLE", "control", pair="donor")
    found = expression.test(sums, "cd4", donors, paired)
    assert (found["n_case"] == 4).all() and (found["n_control"] == 4).all()
    assert (found["covariates"] == "donor").all() and (found["reason"] == "").all()
    assert found.columns.tolist() == list(contracts.EXPRESSION.columns)
    assert found["p"].is_monotonic_increasing
    order = np.r_[0:8:2, 1:8:2]
    model = pd.DataFrame(np.tile(np.eye(4), (2, 1)), columns=list("abcd"))
    model["condition"] = np.repeat([1.0, 0.0], 4)
    model.index = [str(i) for i in range(8)]
    expected = by_pydeseq2(sums[order], model, kind).loc[found["gene"]]
    assert found["log2fc"].to_numpy() == pytest.approx(expected["log2FoldChange"], abs=1e-6)
    assert found["se"].to_numpy() == pytest.approx(expected["lfcSE"], rel=1e-6)
    assert found["stat"].to_numpy() == pytest.approx(expected["stat"], abs=1e-6)
    assert found["q"].to_numpy() == pytest.approx(expected["padj"], rel=1e-6, nan_ok=True)
    assert found["base_mean"].to_numpy() == pytest.approx(expected["baseMean"], rel=1e-6)
    symbol = dict(zip(sums.var_names, sums.var["gene_symbol"], strict=True))
    assert found["gene_symbol"].tolist() == [symbol[gene] for gene in found["gene"]]


def test_too_few_genes_or_pairs_are_said():
    sums, donors = bulk(genes=9)
    row = expression.test(sums, "cd4", donors, CONTRAST).iloc[0]
    assert row["reason"] == "9 genes with 10 counts in 6 donors" and not row["estimable"]
    sums, donors = bulk(donors=4)
    donors["donor"] = ["P0", "P0", "P1", "P1"]
    sums.obs["donor"] = donors["donor"].to_numpy()
    row = expression.test(sums, "cd4", donors, design.Contrast("SLE", "control", pair="donor"))
    assert row["reason"].iloc[0] == ("4 of 4 donors have 20 cd4 cells; 2 pairs; 3 are needed")
    assert row["covariates"].iloc[0] == "donor"


def test_the_smaller_arm_sets_how_many_donors_a_gene_needs():
    sums, donors = bulk()
    donors.loc[donors["condition"] == "SLE", "condition"] = ["SLE"] * 4 + ["control"] * 2
    sums.obs["condition"] = donors["condition"].to_numpy()
    sums.X = pseudobulk.dense(sums)
    case = (donors["condition"] == "SLE").to_numpy()
    sums.X[:, 0] = np.where(case, 10, 0)  # four donors: as many as there are cases
    sums.X[:, 1] = 0
    sums.X[np.flatnonzero(case)[:3], 1] = 900
    found = expression.test(sums, "cd4", donors, CONTRAST)
    assert (found["n_case"] == 4).all() and (found["n_control"] == 8).all()
    assert "g0" in set(found["gene_symbol"]) and "g1" not in set(found["gene_symbol"])
