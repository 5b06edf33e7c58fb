"""Simulated cohorts summed by donor without drawing cells: pseudobulk and imbalance of each donor.

Composition, states, batch, handling and donor effects are those of :mod:`tilt.simulate`; the counts
of a donor's memory CD4 cells are drawn from the mean of their profiles, which takes milliseconds.
"""

from functools import cache
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from tilt.core.terms import UNIT, WORKING_SET
from tilt.donors import activity, imbalance, pseudobulk
from tilt.genes import responses
from tilt.genes import tables as gene_tables
from tilt.simulate import cohort as simulate
from tilt.simulate import world as worlds
from tilt.stats import contrast, design, perturbations
from tilt.stats import plan as plans

RESOURCES = Path(__file__).parents[2] / "resources"
DEMO = "demo_cd4"
NOISE = 0.05  # dispersion of a gene in a donor, beyond what the simulator gives


@cache
def shipped():
    """Parameters, signatures, the world and the shipped responses."""
    params = simulate.read_parameters(RESOURCES / f"demo/{DEMO}.yaml")
    signatures = gene_tables.read_signatures(RESOURCES / "signatures.tsv")
    made = worlds.build(params, gene_tables.read_markers(RESOURCES / "markers.tsv"), signatures)
    return params, signatures, made, responses.read([RESOURCES / "perturbations.tsv"])


def memory(params: dict) -> list[str]:
    """Cell types of the working set."""
    left_out = ("Naive", "Treg")
    names = (name for name in params["abundance"] if name.startswith("CD4_"))
    return [name for name in names if not any(part in name for part in left_out)]


def draw(params: dict, people: pd.DataFrame, seed: int, cells: int = 500):
    """Pseudobulk of the working set, and imbalance.tsv of E1, of the donors of a sheet."""
    _, _, world, _ = shipped()
    names = memory(params)
    kinds = world.types.index.get_indexer(names)
    rows, counted = [], []
    for person in people.to_dict("records"):
        name = person["donor"]
        rng = worlds.stream(seed, "pooled", name)
        shares, states = simulate.donor(params, name, person["condition"], seed, person)
        n = int(rng.lognormal(np.log(cells), 0.4))
        kept = rng.multinomial(n, shares[names] / shares[names].sum())
        mean = (kept / n) @ world.typical[kinds]
        for state, active in states.items():
            mean = mean + active * world.states[state]
        mean = mean * simulate._gene_factor(world, params, person, seed, rng)
        expected = n * params["depth"]["median"] * mean
        rows.append(rng.poisson(expected * rng.gamma(1 / NOISE, NOISE, len(mean))))
        n_by = dict(zip(names, kept, strict=True))
        tph, th22 = (sum(n_by[label] for label in labels) for labels in simulate.poles())
        counted.append((n, tph, th22))
    units = people[["donor", "condition"]].assign(cohort="pooled")[UNIT]
    n, tph, th22 = np.array(counted).T
    obs = units[UNIT[1:]].assign(subset=WORKING_SET, n_cells=n)
    var = pd.DataFrame(
        {"gene_symbol": world.genes["gene"].to_numpy()}, index=world.genes["ensembl"]
    )
    bulk: ad.AnnData = pseudobulk.assemble(np.array(rows), obs, var)
    value, variance = imbalance.ratio_values(n, tph, th22)
    found = units.assign(estimator="E1", value=value, variance=variance, n_cells=n)
    return bulk, found.assign(estimable=True, reason="", leads=True)


def people(n_control: int, n_case: int, seed: int) -> pd.DataFrame:
    """Donors in two batches."""
    return simulate.sheet(n_control, n_case, batches=2, seed=seed)


def compared(
    params: dict, people: pd.DataFrame, seed: int, n_random: int = 200, responses=None, cells=500
):
    """Perturbations of a drawn cohort, batch as a stratum: the two tables of the rule."""
    _, signatures, _, known = shipped()
    bulk, found = draw(params, people, seed, cells)
    donors = people[["donor", "condition", "batch"]].assign(cohort="pooled")
    declared = design.Contrast("SLE", "control", (), ("batch",))
    return perturbations.compare(
        bulk,
        donors,
        contrast.Plan(declared, seed=seed),
        found,
        known if responses is None else responses,
        activity.outcome_genes(signatures),
        20,
        n_random,
        plans.strata_of(donors, declared),
    )
