"""What the steps of scanpy_ways.py are measured on, and with which settings."""

from pathlib import Path

TARGET, N_GENES, N_PCS, N_NEIGHBORS, SEED = 1e4, 2_000, 30, 15, 1
RESOLUTIONS = [0.5, 1.0, 2.0]


def open_inputs(folder: Path):
    import numpy as np
    from tilt.io import store as blocks

    return blocks.open_store(folder / "counts.zarr"), np.load(folder / "n_counts.npy")


def by_sample(store):
    """Rows of each sample: its cells lie together."""
    import numpy as np

    name = store.obs["sample"].astype(str).to_numpy()
    ends = np.flatnonzero(np.r_[name[1:] != name[:-1], True]) + 1
    return zip(np.r_[0, ends[:-1]], ends, strict=True)


def in_memory(store):
    """The whole store as an AnnData."""
    import anndata as ad

    return ad.AnnData(store.rows(0, store.n_obs), obs=store.obs.copy(), var=store.var.copy())


def lazy(folder: Path, store):
    """The same with counts as a dask array of blocks of 5,000 cells."""
    import anndata as ad
    import dask
    import zarr

    dask.config.set(scheduler="synchronous")
    root = zarr.open_group(folder / "counts.zarr", mode="r")
    counts = ad.experimental.read_elem_lazy(root["X"], chunks=(5_000, store.n_vars))
    return ad.AnnData(counts, obs=store.obs.copy(), var=store.var.copy())
