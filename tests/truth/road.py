"""The road from simulated counts to donor estimates, without Snakemake: what truth tests walk."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from anndata import AnnData
from scipy import sparse
from tilt.cells import embed, normalize, proteins
from tilt.config import check
from tilt.config.check import merged
from tilt.genes import tables as gene_tables
from tilt.io import tags as reader
from tilt.labels import annotate, protein
from tilt.simulate import cohort as simulate
from tilt.stages import sample as samples

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "resources"
TARGET = 1e4
QC = yaml.safe_load((ROOT / "config/config.yaml").read_text())["qc"]


@cache
def tables() -> tuple[pd.DataFrame, pd.DataFrame, dict, pd.DataFrame]:
    """Markers, signatures, aliases and excluded genes, as shipped."""
    return (
        gene_tables.read_markers(RESOURCES / "markers.tsv"),
        gene_tables.read_signatures(RESOURCES / "signatures.tsv"),
        gene_tables.read_aliases(RESOURCES / "gene_aliases.tsv"),
        gene_tables.read_excluded(RESOURCES / "excluded_genes.tsv"),
    )


@dataclass
class Walked:
    """``cells``: every barcode with its truth (columns ``true_*``) and what tilt made of it;
    ``labels``: of the T cells, beside their truth; ``scores``: the probabilities of theirs;
    ``sheet``: one row a donor."""

    cells: pd.DataFrame
    labels: pd.DataFrame
    scores: pd.DataFrame
    sheet: pd.DataFrame


def walk(
    name: str, sheet: pd.DataFrame, seed: int, null: bool = False, tags: bool = False, **changes
) -> Walked:
    """Simulate a cohort with the parameters of demo ``name`` and take it to labels.

    ``tags``: whether its antibody tags speak in the labels.
    """
    markers, signatures, aliases, excluded = tables()
    cohort = yaml.safe_load((ROOT / f"config/cohorts/{name}.yaml").read_text())
    qc = merged(QC, cohort.get("qc", {}))
    params = simulate.read_parameters(RESOURCES / f"demo/{name}.yaml")
    params = simulate.override(simulate.null(params) if null else params, **changes)
    kept, cells = [], []
    for raw in simulate.cohort(params, sheet, markers, signatures, seed):
        row = raw.obs.iloc[0]
        about = {key: str(row[key]) for key in ("sample", "donor", "condition", "batch")}
        truth = raw.obs.filter(like="true_")
        bare = AnnData(raw.X, obs=pd.DataFrame(index=raw.obs_names), var=raw.var)
        if tags:
            bare.obsm["protein"], _ = reader.proteins(raw.obsm["protein"], {}, row["sample"], "")
        sample, table, _ = samples.process(
            bare, {"cohort": name, **about}, qc, markers, aliases, seed
        )
        truth.index = table.index
        cells.append(table.join(truth).assign(donor=about["donor"]))
        kept.append(sample[(sample.obs["lineage"] == "T").to_numpy()])
    counts = sparse.vstack([part.X for part in kept], format="csr")
    obs = pd.concat([part.obs for part in kept])
    var = kept[0].var
    depth = obs["n_counts"].to_numpy()
    batch = pd.Categorical(obs["batch"].astype(str)).codes.astype(int)

    def blocks():
        return ((i, counts[i : i + 5000]) for i in range(0, len(obs), 5000))

    lists = np.asarray(gene_tables.excluded(var["gene_symbol"], excluded), dtype=str)
    stats = normalize.variable_genes(
        normalize.moments(blocks(), depth, batch, TARGET), lists != "", 2000
    )
    stats.index = var.index
    stats = stats.assign(gene_symbol=var["gene_symbol"], excluded=lists)
    chosen = np.flatnonzero(stats["highly_variable"])
    scores, _, _ = embed.pca(counts[:, chosen], depth, 30, TARGET, seed)
    corrected = embed.harmony(scores, obs["batch"], seed)
    panel = annotate.panel(stats, markers, signatures, seed)
    columns = var.index.get_indexer(panel)
    shown = AnnData(counts[:, columns], obs=obs[["donor", "n_counts"]], var=var.iloc[columns])
    branch = "CD4" if name == "demo_cd4" else None
    told = None
    if tags:
        measured = pd.concat([part.obsm["protein"].astype(float) for part in kept])
        batches = obs["batch"].astype(str).to_numpy()
        levels = proteins.levels(measured, batches, name, seed)
        told = protein.of_cells(levels.log_odds, levels.fits, batches, markers)
    found = annotate.label(
        shown, corrected, markers, signatures, seed, branch=branch, proteins=told
    )
    every = pd.concat(cells)
    truth = every.filter(like="true_").assign(donor=every["donor"])
    return Walked(every, found.labels.join(truth, on="cell"), found.scores, sheet)


def log_ratio(labels: pd.DataFrame, column: str) -> pd.Series:
    """Per donor ln((Tph + Tfh + 0.5) / (Th22 + 0.5)) of the labels in ``column``."""
    poles = check.defaults()["imbalance"]["poles"]
    top, bottom = (
        labels[column].isin(poles[pole]).groupby(labels["donor"]).sum() for pole in ("tph", "th22")
    )
    return np.log((top + 0.5) / (bottom + 0.5))
