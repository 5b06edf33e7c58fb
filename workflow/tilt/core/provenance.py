"""What a result was made with: digests of inputs, versions of tools, the commit."""

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
SMALL, END = 2_000_000, 65_536  # bytes of files that are read whole; of the end of larger ones
PIECES, PIECE = 8, 4_096  # places of a larger file that are looked at, spread evenly; bytes of each
TOOLS = (
    "snakemake",
    "scanpy",
    "anndata",
    "numpy",
    "scipy",
    "pandas",
    "leidenalg",
    "igraph",
    "rapids-singlecell",
    "harmonypy",
    "numba",
    "faiss-cpu",
    "statsmodels",
    "pydeseq2",
    "matplotlib",
)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, read in blocks; of a folder, that of its files' names and digests."""
    if Path(path).is_dir():
        lines = [f"{file_sha256(part)}  {name}\n" for name, part in _files(Path(path))]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fingerprint(path: str | Path) -> str:
    """What tells one content of a file from another: all of a small one, parts of larger ones.

    These are the size, the end (of a gzipped file a checksum of the whole) and some places before
    it: of a file of hundreds of megabytes a few bytes that were changed in place, with the time of
    the file set back, are not seen. Of a folder the names and sizes of its files count. A file that
    is not there has none.
    """
    path = Path(path)
    digest = hashlib.sha256()
    if path.is_dir():
        sizes = [f"{name} {part.stat().st_size}" for name, part in _files(path)]
        return f"{len(sizes)}-{hashlib.sha256(' '.join(sizes).encode()).hexdigest()[:16]}"
    try:
        size = path.stat().st_size
        with open(path, "rb") as handle:
            for part in range(PIECES if size > SMALL else 0):
                handle.seek(size * part // PIECES)
                digest.update(handle.read(PIECE))
            handle.seek(size - END if size > SMALL else 0)
            digest.update(handle.read())
    except OSError:
        return ""
    return f"{size}-{digest.hexdigest()[:16]}"


def file_record(path: str | Path) -> dict:
    """Path, size and SHA-256 of an input file or folder."""
    path = Path(path)
    parts = [part for _, part in _files(path)] if path.is_dir() else [path]
    size = sum(part.stat().st_size for part in parts)
    return {"file": str(path), "bytes": size, "sha256": file_sha256(path)}


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Files of a folder and of those in it, by their names from it."""
    found = ((part.relative_to(folder).as_posix(), part) for part in folder.rglob("*"))
    return sorted((name, part) for name, part in found if part.is_file())


def tool_versions() -> dict[str, str]:
    """Versions of Python and of the tools that shape results; absent tools are left out."""
    versions = {"python": platform.python_version()}
    for tool in TOOLS:
        try:
            versions[tool] = importlib.metadata.version(tool)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def git_commit(folder: str | Path = PACKAGE) -> str:
    """Commit of the tilt checkout, marked ``+changes`` when files differ; "" outside git."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    return commit + ("+changes" if commit and git("status", "--porcelain", "-uno") else "")
