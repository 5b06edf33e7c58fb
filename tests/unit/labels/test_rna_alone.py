"""Labels of a cohort with RNA alone: the same bytes with the code of tags and receptors or not."""

import subprocess
import sys
from pathlib import Path

WORKFLOW = Path(__file__).parents[3] / "workflow"
BEYOND_RNA = ("labels.protein", "labels.receptors", "cells.proteins", "cells.receptors")
BEYOND_RNA += ("genes.antibodies", "io.tags", "io.receptors", "donors.protein_axis")
CODE = """
import sys
for name in sys.argv[3:]:
    sys.modules[f"tilt.{name}"] = None  # importing it raises ImportError
sys.path[:0] = sys.argv[1:2]
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from tilt.core import tables
from tilt.genes import tables as gene_tables
from tilt.labels import annotate

folder = sys.argv[1] + "/../resources/"
markers = gene_tables.read_markers(folder + "markers.tsv", folder + "shares.tsv")
signatures = gene_tables.read_signatures(folder + "signatures.tsv")
rng = np.random.default_rng(1)
genes = sorted({g for c in ("positive", "negative") for row in markers[c] for g in row})
kind = np.repeat([0, 1], 90)
rate = rng.gamma(0.3, 1.0, (2, len(genes)))[kind]
counts = sparse.csr_matrix(rng.poisson(rate).astype(np.int32))
obs = pd.DataFrame({"n_counts": 2000.0, "donor": [f"d{n % 3}" for n in range(180)]})
obs.index = [f"cell{n}" for n in range(180)]
cells = AnnData(counts, obs, pd.DataFrame({"gene_symbol": genes}, index=genes))
place = rng.normal(size=(180, 3)) + 3 * kind[:, None]
found = annotate.label(cells, place, markers, signatures, 1)
tables.write(found.labels, sys.argv[2] + "/labels.tsv.gz")
tables.write(found.scores, sys.argv[2] + "/scores.tsv.gz")
"""


def made(folder, *blocked):
    folder.mkdir()
    command = [sys.executable, "-c", CODE, str(WORKFLOW), str(folder), *blocked]
    subprocess.run(command, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_labels_are_the_same_bytes_without_the_code_of_tags_and_receptors(tmp_path):
    with_it, without = made(tmp_path / "with"), made(tmp_path / "without", *BEYOND_RNA)
    assert list(with_it) == ["labels.tsv.gz", "scores.tsv.gz"]
    assert with_it == without
