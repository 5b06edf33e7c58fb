"""Cohorts of receptors alone: T cells of known type with their contigs, no RNA, for many draws."""

import numpy as np
import pandas as pd
import tag_cohorts
from tilt.cells import receptors as cells_of
from tilt.donors import clones
from tilt.genes import taxonomy
from tilt.io import receptors as reader
from tilt.simulate import cohort as simulate
from tilt.simulate import receptors
from tilt.simulate.world import barcodes, stream
from tilt.stats import contrast, design

MARKERS = tag_cohorts.MARKERS
# Cells of each subset of a donor: enough of the rare ones.
KINDS = {"CD4_Tph_like": 60, "CD4_Tfh_circ": 60, "CD4_CTL": 40, "CD8_EM_GZMK": 60, "MAIT": 30}


def parameters(**changes) -> dict:
    """Those of demo_cite, with changes of its receptors."""
    params = simulate.read_parameters(tag_cohorts.RESOURCES / "demo/demo_cite.yaml")
    return params | {"receptors": params["receptors"] | changes}


def draw(
    params, people: pd.DataFrame, seed: int, path, kinds=KINDS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """True labels of T cells, and their receptors as they are read from files."""
    row = MARKERS.set_index("label")
    cells, parts = [], []
    for person in people.to_dict("records"):
        rng = stream(seed, "cells", person["donor"])
        n = {kind: int(rng.poisson(mean)) for kind, mean in kinds.items()}
        mine = np.repeat(list(n), list(n.values())).astype(object)
        codes = barcodes(len(mine), rng)
        made = receptors.of_sample(params, mine, person, codes, np.array([], int), seed)
        made.to_csv(path, index=False)
        chains, _, _ = reader.read(path, person["sample"])
        parts.append(chains.assign(cell=person["sample"] + "_" + chains["cell"]))
        part = pd.DataFrame({"subset": mine}, index=[f"{person['sample']}_{c}" for c in codes])
        cells.append(part.assign(donor=person["donor"], condition=person["condition"]))
    labels = pd.concat(cells)
    labels["level1"] = labels["subset"].map({k: taxonomy.branch(MARKERS, k) for k in KINDS})
    labels["compartment"] = labels["subset"].map(row["compartment"]).fillna("")
    found = cells_of.of_cells(pd.concat(parts), labels["donor"])
    return labels.assign(look_alike=""), found


def measured(params, people: pd.DataFrame, seed: int, path, kinds=KINDS) -> pd.DataFrame:
    """clones.tsv of a cohort whose labels are the true ones."""
    labels, found = draw(params, people, seed, path, kinds)
    return clones.measure(labels, found, people, list(kinds), seed)


def compared(table: pd.DataFrame, people: pd.DataFrame, measure: str, subset: str) -> dict:
    """The row of the declared method of a measure of a subset."""
    plan = contrast.Plan(design.Contrast("SLE", "control"), permutations=1, bootstraps=0)
    designs = contrast.DesignCache(people.reset_index(drop=True), plan)
    rows = table[(table["measure"] == measure) & (table["subset"] == subset)]
    return contrast.main_effect(designs, rows, "percentage points")
