"""What a result was made with: digests of code and inputs, versions of tools."""

import ast
import hashlib
import importlib.metadata
import platform
import subprocess
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
TOOLS = (
    "snakemake",
    "scanpy",
    "anndata",
    "numpy",
    "scipy",
    "pandas",
    "leidenalg",
    "igraph",
    "harmonypy",
    "umap-learn",
    "faiss-cpu",
    "statsmodels",
    "pydeseq2",
    "decoupler",
    "matplotlib",
)


def module_file(name: str) -> Path:
    """File of a tilt module or package named relative to the package (``figures.style``)."""
    path = PACKAGE.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported_modules(name: str) -> set[str]:
    """Modules of tilt that module ``name`` imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(module_file(name).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for full in names:
            short = full.removeprefix("tilt.")
            if full.startswith("tilt.") and module_file(short).exists():
                found.add(short)
    return found


@cache
def code_digest(*names: str) -> str:
    """Digest of the named tilt modules and of every tilt module they import, direct or not.

    Given to a rule as a param it makes the rule run again when the code behind it changed,
    which Snakemake does not see by itself for imported modules.
    """
    todo, seen = set(names), set()
    while todo:
        name = todo.pop()
        seen.add(name)
        todo |= imported_modules(name) - seen
    digest = hashlib.sha256()
    for name in sorted(seen):
        digest.update(name.encode() + module_file(name).read_bytes())
    return digest.hexdigest()[:12]


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def file_record(path: str | Path) -> dict:
    """Path, size and SHA-256 of an input file."""
    path = Path(path)
    return {"file": str(path), "bytes": path.stat().st_size, "sha256": file_sha256(path)}


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
