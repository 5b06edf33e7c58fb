"""Zarr stores of counts, formats 2 and 3, with the parts that :mod:`tilt.io.h5_parts` reads."""

from pathlib import Path
from typing import Any

from tilt.io import limits
from tilt.io.errors import BadSample


def opened(path: Path, sample: str) -> Any:
    """The group of a store, open for reading.

    Raises OSError where the folder is no store, and BadSample for a store that lacks pieces of its
    counts, which zarr would read as zeros, or that claims to hold far more than its files can.
    """
    import zarr

    root = zarr.open_group(path, mode="r")
    size = sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
    for name, part in root.members(max_depth=None):
        if not isinstance(part, zarr.Array):
            continue
        if part.nbytes > limits.most_bytes(size) and part.dtype.kind != "T":
            wrong = f"its part {name} is said to have {part.nbytes:,} bytes, more than it can hold"
            raise BadSample(sample, path, wrong, "delete it and fetch it again")
        lost = part.nchunks - part.nchunks_initialized
        if lost and name.endswith(("/data", "/indices")):  # no piece of these is all zero
            wrong = f"{lost} of {part.nchunks} pieces of its part {name} are missing"
            raise BadSample(sample, path, wrong, "copy the whole folder again")
    return root
