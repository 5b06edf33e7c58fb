"""Cohorts of antibody tags alone: T cells of known type with their tags, no RNA, for many draws."""

import numpy as np
import pandas as pd
from tilt.cells import proteins
from tilt.config import check
from tilt.donors import protein_axis
from tilt.genes import antibodies, taxonomy
from tilt.genes import tables as gene_tables
from tilt.io import tags as reader
from tilt.simulate import cohort as simulate
from tilt.simulate import tags
from tilt.simulate.world import stream
from tilt.stats import contrast, design

RESOURCES = antibodies.SHIPPED.parent
MARKERS = gene_tables.read_markers(RESOURCES / "markers.tsv", RESOURCES / "shares.tsv")
SIGNATURES = gene_tables.read_signatures(RESOURCES / "signatures.tsv")
# What E4 reads, what mixtures are tried on, and what cells are centered over.
PANEL = ("CD3", "CD4", "CD8", "CD45RA", "CD45RO", "CD279", "CD278", "CD96", "CD127", "HLA-DR")


def parameters(**changes) -> dict:
    """Those of demo_cite with a smaller panel."""
    params = simulate.read_parameters(RESOURCES / "demo/demo_cite.yaml")
    levels = params["protein"]["levels"]
    kept = {name: v for name, v in levels.items() if name.startswith(PANEL)}
    protein = params["protein"] | {"levels": kept, "others": [], **changes}
    return params | {"protein": protein}


def sheet(n_control: int, n_case: int, batches: int, seed: int) -> pd.DataFrame:
    """Donors named by the seed, so that none is drawn twice."""
    made = simulate.sheet(n_control, n_case, batches, seed, prefix=f"D{seed}")
    return made.assign(cohort="simulated")


def draw(params: dict, people: pd.DataFrame, seed: int, n_cells: int = 600):
    """True labels of T cells and counts of their proteins (cells x proteins, NaN without tag)."""
    types = params["cells"]["types"]
    signal = tags.levels(params["protein"], types)
    known = set(MARKERS["label"]) & {k for k, spec in types.items() if spec["lineage"] == "T"}
    row = MARKERS.set_index("label")
    cells, counts = [], []
    for person in people.to_dict("records"):
        shares, _ = simulate.donor(params, person["donor"], person["condition"], seed)
        shares = shares[[name for name in shares.index if name in known]]
        rng = stream(seed, "cells", person["donor"])
        kinds = rng.choice(shares.index, n_cells, p=(shares / shares.sum()).to_numpy())
        table = tags.draw(params["protein"], signal, kinds, person, seed)
        table.index = [f"{person['sample']}_{i}" for i in range(n_cells)]
        made, _ = reader.proteins(table, {}, person["sample"], "")
        counts.append(made.astype(float))
        part = pd.DataFrame({"subset": kinds}, index=made.index)
        cells.append(part.assign(**{k: person[k] for k in ("donor", "condition", "batch")}))
    labels = pd.concat(cells)
    labels["level1"] = labels["subset"].map({n: taxonomy.branch(MARKERS, n) for n in known})
    labels["compartment"] = labels["subset"].map(row["compartment"])
    return labels.assign(look_alike=""), pd.concat(counts)


def e4(params: dict, people: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Rows of E4 of a cohort drawn from the truth, labels known."""
    labels, counts = draw(params, people, seed)
    levels = proteins.levels(counts, labels["batch"].to_numpy(), "simulated", seed)
    counted = protein_axis.counts(levels.aligned, labels, people)
    empty = pd.DataFrame(columns=["cohort", "donor", "condition", "estimator"])
    return protein_axis.beside(empty, counted, check.defaults()["imbalance"]["min_memory_cells"])


def compared(values: pd.DataFrame, people: pd.DataFrame) -> dict:
    """The row of the declared method of E4."""
    declared = design.Contrast("SLE", "control", (), ("batch",), "", 3)
    plan = contrast.Plan(declared, permutations=1, bootstraps=0)
    designs = contrast.DesignCache(people.reset_index(drop=True), plan)
    usable = values.assign(
        value=values["value"].astype(float),
        variance=values["variance"].astype(float),
        estimable=values["estimable"].astype(bool),
    )
    return contrast.main_effect(designs, usable, "ln ratio")


def true_ratio(params: dict, people: pd.DataFrame, seed: int) -> np.ndarray:
    """ln((Tph + Tfh) / Th22) of the true shares of each donor."""
    return simulate.donor_truth(params, people, seed)["log_ratio"].to_numpy()
