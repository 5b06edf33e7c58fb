"""Simulated cohorts with a known truth: donors x cell types x genes, drawn from a parameter file.

A sample depends on the seed and on the names of its sample, donor and batch only, so samples can
be made one by one, in any order, in bounded memory.

    params = read_parameters("resources/demo/demo_cd4.yaml")
    people = sheet(n_control=6, n_case=6, batches=2, seed=1)
    cells = simulate.cells(params, people, markers, signatures, seed=1)   # one AnnData

Planted in cases: shifts of the log abundance of cell types, raised interferon, lowered AHR-JUN; in
all, how the imbalance tracks these (:mod:`tilt.simulate.states`). :func:`null` takes all out.
Composition is logistic-normal (Aitchison 1982, doi:10.1111/j.2517-6161.1982.tb01195.x).
"""

import copy
import functools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import yaml
from scipy import sparse

from tilt.config import check
from tilt.core.contracts import PLANTED, TRUE_CELLS
from tilt.core.terms import ISG_HIGH
from tilt.simulate import counts as simulate_counts
from tilt.simulate import further, tags
from tilt.simulate import states as simulate_states
from tilt.simulate.counts import Cells
from tilt.simulate.world import World, build, stream

log = logging.getLogger(__name__)

KEYS = ["genes", "cells", "gene_seed", "n_genes", "n_silent", "n_cells", "depth", "mito_scale"]
KEYS += ["dispersion", "batch_sd", "donor_gene_sd", "handling_sd", "background", "identity"]
KEYS += ["ambient", "doublets", "low_quality", "proliferating_share", "donor_sd", "abundance"]
KEYS += ["case", "effects", *simulate_states.STATES, "tracking"]
OPTIONAL = ["protein", "further"]
TRUTH = [name for name in TRUE_CELLS.columns if name not in ("cell", "sample", "donor")]


# ------------------------------------------------------------------ parameters


def read_parameters(path: str | Path) -> dict:
    """Read a parameter file and the gene and cell tables it names (beside it).

    The keys are explained in ``resources/demo/demo_cd4.yaml``. Raises ValueError naming missing
    and unknown keys and unknown cell types.
    """
    path = Path(path)
    params = yaml.safe_load(path.read_text())
    missing, unknown = sorted(set(KEYS) - set(params)), sorted(set(params) - {*KEYS, *OPTIONAL})
    if missing or unknown:
        raise ValueError(f"{path}: missing keys {missing}, unknown keys {unknown}")
    if "protein" in params:
        tags.check(params["protein"])
    params["genes"] = pd.read_csv(path.parent / params["genes"], sep="\t", comment="#")
    params["cells"] = yaml.safe_load((path.parent / params["cells"]).read_text())
    types = set(params["cells"]["types"])
    for key in ("abundance", "effects"):
        bad = sorted(set(params[key]) - types)
        if bad:
            raise ValueError(
                f"{path}: {key} names unknown cell types {bad}; known: {sorted(types)}"
            )
    absent = sorted(set(params["effects"]) - set(params["abundance"]))
    if absent:
        raise ValueError(f"{path}: effects on cell types without abundance: {absent}")
    further.check(params.get("further", {}), params["abundance"])
    return params


def override(params: dict, **changes: Any) -> dict:
    """Copy ``params`` with some values changed; a dict changes only the keys it names.

    ``override(params, n_cells=500, depth={"median": 2000}, effects={"CD4_Tph_like": 1.5})``.
    Raises ValueError for an unknown key.
    """
    unknown = sorted(set(changes) - set(params))
    if unknown:
        raise ValueError(f"unknown parameters {unknown}; known: {sorted(params)}")
    changed = dict(params)
    for key, value in changes.items():
        old = copy.deepcopy(params[key])
        changed[key] = {**old, **value} if isinstance(value, dict) else value
    return changed


def null(params: dict) -> dict:
    """Copy ``params`` with nothing planted: no shift, states as in controls, none tracked."""
    flat = dict.fromkeys(params["effects"], 0.0)
    quiet = {s: {"case": params[s]["control"]} for s in simulate_states.STATES}
    quiet["tracking"] = dict.fromkeys(params["tracking"], 0.0)
    known = {key: value for key, value in params.items() if key != "further"}
    return override(known, effects=flat, **quiet)


