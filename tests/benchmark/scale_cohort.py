"""A simulated cohort of any size as one h5ad in the layout of Perez 2022, written by samples.

raw/X holds the counts (CSR), obs says whose cell each is; cells of all donors lie mixed in
``MIXED`` donors' blocks, as in the release. One block of donors is in memory at a time.
"""

from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import yaml
from scipy import sparse
from tilt.genes import tables as gene_tables
from tilt.simulate import cohort as simulate
from tilt.simulate.world import build

ROOT = Path(__file__).parents[2]
MIXED = 4  # donors whose cells are shuffled together, as in a multiplexed run
# PBMC at the depth of 10x v2: about 1,300 genes a cell of 20,090.
CHANGES = {"n_genes": 20_090, "n_silent": 500, "depth": {"median": 2_600}}


def write(folder: Path, n_cells: int, n_donors: int, seed: int, packed: bool = False) -> dict:
    """Write cohort.h5ad, its sheet, cohort file and config to ``folder``; gives what is in it.

    ``n_cells`` barcodes of ``n_donors`` donors, half of them cases, in two batches. ``packed``:
    by gzip instead of lzf, which takes a third of the disk and as long to read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    params = simulate.read_parameters(ROOT / "resources/demo/demo_pbmc.yaml")
    params = simulate.override(params, n_cells=n_cells // n_donors, **CHANGES)
    sheet = simulate.sheet(n_donors // 2, n_donors - n_donors // 2, seed=seed)
    markers = gene_tables.read_markers(ROOT / "resources/markers.tsv")
    signatures = gene_tables.read_signatures(ROOT / "resources/signatures.tsv")
    about = _write_h5ad(folder / "cohort.h5ad", params, sheet, markers, signatures, seed, packed)
    sheet.to_csv(folder / "sheet.tsv", sep="\t", index=False)
    cohort = {
        "name": "scale",
        "title": f"Simulated PBMC, {n_donors} donors",
        "format": "h5ad",
        "folder": str(folder),
        "file": "cohort.h5ad",
        "h5ad": {"counts": "raw/X", "sample_column": "sample"},
        "samples": str(folder / "sheet.tsv"),
        "cells": "pbmc",
        "contrast": {"case": "SLE", "control": "control"},
        "covariates": ["age", "sex"],
        "strata": ["batch"],
        "batch": "batch",
    }
    (folder / "scale.yaml").write_text(yaml.safe_dump(cohort, sort_keys=False))
    (folder / "config.yaml").write_text(yaml.safe_dump({"cohorts": [str(folder / "scale.yaml")]}))
    return about


def _write_h5ad(path: Path, params, sheet, markers, signatures, seed, packed) -> dict:
    world = build(params, markers, signatures)
    rng = np.random.default_rng(seed)
    tables = []
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        counts = None
        for first in range(0, len(sheet), MIXED):
            rows = sheet.iloc[first : first + MIXED].to_dict("records")
            parts = [simulate.sample(world, params, row, seed) for row in rows]
            order = rng.permutation(sum(part.n_obs for part in parts))
            block = sparse.vstack([part.X for part in parts], format="csr")[order]
            tables.append(pd.concat([part.obs for part in parts]).iloc[order])
            if counts is None:
                counts = _start(file, parts[0].var, packed)
            counts.append(block.astype(np.float32))
        obs = pd.concat(tables)
        for name in obs.select_dtypes(object):
            obs[name] = obs[name].astype("category")
        ad.io.write_elem(file, "obs", obs)
        n_nonzero = file["raw/X/data"].shape[0]
    return {"cells": len(obs), "donors": len(sheet), "genes_per_cell": n_nonzero / len(obs)}


def _start(file: h5py.File, var: pd.DataFrame, packed: bool):
    ad.io.write_elem(file, "var", var)
    raw = file.create_group("raw")
    ad.io.write_elem(raw, "var", var)
    empty = sparse.csr_matrix((0, len(var)), dtype=np.float32)
    options: dict = {"compression": "lzf", "chunks": (100_000,)}
    if packed:
        options |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        empty.indptr = empty.indptr.astype(np.int64)  # for more than 2**31 counts
    ad.io.write_elem(raw, "X", empty, dataset_kwargs=options)
    return ad.io.sparse_dataset(file["raw/X"])
