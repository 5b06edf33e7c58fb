"""The cohort's count matrix on disk, written once and read by blocks of rows.

The store is an AnnData in zarr format 3 with blosc (1.7 bytes per non-zero against 8 uncompressed),
so ``anndata.read_zarr`` opens it as well. Everything here holds two blocks in memory: one in use,
one on its way in.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import zarr
from scipy import sparse
from zarr.codecs import BloscCodec

from tilt.io import h5_parts

BLOCK_ROWS = 4_000  # rows in memory at a time: about 64 MB at 2,000 genes per cell
CHUNK = 1_000_000  # numbers in one compressed piece on disk
MOST_32 = np.iinfo(np.int32).max
H5_CHUNK = 200_000  # the same in an h5ad; its own default of a thousand makes larger files
# gzip is in every HDF5 library, R's too (lzf and zstd are not); bytes of one place side by side
# (shuffle) make it smaller.
PACKED_H5 = {"compression": "gzip", "compression_opts": 2, "shuffle": True}
# Beside zstd the same bytes, a sixth of the time to write and a quarter to read; one of the codecs
# that every reader of zarr has.
PACKED_ZARR = BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")
PACKED_TEXT = PACKED_H5 | {"shuffle": False}
PACKED_REAL = PACKED_TEXT  # a cell has few values, each many times: smaller with its bytes together
PIECES = {"chunks": (H5_CHUNK,)}
T = TypeVar("T")
NO_MORE: Any = object()
ROOT_ATTRIBUTES = {"encoding-type": "anndata", "encoding-version": "0.1.0"}
NOTHING: dict[str, dict] = {key: {} for key in ("obsm", "obsp", "varm", "varp", "layers", "uns")}


@dataclass(frozen=True)
class Store:
    """An open count store: ``obs`` (one row a cell), ``var`` (one row a gene) and the counts."""

    obs: pd.DataFrame
    var: pd.DataFrame
    indptr: np.ndarray
    data: zarr.Array
    indices: zarr.Array

    @property
    def var_names(self) -> pd.Index:
        """Names of the genes."""
        return self.var.index

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return len(self.obs)

    @property
    def n_vars(self) -> int:
        """Number of genes."""
        return len(self.var)

    def rows(self, start: int, stop: int) -> sparse.csr_matrix:
        """Counts of cells ``start`` to ``stop`` (excluded) as CSR, cells x genes."""
        begin, end = int(self.indptr[start]), int(self.indptr[stop])
        parts = (
            self.data[begin:end],
            self.indices[begin:end],
            self.indptr[start : stop + 1] - begin,
        )
        return sparse.csr_matrix(parts, shape=(stop - start, self.n_vars))


def write_store(path: str | Path, parts: Iterable[ad.AnnData], var: pd.DataFrame) -> int:
    """Write AnnData ``parts`` (CSR integer counts, the genes of ``var`` in its order) as one store.

    Two parts are in memory at a time: one being written, one on its way in. Tables in ``obsm``
    are joined (:func:`joined_slots`). The store appears under its name when it is whole.

    Returns
    -------
    Number of cells written.

    Raises
    ------
    ValueError
        A part's genes differ from ``var``, or cell names are not unique over the parts.
    """
    path = Path(path)
    scratch = path.with_name(f".{path.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    root = zarr.open_group(scratch, mode="w", zarr_format=3)
    root.attrs.update(ROOT_ATTRIBUTES)
    counts = _GrowingCsr(root, len(var))
    tables = []
    beside: dict[str, list[pd.DataFrame]] = {}
    for part in ahead(parts):
        if not part.var_names.equals(var.index):
            raise ValueError("all parts of a store need the same genes in the same order")
        if part.n_obs:
            counts.append(sparse.csr_matrix(part.X).astype(np.int32))
            tables.append(part.obs)
            for name, table in part.obsm.items():
                beside.setdefault(name, []).append(table)
    counts.finish()
    obs = pd.concat(tables) if tables else pd.DataFrame(index=pd.Index([], dtype=str))
    if not obs.index.is_unique:
        raise ValueError(f"cell name {obs.index[obs.index.duplicated()][0]!r} occurs twice")
    with ad.settings.override(auto_shard_zarr_v3=False):
        slots = {**NOTHING, "obsm": joined_slots(beside, obs.index)}
        for name, value in {"obs": obs, "var": var, **slots}.items():
            ad.io.write_elem(root, name, value)
    shutil.rmtree(path, ignore_errors=True)
    os.replace(scratch, path)
    return len(obs)


def joined_slots(parts: dict[str, list[pd.DataFrame]], cells: pd.Index) -> dict[str, pd.DataFrame]:
    """Tables of obsm joined over the parts (float32; NaN for what a part does not have)."""
    return {
        name: pd.concat([part.astype(np.float32) for part in found]).reindex(cells)
        for name, found in parts.items()
    }


class _GrowingCsr:
    """Grows ``X`` of a store. Only whole chunks are written, so that none is compressed twice."""

    def __init__(self, root: zarr.Group, n_genes: int):
        empty = sparse.csr_matrix((0, n_genes), dtype=np.int32)
        with ad.settings.override(auto_shard_zarr_v3=False):
            options = {"chunks": (CHUNK,), "compressors": PACKED_ZARR}
            ad.io.write_elem(root, "X", empty, dataset_kwargs=options)
        self.group: Any = root["X"]
        self.n_genes = n_genes
        self.kept = {name: [np.zeros(0, np.int32)] for name in ("data", "indices")}
        self.indptr = [np.zeros(1, np.int64)]

    def append(self, counts: sparse.csr_matrix) -> None:
        self.indptr.append(counts.indptr[1:].astype(np.int64) + self.indptr[-1][-1])
        for name, kept in self.kept.items():
            kept.append(getattr(counts, name).astype(np.int32, copy=False))
            n_kept = sum(map(len, kept))
            if n_kept >= CHUNK:
                self._write(name, n_kept - n_kept % CHUNK)

    def _write(self, name: str, n: int) -> None:
        values = np.concatenate(self.kept[name])
        array = self.group[name]
        start = array.shape[0]
        array.resize((start + n,))
        array[start:] = values[:n]
        self.kept[name] = [values[n:].copy()]

    def finish(self) -> None:
        """Write what is left, and where each row ends."""
        for name, kept in self.kept.items():
            self._write(name, sum(map(len, kept)))
        indptr = np.concatenate(self.indptr)
        self.group.create_array("indptr", data=indptr, overwrite=True)
        self.group.attrs["shape"] = [len(indptr) - 1, self.n_genes]


def _growing_counts(layers: h5py.Group, n_genes: int, n_counts: int) -> Any:
    """``counts`` of an h5ad, to which rows are added; ends of rows have room for ``n_counts``."""
    empty = sparse.csr_matrix((0, n_genes), dtype=np.int32)
    if n_counts > MOST_32:
        empty.indptr = empty.indptr.astype(np.int64)
    ad.io.write_elem(layers, "counts", empty, dataset_kwargs=PACKED_H5 | PIECES)
    return ad.io.sparse_dataset(layers["counts"])


def write_h5ad(
    path: str | Path,
    store: Store,
    normalize: Callable[[sparse.csr_matrix, np.ndarray], sparse.csr_matrix],
    slots: dict[str, object],
    size: int = BLOCK_ROWS,
) -> None:
    """Write a store as an h5ad for users, by blocks of rows.

    Parameters
    ----------
    path
        File to write.
    store
        Open count store; its counts become ``layers['counts']``.
    normalize
        Given counts (cells x genes) and their row numbers, gives what ``X`` holds (float32) where
        there are counts; places are written once for both, half of the time and of the bytes.
    slots
        obs, var, obsm, obsp, uns and, if wanted, varm of the result.
    """
    with h5py.File(path, "w") as root:
        root.attrs.update(ROOT_ATTRIBUTES)
        for name in sorted({"layers", "varm", "varp"} - set(slots)):  # a set has no order
            ad.io.write_elem(root, name, {})
        counts = _growing_counts(root["layers"], store.n_vars, store.indptr[-1])
        shown = root.create_group("X")
        growing = PACKED_REAL | PIECES | {"maxshape": (None,)}
        values = shown.create_dataset("data", (0,), np.float32, **growing)
        for start, block in iter_rows(store, size):
            counts.append(block)
            normal = normalize(block, np.arange(start, start + block.shape[0])).data
            values.resize((len(values) + len(normal),))
            values[len(values) - len(normal) :] = normal
        shown.attrs.update(root["layers/counts"].attrs)
        for name in ("indices", "indptr"):
            shown[name] = root["layers/counts"][name]
        for name, value in slots.items():
            # anndata cannot shuffle single values
            options = PACKED_TEXT if name in ("obs", "var", "uns") else PACKED_H5
            value = _plain(value) if name in ("obs", "var") else value
            ad.io.write_elem(root, name, value, dataset_kwargs=options)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose text is written as arrays, which R reads, and not as groups with a mask."""
    text = [name for name in frame if isinstance(frame[name].dtype, pd.StringDtype)]
    return frame.astype(dict.fromkeys(text, object)).set_axis(frame.index.astype(object))


