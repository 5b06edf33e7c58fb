"""Counts of simulated cells: negative binomial draws, ambient RNA, doublets; fast and sparse.

Most molecules of a background gene that is rare in every cell are noise, so such genes are drawn
as totals over the cells of a type and dealt out to cells by depth. That is an exact Poisson draw
and costs nothing for zeros. All other genes are drawn cell by cell with gamma-Poisson noise.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import sparse

from tilt.simulate.states import STATES
from tilt.simulate.world import LEAST_SHARE, World

# Expected counts in an average cell below which background genes are dealt out. The gamma noise
# left out is RARE * dispersion of the variance of such a gene, a few per cent.
RARE = 0.3
LARGE = 2.0  # expected counts above which summing the distribution is slower than drawing twice
SLOTS = 1024  # places a cell of average depth has in the table that molecules are dealt from
BLOCK = 4000  # cells drawn at once: bounds memory


@dataclass
class Cells:
    """What is known of each cell before its counts are drawn; all arrays have shape (cells,).

    ``kind``: position of the cell type; ``borrowed``: type that lends part of its identity;
    ``own``, ``lent``: activity of the two identities; ``depth``: expected UMIs;
    ``ambient``: expected UMIs from the soup; ``mito``: share of mitochondrial UMIs to aim at
    (nan = as the type has it); ``interferon``, ``ahr_jun``, ``proliferating``: activity of the
    states.
    """

    kind: np.ndarray
    borrowed: np.ndarray
    own: np.ndarray
    lent: np.ndarray
    depth: np.ndarray
    ambient: np.ndarray
    mito: np.ndarray
    interferon: np.ndarray
    ahr_jun: np.ndarray
    proliferating: np.ndarray

    def part(self, rows: slice) -> "Cells":
        """The same for some of the cells."""
        return Cells(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def draw(
    world: World,
    cells: Cells,
    factor: np.ndarray,
    soup: np.ndarray,
    dispersion: float,
    rng: np.random.Generator,
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Draw counts: cells x genes (CSR int32, sorted), and how many of them are ambient (cells,).

    ``factor`` (genes,): what batch, donor and sample do to each gene; ``soup`` (genes,): profile
    of the ambient RNA, any scale. Counts are Poisson with a gamma-distributed mean: variance =
    mean + ``dispersion`` * mean^2 (Grün 2014, doi:10.1038/nmeth.2930); ``dispersion`` > 0.
    """
    genes = _choose(world, cells, factor)
    blocks, from_soup = [], []
    for start in range(0, len(cells.kind), BLOCK):
        part = cells.part(slice(start, start + BLOCK))
        expressed = _drawn(world, part, factor, genes[0], dispersion, rng)
        rare = _dealt(world, part, factor, genes[1], rng)
        ambient = _deal(soup / soup.sum() if soup.sum() else soup, part.ambient, rng)
        from_soup.append(np.bincount(ambient[0], minlength=len(part.kind)))
        rows = np.concatenate([rare[0], ambient[0]])
        columns = np.concatenate([rare[1], ambient[1]])
        blocks.append(expressed + count_molecules(rows, columns, expressed.shape))
    counts = blocks[0] if len(blocks) == 1 else sparse.vstack(blocks, format="csr")
    return counts, np.concatenate(from_soup)


