"""HDF5 files of counts: 10x HDF5 (v2, v3) and h5ad, read by blocks of rows.

A file may be far larger than the memory: nothing here holds more than one block of rows and the
rows asked for.
"""

import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from tilt.io import h5_parts, tags
from tilt.io.errors import BadSample, not_counts, split_features

if TYPE_CHECKING:
    import h5py
    import pandas as pd

log = logging.getLogger(__name__)


HUMAN = re.compile(r"^(GRCh\d+|hg\d+)", re.IGNORECASE)


def read_10x(
    path: Path, sample: str, genome: str = "", aside: list | None = None
) -> tuple[sp.csr_matrix, list[str], list[str], list[str]]:
    """Matrix (cells x genes), barcodes, ids and symbols of a 10x HDF5 file, v2 or v3.

    Antibody tags go to ``aside`` (cells x tags), where it is given.

    A v2 file has a group for each genome: ``genome`` names the one to read; without it the only
    one, or the only human one.
    """
    import h5py

    with h5_parts.opened(path, sample) as file:
        groups = [name for name in file if isinstance(file[name], h5py.Group)]
        if "matrix" in groups:
            group = file["matrix"]
            table = group["features"]
            kinds = h5_parts.texts(table["feature_type"]) if "feature_type" in table else None
            ids, symbols = h5_parts.texts(table["id"]), h5_parts.texts(table["name"])
        elif name := _genome(file, groups, genome, sample, path):
            group, kinds = file[name], None
            ids, symbols = h5_parts.texts(group["genes"]), h5_parts.texts(group["gene_names"])
        else:
            raise BadSample(
                sample,
                path,
                f"not a 10x HDF5 file (groups: {', '.join(groups) or 'none'})",
                "give filtered_feature_bc_matrix.h5, or use another format in the cohort file",
            )
        barcodes = h5_parts.texts(group["barcodes"])
        shape = (len(barcodes), len(ids))
        parts = (group["data"][:], group["indices"][:], group["indptr"][:])
        if len(parts[2]) != shape[0] + 1:
            raise BadSample(
                sample,
                path,
                f"{shape[0]} barcodes for a matrix of {len(parts[2]) - 1} cells",
                "the file is damaged: fetch it again",
            )
        matrix = h5_parts.sound_matrix(parts, shape)
        table = [list(row) for row in zip(ids, symbols, *([kinds] if kinds else []), strict=True)]
    ids, symbols, keep = split_features(table)
    if aside is not None and keep is not None:
        aside.append(tags.of_features(matrix, barcodes, table))
    return (matrix if keep is None else matrix[:, keep]), barcodes, ids, symbols


def _genome(file: "h5py.File", groups: list[str], wanted: str, sample: str, path: Path) -> str:
    """Group of the genome to read, "" when the file is of another kind."""
    genomes = [name for name in groups if "gene_names" in file[name]]
    human = [name for name in genomes if HUMAN.match(name)]
    found = wanted if wanted in genomes else ""
    if not found and not wanted:
        found = next((n[0] for n in (genomes, human) if len(n) == 1), "")
    if not found and genomes:
        of = f"no genome {wanted!r}" if wanted else f"{len(genomes)} genomes"
        raise BadSample(
            sample,
            path,
            f"the file has {of}: {', '.join(genomes)}",
            f"name one in the cohort file, for instance genome: {(human or genomes)[0]}",
        )
    others = [name for name in genomes if name != found]
    if others:
        log.warning("sample %s: %s is read, not %s", sample, found, ", ".join(others))
    return found