def write_sample(path: str | Path, sample: ad.AnnData) -> None:
    """Write cells with integer counts in ``X`` (CSR), obs, var and obsm as an h5ad."""
    with h5py.File(path, "w") as root:
        root.attrs.update(ROOT_ATTRIBUTES)
        ad.io.write_elem(root, "X", sample.X, dataset_kwargs=h5_parts.PACKED)
        slots = {**NOTHING, "obsm": dict(sample.obsm)}
        for name, value in {"obs": sample.obs, "var": sample.var, **slots}.items():
            ad.io.write_elem(root, name, value)


def read_slot(path: str | Path, slot: str) -> pd.DataFrame | None:
    """A table of obsm of a sample object or store, None where there is none."""
    path = Path(path)
    root: Any = zarr.open_group(path, mode="r") if path.is_dir() else h5py.File(path)
    found = ad.io.read_elem(root["obsm"][slot]) if slot in root["obsm"] else None
    if not path.is_dir():
        root.close()
    return found


def read_part(path: str | Path, part: str) -> pd.DataFrame | sparse.csr_matrix:
    """One part (obs, X, obsp/connectivities) of an h5ad, without the others."""
    with h5py.File(path) as file:
        return ad.io.read_elem(file[part])


def read_layer(path: str | Path, layer: str, names: Sequence[str]) -> pd.DataFrame:
    """Some columns of a dense layer of an h5ad (cells x those of ``names`` that it has)."""
    with h5py.File(path) as file:
        cells, columns = (ad.io.read_elem(file[part]).index for part in ("obs", "var"))
        at = [int(place) for place in columns.get_indexer(list(names)) if place >= 0]
        values = [file["layers"][layer][:, place] for place in at]
    found = dict(zip(columns[at], values, strict=True))
    return pd.DataFrame(found, index=cells)


