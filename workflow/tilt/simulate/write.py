"""Write simulated samples in the raw layouts that real data come in, and the truth beside them."""

import io
import zlib
from collections.abc import Iterable
from pathlib import Path

import anndata as ad
import pandas as pd
from scipy import io as scipy_io
from scipy import sparse

from tilt.core import tables
from tilt.core.terms import RECEPTORS_COLUMN
from tilt.simulate.cohort import TRUTH

LEVEL = 1  # gzip level: raw files are read once


def matrix_market(counts: sparse.spmatrix) -> bytes:
    """Genes x cells as 10x writes it: Matrix Market coordinate integer, from cells x genes."""
    text = io.BytesIO()
    scipy_io.mmwrite(text, sparse.coo_matrix(counts).T, field="integer", symmetry="general")
    return text.getvalue()


def features(var: pd.DataFrame) -> pd.DataFrame:
    """The table of features.tsv: id, symbol, feature type."""
    columns = {"id": var.index, "symbol": var["gene_symbol"].to_numpy(), "type": "Gene Expression"}
    return pd.DataFrame(columns)


def write_10x_directory(adata: ad.AnnData, folder: str | Path) -> None:
    """Write ``folder/{matrix.mtx,barcodes.tsv,features.tsv}.gz``, the layout of 10x v3.

    Antibody tags follow the genes, with a type of their own.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counts, table = adata.X, features(adata.var)
    if "protein" in adata.obsm:
        tags = adata.obsm["protein"]
        counts = sparse.hstack([counts, sparse.csr_matrix(tags.to_numpy())], format="csr")
        more = {"id": tags.columns, "symbol": tags.columns, "type": "Antibody Capture"}
        table = pd.concat([table, pd.DataFrame(more)])
    _gzip(matrix_market(counts), folder / "matrix.mtx.gz")
    _gzip(_lines(_barcodes(adata)), folder / "barcodes.tsv.gz")
    _gzip(_text(table), folder / "features.tsv.gz")


def write_triplet(adata: ad.AnnData, prefix: str | Path) -> None:
    """Write ``{prefix}_{matrix.mtx,barcodes.tsv}.gz``, as GEO keeps them without a genes file."""
    _gzip(matrix_market(adata.X), f"{prefix}_matrix.mtx.gz")
    _gzip(_lines(_barcodes(adata)), f"{prefix}_barcodes.tsv.gz")


def write_genes(var: pd.DataFrame, path: str | Path) -> None:
    """Write the genes file of a whole series: id and symbol, as 10x v2 does."""
    _gzip(_text(features(var)[["id", "symbol"]]), path)


def write_cohort(
    samples: Iterable[ad.AnnData], rows: Iterable[dict], layout: str, folder: str | Path
) -> pd.DataFrame:
    """Write samples one by one below ``folder``; ``rows`` are those of the sample sheet.

    ``layout`` 10x_dir needs the column ``path`` (a folder); triplets needs ``prefix``, and writes
    one ``genes.tsv.gz`` for the series. Returns the truth of all cells: cell, sample, donor,
    lineage, subset, ... (true values). Raises ValueError for another layout.
    """
    if layout not in ("10x_dir", "triplets"):
        raise ValueError(f"the simulator writes 10x_dir or triplets, not {layout!r}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    truth = []
    for number, (adata, row) in enumerate(zip(samples, rows, strict=True)):
        if layout == "10x_dir":
            write_10x_directory(adata, folder / row["path"])
        else:
            write_triplet(adata, folder / row["prefix"])
            if number == 0:
                write_genes(adata.var, folder / "genes.tsv.gz")
        if "contigs" in adata.uns and row.get(RECEPTORS_COLUMN):
            with tables.atomic(folder / row[RECEPTORS_COLUMN]) as part:
                adata.uns["contigs"].to_csv(part, index=False)
        truth.append(cell_truth(adata.obs))
    return pd.concat(truth, ignore_index=True)


def cell_truth(obs: pd.DataFrame) -> pd.DataFrame:
    """Truth of the cells of a simulated sample: cell, sample, donor and the true values."""
    table = obs[["sample", "donor", *[f"true_{key}" for key in TRUTH]]].reset_index(names="cell")
    return table.rename(columns=lambda name: name.removeprefix("true_"))


def write_truth(
    cells: pd.DataFrame, donors: pd.DataFrame, planted: pd.DataFrame, folder: str | Path
) -> None:
    """Write ``truth/{cells.tsv.gz,donors.tsv,planted.tsv}`` below ``folder``."""
    folder = Path(folder) / "truth"
    tables.write(cells, folder / "cells.tsv.gz")
    tables.write(donors, folder / "donors.tsv")
    tables.write(planted, folder / "planted.tsv")


def _barcodes(adata: ad.AnnData) -> list[str]:
    names = zip(adata.obs_names, adata.obs["sample"], strict=True)
    return [cell.removeprefix(f"{sample}_") for cell, sample in names]


def _lines(values: list[str]) -> bytes:
    return ("\n".join(values) + "\n").encode()


def _text(table: pd.DataFrame) -> bytes:
    return table.to_csv(sep="\t", header=False, index=False).encode()


def _gzip(data: bytes, path: str | Path) -> None:
    with tables.atomic(path) as part:
        part.write_bytes(zlib.compress(data, LEVEL, wbits=tables.GZIP))
