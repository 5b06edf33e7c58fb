"""Receptors of the T cells of one cohort, from the tables of its samples."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tilt.cells import receptors
from tilt.core import provenance
from tilt.core.contracts import RECEPTOR_SAMPLES
from tilt.core.terms import ABOUT_SAMPLE
from tilt.core.text import count
from tilt.io import receptors as reader
from tilt.io.receptor_columns import BETA, CHAINS
from tilt.labels import receptors as evidence

log = logging.getLogger(__name__)


def of_cohort(
    files: Mapping[str, str],
    samples: Iterable[Mapping[str, str]],
    cells: pd.DataFrame,
    obs: pd.DataFrame,
    cohort: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Receptors of every T cell, and a row a sample on what became of its contigs.

    Parameters
    ----------
    files
        Table of receptors of each sample that has one.
    samples
        Rows of the sheet: sample, donor, condition.
    cells
        Every barcode that was read: cell (``<sample>_<barcode>``), sample, is_doublet, kept.
    obs
        Of the T cells (index: cell; donor).

    Returns
    -------
    Tables of :data:`tilt.core.contracts.RECEPTORS` and ``RECEPTOR_SAMPLES``.

    Raises
    ------
    BadSample
        A table that cannot be used, or is of other cells.
    """
    by_sample = dict(list(cells.groupby(cells["sample"].astype(str))))
    bare = {
        name: part["cell"].str.slice(len(name) + 1).tolist() for name, part in by_sample.items()
    }
    parts: list[pd.DataFrame] = []
    told: list[dict] = []
    for row in samples:
        name, file = row["sample"], files.get(row["sample"])
        about: dict[str, Any] = {"cohort": cohort} | {key: row[key] for key in ABOUT_SAMPLE[1:]}
        if not file or name not in bare:
            why = "no cells of this sample" if file else "no table of receptors"
            log.warning("sample %s: %s", name, why)
            told.append(about | {"file": file or "", "notes": why})
            continue
        chains, numbers, notes = reader.read(file, name)
        numbers["n_barcodes"] = chains["cell"].nunique()
        if chains.empty:
            notes.append("no productive alpha or beta chain")
        else:
            chains, lost = reader.of_sample(chains, bare, name, file)
            numbers["n_no_cell"] = lost
            if lost:
                notes.append(f"{count(lost, 'barcode')} with receptors are no cell of the RNA")
        chains["cell"] = name + "_" + chains["cell"]
        parts.append(chains)
        record = {"file": file, "sha256": provenance.file_sha256(file), "notes": "; ".join(notes)}
        told.append(about | record | numbers | _doublets(chains, by_sample[name]))
        for note in notes:
            log.warning("sample %s: %s", name, note)
    chains = pd.concat(parts) if parts else pd.DataFrame(columns=list(CHAINS))
    found = receptors.of_cells(chains, obs["donor"].astype(str))
    log.info("%s", evidence.told(found))
    table = pd.DataFrame(told).join(_numbers(found, obs["sample"].astype(str)), on="sample")
    return found, _whole(table)


def _doublets(chains: pd.DataFrame, cells: pd.DataFrame) -> dict[str, Any]:
    """How many barcodes with one and with several beta chains were called doublets (percent)."""
    n_beta = chains[chains["locus"] == BETA].groupby("cell").size()
    called = cells.set_index("cell")["is_doublet"].reindex(n_beta.index).astype(bool)
    out: dict[str, Any] = {}
    for word, mask in (("single", n_beta == 1), ("several", n_beta > 1)):
        out[f"n_{word}_beta"] = int(mask.sum())
        out[f"pct_doublets_{word}"] = 100 * called[mask].mean() if mask.any() else np.nan
    return out


def _numbers(found: pd.DataFrame, sample: pd.Series) -> pd.DataFrame:
    """T cells of each sample by the chains that they have."""
    alpha, beta = (found[name].to_numpy() > 0 for name in ("n_tra", "n_trb"))
    many = found["many_chains"].to_numpy()
    parts = {"n_t": np.ones(len(found)), "n_t_alpha": alpha, "n_t_beta": beta}
    parts |= {"n_t_both": alpha & beta, "n_t_many": many}
    return pd.DataFrame(parts).astype(int).groupby(sample.to_numpy()).sum()


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """All columns in their order; no count is missing."""
    table = table.reindex(columns=list(RECEPTOR_SAMPLES.columns))
    counts = [name for name in table if name.startswith("n_")]
    table[counts] = table[counts].fillna(0).astype(int)
    for name in ("file", "sha256", "notes"):
        table[name] = table[name].fillna("")
    return table