def open_store(path: str | Path) -> Store:
    """Open a store for reading; tables and row pointers are loaded, counts stay on disk."""
    root = zarr.open_group(Path(path), mode="r")
    counts: Any = root["X"]  # a group, which zarr's types leave open
    return Store(
        obs=ad.io.read_elem(root["obs"]),
        var=ad.io.read_elem(root["var"]),
        indptr=counts["indptr"][:],
        data=counts["data"],
        indices=counts["indices"],
    )


def iter_rows(store: Store, size: int = BLOCK_ROWS) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """Yield ``(start, counts)``: CSR blocks of at most ``size`` cells, in the order of ``obs``.

    The next block is read while the caller works on this one.
    """
    starts = range(0, store.n_obs, size)
    return ahead((start, store.rows(start, min(start + size, store.n_obs))) for start in starts)


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items; the next is made, in a thread of its own, while the caller works on one."""
    items = iter(items)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, items, NO_MORE)
        while (item := waiting.result()) is not NO_MORE:
            waiting = pool.submit(next, items, NO_MORE)
            yield item


def select_genes(store: Store, genes: Iterable[str], size: int = BLOCK_ROWS) -> ad.AnnData:
    """Counts of the chosen genes only, for all cells, in memory (cells x chosen genes, CSR)."""
    columns = store.var.index.get_indexer(list(genes))
    if (columns < 0).any():
        raise ValueError("a chosen gene is not in the store")
    # Arrays that grow in place: pieces that are joined at the end leave holes of their own size.
    data, indices = np.zeros(0, np.int32), np.zeros(0, np.int32)
    indptr = np.zeros(store.n_obs + 1, np.int64)
    for start, block in iter_rows(store, size):
        part = block[:, columns]
        first, last = indptr[start], indptr[start] + part.nnz
        indptr[start + 1 : start + part.shape[0] + 1] = first + part.indptr[1:]
        for array, new in ((data, part.data), (indices, part.indices)):
            if last > len(array):
                array.resize(max(last, len(array) + len(array) // 16), refcheck=False)
            array[first:last] = new
    for array in (data, indices):
        array.resize(indptr[-1], refcheck=False)
    counts = sparse.csr_matrix((data, indices, indptr), shape=(store.n_obs, len(columns)))
    return ad.AnnData(counts, obs=store.obs.copy(), var=store.var.iloc[columns].copy())