def sheet(
    n_control: int,
    n_case: int,
    batches: int = 2,
    seed: int = 0,
    case: str = "SLE",
    prefix: str = "X",
) -> pd.DataFrame:
    """Make a sample sheet: sample, donor, condition, batch, age, sex; one sample a donor.

    Both arms are spread evenly over ``batches``. Samples are named ``{prefix}-C01`` (controls)
    and ``{prefix}-S01`` (cases). Nine of ten donors are women, as in lupus cohorts.
    """
    rng = stream(seed, "sheet", prefix)
    rows = []
    for letter, condition, n in (("C", "control", n_control), ("S", case, n_case)):
        for i in range(n):
            name = f"{prefix}-{letter}{i + 1:02d}"
            age = int(np.clip(rng.normal(40, 12), 18, 75))
            sex = "F" if rng.random() < 0.9 else "M"
            rows.append((name, name, condition, f"B{i % batches + 1}", age, sex))
    return pd.DataFrame(rows, columns=["sample", "donor", "condition", "batch", "age", "sex"])


# ------------------------------------------------------------------ donors


def donor(
    params: dict, name: str, condition: str, seed: int, row: Mapping | None = None
) -> tuple[pd.Series, dict[str, float]]:
    """Draw a donor (``row`` of the sheet): true shares of cell types, activity of each state."""
    abundance = pd.Series(params["abundance"], dtype=float)
    is_case = condition == params["case"]
    logs = np.log(abundance)
    activity, far = simulate_states.of_donor(params, name, is_case, seed)
    noise = stream(seed, "composition", name).normal(0, params["donor_sd"], len(logs))
    logs += simulate_states.tracked(pd.Series(noise, logs.index), poles(), far, params)
    if is_case:
        logs += pd.Series(params["effects"], dtype=float).reindex(logs.index).fillna(0.0)
    if row and params.get("further"):
        moved = further.shift(params["further"], row, [*logs.index, *activity])
        logs += moved[logs.index]
        activity = {s: value * float(np.exp(moved[s])) for s, value in activity.items()}
    shares = np.exp(logs - logs.max())
    return shares / shares.sum(), activity


@functools.cache
def poles() -> list[list[str]]:
    """Labels of the Tph/Tfh and of the Th22 end of the log-ratio E1, the main one first."""
    return list(check.defaults()["imbalance"]["poles"].values())


def log_ratio(amounts: pd.Series) -> float:
    """ln((Tph + Tfh) / Th22) of amounts or shares indexed by cell type."""
    tph, th22 = (amounts.reindex(labels).sum() for labels in poles())
    return float(np.log(tph / th22))


def planted(params: dict) -> pd.DataFrame:
    """What is planted in cases: quantity, effect (case minus control, log scale), meaning.

    The effect on ``log_ratio`` is that of the population: donors scatter around it.
    """
    abundance = pd.Series(params["abundance"], dtype=float)
    effects = pd.Series(params["effects"], dtype=float).reindex(abundance.index).fillna(0.0)
    shifted = abundance * np.exp(effects)
    rows = [
        (f"abundance:{k}", v, "shift of the log abundance, relative to unshifted types")
        for k, v in effects.items()
    ]
    ratio = log_ratio(shifted) - log_ratio(abundance)
    only = effects[poles()[0][0]] - effects[poles()[1][0]]
    rows.append(("log_ratio", ratio, "shift of ln((Tph + Tfh) / Th22)"))
    rows.append(("log_ratio_tph", only, "shift of ln(Tph / Th22)"))
    rows += [*simulate_states.planted(params), *further.planted(params.get("further", {}))]
    return pd.DataFrame(rows, columns=list(PLANTED.columns))


# ------------------------------------------------------------------ samples


