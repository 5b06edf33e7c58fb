"""What is looked at before a raw file is read, and of the names that it holds."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from tilt.io import places, read_other
from tilt.io.errors import ENSEMBL, BadSample

MOUSE_ID = re.compile(r"^(mm10_+|mm9_+|GRCm3[89]_+)|^ENSMUSG")
OTHER_ID = re.compile(r"^ENS[A-Z]+G\d{11}")  # a species stands between ENS and G; of man nothing
PARTED = re.compile(r"^ENSG\d{11}(\.\d+)?,")
NO_NAMES = {"length", "total", "sum"}  # columns and rows of tables that are no cells and no genes


def names(
    barcodes: Sequence[str],
    ids: Sequence[str],
    symbols: Sequence[str],
    sample: str,
    file: str | Path,
) -> None:
    """Raise BadSample for repeated barcodes and for genes that are not human."""
    seen, twice = set(), []
    for name in barcodes:
        if name in seen:
            twice.append(name)
        seen.add(name)
    if twice:
        raise BadSample(
            sample,
            file,
            f"{len(twice)} barcodes occur more than once (first {twice[0]})",
            "two libraries were probably joined: give each its own row in the sample sheet, or "
            "make the barcodes differ",
        )
    unseen = [name for name in barcodes if not name.strip() or not name.isprintable()]
    if unseen:
        wrong = f"{len(unseen)} barcodes are empty or hold characters that are not seen (first "
        fix = "write the barcodes anew, of letters and digits"
        raise BadSample(sample, file, f"{wrong}{unseen[0]!a})", fix)
    if sum(bool(PARTED.match(name)) for name in ids) > 0.5 * len(ids):
        wrong = f"the columns of the genes are parted by commas, not by tabs ({ids[0]})"
        raise BadSample(sample, file, wrong, "write the features file with tabs")
    mouse = sum(bool(MOUSE_ID.match(name)) for name in ids)
    others = [name for name in ids if OTHER_ID.match(name)]
    if not mouse and len(others) > 0.5 * len(ids):
        wrong = f"{len(others)} of {len(ids)} genes are of another species ({others[0]})"
        fix = "tilt knows human genes only: write the human genes that they stand for"
        raise BadSample(sample, file, wrong, fix)
    if not mouse and not any(ENSEMBL.match(name) for name in ids):
        titled = sum(bool(re.match(r"^[A-Z][a-z]{2,}\d*$", name)) for name in symbols)
        mouse = titled if titled > 0.3 * len(symbols) else 0
    if mouse and read_other.has_genomes(ids):
        raise BadSample(
            sample,
            file,
            f"{mouse} of {len(ids)} genes are of another genome (a reference of two species)",
            "write the human part once, cells and genes: share = counts of human genes / all "
            "counts of a cell; adata[share > 0.9, human].write_h5ad(path); then format: "
            "h5ad_per_sample",
        )
    if mouse:
        raise BadSample(
            sample,
            file,
            f"{mouse} of {len(ids)} genes are mouse genes",
            "tilt knows human genes only: keep the human genes and cells, or take the sample out",
        )


def header(line: str, separator: str, n_columns: int, after_comment: bool) -> list[str]:
    """Names above the ``n_columns`` columns of numbers of a table; R writes none above its rows.

    ``after_comment``: lines that begin with # were passed over. Raises ValueError.
    """
    found = [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
    found = found[1:] if len(found) == n_columns + 1 else found
    if len(found) != n_columns:
        raise ValueError(f"{len(found)} names above {n_columns} columns")
    if after_comment and found and all(name.isdigit() for name in found):
        raise ValueError("its header begins with #, as comments do: take the # out")
    return found


def table_names(names: Sequence[str], sample: str, file: str | Path) -> None:
    """Raise BadSample for a column or row of a table that is neither a cell nor a gene."""
    odd = [name for name in names if name.lower() in NO_NAMES]
    if odd:
        wrong = f"{odd[0]} is neither a cell nor a gene"
        raise BadSample(sample, file, wrong, "take its row or column out of the table")


def file(path: Path, sample: str) -> None:
    """Raise BadSample for a file that is not there, not readable, or not what its name says."""
    wrong, fix = places.instead(path)
    if wrong:
        raise BadSample(sample, path, wrong, fix)
    if path.is_dir():
        return  # a zarr store, whose parts are looked at when it is opened
    if path.stat().st_size == 0:
        raise BadSample(sample, path, "the file is empty", "fetch it again")
    try:
        with open(path, "rb") as handle:
            head = handle.read(512)
    except OSError as error:
        wrong = f"the file cannot be read ({error.strerror})"
        raise BadSample(sample, path, wrong, "give yourself the right to read it") from error
    packed = head[:2] == b"\x1f\x8b"
    if head.lstrip()[:14].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BadSample(
            sample, path, "the file is a web page, not data", "delete it and fetch it again"
        )
    if head[:4] == b"PK\x03\x04":
        fix = "save an Excel table as tab-separated text (TSV); unpack a zip archive"
        raise BadSample(sample, path, "the file is an Excel table or a zip archive", fix)
    if path.suffix == ".gz" and not packed:
        raise BadSample(
            sample,
            path,
            "the file is named .gz but is not compressed by gzip",
            f"rename it to {path.name[:-3]} if it is plain text, else fetch it again",
        )
    if path.suffix in (".h5", ".h5ad", ".hdf5", ".loom") and head[:8] != b"\x89HDF\r\n\x1a\n":
        fix = "unpack it with gunzip" if packed else "fetch it again"
        raise BadSample(sample, path, "the file is not HDF5", fix)
