"""The user's object ``tcells.h5ad``: slots as scanpy, cellxgene and R look for them."""

import json
from collections.abc import Iterable, Mapping

import anndata as ad
import numpy as np
import pandas as pd

from tilt.cells import layout
from tilt.core import numerals, provenance
from tilt.core.terms import FILE_COLUMNS
from tilt.figures.names import CohortLabel, subset_color
from tilt.io.tags import SLOT


def observations(
    obs: pd.DataFrame, sheet: Iterable[Mapping[str, str]], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """``obs``: the store's, the columns of the sample sheet, labels, clusters and scores.

    Text and clusters are categories. A column of the sheet that is called like one of tilt's is
    ``<name>_of_sheet``; one of numbers is numeric.

    Parameters: ``obs`` of the store (index: cell, with sample); ``sheet`` rows of the sample
    sheet; ``tables`` with a column cell, in any order (clusters under ``clusters``).
    """
    own = {column for table in tables.values() for column in table} | set(obs)
    parts = [obs.copy(), _of_sheet(obs["sample"].astype(str), sheet, own)]
    for kind, table in tables.items():
        table = table.set_index("cell").loc[obs.index]
        table = table.astype(dict.fromkeys(table.select_dtypes(float), np.float32))
        parts.append(table.apply(_numbered) if kind == "clusters" else table)
    for part in parts:
        for name in part.select_dtypes(["object", "string"]):
            part[name] = part[name].astype("category")
    return pd.concat(parts, axis=1)


def _of_sheet(sample: pd.Series, sheet: Iterable[Mapping[str, str]], own: set) -> pd.DataFrame:
    """Columns of the sheet by cell, without those of files and those that are there already."""
    rows = pd.DataFrame(list(sheet)).set_index("sample")
    there = {"donor", "batch"} | set(FILE_COLUMNS)
    found = {}
    for column in (c for c in rows if c not in there):
        values = rows[column].where(rows[column].map(numerals.is_known))
        numeric = column != "condition" and numerals.is_numeric(values.dropna())
        if numeric and not numerals.strays(values.dropna()):
            values = values.astype(float)
        name = f"{column}_of_sheet" if column in own else column
        found[name] = sample.map(values)
    return pd.DataFrame(found, index=sample.index)


def _numbered(clusters: pd.Series) -> pd.Series:
    """Numbers of clusters as ordered text: ``0``, ``1``, ... ``10``."""
    order = [str(number) for number in sorted(clusters.unique())]
    return pd.Series(pd.Categorical(clusters.astype(str), order), index=clusters.index)


def genes(var: pd.DataFrame, highly_variable: np.ndarray) -> pd.DataFrame:
    """``var``: symbols as index; ids as scanpy (gene_ids) and cellxgene (feature_id) have them.

    A gene whose source has no Ensembl id has its symbol in their place.

    Raises
    ------
    ValueError
        Two genes have one symbol (names are made unique when samples are read).
    """
    symbols = pd.Index(var["gene_symbol"].astype(str).to_numpy(), dtype=object)
    if not symbols.is_unique:
        raise ValueError(f"gene {symbols[symbols.duplicated()][0]} occurs twice")
    ids = var.index.astype(str).to_numpy()
    columns = {"gene_ids": ids, "feature_id": ids, "feature_name": symbols.to_numpy()}
    return pd.DataFrame({**columns, "highly_variable": highly_variable}, index=symbols)


def proteins(counts: pd.DataFrame, levels: ad.AnnData) -> dict[str, pd.DataFrame]:
    """``obsm`` of antibody tags (cells x proteins, float32; NaN where a sample has no such tag).

    protein: raw counts; protein_level: over the cell's other tags, or over empty droplets;
    protein_log_odds: of having the protein.
    """
    return {
        SLOT: counts.astype(np.float32),
        f"{SLOT}_level": levels.to_df(),
        f"{SLOT}_log_odds": levels.to_df("log_odds"),
    }


def loadings(uns: Mapping, highly_variable: np.ndarray) -> dict[str, np.ndarray]:
    """``varm``: loadings of the principal components, zero for genes that were not used."""
    chosen = np.asarray(uns["pca_loadings"], dtype=np.float32)
    every = np.zeros((len(highly_variable), chosen.shape[1]), np.float32)
    every[highly_variable] = chosen
    return {"PCs": every}


def notes(
    obs: pd.DataFrame,
    uns: Mapping,
    cohort: CohortLabel,
    min_dist: float,
    config: Mapping,
    inputs: pd.DataFrame,
) -> dict:
    """``uns``: colors, how PCA, neighbors and UMAP were made, and what the object was made with.

    Parameters: ``obs`` of the object; ``uns`` of the embedding; ``min_dist`` of the UMAP;
    ``inputs`` raw files with their SHA-256.
    """
    a, b = layout.curve(min_dist)
    return {
        "subset_colors": np.array([subset_color(name) for name in obs["subset"].cat.categories]),
        "condition_colors": np.array(
            [cohort.color(name) for name in obs["condition"].cat.categories]
        ),
        "log1p": {},
        "pca": {
            "params": {
                "zero_center": True,
                "use_highly_variable": True,
                "mask_var": "highly_variable",
            },
            "variance": np.asarray(uns["pca_variance"]),
            "variance_ratio": np.asarray(uns["pca_variance_ratio"]),
        },
        "neighbors": uns["neighbors"],
        "umap": {"params": {"a": a, "b": b}},
        "tilt": {
            "config": json.dumps(config, sort_keys=True),
            "versions": json.dumps(provenance.tool_versions()),
            "inputs": json.dumps(inputs.to_dict("records")),
        },
    }
