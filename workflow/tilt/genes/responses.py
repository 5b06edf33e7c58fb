"""Responses to perturbations: by how much genes change when something is done to cells."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from tilt.genes import tables

log = logging.getLogger(__name__)

RESPONSE = ("perturbation", "gene", "log2_fold_change")  # columns of a table of responses


def read(paths: Iterable[str | Path], aliases: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Tables of responses (TSV: perturbation, gene, log2_fold_change) one after the other.

    Genes get their current symbols by the road of a matrix (``aliases``: old name or id -> current
    symbol; :func:`tilt.genes.tables.current`); what two rows of a perturbation then say of one gene
    is their mean. A perturbation of a later table takes the place of one of the same name. The log
    says all of it, with numbers. Raises ValueError for a missing column, a gene twice in a
    perturbation, or a change that is no number.
    """
    found: dict[str, pd.DataFrame] = {}
    for path in paths:
        table = pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)
        absent = [name for name in RESPONSE if name not in table]
        if absent:
            raise ValueError(f"{path}: no column {absent}; it has {list(table.columns)}")
        table = table[list(RESPONSE)].astype({"log2_fold_change": float})
        twice = table.duplicated(["perturbation", "gene"])
        if twice.any():
            row = table[twice].iloc[0]
            raise ValueError(f"{path}: gene {row['gene']} twice in {row['perturbation']}")
        table["gene"] = tables.current(table["gene"], aliases or {}, Path(path).name)
        merged = table.groupby(["perturbation", "gene"], sort=False, as_index=False).mean()
        if len(merged) < len(table):
            log.warning(
                "%s: %d rows are of a gene that another row names, too: their mean is taken",
                Path(path).name,
                len(table) - len(merged),
            )
        for name, rows in merged.groupby("perturbation", sort=False):
            if name in found:
                log.info("%s of %s takes the place of the one before", name, path)
            found[str(name)] = rows
    return pd.concat(found.values(), ignore_index=True)
