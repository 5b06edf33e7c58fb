"""UMAP's layout of a graph of cells in the plane (McInnes 2018, arXiv:1802.03426, algorithm 5).

umap-learn does the same, but in a new folder its import and what it compiles take 20 processor
seconds, whatever the number of cells; this compiles one function in 2, and keeps it. The layout
of 17,158 cells then takes 1.7 s, where taking powers, as umap-learn does, needs 5.2, with the same
trustworthiness (tests/benchmark/README.md). It starts from two given axes, as principal
components (Kobak 2021, doi:10.1038/s41587-020-00809-z), instead of a spectral layout.
"""

import numba
import numpy as np
from scipy import sparse
from scipy.optimize import curve_fit

# As umap-learn has them by default.
NEGATIVE = 5  # cells a cell is moved away from for each it is drawn to
SMALL = 10_000  # cells up to which there are more passes
EPOCHS, EPOCHS_SMALL = 200, 500  # passes
START = 10.0  # span of the starting positions
STEP = 1.0  # learning rate of the first pass; falls to 0
FURTHEST = 4.0  # bound of the move along an axis by one pair
# Squared distances for which a force is kept, by their bits as float32: powers of two, and steps
# within each. A step is 0.4 % of the distance squared; beyond the ends the last force stands.
LOWEST, HIGHEST, STEPS = 2**-20, 2**12, 256


def curve(min_dist: float, spread: float = 1.0) -> tuple[float, float]:
    """The a and b of UMAP's curve 1 / (1 + a x^2b) for ``min_dist``, as umap-learn fits them."""
    distance = np.linspace(0, 3 * spread, 300)
    wanted = np.where(distance < min_dist, 1.0, np.exp(-(distance - min_dist) / spread))
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), distance, wanted)
    return float(a), float(b)


def lay_out(
    weights: sparse.csr_matrix, start: np.ndarray, min_dist: float, seed: int
) -> np.ndarray:
    """Positions of cells in the plane, linked cells near each other.

    Parameters
    ----------
    weights
        Symmetric links between cells (n_cells x n_cells), as in ``obsp['connectivities']``.
    start
        Two axes to start from (n_cells x 2), in any unit.
    min_dist
        Distance below which linked cells need not come nearer.
    seed
        Of the cells that a cell is moved away from.

    Returns
    -------
    n_cells x 2, float32.
    """
    epochs = EPOCHS_SMALL if weights.shape[0] <= SMALL else EPOCHS
    links = weights.tocoo()
    strongest = links.data.max(initial=0)
    kept = links.data >= strongest / epochs  # others would never be drawn
    every = strongest / links.data[kept].astype(np.float64)
    rng = np.random.default_rng(seed)
    span = np.ptp(start, axis=0).clip(min=np.finfo(np.float32).tiny)
    place = START * (start - start.min(axis=0)) / span.max()
    place = (place + rng.normal(0, 1e-4, place.shape)).astype(np.float32)
    a, b = curve(min_dist)
    head, tail = links.row[kept].astype(np.int32), links.col[kept].astype(np.int32)
    _descend(place, head, tail, every, *forces(a, b), epochs, seed)
    return place


def forces(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Forces of a pair by its squared distance: towards each other, and apart (float32).

    The derivatives of UMAP's curve over the distance, at the middle of each of the steps from
    ``LOWEST`` to ``HIGHEST``. Reading them there instead of taking powers lays out 17,158 cells in
    1.7 processor seconds instead of 5.2.
    """
    ends = np.array([LOWEST, HIGHEST], np.float32).view(np.uint32) // (2**23 // STEPS)
    edges = np.arange(ends[0], ends[1] + 1, dtype=np.uint32) * np.uint32(2**23 // STEPS)
    squared = edges.view(np.float32).astype(float)
    squared = (squared[1:] + squared[:-1]) / 2
    power = squared**b
    together = -2 * a * b * power / (squared * (1 + a * power))
    apart = 2 * b / ((0.001 + squared) * (1 + a * power))
    return together.astype(np.float32), apart.astype(np.float32)


@numba.njit(cache=True)
def _descend(place, head, tail, every, together, apart, epochs, seed):  # type: ignore[no-untyped-def]
    """Move ``place`` (in place) by stochastic descent; a link is due each ``every`` passes."""
    n = np.uint64(len(place))
    state = np.uint64(2 * seed + 1)  # of a linear congruential generator, Knuth's MMIX
    due, every_away = every.copy(), every / NEGATIVE
    due_away = every_away.copy()
    squared = np.empty(1, np.float32)
    bits = squared.view(np.uint32)
    drop = np.uint32(23 - int(np.log2(STEPS)))  # float32 has 23 bits within a power of two
    squared[0] = LOWEST
    first, last = np.int64(bits[0] >> drop), len(apart) - 1
    furthest = np.float32(FURTHEST)
    for epoch in range(epochs):
        step = np.float32(STEP * (1 - epoch / epochs))
        for link in range(len(head)):
            if due[link] > epoch:
                continue
            i, j = head[link], tail[link]
            x, y = place[i, 0] - place[j, 0], place[i, 1] - place[j, 1]
            squared[0] = x * x + y * y
            force = together[min(max(np.int64(bits[0] >> drop) - first, 0), last)]
            x = step * min(max(force * x, -furthest), furthest)
            y = step * min(max(force * y, -furthest), furthest)
            place[i, 0] += x
            place[i, 1] += y
            place[j, 0] -= x
            place[j, 1] -= y
            due[link] += every[link]
            while due_away[link] <= epoch:
                due_away[link] += every_away[link]
                state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
                j = np.int32(((state >> np.uint64(32)) * n) >> np.uint64(32))
                x, y = place[i, 0] - place[j, 0], place[i, 1] - place[j, 1]
                squared[0] = x * x + y * y
                force = apart[min(max(np.int64(bits[0] >> drop) - first, 0), last)]
                place[i, 0] += step * min(max(force * x, -furthest), furthest)
                place[i, 1] += step * min(max(force * y, -furthest), furthest)
