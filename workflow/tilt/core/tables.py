"""Reading and writing tables: TSV, atomic, and byte for byte the same for the same content."""

import contextlib
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it into place only if the block succeeds.

    A job that is killed half-way leaves no file that looks whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write(table: pd.DataFrame, path: str | Path, float_format: str | None = "%.6g") -> None:
    """Write ``table`` without its index as a TSV, gzipped when ``path`` ends in ``.gz``.

    Missing values are written as ``NA``. The gzip header carries no time stamp, so the same
    table gives the same bytes.
    """
    text = table.to_csv(sep="\t", index=False, na_rep="NA", float_format=float_format)
    data = text.encode()
    if str(path).endswith(".gz"):
        data = gzip.compress(data, compresslevel=4, mtime=0)
    with atomic(path) as part:
        part.write_bytes(data)


def read(path: str | Path, **options) -> pd.DataFrame:
    """Read a TSV written by :func:`write`; ``NA`` is the only missing value.

    Columns of identifiers and of names that users give stay strings, also where all are digits.
    """
    names = ("cell", "sample", "donor", "cohort", "batch", "condition", "subset", "quantity")
    gz = str(path).endswith(".gz")
    return pd.read_csv(
        path,
        sep="\t",
        compression="gzip" if gz else None,
        keep_default_na=False,
        na_values=["NA"],
        dtype=dict.fromkeys(names, str),
        **options,
    )