def sample(world: World, params: dict, row: dict | pd.Series, seed: int) -> ad.AnnData:
    """Simulate one sample (a row of the sheet: sample, donor, condition, batch, maybe sex).

    Returns an AnnData: X (n_cells x genes) CSR int32 counts, every barcode including damaged
    cells and doublets; obs.index ``{sample}_{barcode}``; obs: the columns of the row, and the
    truth: ``true_lineage``, ``true_subset`` (cell type), ``true_isg_high``,
    ``true_proliferating``, ``true_is_doublet``, ``true_partner`` (type of the second cell),
    ``true_is_low_quality``, ``true_ambient_fraction``; var.index Ensembl ids, var.gene_symbol;
    obsm["protein"], where the parameters have antibody tags: their counts.
    """
    row = dict(row)
    name, n = str(row["sample"]), int(params["n_cells"])
    rng = stream(seed, "sample", name)
    shares, activity = donor(params, str(row["donor"]), row["condition"], seed, row)
    doublets = rng.binomial(n, params["doublets"]["share"])
    cells, states = _cells(world, params, row, shares, activity, n + doublets, seed, rng)
    damaged = _damage(params, cells, n, rng)
    factor = _gene_factor(world, params, row, seed, rng)
    soup = _soup(world, params, cells, factor, n, rng)
    counts, ambient = simulate_counts.draw(world, cells, factor, soup, params["dispersion"], rng)
    first = np.sort(rng.choice(n, doublets, replace=False))
    counts = simulate_counts.add_partners(counts, first, n)
    partner = np.full(n, -1)
    partner[first] = np.arange(n, n + doublets)
    types = world.types.index.to_numpy()
    kind = cells.kind[:n]
    truth = {
        "lineage": world.types["lineage"].to_numpy()[kind],
        "subset": types[kind],
        ISG_HIGH: states[ISG_HIGH][:n],
        "proliferating": states["proliferating"][:n],
        "is_doublet": partner >= 0,
        "partner": np.where(partner >= 0, types[cells.kind[partner]], ""),
        "is_low_quality": damaged,
        "ambient_fraction": ambient[:n] / np.maximum(np.asarray(counts.sum(1)).ravel(), 1),
    }
    obs = pd.DataFrame({f"true_{key}": truth[key] for key in TRUTH})
    for position, (key, value) in enumerate(row.items()):
        obs.insert(position, key, value)
    obs.index = [f"{name}_{code}" for code in _barcodes(n, rng)]
    index = pd.Index(world.genes["ensembl"].to_numpy())
    var = pd.DataFrame({"gene_symbol": world.genes["gene"].to_numpy()}, index=index)
    log.info("%s: %d cells, %.0f UMIs a cell", name, n, counts.sum() / n)
    made = ad.AnnData(X=counts, obs=obs, var=var)
    if "protein" in params:
        signal = tags.levels(params["protein"], params["cells"]["types"])
        every = tags.draw(params["protein"], signal, types[cells.kind], row, seed)
        both = every.iloc[:n].set_axis(obs.index)
        both.iloc[first] += every.iloc[n:].to_numpy()
        made.obsm["protein"] = both
    return made


def cohort(
    params: dict, sheet: pd.DataFrame, markers: pd.DataFrame, signatures: pd.DataFrame, seed: int
) -> Iterator[ad.AnnData]:
    """Simulate the samples of a sheet, one AnnData (see :func:`sample`) at a time."""
    world = build(params, markers, signatures)
    for row in sheet.to_dict("records"):
        yield sample(world, params, row, seed)


def cells(
    params: dict,
    sheet: pd.DataFrame,
    markers: pd.DataFrame,
    signatures: pd.DataFrame,
    seed: int,
    **changes: Any,
) -> ad.AnnData:
    """Simulate all samples of a sheet as one AnnData (for tests); ``changes`` as in override."""
    parts = list(cohort(override(params, **changes), sheet, markers, signatures, seed))
    obs = pd.concat([part.obs for part in parts])
    tables = [part.obsm["protein"] for part in parts if "protein" in part.obsm]
    return ad.AnnData(
        X=sparse.vstack([part.X for part in parts], format="csr"),
        obs=obs,
        var=parts[0].var,
        obsm={"protein": pd.concat(tables)} if tables else {},
    )


def donor_truth(params: dict, sheet: pd.DataFrame, seed: int) -> pd.DataFrame:
    """True values of the donor of each sample.

    Columns sample, donor, condition, interferon_activity, ahr_jun_activity, log_ratio (ln((Tph +
    Tfh) / Th22) of the true shares), log_ratio_tph, and share_<type>.
    """
    (tph, *_), (th22, *_) = poles()
    rows = []
    for row in sheet.to_dict("records"):
        shares, activity = donor(params, str(row["donor"]), row["condition"], seed, row)
        values = {key: row[key] for key in ("sample", "donor", "condition")}
        values |= {f"{state}_activity": value for state, value in activity.items()}
        values["log_ratio"] = log_ratio(shares)
        values["log_ratio_tph"] = float(np.log(shares[tph] / shares[th22]))
        rows.append(values | {f"share_{k}": v for k, v in shares.items()})
    return pd.DataFrame(rows)


# ------------------------------------------------------------------ inside a sample


