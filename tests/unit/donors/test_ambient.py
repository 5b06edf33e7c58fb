"""Sentinels of ambient RNA are counted in the T cells of each donor."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.core.contracts import AMBIENT
from tilt.donors import ambient
from tilt.genes import tables as gene_tables


def bulk(symbols: list[str]) -> ad.AnnData:
    obs = pd.DataFrame({"donor": ["D1", "D1", "D2"], "condition": ["SLE", "SLE", "control"]})
    obs["subset"] = ["t", "cd4", "t"]
    obs.index = obs["donor"] + obs["subset"]
    counts = np.arange(3 * len(symbols)).reshape(3, -1)
    var = pd.DataFrame({"gene_symbol": symbols}, index=[f"ENSG{n}" for n in range(len(symbols))])
    return ad.AnnData(sparse.csr_matrix(counts), obs=obs, var=var)


def test_counts_of_a_source_are_summed_over_its_genes():
    table = ambient.sentinels(bulk(["CD3D", "S100A8", "S100A9", "HBB"]))
    assert list(table.columns) == list(AMBIENT.columns)
    assert len(table) == 2 * len(ambient.SENTINELS)
    row = table[table["genes"] == "S100A8 + S100A9"].set_index("donor")
    assert row.loc["D2", "n_counts"] == 9 + 10 and row.loc["D2", "n_total"] == 8 + 9 + 10 + 11
    assert row.loc["D2", "per_10k"] == pytest.approx(1e4 * 19 / 38)
    assert row.loc["D1", "n_counts"] == 1 + 2  # the T cells, not the CD4 rows


def test_a_gene_that_is_not_measured_is_not_zero():
    table = ambient.sentinels(bulk(["CD3D", "HBB"])).set_index("genes")
    assert table.loc["PPBP", "n_counts"].isna().all()
    assert table.loc["HBB", "n_counts"].tolist() == [1, 5]


def test_lineage_sentinels_are_markers_of_no_t_cell():
    """Each is a marker of its lineage or, as IGKC, no marker of T cells at all."""
    markers = gene_tables.read_markers("resources/markers.tsv")
    t_cells = markers[(markers["label"] == "T") | (markers["level"] != 0)]
    of_t = {gene for names in t_cells["positive"] for gene in names}
    assert not of_t & {gene for one in ambient.SENTINELS for gene in one.genes}


def test_numbers_are_out_of_ten_thousand_counts_of_the_group_asked_for():
    table = ambient.sentinels(bulk(["CD3D", "LYZ"]), subset="cd4").set_index("genes")
    assert table.loc["LYZ", "donor"] == "D1"
    assert table.loc["LYZ", ["n_counts", "n_total"]].tolist() == [3, 5]
    assert table.loc["LYZ", "per_10k"] == pytest.approx(6000)
    empty = bulk(["CD3D", "LYZ"])
    empty.X = empty.X * 0
    assert (ambient.sentinels(empty).set_index("genes").loc["LYZ", "per_10k"] == 0).all()
