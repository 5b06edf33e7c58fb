"""Loom files as :mod:`tilt.io.h5_parts` reads an h5ad: cells in rows, obs, var, X and layers.

A loom file (linnarssonlab.org/loompy/format) holds genes x cells in ``matrix`` and ``layers``, what
is known of cells in ``col_attrs`` and of genes in ``row_attrs``. Nothing is read before it is asked
for, and of a matrix only the cells asked for.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py

CELLS = ("CellID", "obs_names", "cell_id", "barcode", "Barcode")  # loompy's, then anndata's
GENES = ("Accession", "Gene", "var_names", "gene_ids", "gene_name")


class Cells:
    """A matrix (genes x cells) seen by cells, as a dense matrix of cells x genes."""

    def __init__(self, matrix: "h5py.Dataset"):
        self.matrix = matrix
        self.shape: tuple[int, ...] = matrix.shape[::-1]

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The counts of some cells, cells x genes."""
        return self.matrix[:, rows].T


class Attributes(Mapping):
    """The attributes of cells or genes as a frame, with the first of some names as its index."""

    def __init__(self, group: "h5py.Group", names: tuple[str, ...], what: str):
        self.group = group
        index = next((name for name in names if name in group), None)
        if index is None:
            raise KeyError(f"{what} has none of {', '.join(names)}")
        self.attrs = {"_index": index}

    def __getitem__(self, name: str) -> Any:
        """One attribute of all cells or genes."""
        return self.group[name]

    def __iter__(self) -> Iterator[str]:
        """Names of attributes of one value each."""
        return (name for name in self.group if self.group[name].ndim == 1)

    def __len__(self) -> int:
        """Number of attributes."""
        return len(list(iter(self)))


class Loom(Mapping):
    """A loom file with the parts of an h5ad."""

    def __init__(self, file: "h5py.File"):
        self.parts: dict[str, Any] = {"X": Cells(file["matrix"])}
        layers = file.get("layers", {})
        self.parts["layers"] = {name: Cells(layers[name]) for name in layers}
        self.parts["obs"] = Attributes(file["col_attrs"], CELLS, "col_attrs")
        self.parts["var"] = Attributes(file["row_attrs"], GENES, "row_attrs")

    def __getitem__(self, name: str) -> Any:
        """A part by its name, as ``layers/spliced``."""
        first, _, rest = name.partition("/")
        return self.parts[first][rest] if rest else self.parts[first]

    def __iter__(self) -> Iterator[str]:
        """Names of the parts."""
        return iter(self.parts)

    def __len__(self) -> int:
        """Number of parts."""
        return len(self.parts)


def is_loom(file: Mapping) -> bool:
    """Whether an HDF5 file has the parts of a loom file."""
    return {"matrix", "row_attrs", "col_attrs"} <= set(file)