def _cells(
    world: World,
    params: dict,
    row: pd.Series,
    shares: pd.Series,
    activity: dict[str, float],
    n: int,
    seed: int,
    rng: np.random.Generator,
) -> tuple[Cells, dict]:
    types = world.types
    kinds = types.index.get_indexer(shares.index)
    kind = kinds[rng.choice(len(kinds), n, p=shares.to_numpy())]
    identity = params["identity"]
    own = np.exp(rng.normal(-(identity["sd"] ** 2) / 2, identity["sd"], n))
    borrowed = _relatives(types, kinds, kind, rng)
    borrows = (borrowed >= 0) & (rng.random(n) < identity["borrow_share"])
    lent = np.where(borrows, rng.uniform(0, identity["borrow_max"], n), 0.0)
    d = params["depth"]
    spread = d["donor_sd"] * stream(seed, "depth", str(row["donor"])).normal()
    spread += d["batch_sd"] * stream(seed, "depth of batch", str(row["batch"])).normal()
    depth = d["median"] * np.exp(spread + rng.normal(0, d["cell_sd"], n))
    depth *= types["depth"].to_numpy()[kind]
    ifn = params["interferon"]
    quiet = activity["interferon"]
    high = rng.random(n) < min(ifn["high_per_activity"] * quiet, ifn["high_max"])
    interferon = np.where(high, rng.gamma(6, 1 / 6, n), quiet * rng.gamma(2, 1 / 2, n))
    ahr_jun = stream(seed, "ahr_jun of cells", str(row["sample"])).gamma(2, 1 / 2, n)
    cycling = rng.random(n) < params["proliferating_share"]
    found = Cells(
        kind=kind,
        borrowed=borrowed,
        own=own * (1 - lent),
        lent=lent,
        depth=depth,
        ambient=np.zeros(n),
        mito=np.full(n, np.nan),
        interferon=interferon,
        ahr_jun=activity["ahr_jun"] * ahr_jun,
        proliferating=cycling * rng.uniform(0.5, 1.5, n),
    )
    return found, {ISG_HIGH: high, "proliferating": cycling}


def _relatives(
    types: pd.DataFrame, kinds: np.ndarray, kind: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Another type of the same family for each cell; -1 where there is none."""
    family = types["family"].to_numpy()
    relatives = np.full(len(kind), -1)
    for own in np.unique(kind):
        others = [k for k in kinds if k != own and family[k] == family[own]]
        if others:
            cells = np.flatnonzero(kind == own)
            relatives[cells] = rng.choice(others, len(cells))
    return relatives


def _damage(params: dict, cells: Cells, n: int, rng: np.random.Generator) -> np.ndarray:
    """Turn a share of the first n cells into damaged cells: few UMIs, many mitochondrial."""
    quality = params["low_quality"]
    damaged = rng.random(n) < quality["share"]
    rows = np.flatnonzero(damaged)
    low, high = np.log(quality["depth"])
    cells.depth[rows] *= np.exp(rng.uniform(low, high, len(rows)))
    least, most = quality["mito"]
    cells.mito[rows] = rng.uniform(least, most, len(rows))
    return damaged


def _gene_factor(
    world: World, params: dict, row: pd.Series, seed: int, rng: np.random.Generator
) -> np.ndarray:
    """What batch, donor, sample handling and sex do to each gene (genes,)."""
    n = len(world.genes)
    logs = params["batch_sd"] * stream(seed, "batch", str(row["batch"])).normal(size=n)
    logs += params["donor_gene_sd"] * stream(seed, "donor genes", str(row["donor"])).normal(size=n)
    factor = np.exp(logs)
    handled = np.flatnonzero(world.states["handling"])
    factor[handled] *= np.exp(params["handling_sd"] * rng.normal())
    if "sex" in row:
        symbols = world.genes["gene"].to_numpy()
        sex = world.kind("sex")
        absent = sex[(symbols[sex] == "XIST") == (row["sex"] == "M")]
        factor[absent] = 0.0
    return factor


def _soup(
    world: World, params: dict, cells: Cells, factor: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Profile of the ambient RNA (genes,), from the sample's cells and from lysed ones.

    Sets how much of it each of the first n barcodes holds.
    """
    settings = params["ambient"]
    share = np.clip(rng.normal(settings["mean"], settings["sd"]), 0.002, 0.5)
    cells.ambient[:n] = share * np.median(cells.depth) * np.exp(rng.normal(0, 0.3, n))
    weights = np.bincount(cells.kind, weights=cells.depth, minlength=len(world.types))
    weights *= (1 - sum(settings["lysed"].values())) / weights.sum()
    for label, amount in settings["lysed"].items():
        weights[world.types.index.get_loc(label)] += amount
    return (weights @ world.typical) * factor


def _barcodes(n: int, rng: np.random.Generator) -> list[str]:
    """Distinct (n) 16-base barcodes with the ending 10x gives them."""
    numbers = rng.choice(4**8, n, replace=n > 4**8).astype(np.int64) * 4**8
    numbers += rng.integers(0, 4**8, n)
    digits = (numbers[:, None] >> (2 * np.arange(16))) & 3
    letters = np.frombuffer(b"ACGT", dtype="S1")[digits]
    return [code.decode() + "-1" for code in letters.view("S16").ravel()]
