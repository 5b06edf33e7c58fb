"""Other packages on the cells of a benchmark: each in an environment of its own, made here.

Each script of ``rivals/`` goes from the cohort's h5ad as far as its package goes, on as many
processors as the workflow, and writes its steps with seconds and peak memory. Making the
environment is not counted; compiling and imports are, as they are in the workflow. A package that
cannot be installed or stops is told in the table, with the last line that it printed.
"""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import pandas as pd

SCRIPTS = Path(__file__).parent / "rivals"
# Name -> script, what pip installs for it, the steps of the workflow that it has not.
RIVALS = {
    "scanpy, best settings": (
        "best_scanpy.py",
        # scanpy 1.11 stops in pp.neighbors with pynndescent 0.6
        ["scanpy[dask,leiden]", "harmonypy", "scikit-image", "pynndescent<0.6"],
        "",
    ),
    "Scarf": ("scarf_steps.py", ["scarf[leiden]"], "doublets, Harmony"),
    "Pegasus": ("pegasus_steps.py", ["pegasuspy"], "Harmony"),
    "Seurat": ("seurat_steps.R", None, "doublets, Harmony, batches"),
}
COLUMNS = ["rival", "version", "seconds", "max_rss_mb", "without", "note"]


def run(folder: Path, cores: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All rivals on ``folder/cohort.h5ad``: one row each (COLUMNS), and the steps of all."""
    rows, steps = [], []
    for name, (script, packages, without) in RIVALS.items():
        place = folder / "rivals" / Path(script).stem
        place.mkdir(parents=True, exist_ok=True)
        row: dict[str, object] = {"rival": name, "without": without}
        try:
            program, row["version"] = _environment(place, packages)
            found = _measured(program, script, folder / "cohort.h5ad", place, cores)
        except Stopped as stopped:
            rows.append(row | {"note": str(stopped)})
            continue
        total = {"seconds": found["seconds"].sum(), "max_rss_mb": found["max_rss_mb"].max()}
        rows.append(row | total | {"note": ""})
        steps.append(found.assign(rival=name))
    return pd.DataFrame(rows, columns=COLUMNS), pd.concat(steps) if steps else pd.DataFrame()


class Stopped(RuntimeError):
    """A rival that could not be installed or did not end."""


def _environment(place: Path, packages: list[str] | None) -> tuple[list[str], str]:
    """Interpreter of a rival and the version of its package; R has to be there, with Seurat."""
    if packages is None:
        asked = "cat(as.character(packageVersion('Seurat')))"
        return ["Rscript"], _output(["Rscript", "-e", f"suppressMessages({asked})"], place)
    python = place / "env" / "bin" / "python"
    if not python.exists():
        _output([sys.executable, "-m", "venv", str(place / "env")], place)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    _output([*pip, "install", "--quiet", *packages], place)
    name = packages[0].split("[")[0]
    asked = f"import importlib.metadata as m; print(m.version({name!r}))"
    return [str(python)], _output([str(python), "-c", asked], place)


def _measured(program: list[str], script: str, cohort: Path, place: Path, cores: int):
    """Steps of a rival with seconds and peak memory (MB)."""
    if script.endswith(".R"):  # R's HDF5 has no lzf
        cohort = _gzipped(cohort, place / "cohort.h5ad")
    out = place / "steps.tsv"
    out.unlink(missing_ok=True)
    _output([*program, str(SCRIPTS / script), str(cohort), str(out)], place, cores)
    return pd.read_csv(out, sep="\t")


def _gzipped(source: Path, target: Path) -> Path:
    """A copy of the counts and their names, compressed by gzip."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        names = ["raw/X/data", "raw/X/indices", "raw/X/indptr", "raw/var/gene_symbol", "obs/_index"]
        for name in names:
            new.create_dataset(name, data=old[name][:], compression="gzip", compression_opts=1)
    return target


def _output(command: list[str], place: Path, cores: int = 1) -> str:
    """What a command prints; Stopped with its last line if it fails or is not there."""
    threads = {f"{name}_NUM_THREADS": str(cores) for name in ("OMP", "OPENBLAS", "NUMBA")}
    try:
        done = subprocess.run(
            command,
            env=os.environ | threads,
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise Stopped(f"{missing.filename} is not installed") from None
    (place / "log.txt").write_text(done.stdout + done.stderr)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        raise Stopped(lines[-1][:200])
    return done.stdout.strip().split("\n")[-1]
