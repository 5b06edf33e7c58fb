"""Reading and writing tables: TSV by contract, atomic, the same bytes for the same content."""

import contextlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from tilt.core import contracts
from tilt.core.columns import ANY, COUNT, COUNT_OR_NA, FLAG, NUMBER, TEXT, Table

ROWS = 10_000  # of a table that are text at a time
GZIP = 31  # wbits of zlib for gzip; the gzip module writes other headers in Python 3.13


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


def write(
    table: pd.DataFrame,
    path: str | Path,
    contract: Table | None = None,
    float_format: str | None = "%.6g",
) -> None:
    """Write ``table`` without its index as a TSV, gzipped when ``path`` ends in ``.gz``.

    Missing values are written as ``NA``. The gzip header carries no time stamp, so the same
    table gives the same bytes.

    Parameters
    ----------
    contract
        What the table must hold; by default that of the name of the file. A table without rows
        gets all its columns.

    Raises
    ------
    ValueError
        The table breaks its contract, or its file has none.
    """
    contract = contract or contracts.of(path)
    if table.empty:
        known = [c for c in contract.columns if c in table or c not in contract.optional]
        table = table.reindex(columns=list(dict.fromkeys([*known, *table.columns])))
    wrong = problems(table, contract)
    if wrong:
        raise ValueError(f"{path}: " + "; ".join(wrong))
    parts = [table[i : i + ROWS] for i in range(0, max(len(table), 1), ROWS)]
    data = b"".join(_text(part, float_format, part is parts[0]).encode() for part in parts)
    if str(path).endswith(".gz"):
        data = zlib.compress(data, 4, wbits=GZIP)
    with atomic(path) as part:
        part.write_bytes(data)


def _text(rows: pd.DataFrame, float_format: str | None, header: bool) -> str:
    """Rows as text. Numbers are formatted a column at a time: half of the time, the same bytes."""
    if float_format is not None and len(rows):
        rows = rows.copy(deep=False)
        for name in rows.select_dtypes("floating"):
            texts = "\t".join([float_format] * len(rows)) % tuple(rows[name].tolist())
            rows[name] = np.where(rows[name].isna(), "NA", np.array(texts.split("\t"), object))
    return rows.to_csv(sep="\t", index=False, na_rep="NA", float_format=float_format, header=header)


def read(
    path: str | Path,
    contract: Table | None = None,
    columns: list[str] | None = None,
    nrows: int | None = None,
) -> pd.DataFrame:
    """Read a TSV written by :func:`write`; ``NA`` is the only missing value.

    Parameters
    ----------
    contract
        What the table must hold; by default that of the name of the file.
    columns
        Read these only; optional ones are left out where the table does not have them.
    nrows
        Read so many rows only.

    Returns
    -------
    Columns of the kinds of the contract: text as str (object), counts as int64 (float64 where
    values may be and are missing), numbers as float64, flags as bool.

    Raises
    ------
    ValueError
        The table breaks its contract, or its file has none.
    """
    contract = contract or contracts.of(path)
    how = {"sep": "\t", "keep_default_na": False, "na_values": ["NA"]}
    how["compression"] = "gzip" if str(path).endswith(".gz") else None
    there = list(pd.read_csv(path, nrows=0, **how))
    used = there if columns is None else [c for c in there if c in columns]
    lost = [c for c in (columns or ()) if c not in there and c not in contract.optional]
    if lost:
        raise ValueError(f"{path}: no column {lost}; it has {there}")
    wrong = wrong_columns(there, contract)
    if wrong:
        raise ValueError(f"{path}: " + "; ".join(wrong))
    dtypes = {TEXT: str, COUNT: "int64", COUNT_OR_NA: "float64", NUMBER: "float64", FLAG: "bool"}
    kinds = {name: contract.kind(name) for name in used}
    dtype = {name: dtypes[kind] for name, kind in kinds.items() if kind != ANY}
    try:
        table = pd.read_csv(path, usecols=used, nrows=nrows, dtype=dtype, **how)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    for name, kind in kinds.items():
        if kind == COUNT_OR_NA and not table[name].isna().any():
            table[name] = table[name].astype("int64")
    return table


def wrong_columns(there: list[str], contract: Table) -> list[str]:
    """Columns that a table lacks or must not have, in words."""
    lost = [name for name in contract.required if name not in there]
    more = [name for name in there if not contract.kind(name)]
    found = [f"no column {', '.join(lost)}"] if lost else []
    return found + ([f"unknown column {', '.join(map(str, more))}"] if more else [])


def problems(table: pd.DataFrame, contract: Table) -> list[str]:
    """Everything in which ``table`` breaks its contract, in words."""
    found = wrong_columns(list(table.columns), contract)
    order = [name for name in table.columns if name in contract.required]
    if not found and order != contract.required:
        found = [f"columns in another order than {', '.join(contract.required)}"]
    for name in table.columns:
        kind = contract.kind(name)
        if kind and not _holds(table[name], kind):
            found.append(f"column {name} is no {kind}: {list(table[name].unique()[:3])}")
    return found


def _holds(values: pd.Series, kind: str) -> bool:
    """Whether every value of a column is of ``kind``."""
    if kind in (COUNT, FLAG) and values.isna().any():
        return False
    known = values.dropna()
    if kind == ANY or not len(known):
        return True
    if isinstance(known.dtype, pd.CategoricalDtype):
        known = known.cat.categories.to_series()
    flags = pd.api.types.infer_dtype(known) == "boolean"
    if kind == FLAG:
        return flags
    if kind == TEXT:
        return pd.api.types.infer_dtype(known) == "string"
    numbers = pd.to_numeric(known, errors="coerce")
    if flags or numbers.isna().any() or pd.api.types.infer_dtype(known) == "string":
        return False
    return kind == NUMBER or bool((numbers % 1 == 0).all())
