"""Raw count files of one sample, in any of the accepted formats, to one AnnData.

Nothing is believed: every file is checked for what it claims to be, and what is wrong is said
with the sample, the file and the fix.
"""

import csv
import gzip
import io
import logging
import math
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np
import pandas as pd
import scipy.sparse as sp

from tilt.genes import spelling
from tilt.io import h5, layouts, limits, read_checks, read_other, tags
from tilt.io.errors import ENSEMBL, BadSample, not_counts, split_features

if TYPE_CHECKING:
    from anndata import AnnData

log = logging.getLogger(__name__)
HOUSEKEEPING = {"ACTB", "B2M", "GAPDH", "MALAT1", "RPL13", "TMSB4X", "EEF1A1", "FTL"}
# Counts (cells x genes), barcodes, gene ids, gene symbols of one file.
Found = tuple[sp.csr_matrix, list[str], list[str], list[str]]
LINE = 1 << 16  # bytes of a line of a matrix that are looked at
NOT_THERE = ["", "NA", "NaN", "nan", "None", "null"]
RENUMBERED = re.compile(r"(-\d+)+$")
TRUNCATED = (EOFError, zlib.error, gzip.BadGzipFile)


def read_sample(
    format: str,
    files: Mapping[str, str | Path],
    *,
    sample: str = "",
    counts: str = "X",
    sample_column: str | None = None,
    keep: list[str] | None = None,
    where: dict[str, list[str]] | None = None,
    genome: str = "",
    protein: Mapping | None = None,
) -> "AnnData":
    """Read the raw counts of one sample.

    ``files`` as given by :func:`tilt.io.layouts.sample_files`. ``counts`` (X, raw/X,
    layers/<name>), ``sample_column`` (obs column whose value ``sample`` selects the cells) apply to
    h5ad files.
    ``where`` (column -> values of cells to take) and ``keep`` (columns to carry along) apply to
    the obs of h5ad files and to the table of cells of a lane that holds several samples.
    ``genome`` chooses among the genomes of an old 10x HDF5 file. ``protein``: where its antibody
    tags are (``from``) and what they bind (``names``); None leaves them out.

    Returns an AnnData, cells x genes: ``X`` CSR int32 counts; ``obs_names`` barcodes as found;
    ``var.index`` Ensembl id without version where the source has one, else the symbol;
    ``var["gene_symbol"]`` as found; ``uns["notes"]``: sentences on what was left out or taken for
    granted, with numbers; ``obsm["protein"]`` with ``protein``: counts of proteins (cells x
    proteins, int32 table). Repeated genes are left as they are. Raises BadSample.
    """
    if format not in layouts.FORMATS:
        raise ValueError(f"unknown format {format!r}; known: {', '.join(layouts.FORMATS)}")
    found: tuple  # what is in Found, and columns of obs where the format has them
    aside: list[pd.DataFrame] = []  # tags that stand among the genes
    for file in files.values():
        read_checks.file(Path(file), sample)
    if format in ("10x_dir", "triplets"):
        found = _read_triplet(files, sample, aside)
    elif format == "table":
        found = _read_table(Path(files["table"]), sample)
    else:
        if format == "10x_h5":
            found = h5.read_10x(Path(files["h5"]), sample, genome, aside)
        else:
            column = sample_column if format == "h5ad" else None
            found = h5.read_h5ad(
                Path(files["h5ad"]), sample, counts, column, keep or [], where or {}, aside
            )
    if "cells" in files:
        found = _of_lane(found, Path(files["cells"]), sample, where or {}, keep or [])
    first = Path(next(iter(files.values())))
    adata = to_anndata(*found, sample=sample, file=first, aside=aside)
    if protein:
        place = protein["from"]
        if place != "features":
            aside = [_tags_apart(files, place, counts, sample)]
        cells = [tags.for_cells(part, adata.obs_names, sample, first) for part in aside]
        joined = pd.concat(cells, axis=1) if cells else pd.DataFrame(index=adata.obs_names)
        made, notes = tags.proteins(joined, protein.get("names") or {}, sample, first)
        for note in notes:
            log.info("sample %s: %s", sample, note)
        adata.obsm[tags.SLOT] = made
        adata.uns["notes"] = [*adata.uns["notes"], *notes]
    return adata


