"""The cohort of a benchmark in memory, for scripts that hold all counts."""

import anndata as ad
import h5py


def read(path: str) -> ad.AnnData:
    """Raw counts (cells x genes, CSR) with obs, and var of all genes."""
    with h5py.File(path) as file:
        return ad.AnnData(
            ad.io.read_elem(file["raw/X"]),
            obs=ad.io.read_elem(file["obs"]),
            var=ad.io.read_elem(file["raw/var"]),
        )
