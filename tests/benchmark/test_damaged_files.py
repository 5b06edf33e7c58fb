"""Raw files with one byte changed: read, or told with the sample and the file; no crash, no hang.

Run with: pytest tests/benchmark/test_damaged_files.py (300 files a format; MUTANTS=1000 for more,
MUTANTS_SEED=7 for others). Each is read in a process of its own.
"""

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit/io"))

import rawdata as raw
from test_h5 import release
from tilt.io import h5, layouts, read
from tilt.io.errors import BadSample

N, SEED = int(os.environ.get("MUTANTS", "300")), int(os.environ.get("MUTANTS_SEED", "1"))
LONGEST = 20.0  # seconds a file
OBS = {"sample_column": "sample_uuid", "keep": ["ct_cov", "lane"]}


def of_10x_h5(folder):
    path = raw.write_10x_h5(folder / "S1.h5", raw.counts(40))
    return [path], lambda: read.read_sample("10x_h5", {"h5": path}, sample="S1")


def of_h5ad(folder):
    path = folder / "all.h5ad"
    release().write_h5ad(path, compression="gzip")
    return [path], lambda: read.read_sample(
        "h5ad", {"h5ad": path}, sample="s2", counts="raw/X", **OBS
    )


def of_split(folder):
    path = folder / "all.h5ad"
    release().write_h5ad(path)
    out = {name: folder / f"{name}.h5ad" for name in ("s1", "s2")}
    return [path], lambda: h5.split_h5ad(path, "sample_uuid", "raw/X", out, keep=["ct_cov"])


def of_directory(folder, version=3):
    cohort = raw.cohort(folder)
    raw.write_10x(folder / "S1", raw.counts(40), version=version)
    files = [Path(path) for path in layouts.sample_files(cohort, raw.ROW).values()]
    return files, lambda: raw.read(cohort, raw.ROW)


def of_plain_directory(folder):
    return of_directory(folder, version=2)


def changed(whole: bytes, rng: random.Random) -> bytes:
    """One byte is another; every second time among those that are no packed data."""
    at = rng.randrange(len(whole))
    while rng.random() < 0.5 and len(set(whole[max(at - 16, 0) : at + 16])) > 14:
        at = rng.randrange(len(whole))
    kept = whole[at]
    new = rng.choice(
        [value for value in (0, 1, 255, kept ^ 1 << rng.randrange(8)) if value != kept]
    )
    return whole[:at] + bytes([new]) + whole[at + 1 :]


def ends(job, folder: Path) -> str:
    """How a job ends in a process of its own: read, told, or what went wrong."""
    said = folder / "said"
    said.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        try:
            job()
            said.write_text("read")
        except BadSample as error:
            named = all(word in str(error) for word in ("sample", str(error.file), "Fix:"))
            said.write_text("told" if named else f"told badly: {error}")
        except BaseException:
            said.write_text(traceback.format_exc())
        finally:
            os._exit(0)
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return said.read_text() if said.exists() else "the process ended"
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return f"no end after {LONGEST} s"


@pytest.mark.parametrize("made", [of_10x_h5, of_h5ad, of_split, of_directory, of_plain_directory])
def test_one_byte_changed(tmp_path, made):
    files, job = made(tmp_path)
    job()
    rng = random.Random(SEED)
    whole = {path: path.read_bytes() for path in files}
    found, wrong = {"read": 0, "told": 0}, []
    for number in range(N):
        path = files[number % len(files)]
        path.write_bytes(changed(whole[path], rng))
        how = ends(job, tmp_path)
        if how in found:
            found[how] += 1
        else:
            wrong.append((number, path.name, how))
        path.write_bytes(whole[path])
    print(f"{made.__name__}: {found}")
    assert wrong == []
