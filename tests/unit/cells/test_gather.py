"""Samples of a cohort are joined on shared genes, without their condition."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.cells import gather


def var(names):
    return pd.DataFrame({"gene_symbol": [n.lower() for n in names]}, index=list(names))


def sample(name, lineages, genes="ABCD"):
    n = len(lineages)
    columns = {column: [0.0] * n for column in gather.STORE_COLUMNS}
    obs = pd.DataFrame(columns, index=[f"{name}_{i}" for i in range(n)])
    obs["sample"], obs["lineage"], obs["condition"] = name, lineages, "SLE"
    counts = np.arange(n * len(genes)).reshape(n, -1)
    return ad.AnnData(sparse.csr_matrix(counts), obs=obs, var=var(genes))


def test_shared_genes_keep_the_first_order():
    found = gather.shared_genes({"a": var("DABC"), "b": var("ABDE"), "skipped": var("")})
    assert list(found.index) == ["D", "A", "B"]
    assert list(found["gene_symbol"]) == ["d", "a", "b"]


def test_two_namings_are_refused_with_both_shown():
    with pytest.raises(ValueError, match=r"CD3E.*ENSG00000198851") as error:
        gather.shared_genes({"a": var(["CD3E", "CD4"]), "b": var(["ENSG00000198851", "CD8A"])})
    assert "samples a and b share only 0 genes" in str(error.value)
    with pytest.raises(ValueError, match="no sample of this cohort could be used"):
        gather.shared_genes({"a": var("")})


def test_only_t_cells_and_no_condition():
    parts = [sample("s1", ["T", "B", "T"], "DCBA"), sample("s2", ["NK"])]
    found = list(gather.t_cells(((p.obs, p.var, p.X, None) for p in parts), var("AB")))
    assert [list(part.obs_names) for part in found] == [["s1_0", "s1_2"], []]
    assert found[0].X.toarray().tolist() == [[3, 2], [11, 10]]
    assert "condition" not in found[0].obs


def test_waterfall_and_samples_name_the_skipped():
    about = pd.DataFrame(
        {"cohort": "x", "sample": ["s1", "s2"], "donor": ["d1", "d2"], "condition": "SLE"}
    )
    steps = [
        {"step": "read", "n_removed": 0, "n_left": 9},
        {"step": "doublet", "n_removed": 2, "n_left": 7},
    ]
    summaries = [
        {"sample": "s1", "status": "ok", "message": "", "n_read": 9, "steps": steps},
        {"sample": "s2", "status": "skipped", "message": "broken", "steps": []},
    ]
    assert gather.waterfall(summaries, about)["n_left"].tolist() == [9, 7]
    table = gather.sample_table(summaries, about)
    assert table[["n_read", "n_kept"]].to_numpy().tolist() == [[9, 7], [0, 0]]
    assert table["message"].tolist() == ["", "broken"]


def test_lineages_count_kept_cells():
    cells = pd.DataFrame(
        {"cohort": "x", "sample": "s", "donor": "d", "lineage": ["T", "T", "B", ""], "kept": True}
    )
    cells.loc[3, "kept"] = False
    table = gather.lineage_counts(cells)
    assert table[["lineage", "n"]].to_numpy().tolist() == [["B", 1], ["T", 2]]


def test_notes_of_a_sample_stand_in_its_table():
    about = pd.DataFrame({"sample": ["S1"], "cohort": "c", "donor": "D", "condition": "x"})
    steps = [{"step": "read", "n_removed": 0, "n_left": 5}]
    summary = {"sample": "S1", "status": "ok", "message": "", "steps": steps, "notes": ["a", "b"]}
    assert gather.sample_table([summary], about)["notes"].tolist() == ["a; b"]


def test_one_library_under_two_names():
    def library(sample, counts):
        cells = [f"{sample}_{barcode}" for barcode in ("AAA-1", "CCC-1")]
        return pd.DataFrame(
            {"cell": cells, "sample": sample, "n_counts": counts, "n_genes": [3, 4]}
        )

    a, b, c = library("A", [10, 20]), library("B_1", [10, 20])[::-1], library("C", [10, 21])
    assert gather.same_libraries(pd.concat([a, b, c])) == [["A", "B_1"]]
    assert gather.same_libraries(pd.concat([a, c])) == []