def _tags_apart(files: Mapping, place: str, counts: str, sample: str) -> "pd.DataFrame":
    """Tags (cells x tags, as found) of a folder of their own, or of another part of the file."""
    if place == "folder":
        roles = {role: files[name] for role, name in layouts.TAG_ROLES.items() if name in files}
        if not roles:
            return tags.table(np.zeros((0, 0)), [], [])
        matrix, barcodes, names, _ = _read_triplet(roles, sample, [])
        return tags.table(matrix, barcodes, names)
    return h5.read_tags(Path(files["h5ad"]), place, counts, sample)


def to_anndata(
    matrix: sp.spmatrix,
    barcodes: Sequence[str],
    ids: Sequence[str],
    symbols: Sequence[str],
    obs: dict | None = None,
    *,
    sample: str,
    file: str | Path,
    aside: list | None = None,
) -> "AnnData":
    """Assemble and check an AnnData from a cells x genes matrix and its names (lists of str).

    Antibody tags among the genes, told by their names, go to ``aside`` (cells x tags).
    """
    import anndata

    if not barcodes:
        fix = "correct the sample's name in the sheet, or take the row out"
        raise BadSample(sample, file, "has no cells of this sample", fix)
    read_checks.names(barcodes, ids, symbols, sample, file)
    matrix, ids, symbols, notes = read_other.genes_only(matrix, ids, symbols, file, barcodes, aside)
    for note in notes:
        log.warning("sample %s: %s", sample, note)
    matrix = as_counts(matrix, sample, file)
    bare = [re.sub(r"\.\d+$", "", i) if ENSEMBL.match(i) else i for i in ids]
    frame = pd.DataFrame(obs or {}, index=pd.Index(barcodes, dtype=object))
    genes = pd.DataFrame({"gene_symbol": list(symbols)}, index=pd.Index(bare, dtype=object))
    log.info("sample %s: read %d cells x %d genes", sample, *matrix.shape)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Variable names are not unique")
        return anndata.AnnData(matrix, obs=frame, var=genes, uns={"notes": notes})


def as_counts(matrix: sp.spmatrix, sample: str, file: str | Path) -> sp.csr_matrix:
    """Check that ``matrix`` holds counts and return it as CSR int32; raises BadSample."""
    matrix = sp.csr_matrix(matrix)
    wrong = not_counts(matrix.data)
    if wrong:
        raise BadSample(
            sample, file, wrong, "give the raw counts (UMIs), as written by the aligner"
        )
    if matrix.data.size == 0 or not matrix.data.any():
        raise BadSample(
            sample, file, "every count is zero", "fetch the file again or take the sample out"
        )
    matrix = matrix.astype(np.int32)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _packed(path: Path) -> bool:
    with open(path, "rb") as handle:
        return handle.read(2) == b"\x1f\x8b"


def _open(path: Path) -> io.BufferedReader:
    source = cast("IO[bytes]", (gzip.open if _packed(path) else open)(path, "rb"))
    return io.BufferedReader(limits.Text(source, path), 1 << 20)


def read_lines(path: Path, sample: str) -> list[list[str]]:
    """Non-empty lines of a text file, gzipped or not, split at tabs (csv: commas), unquoted."""
    try:
        with _open(path) as handle:
            text = handle.read().decode("utf-8-sig")
    except TRUNCATED as error:
        raise _truncated(sample, path, error) from error
    except UnicodeDecodeError as error:
        raise _not_text(sample, path) from error
    lines = (line.rstrip("\r\n") for line in text.split("\n"))
    if path.name.removesuffix(".gz").endswith(".csv"):
        return [[part.strip() for part in row] for row in csv.reader(lines) if row]
    return [[part.strip().strip('"') for part in line.split("\t")] for line in lines if line]


def _not_text(sample: str, path: Path) -> BadSample:
    fix = "fetch it again, or save it as plain text in UTF-8"
    return BadSample(sample, path, "the file is not text (UTF-8)", fix)


def _truncated(sample: str, path: Path, error: Exception) -> BadSample:
    if isinstance(error, limits.NotText):
        return _not_text(sample, path)
    if isinstance(error, limits.NotNumbers):
        wrong = f"something that is no count stands among the numbers ({str(error)!r})"
        return BadSample(sample, path, wrong, "write raw counts, as 3: no commas, no text")
    wrong = "the compressed file is cut short or damaged"
    if isinstance(error, limits.Bomb):
        wrong = f"the compressed file is a bomb ({error})"
    return BadSample(sample, path, wrong, "delete it and fetch it again")


