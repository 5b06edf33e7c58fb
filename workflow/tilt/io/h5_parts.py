"""The parts of HDF5 count files: opened, named, and read by blocks of rows.

Only h5py is used, so that a file far larger than the memory costs one block of rows. A zarr store
has the same parts, and a loom file is read as if it had (:mod:`tilt.io.loom`).
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from tilt.core.text import safe_name
from tilt.io import limits, loom, read_other, zarr_parts
from tilt.io.errors import ENSEMBL, BadSample, not_counts

if TYPE_CHECKING:
    import h5py

# What h5py, numpy and scipy raise for parts of a wrong kind, shape or size.
DAMAGED: tuple[type[Exception], ...]
DAMAGED = (LookupError, ValueError, TypeError, AttributeError, MemoryError, RuntimeError)
DAMAGED += (SystemError,)  # of h5py, when HDF5 fails inside a callback
JOIN = "copy its parts into one file (h5repack)"
BLOCK_ROWS = 8_000
DENSE_ROWS = 2_000  # of a matrix with its zeros: 0.5 GB of 36,000 genes
FIRST_VALUES = 100_000
# Whole numbers in as few bits as a piece needs, lossless: beside lzf a third of the time and two
# thirds of the bytes (tests/benchmark/README.md). Any HDF5 library reads it.
PACKED = {"scaleoffset": 0}
SYMBOL_COLUMNS = (
    "gene_symbol",
    "gene_symbols",
    "feature_name",
    "gene_name",
    "gene_names",
    "symbol",
    "features",
    "name",
    "Gene",  # of a loom file
)
ID_COLUMNS: tuple[str, ...]
ID_COLUMNS = ("gene_ids", "gene_id", "ensembl", "ensembl_id", "feature_id", "ensembl_ids")
ID_COLUMNS += ("Accession",)  # of a loom file

TYPE_COLUMNS = ("feature_types", "feature_type")  # feature_type of CELLxGENE is a biotype


@contextlib.contextmanager
def opened(path: Path, sample: str) -> "Iterator[h5py.File]":
    """The file, open for reading; raises BadSample if it or a part of it cannot be read."""
    import h5py

    store = path.is_dir()
    try:
        file = zarr_parts.opened(path, sample) if store else h5py.File(path, "r")
    except OSError as error:
        wrong = f"the file cannot be opened as {'zarr' if store else 'HDF5'} ({error})"
        raise BadSample(sample, path, wrong, "delete it and fetch it again") from error
    with contextlib.nullcontext() if store else file:
        try:
            if not store:
                _check_parts(file, sample, path)
            yield loom.Loom(file) if loom.is_loom(file) else file
        except BadSample:
            raise
        except DAMAGED + (OSError,) as error:  # noqa: RUF005
            if getattr(error, "errno", None):
                raise  # of the disk, not of the content
            why = error.args[0] if error.args else type(error).__name__
            wrong = f"a part of the file is missing or damaged ({why})"
            fix = "fetch it again; if it is whole, another `format` in the cohort file may fit"
            raise BadSample(sample, path, wrong, fix) from error


def _check_parts(file: "h5py.File", sample: str, path: Path) -> None:
    """Raise BadSample for parts in other files, or larger than a file of its size can hold."""
    import h5py

    most = limits.most_bytes(path.stat().st_size)

    def fault_of_link(name: str, link: object) -> tuple[str, str] | None:
        if isinstance(link, h5py.ExternalLink):
            return f"its part {name} is a link into another file ({link.filename})", JOIN
        return None

    def fault_of_part(name: str, part: object) -> tuple[str, str] | None:
        if not isinstance(part, h5py.Dataset):
            return None
        if part.is_virtual or part.external:
            return f"its part {name} lies in another file", JOIN
        size = (part.size or 0) * part.dtype.itemsize
        if size <= most:
            return None
        wrong = f"its part {name} is said to have {size:,} bytes, more than the file can hold"
        return wrong, "delete it and fetch it again"

    found = file.visititems_links(fault_of_link) or file.visititems(fault_of_part)
    if found:
        raise BadSample(sample, path, *found)


def sound_matrix(
    parts: tuple, shape: tuple, kind: type[sp.spmatrix] = sp.csr_matrix
) -> sp.spmatrix:
    """A sparse matrix of data, indices and pointers whose indices all lie within its shape.

    Raises ValueError otherwise; without a look, code in C would write beyond its memory.
    """
    matrix = kind(parts, shape=shape)
    matrix.check_format(full_check=True)
    return matrix


def is_group(part: object) -> bool:
    """Whether a part of an HDF5 file or a zarr store has parts of its own."""
    return hasattr(part, "keys")


def texts(dataset: "h5py.Dataset") -> list[str]:
    """Values of a dataset as text; whole numbers without a decimal point."""
    values = dataset[:]
    if values.dtype.kind == "f":
        return [str(value).removesuffix(".0") for value in values]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def counts_group(
    file: "h5py.File", counts: str, sample: str, path: Path
) -> "h5py.Group | h5py.Dataset":
    """The matrix named ``counts`` (X, raw/X, layers/<name>); raises BadSample if there is none."""
    read_other.check_h5ad(file, path, sample)
    if counts not in file:
        places = [name for name in ("X", "raw/X") if name in file]
        places += [f"layers/{name}" for name in file.get("layers", {})]
        fix = f"set h5ad: counts: to one of {', '.join(places)} in the cohort file"
        if not places:
            fix = "give an h5ad that holds counts"
        raise BadSample(sample, path, f"has no {counts}", fix)
    return file[counts]


def root(file: "h5py.File", counts: str) -> "tuple[h5py.Group, str]":
    """Where the parts of the RNA lie (a modality of an h5mu, else the file), and the counts there.

    ``mod/rna/layers/counts`` are the ``layers/counts`` of the modality rna.
    """
    parts = counts.split("/", 2)
    if parts[0] == "mod" and len(parts) == 3 and "/".join(parts[:2]) in file:
        return file["/".join(parts[:2])], parts[2]
    return file, counts


def names(file: "h5py.File", counts: str) -> tuple[list[str], list[str], list[str]]:
    """Barcodes, gene ids and gene symbols that go with the counts."""
    obs, var = file["obs"], file["raw/var" if counts == "raw/X" else "var"]
    index = _index(var)
    columns = {name: _values(var[name]) for name in var if name in SYMBOL_COLUMNS + ID_COLUMNS}
    if _mostly_ids(index):
        ids = index
        symbols = next((columns[n] for n in SYMBOL_COLUMNS if n in columns), index)
    else:
        symbols = index
        ids = next((columns[n] for n in ID_COLUMNS if _mostly_ids(columns.get(n, []))), index)
    ids = [i or s for i, s in zip(ids, symbols, strict=True)]
    symbols = [s or i for i, s in zip(ids, symbols, strict=True)]
    return _index(obs), ids, symbols


def kinds(file: "h5py.File", counts: str) -> list[str] | None:
    """Types of the features (Gene Expression, Antibody Capture), None where they are not told."""
    var = file["raw/var" if counts == "raw/X" else "var"]
    column = next((name for name in TYPE_COLUMNS if name in var), None)
    return _values(var[column]) if column else None


def _index(frame: "h5py.Group") -> list[str]:
    """Names of the rows of obs or var; since anndata 0.13 they may be a group with a mask."""
    name = frame.attrs.get("_index", "_index")
    element = frame[name if name in frame else "index"]
    return _values(element) if is_group(element) else texts(element)


def _mostly_ids(names: list[str]) -> bool:
    return sum(bool(ENSEMBL.match(name)) for name in names) > 0.5 * max(len(names), 1)


def column(file: "h5py.File", name: str, sample: str, path: Path) -> list[str]:
    """A column of obs as text, missing values empty; raises BadSample if there is none."""
    obs = file["obs"]
    if name not in obs or name.startswith("__"):
        have = [n for n in obs if not n.startswith("_")]
        raise BadSample(
            sample,
            path,
            f"obs has no column {name!r}",
            f"name one of its columns in the cohort file: {', '.join(have)}",
        )
    return _values(obs[name])


def chosen(file: "h5py.File", where: dict, n_cells: int, sample: str, path: Path) -> np.ndarray:
    """Cells whose obs values are among those wanted."""
    chosen = np.ones(n_cells, dtype=bool)
    for name, wanted in where.items():
        values = column(file, name, sample, path)
        among = {str(value).removesuffix(".0") for value in wanted}
        chosen &= np.array([value.removesuffix(".0") in among for value in values], dtype=bool)
        if not chosen.any():
            shown = ", ".join(sorted(set(values) - {""})[:8])
            raise BadSample(
                sample,
                path,
                f"no cell has {name} among {', '.join(map(str, wanted))}",
                f"correct h5ad: where in the cohort file; values of {name}: {shown}",
            )
    return chosen


def of_samples(values: Iterable[str], samples: Iterable[str], path: Path) -> dict[str, str]:
    """Which value of a column is which sample: the same text, else the text as a safe name.

    Sample names of the sheet become file names, so `patient 3` of the file is `patient_3` of the
    sheet. Raises BadSample if two values would be the same sample.
    """
    values, samples = set(values) - {""}, set(samples)
    same = {value: value for value in values & samples}
    for value in sorted(values - samples):
        name = safe_name(value)
        if name not in samples or name in values:
            continue
        other = next((v for v, known in same.items() if known == name), None)
        if other:
            wrong = f"its values {other!r} and {value!r} are both {name} as a name of a file"
            raise BadSample(name, path, wrong, "rename one of them in the h5ad")
        same[value] = name
    return same


def _values(element: "h5py.Group | h5py.Dataset") -> list[str]:
    """A column of obs or var as text; missing values are empty. Old and new categoricals."""
    if is_group(element) and "codes" in element:
        categories = np.array([*_values(element["categories"]), ""], dtype=object)
        return categories[element["codes"][:]].tolist()
    if is_group(element):
        values, mask = element["values"], element["mask"][:]
        return ["" if gone else text for text, gone in zip(texts(values), mask, strict=True)]
    if "categories" in element.attrs:
        names = element.file[element.attrs["categories"]]
        return np.array([*texts(names), ""], dtype=object)[element[:]].tolist()
    return ["" if text == "nan" else text for text in texts(element)]


def check_counts(
    file: "h5py.File", group: "h5py.Group | h5py.Dataset", counts: str, sample: str, path: Path
) -> None:
    """Look at the first values: if they are not counts, say where the counts are."""
    wrong = not_counts(_first_values(group))
    if not wrong:
        return
    good = [name for name in places_of_counts(file) if name != counts]
    fix = "give a file with the raw counts"
    if good:
        fix = f"whole numbers are in {good[0]}: set h5ad: {{counts: {good[0]}}} in the cohort file"
    raise BadSample(sample, path, f"{counts} {wrong}", fix)


def places_of_counts(file: "h5py.File") -> list[str]:
    """Where an h5ad holds whole numbers, by a look at the first values: raw/X, X, layers."""
    places = {"raw/X": file.get("raw/X"), "X": file.get("X")}
    layers = file.get("layers", {})
    places |= {f"layers/{name}": layers[name] for name in layers}
    present = {name: place for name, place in places.items() if place is not None}
    return [name for name, place in present.items() if not not_counts(_first_values(place))]


def _first_values(group: "h5py.Group | h5py.Dataset") -> np.ndarray:

    return group["data"][:FIRST_VALUES] if is_group(group) else group[:100].ravel()


def blocks(
    group: "h5py.Group | h5py.Dataset", n_genes: int, rows: np.ndarray, block_rows: int = BLOCK_ROWS
) -> Iterator[tuple[np.ndarray, sp.csr_matrix]]:
    """Blocks of the wanted rows (sorted), reading ``block_rows`` rows of the file at a time."""
    sparse = is_group(group)
    if sparse and group.attrs.get("encoding-type", group.attrs.get("h5sparse_format")) in (
        "csc_matrix",
        "csc",
    ):
        yield rows, _whole_csc(group)[rows]
        return
    indptr = group["indptr"][:] if sparse else np.zeros(0, int)
    n_rows = len(indptr) - 1 if sparse else group.shape[0]
    block_rows = block_rows if sparse else min(block_rows, DENSE_ROWS)
    for start in range(0, n_rows, block_rows):
        stop = min(start + block_rows, n_rows)
        wanted = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
        if wanted.size == 0:
            continue
        first, last = int(wanted[0]), int(wanted[-1]) + 1
        if sparse:
            low, high = int(indptr[first]), int(indptr[last])
            part = (
                group["data"][low:high],
                group["indices"][low:high],
                indptr[first : last + 1] - low,
            )
            block = sound_matrix(part, (last - first, n_genes))
        else:
            block = sp.csr_matrix(group[first:last])
        yield wanted, block[wanted - first]


def _whole_csc(group: "h5py.Group") -> sp.csr_matrix:
    """A column-compressed matrix cannot be read by rows: it is read whole."""
    shape = tuple(group.attrs.get("shape", group.attrs.get("h5sparse_shape")))
    parts = (group["data"][:], group["indices"][:], group["indptr"][:])
    return sound_matrix(parts, shape, sp.csc_matrix).tocsr()