def read_h5ad(
    path: Path,
    sample: str,
    counts: str,
    column: str | None,
    keep: list[str],
    where: dict[str, list[str]],
    aside: list | None = None,
) -> tuple[sp.csr_matrix, list[str], list[str], list[str], dict[str, np.ndarray]]:
    """Matrix, barcodes, ids, symbols and kept obs columns of one sample of an h5ad file.

    ``column`` = obs column whose value is ``sample`` for the cells wanted; None = all cells.
    ``where`` = obs column -> values, for cells to be taken at all. Antibody tags among the features
    go to ``aside`` (cells x tags), where it is given.
    """
    with h5_parts.opened(path, sample) as whole:
        file, counts = h5_parts.root(whole, counts)
        group = h5_parts.counts_group(file, counts, sample, path)
        barcodes, ids, symbols = h5_parts.names(file, counts)
        obs = {name: np.array(h5_parts.column(file, name, sample, path)) for name in keep}
        chosen = h5_parts.chosen(file, where, len(barcodes), sample, path)
        if column is not None:
            values = np.array(h5_parts.column(file, column, sample, path), dtype=object)
            chosen &= np.isin(values, list(h5_parts.of_samples(values, [sample], path)))
            if not chosen.any():
                raise _no_cells(path, sample, column, values)
        rows = np.flatnonzero(chosen)
        h5_parts.check_counts(file, group, counts, sample, path)
        blocks = [block for _, block in h5_parts.blocks(group, len(ids), rows)]
        matrix = sp.vstack(blocks).tocsr() if blocks else sp.csr_matrix((0, len(ids)))
        obs = {name: values[rows] for name, values in obs.items()}
        kinds = h5_parts.kinds(file, counts)
        table = [list(row) for row in zip(ids, symbols, kinds or ids, strict=True)]
    if kinds is not None:
        ids, symbols, genes = split_features(table)
        if aside is not None and genes is not None:
            aside.append(tags.of_features(matrix, [barcodes[i] for i in rows], table))
        matrix = matrix if genes is None else matrix[:, genes]
    return matrix, [barcodes[i] for i in rows], ids, symbols, obs


def read_tags(path: Path, place: str, counts: str, sample: str) -> "pd.DataFrame":
    """Antibody tags (all cells x tags) of ``obsm/<name>`` or of the modality ``mod/<name>``."""
    with h5_parts.opened(path, sample) as whole:
        root = whole if place.startswith("mod/") else h5_parts.root(whole, counts)[0]
        return tags.in_h5(root, place, sample, path)


def split_h5ad(
    path: str | Path,
    sample_column: str,
    counts: str,
    out: dict[str, str | Path] | Callable,
    keep: list[str] | None = None,
    where: dict[str, list[str]] | None = None,
    block_rows: int = h5_parts.BLOCK_ROWS,
    tags_from: str = "",
) -> dict[str, int]:
    """Split an h5ad of a whole cohort into one h5ad a sample, by blocks of rows.

    ``out`` says which samples are wanted: sample -> path (dict), or a function of the sample
    that gives a path or None. Rows of other samples are passed over, as are cells whose obs
    values are not in ``where`` (column -> values). Each file has ``X`` = CSR int32 counts, obs
    columns ``keep``, var as in :func:`tilt.io.read.read_sample`; files appear only when whole.
    ``tags_from``: where antibody tags are apart from the genes (``obsm/<name>``, ``mod/<name>``);
    they come into ``obsm/protein`` as found. Memory: one block of rows, names and tags. Returns
    cells written per sample. A sample without cells gets a file without cells, which read_sample
    refuses by name. BadSample is raised when no sample has cells, or when values are not counts.
    """
    path = Path(path)
    apart = read_tags(path, tags_from, counts, "") if "/" in tags_from else None
    with h5_parts.opened(path, "") as whole:
        file, counts = h5_parts.root(whole, counts)
        group = h5_parts.counts_group(file, counts, "", path)
        barcodes, ids, symbols = h5_parts.names(file, counts)
        values = h5_parts.column(file, sample_column, "", path)
        obs = {name: np.array(h5_parts.column(file, name, "", path)) for name in keep or []}
        h5_parts.check_counts(file, group, counts, "", path)
        if apart is not None:
            apart = tags.for_cells(apart, barcodes, "", path)
        chosen = h5_parts.chosen(file, where or {}, len(barcodes), "", path)
        found = sorted(set(np.array(values, dtype=object)[chosen]) - {""})
        given = dict(out) if isinstance(out, dict) else {s: out(s) for s in found}
        paths = {name: Path(target) for name, target in given.items() if target is not None}
        codes = {name: i for i, name in enumerate(paths)}
        known = h5_parts.of_samples(found, paths, path)
        code = np.array([codes.get(known.get(value), -1) for value in values], dtype=np.int32)
        code[~chosen] = -1
        if not (code >= 0).any():
            raise _no_cells(path, next(iter(paths), ""), sample_column, values)
        others = [value for value in found if value not in known]
        if others:
            many = f"{len(others)} values of {sample_column} are not samples of the sheet"
            log.warning("%s and are left out: %s", many, ", ".join(others[:10]))
        writers = {
            name: _Writer(target, name, path, np.flatnonzero(code == codes[name]), len(ids))
            for name, target in paths.items()
        }
        try:
            for rows, block in h5_parts.blocks(
                group, len(ids), np.flatnonzero(code >= 0), block_rows
            ):
                for i in np.unique(code[rows]):
                    writers[list(paths)[i]].add(block[code[rows] == i])
            for writer in writers.values():
                writer.finish(barcodes, ids, symbols, obs, h5_parts.kinds(file, counts), apart)
        finally:
            for writer in writers.values():
                writer.part.unlink(missing_ok=True)
    return {name: len(writer.rows) for name, writer in writers.items()}


