"""Antibody tags (CITE-seq) of a sample, from where a cohort has them, to counts of proteins.

They may be features of the same file as the genes, a slot of an h5ad, a modality of an h5mu, or a
folder of their own (CITE-seq-Count). Tags never stay among the genes.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from tilt.core.text import count, few
from tilt.genes import antibodies
from tilt.io.errors import BadSample, not_counts

if TYPE_CHECKING:
    import h5py

SLOT = "protein"  # of obsm, in every file that tilt writes
COUNTS = "layers/counts"  # of a modality whose X is normalized
TYPES = re.compile(r"^(?:antibody|protein|prot$|adt)", re.IGNORECASE)
NAMELESS = re.compile(
    r"^(?:\d*|nan|none|[ACGTN]{8,}|(?:feature|tag|protein|adt|v)[-_ ]?\d+)$", re.I
)
# Cells from which on a tag without a count in any was not in the tube: a panel file lists those of
# other tubes, too, and background alone would have shown in some of so many cells.
LEAST_CELLS = 100
MIN_SHARED = 0.5  # of the barcodes of the smaller table: below it they are of other cells
RAW = "give the raw counts of the tags, or take `protein` out of the cohort file"


def of_features(
    matrix: sp.spmatrix, barcodes: Sequence[str], features: Sequence[Sequence[str]]
) -> pd.DataFrame:
    """Tags (cells x tags) among typed features (rows of id, name, type)."""
    at = [i for i, line in enumerate(features) if len(line) > 2 and TYPES.match(line[2])]
    names = _distinct([(features[i][0], features[i][1] or features[i][0]) for i in at])
    return table(sp.csr_matrix(matrix)[:, at], barcodes, names)


def table(matrix: sp.spmatrix, barcodes: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """A small matrix (cells x tags) as a table; values stay as they are."""
    values = matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
    return pd.DataFrame(values, index=pd.Index(barcodes, dtype=object), columns=list(names))


def _distinct(pairs: list[tuple[str, str]]) -> list[str]:
    """Names of tags, with the id where a name is that of several ids (two clones of a protein).

    The name comes first, as an id alone (``A0072``) says no protein.
    """
    names = [name for _, name in pairs]
    return [f"{name}-{i}" if names.count(name) > 1 and i != name else name for i, name in pairs]


def in_h5(root: "h5py.Group", place: str, sample: str, path: Path) -> pd.DataFrame:
    """Tags of an h5ad (``obsm/<name>``) or an h5mu (``mod/<name>``), all cells, values as found.

    Of a modality whose X holds no counts (as in tilt's own ``tcells.h5mu``) the layer of them.

    Raises BadSample where there is no such place, or its tags have no names.
    """
    from anndata.io import read_elem

    kind, name = place.split("/", 1)
    if kind not in root or name not in root[kind]:
        have = ", ".join(f"{kind}/{key}" for key in root.get(kind, {})) or "none"
        fix = f"name one of {have} as `protein: from` in the cohort file"
        raise BadSample(sample, path, f"has no {place}", fix)
    group = root[place]
    if kind == "mod":
        values = read_elem(group["X"])
        if not_counts(values.data if sp.issparse(values) else np.asarray(values).ravel()):
            values = read_elem(group[COUNTS]) if COUNTS in group else values
        cells, names = (list(map(str, read_elem(group[x]).index)) for x in ("obs", "var"))
        return table(values, cells, names)
    values = read_elem(group)
    cells = list(map(str, read_elem(root["obs"]).index))
    if isinstance(values, pd.DataFrame):
        return table(values.to_numpy(), cells, list(map(str, values.columns)))
    return table(values, cells, _names_of(root, name, values.shape[1], sample, path))


def _names_of(root: "h5py.Group", slot: str, n: int, sample: str, path: Path) -> list[str]:
    """Names of the columns of an array in obsm, as totalVI's users keep them in uns."""
    from anndata.io import read_elem

    for key in (f"{slot}_names", "protein_names"):
        if key in root.get("uns", {}):
            names = list(map(str, read_elem(root["uns"][key])))
            if len(names) == n:
                return names
    raise BadSample(
        sample,
        path,
        f"obsm/{slot} has {n} columns without names",
        f"keep it as a table: adata.obsm['{slot}'] = pandas.DataFrame(values, adata.obs_names, "
        "columns=names)",
    )


def for_cells(found: pd.DataFrame, cells: Sequence[str], sample: str, file: Path) -> pd.DataFrame:
    """The rows of the given barcodes; those of cells without any are zero.

    Barcodes are compared as they are, else without what follows their last dash. Raises BadSample
    when fewer than half of the smaller table's are in the other.
    """
    index = pd.Index(cells, dtype=object)
    at = found.index.get_indexer(index) if found.index.is_unique else np.full(len(index), -1)
    if (at < 0).all():
        short = pd.Index([str(name).split("-")[0] for name in found.index])
        if short.is_unique:
            at = short.get_indexer(pd.Index([name.split("-")[0] for name in cells]))
    known = at >= 0
    if known.sum() < MIN_SHARED * min(len(index), len(found)):
        wrong = (
            f"{known.sum()} of {len(found)} barcodes of the antibody tags are among the "
            f"{len(index)} of the genes (tags {_first(found.index)}, genes {_first(index)})"
        )
        fix = "tags and genes are not of the same library, or their barcodes are renamed: correct "
        raise BadSample(sample, file, wrong, fix + "the row of the sheet")
    values = np.zeros((len(index), found.shape[1]), dtype=found.to_numpy().dtype)
    values[known] = found.to_numpy()[at[known]]
    return pd.DataFrame(values, index=index, columns=found.columns)


def _first(names: Sequence[str]) -> str:
    return str(names[0]) if len(names) else "none"


def proteins(
    found: pd.DataFrame, names: Mapping[str, str], sample: str, file: str | Path
) -> tuple[pd.DataFrame, list[str]]:
    """Counts of proteins (cells x proteins, int32) from tags by any name, and notes on them.

    ``names``: tag -> protein, from the cohort file. Hashtags, isotype controls, and proteins
    without a count in any of 100 cells or more are left out, clones of one protein summed; each is
    told. Raises BadSample for tags without names, twice the same tag, and values that are no
    counts.
    """
    tags = [str(name).strip() for name in found.columns]
    nameless = [name for name in tags if NAMELESS.match(name)]
    if nameless:
        wrong = f"{len(nameless)} of {len(tags)} antibody tags have no name (first {nameless[0]!r})"
        raise BadSample(sample, file, wrong, "name each tag by its protein (CD4, CD279, PD-1)")
    twice = sorted({name for name in tags if tags.count(name) > 1})
    if twice:
        wrong = f"antibody tag {few(twice)} occurs more than once"
        raise BadSample(sample, file, wrong, "take the copy out, or name the clones apart (CD4-1)")
    wrong = not_counts(found.to_numpy().ravel())
    if wrong:
        raise BadSample(sample, file, f"of the antibody tags: {wrong}", RAW)
    kinds = [antibodies.kind(name) if name not in names else antibodies.PROTEIN for name in tags]
    notes = []
    for kind, word in ((antibodies.HASHTAG, "hashtag"), (antibodies.ISOTYPE, "isotype control")):
        out = [name for name, k in zip(tags, kinds, strict=True) if k == kind]
        if out:
            notes.append(f"{count(len(out), word)} left out, no protein: {few(out)}")
    meant: dict[str, list[int]] = {}
    unknown = []
    for place, (tag, kind) in enumerate(zip(tags, kinds, strict=True)):
        if kind != antibodies.PROTEIN:
            continue
        protein, known = antibodies.protein(tag, names)
        meant.setdefault(protein, []).append(place)
        unknown += [] if known else [tag]
    for protein, places in meant.items():
        if len(places) > 1:
            clones = few([tags[i] for i in places])
            notes.append(f"{len(places)} tags bind {protein} and are summed: {clones}")
    if unknown:
        notes.append(
            f"{count(len(unknown), 'protein')} not in resources/antibodies.tsv, kept under "
            f"their own names: {few(unknown)}"
        )
    values = found.to_numpy()
    summed = {name: values[:, places].sum(axis=1) for name, places in sorted(meant.items())}
    if len(found) >= LEAST_CELLS:
        absent = [name for name, column in summed.items() if not column.any()]
        if absent:
            told = count(len(absent), "protein")
            notes.append(f"{told} without a count in any cell taken as not stained: {few(absent)}")
        summed = {name: column for name, column in summed.items() if name not in absent}
    made = pd.DataFrame(summed, index=found.index).astype(np.int32)
    notes.append(
        f"{count(made.shape[1], 'protein')} measured by antibody tags"
        if len(tags)
        else "no antibody tags in this sample"
    )
    return made, notes
