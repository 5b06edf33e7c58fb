"""What is looked at before a raw file is read, and of the names that it holds."""

import re
from collections.abc import Sequence
from pathlib import Path

from tilt.io import places, read_other
from tilt.io.errors import ENSEMBL, BadSample

MOUSE_ID = re.compile(r"^(mm10_+|mm9_+|GRCm3[89]_+)|^ENSMUSG")


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
    mouse = sum(bool(MOUSE_ID.match(name)) for name in ids)
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