def _read_triplet(files: Mapping, sample: str, aside: list) -> Found:
    matrix = _read_matrix(Path(files["matrix"]), sample)
    barcodes = [line[0] for line in read_lines(Path(files["barcodes"]), sample)]
    features = read_lines(Path(files["features"]), sample)
    if "gene_names" in files:
        names = read_lines(Path(files["gene_names"]), sample)
        if len(names) != len(features):
            wrong = f"{len(names)} gene names for {len(features)} genes"
            fix = "take the file out of the folder, or fetch both again"
            raise BadSample(sample, files["gene_names"], wrong, fix)
        features = [[*line[:1], *name[:1]] for line, name in zip(features, names, strict=True)]
    if read_other.row_a_cell(files["matrix"]):
        matrix = matrix.T
    if str(files["features"]).removesuffix(".gz").endswith(".csv"):  # Parse: the third is a genome
        features = [line[:2] for line in features]
    n_genes, n_cells = matrix.shape
    if len(barcodes) == n_cells + 1 and not re.search(r"[ACGT]{8}", barcodes[0]):
        barcodes = barcodes[1:]
    if len(features) == n_genes + 1 and not ENSEMBL.match(features[0][0]):
        features = features[1:]
    if (len(features), len(barcodes)) != (n_genes, n_cells):
        raise _misfit(files, sample, matrix.shape, len(features), len(barcodes))
    ids, symbols, keep = split_features(features)
    if keep is not None:
        aside.append(tags.of_features(matrix.tocsc().T, barcodes, features))
    matrix = matrix.tocsc() if keep is None else matrix.tocsr()[keep].tocsc()
    return matrix.T, barcodes, ids, symbols


def _misfit(
    files: Mapping, sample: str, shape: tuple[int, int], n_features: int, n_barcodes: int
) -> BadSample:
    rows, columns = shape
    if (rows, columns) == (n_barcodes, n_features):
        return BadSample(
            sample,
            files["matrix"],
            f"the matrix is transposed: {rows} rows are the barcodes and {columns} columns the "
            "genes, it must be the other way round",
            "swap it once with scipy.io: mmwrite(path, mmread(path).T)",
        )
    if columns != n_barcodes:
        return BadSample(
            sample,
            files["barcodes"],
            f"{n_barcodes} barcodes for a matrix of {columns} cells ({Path(files['matrix']).name})",
            "matrix and barcodes are not of the same sample, or one is cut short: fetch both again",
        )
    return BadSample(
        sample,
        files["features"],
        f"{n_features} genes for a matrix of {rows} genes ({Path(files['matrix']).name})",
        "give the features file that belongs to this matrix",
    )


def _read_matrix(path: Path, sample: str) -> sp.coo_matrix:
    from scipy.io import mmread

    try:
        with _open(path) as handle:
            head = handle.readline(LINE).lower()
            if b"pattern" in head or b"complex" in head:
                wrong = "the matrix holds no numbers of molecules (pattern or complex entries)"
                raise BadSample(sample, path, wrong, "give the matrix of raw counts (UMIs)")
            start = _check_claim(handle, b"array" in head, path, sample)
            stream = cast("limits.Text", handle.raw)
            stream.numbers = (start, limits.WHOLE if b"integer" in head else limits.NUMBERS)
            stream.seek(0)
            return sp.coo_matrix(mmread(io.BufferedReader(stream, 1 << 20)))
    except TRUNCATED as error:
        raise _truncated(sample, path, error) from error
    except BadSample:
        raise
    except (ValueError, OverflowError, MemoryError) as error:
        raise BadSample(
            sample,
            path,
            f"the file is not a whole MatrixMarket matrix ({error})",
            "fetch it again; the first line must start with %%MatrixMarket",
        ) from error


def _check_claim(handle: io.BufferedReader, dense: bool, path: Path, sample: str) -> int:
    """Where the entries begin; raises BadSample if these are no triplets or too many to be there.

    More entries than a file of its size can hold are told before memory is asked for.
    """
    line = b"%"
    while line.startswith(b"%"):
        line = handle.readline(LINE)
    sizes, start = line.split(), handle.tell()
    if not all(size.isdigit() and len(size) < 20 for size in sizes):
        return start  # told by the reader
    parts = len(handle.readline(LINE).split())
    if not dense and parts > 3:
        wrong = f"its entries have {parts} parts, not row, column and count"
        raise BadSample(sample, path, wrong, "write a MatrixMarket file of one number an entry")
    numbers = [int(size) for size in sizes]
    entries = math.prod(numbers[:2]) if dense else (numbers[2] if len(numbers) > 2 else 0)
    size = path.stat().st_size
    most = limits.most_bytes(size) if _packed(path) else size + 1
    if entries * (2 if dense else 6) > most:
        wrong = f"the matrix is said to have {entries:,} entries, more than its file can hold"
        raise BadSample(sample, path, wrong, "delete it and fetch it again")
    return start


