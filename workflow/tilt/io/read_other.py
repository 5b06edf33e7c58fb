"""Layouts of other counters (alevin-fry, kallisto|bustools, Parse), and files that are told.

What tilt cannot read is named for what it is, with the command that exports what it can.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from tilt.io import tags as antibody_tags
from tilt.io.errors import BadSample, tags
from tilt.io.places import FROM_R

if TYPE_CHECKING:
    import h5py

# Matrices with a row a cell, where 10x has a row a gene.
ROW_A_CELL = ("quants_mat.mtx", "cells_x_genes.mtx", "DGE.mtx", "count_matrix.mtx")
SPLICING = re.compile(r"^(ENS\w+\d(?:\.\d+)?|\S+?)-([UA])$")  # alevin-fry's USA mode
# Groups that show what an HDF5 file is -> what it is, how to get an h5ad of it.
NOT_H5AD = {
    "mod": (
        "a MuData file of several modalities",
        "name the counts of its RNA in the cohort file, as h5ad: {counts: mod/rna/X}",
    ),
    "assays": ("an h5Seurat file", FROM_R),
    "matrix": ("a 10x HDF5 file", "set format: 10x_h5 in the cohort file"),
}


def row_a_cell(matrix_file: str | Path) -> bool:
    """Whether a matrix of this name holds cells in its rows."""
    return str(matrix_file).removesuffix(".gz").endswith(ROW_A_CELL)


def spliced(
    matrix: sp.spmatrix, ids: Sequence[str], symbols: Sequence[str]
) -> tuple[sp.spmatrix, Sequence[str], Sequence[str], str]:
    """Genes of alevin-fry's USA mode: spliced and ambiguous counts summed, unspliced left out.

    As ``pyroe.load_fry(output_format="scRNA")``. ``matrix`` cells x (genes, genes-U, genes-A).
    Returns matrix, ids, symbols and a sentence, or the same and "" where there are no such genes.
    """
    parts = [SPLICING.match(name) for name in ids]
    known = set(ids)
    kinds = np.array([p[2] if p and p[1] in known else "" for p in parts])
    n_plain = int((kinds == "").sum())
    if not (kinds == "U").sum() == (kinds == "A").sum() == n_plain:
        return matrix, ids, symbols, ""
    place = {name: i for i, name in enumerate(n for n, k in zip(ids, kinds, strict=True) if not k)}
    rows = np.flatnonzero(kinds != "U")
    gene = [p[1] if p else name for p, name in zip(parts, ids, strict=True)]
    columns = [place[gene[i] if kinds[i] else ids[int(i)]] for i in rows]
    join = sp.csr_matrix((np.ones(len(rows), int), (rows, columns)), (len(ids), n_plain))
    counts = sp.csr_matrix(matrix)
    n_left = round(counts[:, np.flatnonzero(kinds == "U")].sum())
    note = (
        "alevin-fry counted spliced, ambiguous and unspliced molecules apart: the first two are "
        f"summed, {n_left} unspliced molecules are left out"
    )
    plain = [i for i, kind in enumerate(kinds) if not kind]
    return counts @ join, [ids[i] for i in plain], [symbols[i] for i in plain], note


def genes_only(
    matrix: sp.spmatrix,
    ids: Sequence[str],
    symbols: Sequence[str],
    file: str | Path,
    barcodes: Sequence[str] = (),
    aside: list | None = None,
) -> tuple[sp.spmatrix, Sequence[str], Sequence[str], list[str]]:
    """The counts (cells x features) without antibody tags and unspliced molecules.

    The tags go to ``aside`` as a table (``barcodes`` x tags), where it is given. Returns matrix,
    ids, symbols, and sentences on what was left out.
    """
    notes = []
    if row_a_cell(file):
        matrix, ids, symbols, note = spliced(matrix, ids, symbols)
        notes += [note] if note else []
    tag = tags(ids, symbols)
    if tag.any():
        first = symbols[int(np.flatnonzero(tag)[0])]
        notes.append(
            f"{tag.sum()} of {len(ids)} features are antibody tags by their names (first {first}) "
            "and are left out: they are no genes"
        )
        if aside is not None:
            names = [name for name, is_tag in zip(symbols, tag, strict=True) if is_tag]
            part = sp.csr_matrix(matrix)[:, np.flatnonzero(tag)]
            aside.append(antibody_tags.table(part, barcodes, names))
        matrix = sp.csr_matrix(matrix)[:, ~tag]
        ids = [name for name, out in zip(ids, tag, strict=True) if not out]
        symbols = [name for name, out in zip(symbols, tag, strict=True) if not out]
    return matrix, ids, symbols, notes


def check_h5ad(file: "h5py.File", path: Path, sample: str) -> None:
    """Raise BadSample for an HDF5 file that is not an h5ad, by what it is."""
    if {"obs", "var"} <= set(file) and "mod" not in file:  # MuData has these, too
        return
    for group, (what, fix) in NOT_H5AD.items():
        if group in file:
            raise BadSample(sample, path, f"the file is {what}, not an h5ad", fix)


def has_genomes(ids: Sequence[str]) -> bool:
    """Whether ids are of man and of mouse (a mixed-species reference)."""
    return any("ENSG0" in name for name in ids) and any("ENSMUSG" in name for name in ids)