class _Writer:
    """Grows the CSR matrix of one sample on disk; the file is named only when it is whole."""

    def __init__(self, path: Path, sample: str, source: Path, rows: np.ndarray, n_genes: int):
        self.path, self.sample, self.source, self.rows = path, sample, source, rows
        self.shape = (len(rows), n_genes)
        self.indptr = [np.zeros(1, dtype=np.int64)]
        path.parent.mkdir(parents=True, exist_ok=True)
        self.part = path.with_name(f".{path.name}.part")
        self.part.unlink(missing_ok=True)

    def add(self, block: sp.csr_matrix) -> None:
        """Append rows; raises BadSample if they are not counts."""
        import h5py

        wrong = not_counts(block.data)
        if wrong:
            raise BadSample(self.sample, self.source, wrong, "name the raw counts (h5ad: counts)")
        with h5py.File(self.part, "a") as file:
            group = file.require_group("X")
            for name, values, kind in (
                ("data", block.data, np.int32),
                ("indices", block.indices, np.int32),
            ):
                if name not in group:
                    packed = h5_parts.PACKED | {"chunks": (65_536,)}
                    group.create_dataset(name, (0,), kind, maxshape=(None,), **packed)
                data = group[name]
                start = data.shape[0]
                data.resize((start + len(values),))
                data[start:] = values.astype(kind)
        self.indptr.append(block.indptr[1:].astype(np.int64) + self.indptr[-1][-1])

    def finish(
        self,
        barcodes: list,
        ids: list,
        symbols: list,
        obs: dict,
        kinds: list | None = None,
        apart: "pd.DataFrame | None" = None,
    ) -> None:
        """Write the names, and tags that are apart, and give the file its name."""
        import h5py
        import pandas as pd
        from anndata.io import write_elem

        frame = {name: values[self.rows] for name, values in obs.items()}
        names = pd.Index([barcodes[i] for i in self.rows], dtype=object)
        genes = pd.Index(ids, dtype=object)
        with h5py.File(self.part, "a") as file:
            file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
            group = file.require_group("X")
            for name in sorted({"data", "indices"} - set(group)):
                group[name] = np.zeros(0, dtype=np.int32)
            group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
            group.attrs["shape"] = np.array(self.shape)
            group["indptr"] = np.concatenate(self.indptr)
            write_elem(file, "obs", pd.DataFrame(frame, index=names))
            columns = {"gene_symbol": symbols} | ({"feature_types": kinds} if kinds else {})
            write_elem(file, "var", pd.DataFrame(columns, index=genes))
            if apart is not None:
                write_elem(file, "obsm", {tags.SLOT: apart.iloc[self.rows]})
        self.part.replace(self.path)


def _no_cells(path: Path, sample: str, column: str, values: Iterable[str]) -> BadSample:
    known = sorted(set(values) - {""})
    shown = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
    return BadSample(
        sample,
        path,
        f"no cell has {column} = {sample!r}",
        f"use the values of {column} as sample names ({shown})",
    )
