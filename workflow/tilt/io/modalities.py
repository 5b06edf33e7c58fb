"""``tcells.h5mu``: RNA and proteins of the same cells as two modalities (MuData).

mudata writes the frame of the file: the names of cells and features, and where each is in which
modality. What is large is then copied from ``tcells.h5ad`` within HDF5, piece by piece and still
compressed, so that a cohort of a million cells needs no more memory than its names.
"""

from collections.abc import Iterable
from pathlib import Path

import anndata as ad
import h5py
import mudata
import numpy as np
import pandas as pd

from tilt.io import store
from tilt.io.tags import SLOT

RNA, PROT = "rna", "prot"  # as muon and totalVI name them
COUNTS = "counts"  # the layer of raw counts, of both modalities
SHOWN = ("sample", "donor", "batch", "condition", "subset")  # of obs, for both modalities at once


def proteins(counts: pd.DataFrame, levels: ad.AnnData) -> ad.AnnData:
    """The modality of proteins, cells x proteins (float32; NaN where a sample has no such tag).

    X: log ratios as in ``levels``; layers: raw counts, and those of ``levels``. Features are called
    ``prot:<protein>``, as a gene may have the same name.

    Raises ValueError when cells or proteins of both differ.
    """
    if not (counts.index.equals(levels.obs_names) and counts.columns.equals(levels.var_names)):
        raise ValueError("counts and levels of proteins are of other cells or proteins")
    made = levels.copy()
    made.layers[COUNTS] = counts.to_numpy(np.float32)
    made.var["protein"] = made.var_names
    made.var_names = [f"{PROT}:{name}" for name in made.var_names]
    return made


def write(path: str | Path, tcells: str | Path, prot: ad.AnnData) -> None:
    """Write the cells of ``tcells`` (an h5ad with tags in obsm) and ``prot`` as an h5mu.

    Tags that are a modality of their own are not kept in obsm a second time. Raises ValueError when
    the cells of both are not the same, in the same order.
    """
    with h5py.File(tcells) as source:
        obs = ad.io.read_elem(source["obs"])
        genes = pd.DataFrame(index=ad.io.read_elem(source["var"]).index)
        if not obs.index.equals(prot.obs_names):
            raise ValueError(f"{tcells}: its cells are not those of the proteins")
        frame = ad.AnnData(obs=pd.DataFrame(index=obs.index), var=genes)
        with mudata.set_options(pull_on_update=False):
            both = mudata.MuData({RNA: frame, PROT: prot})
            both.obs = obs[[name for name in SHOWN if name in obs]]
            both.write(path, **store.PACKED_TEXT)
        with h5py.File(path, "r+") as made:
            del made["mod"][RNA]
            rna = made["mod"].create_group(RNA)
            _copy(source, rna, (name for name in source if name != "obsm"))
            obsm = rna.create_group("obsm")
            kept = (name for name in source["obsm"] if name.split("_")[0] != SLOT)
            _copy(source["obsm"], obsm, kept)


def _copy(source: h5py.Group, made: h5py.Group, names: Iterable[str]) -> None:
    """Copy members of a group, and what it says of itself."""
    made.attrs.update(source.attrs)
    for name in names:
        source.copy(name, made)