def _of_lane(
    found: tuple, path: Path, sample: str, where: dict, keep: list[str]
) -> tuple[sp.csr_matrix, list[str], list[str], list[str], dict[str, list[str]]]:
    """Cells of one sample of a lane that several samples share, by a table of its barcodes.

    The table's first column is the barcode; the numbers at its end (``-1``, ``-1-0``) are passed
    over, as authors renumber them when they join lanes, unless the matrix needs them.
    """
    matrix, barcodes, ids, symbols = found
    head, *lines = read_lines(path, sample)
    if lines and len(head) == len(lines[0]) - 1:
        head = ["", *head]
    for name in [*where, *keep]:
        if name not in head:
            have = ", ".join(part for part in head if part)
            fix = f"name one of its columns in the cohort file: {have}"
            raise BadSample(sample, path, f"the table of cells has no column {name!r}", fix)
    at = {name: i for i, name in enumerate(head)}
    wanted = {name: {str(value) for value in values} for name, values in where.items()}
    taken = [line for line in lines if all(line[at[name]] in wanted[name] for name in wanted)]
    keys = [RENUMBERED.sub("", name) for name in barcodes]
    if len(set(keys)) == len(keys):
        taken = [[RENUMBERED.sub("", line[0]), *line[1:]] for line in taken]
    else:  # several lanes in one matrix: the numbers tell their cells apart
        keys = barcodes
    chosen = {line[0]: line for line in taken}
    rows = [i for i, name in enumerate(keys) if name in chosen]
    if len(rows) < 0.5 * len(chosen):
        wrong = f"only {len(rows)} of {len(chosen)} barcodes of the sample are in the matrix"
        fix = "the table and the matrix are not of the same lane: correct the row of the sheet"
        raise BadSample(sample, path, wrong, fix)
    names = [barcodes[i] for i in rows]
    obs = {name: [chosen[keys[i]][at[name]] for i in rows] for name in keep}
    return matrix.tocsr()[rows], names, ids, symbols, obs


def _read_table(path: Path, sample: str, block: int = 2000) -> Found:
    blocks = []
    rows: list[str] = []
    columns: list[str] = []
    try:
        with _open(path) as handle:
            skipped = 0
            while (head := handle.readline().decode("utf-8-sig")).startswith("#"):
                skipped += 1  # comments before the table, as of BD Rhapsody
            handle.seek(0)
            head = re.split("[\r\n]", head)[0]
            separator = next((mark for mark in "\t,;" if mark in head), " ")
            # Names are taken as they stand: pandas would make 1 of 01, and A.1 of a second A.
            options: dict = {"sep": separator, "header": None, "dtype": {0: str}}
            options |= {"chunksize": block, "skiprows": skipped + 1, "keep_default_na": False}
            options["na_values"] = dict.fromkeys(range(1, head.count(separator) + 3), NOT_THERE)
            for part in pd.read_csv(handle, **options):
                values = part.iloc[:, 1:]
                if not columns:
                    columns = read_checks.header(head, separator, values.shape[1], bool(skipped))
                if any(kind.kind == "b" for kind in values.dtypes):
                    raise ValueError("true and false are no counts")
                rows.extend(part[0].str.strip())
                blocks.append(sp.csr_matrix(values.to_numpy(dtype=np.float64)))
    except TRUNCATED as error:
        raise _truncated(sample, path, error) from error
    except UnicodeDecodeError as error:
        raise _not_text(sample, path) from error
    except (ValueError, pd.errors.ParserError) as error:
        wrong = "the file is not a table of numbers with names in its first row and column"
        fix = "give genes as rows, barcodes as columns, parted by tabs"
        raise BadSample(sample, path, f"{wrong} ({str(error).strip()})", fix) from error
    if not blocks or not columns:
        wrong, fix = "the table holds names in its first row or column only", "fetch it again; "
        raise BadSample(sample, path, wrong, fix + "columns must be parted by tabs")
    matrix = sp.vstack(blocks).tocsr()
    read_checks.table_names((*columns, *rows), sample, path)
    if _n_genes(columns) > _n_genes(rows):
        return matrix, rows, columns, columns
    return matrix.T, columns, rows, rows


def _n_genes(names: list[str]) -> int:
    """How many of the names are surely genes, however they are spelled."""
    corrected = spelling.corrected(names)
    parts = zip(corrected.symbols, corrected.ids, strict=True)
    return sum(symbol in HOUSEKEEPING or bool(id_) for symbol, id_ in parts)
