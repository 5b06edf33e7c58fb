"""Antibody tags of empty droplets, from the unfiltered matrix of a sample (Cell Ranger, HDF5).

What sticks to nothing but the droplet is the background of a tag (dsb; Mulè 2022,
doi:10.1038/s41467-022-29356-8).
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from tilt.io import h5_parts, tags
from tilt.io.errors import BadSample

log = logging.getLogger(__name__)

# Counts of genes up to which a droplet has no cell (EmptyDrops; doi:10.1186/s13059-019-1662-y).
MOST_GENES = 100
# Counts of tags between which a droplet is taken as empty, after the ranges that dsb's authors look
# for: fewer say nothing, more are clumps of antibodies or cells without RNA.
LEAST_TAGS, MOST_TAGS = 32, 1_000
LEAST_DROPLETS, MOST_DROPLETS = 50, 100_000  # of a sample; barcodes have no order, so the first do
PSEUDOCOUNT = 10.0  # of dsb: logs of small counts are steadier
LEAST_SD = 0.01
BLOCK = 100_000  # droplets in memory at a time
FIX = "give raw_feature_bc_matrix.h5 of the same library, or take the column `raw` out of the sheet"


def background(path: str | Path, names: Mapping[str, str], sample: str) -> pd.DataFrame:
    """Log counts of the proteins in the empty droplets of a sample: protein, mean, sd, n_droplets.

    Natural logs of counts plus ``PSEUDOCOUNT``. ``names``: tag -> protein, from the cohort file.
    No row for a matrix without tags, as of a sample that has none. Raises BadSample for another
    file, and for fewer than ``LEAST_DROPLETS``.
    """
    path = Path(path)
    parts = []
    with h5_parts.opened(path, sample) as file:
        if "matrix" not in file or "feature_type" not in file["matrix/features"]:
            raise BadSample(sample, path, "not an unfiltered matrix of Cell Ranger 3 and up", FIX)
        group = file["matrix"]
        kinds = h5_parts.texts(group["features/feature_type"])
        pairs = zip(*(h5_parts.texts(group[f"features/{x}"]) for x in ("id", "name")), strict=True)
        features = [[*pair, kind] for pair, kind in zip(pairs, kinds, strict=True)]
        is_tag = np.array([bool(tags.TYPES.match(kind)) for kind in kinds])
        is_gene = np.array([kind == "Gene Expression" for kind in kinds])
        if not is_tag.any():
            log.warning("sample %s: no antibody tags in %s", sample, path)
            return pd.DataFrame(columns=["protein", "mean", "sd", "n_droplets"])
        indptr = group["indptr"][:]
        for start in range(0, len(indptr) - 1, BLOCK):
            stop = min(start + BLOCK, len(indptr) - 1)
            low, high = int(indptr[start]), int(indptr[stop])
            part = (group["data"][low:high], group["indices"][low:high])
            block = sp.csr_matrix(
                (*part, indptr[start : stop + 1] - low), (stop - start, len(kinds))
            )
            genes = np.asarray(block[:, is_gene].sum(axis=1)).ravel()
            own = block[:, is_tag]
            caught = np.asarray(own.sum(axis=1)).ravel()
            empty = (genes <= MOST_GENES) & (caught >= LEAST_TAGS) & (caught <= MOST_TAGS)
            parts.append(sp.csr_matrix(own[empty]))
            if sum(part.shape[0] for part in parts) >= MOST_DROPLETS:
                break
    counts = sp.vstack(parts).tocsr() if parts else sp.csr_matrix((0, int(is_tag.sum())))
    if counts.shape[0] < LEAST_DROPLETS:
        wrong = f"{counts.shape[0]} empty droplets with tags, {LEAST_DROPLETS} are needed"
        raise BadSample(sample, path, wrong, FIX)
    tagged = [feature for feature, tag in zip(features, is_tag, strict=True) if tag]
    rows = [str(number) for number in range(counts.shape[0])]
    found, _ = tags.proteins(tags.of_features(counts, rows, tagged), names, sample, path)
    logs = np.log(found + PSEUDOCOUNT)
    made = pd.DataFrame({"mean": logs.mean(), "sd": np.maximum(logs.std(ddof=1), LEAST_SD)})
    made.insert(0, "protein", made.index)
    return made.reset_index(drop=True).assign(n_droplets=len(found))