def _choose(world: World, cells: Cells, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Genes drawn cell by cell, and genes dealt out."""
    weights = np.bincount(cells.kind, weights=cells.depth, minlength=len(world.types))
    average = (weights / len(cells.kind)) @ world.typical * factor
    background = (world.genes["kind"] == "background").to_numpy()
    rare = background & (average <= RARE)
    return np.flatnonzero(~rare), np.flatnonzero(rare & (average > 0))


def _drawn(
    world: World,
    cells: Cells,
    factor: np.ndarray,
    genes: np.ndarray,
    dispersion: float,
    rng: np.random.Generator,
) -> sparse.csr_matrix:
    counts = negative_binomial(_means(world, cells, factor, genes), dispersion, rng)
    flat = np.flatnonzero(counts)
    columns = (flat % len(genes)).astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(np.count_nonzero(counts, axis=1))]).astype(np.int32)
    shape = (len(cells.kind), len(factor))
    values = counts.ravel()[flat]
    return sparse.csr_matrix((values, genes.astype(np.int32)[columns], ends), shape=shape)


def _means(world: World, cells: Cells, factor: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Expected counts, cells x chosen genes (float32)."""
    shared, identity = world.shared[:, genes], world.identity[:, genes]
    base, mean = shared[cells.kind], identity[cells.kind]
    mean *= cells.own[:, None].astype(np.float32)
    mean += base
    lenders = np.flatnonzero(cells.lent > 0)
    lent = cells.lent[lenders, None].astype(np.float32)
    mean[lenders] += lent * identity[cells.borrowed[lenders]]
    base *= np.float32(LEAST_SHARE)
    np.maximum(mean, base, out=mean)
    for name in (*STATES, "proliferating"):
        state = world.states[name][genes]
        touched = np.flatnonzero(state)
        active = np.flatnonzero(getattr(cells, name) > 0)
        more = np.outer(getattr(cells, name)[active], state[touched])
        mean[np.ix_(active, touched)] += more.astype(np.float32)
    mean *= factor[genes].astype(np.float32)
    _set_mito(mean, np.isin(genes, world.kind("mito")), cells.mito)
    mean *= cells.depth[:, None].astype(np.float32)
    return mean


def _set_mito(mean: np.ndarray, mito: np.ndarray, aim: np.ndarray) -> None:
    """Give damaged cells their share of mitochondrial UMIs, at the cost of everything else."""
    damaged = np.flatnonzero(np.isfinite(aim))
    part = mean[damaged]
    now = part[:, mito].sum(1, keepdims=True)
    aim = aim[damaged, None].astype(np.float32)
    part[:, mito] *= aim / now
    part[:, ~mito] *= (1 - aim) / (1 - now)
    mean[damaged] = part


def negative_binomial(mean: np.ndarray, dispersion: float, rng: np.random.Generator) -> np.ndarray:
    """Negative binomial counts (int32) of the shape of ``mean`` (float32).

    Small means by inverting the distribution function, which is fast because most counts are 0;
    the others as a Poisson draw of a gamma draw.
    """
    size = 1 / dispersion
    counts = np.zeros(mean.size, dtype=np.int32)
    mean = np.ascontiguousarray(mean)
    flat = mean.ravel()
    large = np.flatnonzero(flat > LARGE)
    counts[large] = rng.poisson(flat[large] * rng.standard_gamma(size, len(large)) / size)
    none = np.power(np.float32(size) / (np.float32(size) + mean), np.float32(size)).ravel()
    none[large] = 1.0
    chance = rng.random(mean.size, dtype=np.float32)
    left = np.flatnonzero(chance >= none)
    chance, wide = chance[left], flat[left].astype(float)
    ratio = wide / (size + wide)
    total = (1 - ratio) ** size
    term, k = total.copy(), 0
    while len(left):
        k += 1
        term *= (k - 1 + size) / k * ratio
        total += term
        counts[left] = k
        more = np.flatnonzero((chance >= total) & (term > 1e-12))
        left, chance, total = left[more], chance[more], total[more]
        term, ratio = term[more], ratio[more]
    return counts.reshape(mean.shape)


def _dealt(
    world: World, cells: Cells, factor: np.ndarray, genes: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Molecules of rare genes: (row, gene) of each."""
    rows, columns = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    order = np.argsort(cells.kind, kind="stable")
    kinds, first = np.unique(cells.kind[order], return_index=True)
    for kind, members in zip(kinds, np.split(order, first[1:]), strict=True):
        share = world.typical[kind, genes] * factor[genes]
        row, column = _deal(share, cells.depth[members], rng)
        rows.append(members[row])
        columns.append(genes[column])
    return np.concatenate(rows), np.concatenate(columns)


def _deal(
    share: np.ndarray, depth: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Poisson molecules of genes (``share`` of a cell's UMIs) in cells (``depth``): (row, gene).

    Cells are picked from a table in which each has places in proportion to its depth.
    """
    totals = rng.poisson(share.astype(float) * depth.sum())
    columns = np.repeat(np.arange(len(share)), totals)
    places = np.round(depth / max(depth.mean(), 1e-12) * SLOTS).astype(int)
    table = np.repeat(np.arange(len(depth)), places)
    if len(columns) == 0 or len(table) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return table[rng.integers(0, len(table), len(columns), dtype=np.uint32)], columns


def count_molecules(rows: np.ndarray, columns: np.ndarray, shape: tuple) -> sparse.csr_matrix:
    """Count molecules given one by one as (row, column): CSR int32, indices sorted."""
    wide: Any = np.uint32 if shape[0] * shape[1] < 2**32 else np.uint64
    keys: np.ndarray = np.sort(rows.astype(wide) * wide(shape[1]) + columns.astype(wide))
    new = np.concatenate([[True], keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, bool)
    first = np.flatnonzero(new)
    values = np.diff(np.append(first, len(keys))).astype(np.int32)
    row, column = np.divmod(keys[first], wide(shape[1]))
    ends = np.searchsorted(row, np.arange(shape[0] + 1, dtype=wide)).astype(np.int32)
    return sparse.csr_matrix((values, column.astype(np.int32), ends), shape=shape)


def add_partners(counts: sparse.csr_matrix, cells: np.ndarray, n: int) -> sparse.csr_matrix:
    """Make doublets: the counts of rows n, n+1, ... are added to the rows ``cells`` (increasing).

    Returns the first n rows.
    """
    partners = counts[n:]
    lengths = np.zeros(n, dtype=np.int64)
    lengths[cells] = np.diff(partners.indptr)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(partners.indptr.dtype)
    moved = sparse.csr_matrix((partners.data, partners.indices, ends), shape=(n, counts.shape[1]))
    return counts[:n] + moved
