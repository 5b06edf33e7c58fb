"""One sample from raw counts to the sample object: names, quality control, lineages."""

import logging

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from tilt.cells import qc
from tilt.core import provenance
from tilt.genes import tables as gene_tables
from tilt.io import layouts, read
from tilt.labels import lineage

log = logging.getLogger(__name__)

LINEAGE_COLUMNS = ["lineage", "lineage_score", "lineage_margin", "look_alike"]


class TooFewCells(ValueError):
    """Fewer cells left than the config asks for."""


Made = tuple[AnnData, pd.DataFrame, dict]


def about(row: dict[str, str], cohort: str, batch: str) -> dict[str, str]:
    """What every cell of a sample carries: cohort, sample, donor, condition, batch.

    Parameters: ``row`` of the sample sheet; ``batch`` its column of batches, if it has one.
    """
    named = {name: row[name] for name in ("sample", "donor", "condition")}
    return {"cohort": cohort, **named, "batch": row.get(batch) or "one"}


def run(
    row: dict[str, str],
    about: dict[str, str],
    source: dict,
    settings: dict,
    markers: pd.DataFrame,
    aliases: dict[str, str],
    seed: int,
) -> Made:
    """Read the raw files of a row of the sheet and process them (:func:`process`).

    ``source`` says how the files are laid out (``tilt.config.jobs.source``). The summary has
    status, message and inputs (path, size and SHA-256 of each file) too, and the barcodes carry
    ``about``. Raises ValueError (BadSample, TooFewCells) for a sample that cannot be used.
    """
    files = layouts.sample_files(source, row)
    raw = read.read_sample(source["format"], files, **layouts.read_options(source, row))
    raw.obs = raw.obs.rename(columns={source.get("author_labels"): "author_label"})
    kept, cells, summary = process(raw, about, settings, markers, aliases, seed)
    inputs = [provenance.file_record(path) for path in files.values()]
    return (
        kept,
        _carrying(cells, about),
        {"status": "ok", "message": "", **summary, "inputs": inputs},
    )


def skipped(about: dict[str, str], message: str) -> Made:
    """What stands for a sample that was left out: no cells, and the message that says why."""
    cells = _carrying(pd.DataFrame({"cell": []}), about)
    return empty(about), cells, {"status": "skipped", "message": message, "steps": []}


def named(wrong: ValueError, sample: str) -> ValueError:
    """The error with the sample's name in front, if it does not name it."""
    if str(wrong).startswith(f"sample {sample}:"):
        return wrong
    error = ValueError(f"sample {sample}: {wrong}")
    error.__cause__ = wrong
    return error


def _carrying(cells: pd.DataFrame, about: dict[str, str]) -> pd.DataFrame:
    return cells.assign(**{name: v for name, v in about.items() if name not in cells})


def process(
    raw: AnnData,
    about: dict[str, str],
    settings: dict,
    markers: pd.DataFrame,
    aliases: dict[str, str],
    seed: int,
) -> tuple[AnnData, pd.DataFrame, dict]:
    """Clean one sample and name the lineage of its cells.

    Parameters
    ----------
    raw
        Barcodes x genes, raw counts in ``X`` (CSR), as read.
    about
        cohort, sample, donor, condition and batch of the sample.
    settings
        The ``qc`` part of the config, with the cohort's overrides.
    markers, aliases
        Results of ``genes.read_markers`` and ``genes.read_aliases``.
    seed
        Seed of the simulated doublets.

    Returns
    -------
    sample
        The kept cells with all genes (DESIGN section 3: sample object).
    cells
        Every barcode read: metrics, doublet_score, is_doublet, kept, reason, lineage.
    summary
        n_read, notes (sentences on names and limits), steps, limits and how doublets were called.

    Raises
    ------
    TooFewCells
        Fewer than ``settings['min_cells']`` cells are left.
    """
    sample = gene_tables.standardize(raw, aliases)
    gene_tables.require(sample.var, marker_genes(markers))
    sample.X = sparse.csr_matrix(sample.X).astype(np.int32)
    sample.obs_names = [f"{about['sample']}_{barcode}" for barcode in raw.obs_names]
    cells, summary = qc.clean(sample, settings, seed)
    blind = qc.unmeasured(sample.var["gene_symbol"], settings)
    for note in blind:
        log.warning("%s", note)
    notes = [*sample.uns["notes"], *blind]
    kept = sample[cells["kept"].to_numpy()].copy()
    log.info("%d of %d barcodes kept", kept.n_obs, sample.n_obs)
    if kept.n_obs < settings["min_cells"]:
        steps = ", ".join(f"{s['step']} -{s['n_removed']}" for s in summary["steps"][1:])
        raise TooFewCells(
            f"sample {about['sample']}: {kept.n_obs} of {sample.n_obs} cells pass quality control, "
            f"at least {settings['min_cells']} are needed ({steps}). Fix: look at the limits in "
            "`qc`, or lower `qc: min_cells`."
        )
    table = lineage.lineages(kept, markers, seed)
    carried = [name for name in kept.obs if name not in cells]
    kept.obs = pd.concat(
        [
            pd.DataFrame(about, index=kept.obs_names).astype("category"),
            cells.loc[kept.obs_names].drop(columns=["kept", "reason"]),
            table[LINEAGE_COLUMNS],
            kept.obs[carried],
        ],
        axis=1,
    )
    for name in ("lineage", "look_alike"):
        kept.obs[name] = kept.obs[name].astype(str).astype("category")
    cells = cells.join(table["lineage"].astype(str)).fillna({"lineage": ""})
    cells.insert(0, "cell", cells.index)
    return kept, cells, {"n_read": sample.n_obs, "notes": notes, **summary}


def marker_genes(markers: pd.DataFrame) -> list[str]:
    """All genes named in the marker table, positive and negative, once each."""
    columns = [*markers["positive"], *markers["negative"]]
    return sorted({gene for names in columns for gene in names})


def empty(about: dict[str, str]) -> AnnData:
    """Sample object without cells or genes, for a sample that was skipped."""
    columns = {name: pd.Categorical([], [value]) for name, value in about.items()}
    obs = pd.DataFrame(columns, index=pd.Index([], dtype=str))
    return AnnData(sparse.csr_matrix((0, 0), dtype=np.int32), obs=obs)
