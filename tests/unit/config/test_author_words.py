"""Labels of a file that label_map does not translate are told before work starts."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from tilt.config import author_words

KNOWN = {"CD4_Naive", "B", "NK"}


@pytest.fixture
def cohort(tmp_path):
    cells = ad.AnnData(np.ones((6, 1), np.float32))
    cells.obs["label"] = pd.Categorical(["naive", "B cell", None, "junk", "junk", "NK"])
    cells.obs["sample"] = ["S1", "S1", "S1", "S1", "S2", "S3"]
    cells.obs["ok"] = ["y"] * 4 + ["n", "y"]
    cells.write_h5ad(tmp_path / "all.h5ad")
    return {
        "path": "c.yaml",
        "format": "h5ad",
        "folder": str(tmp_path),
        "file": "all.h5ad",
        "author_labels": "label",
        "label_map": {"naive": "CD4_Naive"},
        "samples": [{"sample": "S1"}, {"sample": "S2"}],
    }


def test_gaps_are_told_with_their_cells_and_lines_to_paste(cohort):
    assert author_words.unmapped(cohort, KNOWN) == [
        "c.yaml: label_map: 2 labels of 3 cells in `label` are not in the map\n"
        "    found:   B cell, junk\n"
        "    fix:     add\n"
        "             B cell: unassigned\n"
        "             junk: unassigned"
    ]


def test_cells_that_are_not_taken_need_no_word(cohort):
    cohort |= {"h5ad": {"where": {"ok": ["y"]}, "sample_column": "sample"}}
    assert "of 2 cells" in author_words.unmapped(cohort, KNOWN)[0]
    cohort["label_map"] |= {"B cell": "B", "junk": "unassigned"}
    assert author_words.unmapped(cohort, KNOWN) == []


@pytest.mark.parametrize("change", [{"label_map": {}}, {"file": "gone.h5ad"}, {"label_map": None}])
def test_nothing_is_said_where_nothing_can_be_looked_at(cohort, change):
    assert author_words.unmapped(cohort | change, KNOWN) == []
    (author_words.Path(cohort["folder"]) / "all.h5ad").write_bytes(b"not HDF5")
    assert author_words.unmapped(cohort, KNOWN) == []
