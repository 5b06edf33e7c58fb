"""Which raw files a sample has, for every format a cohort may come in.

No numerical library is imported here: the workflow asks these questions at every start.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from tilt.core.terms import DROPLETS_COLUMN, RECEPTORS_COLUMN

FORMATS = ("10x_dir", "triplets", "10x_h5", "h5ad", "h5ad_per_sample", "table")
WHOLE_COHORT = {"h5ad": "h5ad", "composition_table": "composition"}
# Endings of names: 10x and STARsolo, then alevin-fry, kallisto|bustools, Parse.
MATRIX: tuple[str, ...] = ("matrix.mtx.gz", "matrix.mtx", "quants_mat.mtx.gz", "quants_mat.mtx")
MATRIX += ("cells_x_genes.mtx.gz", "cells_x_genes.mtx", "DGE.mtx.gz", "DGE.mtx")
BARCODES: tuple[str, ...] = ("barcodes.tsv.gz", "barcodes.tsv", "barcodes.txt.gz", "barcodes.txt")
BARCODES += ("quants_mat_rows.txt.gz", "quants_mat_rows.txt")
BARCODES += ("cell_metadata.csv.gz", "cell_metadata.csv")
FEATURES: tuple[str, ...] = ("features.tsv.gz", "features.tsv", "genes.tsv.gz", "genes.tsv")
FEATURES += ("quants_mat_cols.txt.gz", "quants_mat_cols.txt")
FEATURES += ("cells_x_genes.genes.txt.gz", "cells_x_genes.genes.txt")
FEATURES += ("all_genes.csv.gz", "all_genes.csv")
GENE_NAMES = "cells_x_genes.genes.names.txt"  # symbols in a file of their own
SEPARATORS = ("_", ".", "-")
TAG_ROLES = {"matrix": "tag_matrix", "barcodes": "tag_barcodes", "features": "tag_features"}


class LayoutError(ValueError):
    """The sample sheet or the cohort file does not say which files a sample has."""


def sample_files(cohort: Mapping, row: Mapping) -> dict[str, str]:
    """Raw files of one row of the sample sheet.

    ``cohort`` is a cohort file as a dict (``format``, ``folder``, ``genes_file``, ``file``),
    ``row`` a row of its sheet. Returns role -> path: ``matrix``, ``barcodes`` and ``features``
    (10x_dir, triplets; ``gene_names`` with kallisto|bustools), ``h5`` (10x_h5), ``h5ad`` (h5ad,
    h5ad_per_sample), ``table``, those of antibody tags in a folder of their own (``TAG_ROLES``), or
    ``composition`` (a table of the whole cohort, not for :func:`tilt.io.read.read_sample`). Where
    several spellings are possible (v2 or v3, gzipped or not) the one that exists is taken, and
    the usual one if none does. Raises LayoutError if the row lacks a column it needs.
    """
    return _sample_files(cohort, row) | _tag_files(cohort, row)


def _sample_files(cohort: Mapping, row: Mapping) -> dict[str, str]:
    folder = Path(cohort.get("folder") or ".")
    layout = cohort["format"]
    if layout == "10x_dir":
        return _directory(folder / _value(row, "path", layout))
    if layout == "triplets":
        files = _triplet(folder, row, cohort.get("genes_file"))
        table = cohort.get("cell_table", {}).get("file")
        return files | ({"cells": str(folder / table)} if table else {})
    if layout in ("10x_h5", "table", "h5ad_per_sample"):
        role = {"10x_h5": "h5", "table": "table"}.get(layout, "h5ad")
        return {role: str(folder / _value(row, "path", layout))}
    if layout in WHOLE_COHORT:
        if not cohort.get("file"):
            raise LayoutError(f"the cohort file lacks `file`, which format {layout} needs")
        return {WHOLE_COHORT[layout]: str(folder / cohort["file"])}
    raise LayoutError(f"unknown format {layout!r}; known: {', '.join(FORMATS)}")


def _tag_files(cohort: Mapping, row: Mapping) -> dict[str, str]:
    """Files of the antibody tags of a sample that has them in a folder of their own.

    Of CITE-seq-Count the molecules (``umi_count``), never the reads.
    """
    if (cohort.get("protein") or {}).get("from") != "folder" or not row.get("tags"):
        return {}
    folder = Path(cohort.get("folder") or ".") / row["tags"]
    folder = folder / "umi_count" if os.path.isdir(folder / "umi_count") else folder
    return {TAG_ROLES[role]: path for role, path in _directory(folder).items() if role in TAG_ROLES}


def receptor_file(cohort: Mapping, row: Mapping) -> str:
    """The table of receptors of a row of the sheet (column ``vdj``), "" if it has none."""
    return _beside(cohort, row, RECEPTORS_COLUMN)


def droplet_file(cohort: Mapping, row: Mapping) -> str:
    """The unfiltered matrix of a row of the sheet (column ``raw``), "" if it has none."""
    return _beside(cohort, row, DROPLETS_COLUMN)


def _beside(cohort: Mapping, row: Mapping, column: str) -> str:
    named = row.get(column)
    return str(Path(cohort.get("folder") or ".") / named) if named not in (None, "", "NA") else ""


def all_files(cohort: Mapping, row: Mapping) -> list[str]:
    """Raw files of a row of the sheet, with those beside its counts; raises LayoutError."""
    beside = [receptor_file(cohort, row), droplet_file(cohort, row)]
    return [*sample_files(cohort, row).values(), *filter(None, beside)]


def raw_files(cohort: dict) -> list[str]:
    """All raw files of a cohort, each once; ``cohort`` has the rows of its sheet in ``samples``."""
    files = [sample_files(cohort, row).values() for row in cohort["samples"]]
    return sorted({path for paths in files for path in paths})


def read_options(cohort: dict, row: dict) -> dict:
    """Keyword arguments of :func:`tilt.io.read.read_sample` for one sample, as plain values."""
    options = {"sample": row["sample"]}
    h5ad, table = cohort.get("h5ad") or {}, cohort.get("cell_table") or {}
    if cohort["format"] in ("h5ad", "h5ad_per_sample"):
        options["counts"] = h5ad.get("counts", "X")
        options["where"] = h5ad.get("where") or {}
    if cohort["format"] == "h5ad":
        options["sample_column"] = h5ad.get("sample_column", "sample")
    if cohort["format"] == "10x_h5" and cohort.get("genome"):
        options["genome"] = cohort["genome"]
    if table:
        mine = {name: [row.get(column, "")] for name, column in table.get("match", {}).items()}
        options["where"] = {**table.get("keep", {}), **mine}
    if cohort.get("protein"):
        options["protein"] = cohort["protein"]
    if cohort.get("author_labels") and (table or "h5ad" in cohort["format"]):
        options["keep"] = [cohort["author_labels"]]
    return options


def files_wanted(cohort: dict) -> list[str]:
    """Names, relative to the folder of the cohort, of the raw files of all its samples.

    Raises LayoutError for a file outside of that folder, which is not fetched.
    """
    files = {file for row in cohort["samples"] for file in all_files(cohort, row)}
    outside = sorted(file for file in files if not within(file, cohort["folder"]))
    if outside:
        raise LayoutError(
            f"{outside[0]} lies outside of {cohort['folder']}, where the files of the cohort are "
            "fetched. Fix: name it in the sheet as it is called there"
        )
    return sorted(os.path.relpath(file, cohort["folder"]) for file in files)


def within(file: str, folder: str) -> bool:
    """Whether a path lies in a folder once its ``..`` are followed."""
    parts = Path(os.path.normpath(file)).parts
    above = Path(os.path.normpath(folder)).parts
    return len(parts) > len(above) and parts[: len(above)] == above


def columns_needed(cohort: dict, columns: list[str]) -> list[str]:
    """File columns that a sample sheet of this format must have and ``columns`` lacks."""
    layout = cohort.get("format")
    if layout in ("10x_dir", "10x_h5", "h5ad_per_sample", "table"):
        wanted = ["path"]
    elif layout == "triplets" and "prefix" not in columns:
        parts = ["matrix", "barcodes"] + ([] if cohort.get("genes_file") else ["features"])
        wanted = parts if set(parts) & set(columns) else ["prefix"]
    else:
        wanted = []
    if (cohort.get("protein") or {}).get("from") == "folder":
        wanted = [*wanted, "tags"]
    return [name for name in wanted if name not in columns]


def _value(row: Mapping, column: str, layout: str) -> str:
    value = row.get(column, "")
    if not value:
        raise LayoutError(f"format {layout} needs a value in column {column!r}")
    return value


def _directory(folder: Path) -> dict[str, str]:
    if os.path.isdir(folder / "alevin"):  # alevin-fry writes its matrix one folder down
        folder = folder / "alevin"
    readable = os.path.isdir(folder) and os.access(folder, os.R_OK | os.X_OK)
    present = sorted(os.listdir(folder)) if readable else []
    files = {}
    for role, endings in (("matrix", MATRIX), ("barcodes", BARCODES), ("features", FEATURES)):
        found = [name for ending in endings for name in present if name.endswith(ending)]
        files[role] = str(folder / (found[0] if found else endings[0]))
    if GENE_NAMES in present:
        files["gene_names"] = str(folder / GENE_NAMES)
    return files


def _triplet(folder: Path, row: Mapping, genes_file: str | None) -> dict[str, str]:
    files = {}
    for role, endings in (("matrix", MATRIX), ("barcodes", BARCODES), ("features", FEATURES)):
        if role == "features" and genes_file:
            files[role] = str(folder / genes_file)
        elif row.get(role):
            files[role] = str(folder / row[role])
        else:
            files[role] = _with_prefix(folder, _value(row, "prefix", "triplets"), endings)
    return files


def _with_prefix(folder: Path, prefix: str, endings: tuple[str, ...]) -> str:
    joins = ("",) if prefix.endswith((*SEPARATORS, "/")) else (*SEPARATORS, "")
    names = [f"{prefix}{join}{ending}" for join in joins for ending in endings]
    return str(folder / next((name for name in names if os.path.isfile(folder / name)), names[0]))
