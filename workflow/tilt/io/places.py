"""What is at a path where a file of counts was asked for, told for what it is.

No numerical library is imported here: the workflow asks at every start.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from tilt.io.layouts import BARCODES, MATRIX

R_FILES = (".rds", ".rda", ".rdata", ".qs", ".robj")
FROM_R = (
    "export the counts from R: Matrix::writeMM(counts, 'matrix.mtx'), and with writeLines "
    "colnames(counts) as barcodes.tsv and rownames(counts) as features.tsv; then format: 10x_dir"
)
ABSENT = "the file does not exist"
CORRECT = "correct the sample sheet or the folder of the cohort file"
DEPTH = 3  # folders down that a matrix is looked for: Solo.out/GeneFull/filtered
MOST = 2_000  # entries that are looked at


def instead(path: Path) -> tuple[str, str]:
    """What is wrong with a path as a file of counts, and the fix; ("", "") where nothing is.

    Told are folders, objects of R, and files that are not there, with the folder below in which
    they are. What is in a file or a zarr store is not looked at.
    Asked by ``os.path``, for which a path longer than file systems have is just not there.
    """
    if os.path.isfile(path):
        if path.name.lower().removesuffix(".gz").endswith(R_FILES):
            return "the file is an object of R", FROM_R
        return "", ""
    if is_store(path):
        return "", ""
    if not os.path.exists(path) and is_store(path.parent):
        return "the path is a zarr store", "set format: h5ad_per_sample in the cohort file"
    if os.path.isdir(path):
        inside = sorted(p.name for p in path.iterdir())[:8]
        return (
            f"the path is a folder ({', '.join(inside) or 'empty'})",
            "name a file; a folder with matrix, barcodes and features is read by format: 10x_dir",
        )
    if path.name.endswith((*MATRIX, *BARCODES)) and os.path.isdir(path.parent):
        below = sorted(_matrices(path.parent))
        if below:
            named = " or /".join(below[:4])
            return ABSENT, f"its matrix lies further down: add /{named} to the path in the sheet"
    return ABSENT, CORRECT


def is_store(path: Path) -> bool:
    """Whether a folder is a zarr store."""
    marks = (".zgroup", "zarr.json", ".zattrs")
    return os.path.isdir(path) and (
        path.suffix == ".zarr" or any(os.path.exists(path / m) for m in marks)
    )


def _matrices(folder: Path) -> Iterator[str]:
    """Folders below ``folder`` that hold a matrix, as paths from it."""
    seen = 0
    for place, folders, files in os.walk(folder):
        down = Path(place).relative_to(folder)
        seen += len(folders) + len(files)
        if seen > MOST:
            return
        if any(name.endswith(MATRIX) for name in files) and down.parts:
            yield str(down)
        folders[:] = sorted(folders) if len(down.parts) < DEPTH else []
