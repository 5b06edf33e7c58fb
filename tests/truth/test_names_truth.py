"""A simulated sample whose genes are spelled as other programs do gives the same cells."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from road import QC, RESOURCES, tables
from tilt.simulate import cohort as simulate
from tilt.stages import sample as samples


@pytest.fixture(scope="module")
def raw():
    markers, signatures, _, _ = tables()
    sheet = simulate.sheet(1, 0, seed=4)
    params = simulate.read_parameters(RESOURCES / "demo/demo_pbmc.yaml")
    params = simulate.override(params, n_cells=400)
    return next(iter(simulate.cohort(params, sheet, markers, signatures, 1)))


def process(raw, symbols):
    markers, _, aliases, _ = tables()
    bare = AnnData(raw.X, obs=pd.DataFrame(index=raw.obs_names))
    bare.var_names = symbols
    about = dict.fromkeys(("cohort", "sample", "donor", "condition", "batch"), "x")
    return samples.process(bare, about, QC, markers, aliases, 1)


STYLES = {
    "dots": lambda s: s.replace("-", "."),
    "underscores": lambda s: s.replace("-", "_"),
    "gene-": "gene-{}".format,
    "GRCh38_": "GRCh38_{}".format,
    "lower": str.lower,
    "joined": "{}|ENSG00000000000".format,
}


@pytest.mark.parametrize("style", STYLES)
def test_same_cells_whatever_the_style(raw, style):
    symbols = raw.var["gene_symbol"].astype(str)
    if style == "joined":
        symbols_in_style = [f"{s}|ENSG9{n:010d}" for n, s in enumerate(symbols)]
    else:
        symbols_in_style = symbols.map(STYLES[style])
    plain, cells, summary = process(raw, symbols)
    found, cells_found, told = process(raw, symbols_in_style)
    assert summary["notes"] == [] and len(told["notes"]) == 1
    assert set(found.var["gene_symbol"]) == set(plain.var["gene_symbol"])
    pd.testing.assert_frame_equal(cells_found, cells)
    assert cells["pct_mito"].max() > 20 and (cells["reason"] == "too much mitochondrial").any()


def test_without_mitochondrial_genes_the_sample_says_so(raw):
    keep = ~raw.var["gene_symbol"].str.startswith("MT-").to_numpy()
    part = AnnData(raw.X[:, np.flatnonzero(keep)], obs=raw.obs)
    _, cells, summary = process(part, raw.var["gene_symbol"].astype(str)[keep])
    assert cells["pct_mito"].isna().all()
    assert summary["notes"][0].startswith(
        f"no mitochondrial gene (MT-...) among {keep.sum()} genes"
    )
