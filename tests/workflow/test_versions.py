"""The lock's newer versions, for Python 3.12 and up, give the tables that those for 3.11 give.

``TILT_NEWER_PYTHON`` names the Python of an environment with them:
``make environment VENV=.venv-newer PYTHON=python3.12``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from running import Workflow, small_cohorts

NEWER = os.environ.get("TILT_NEWER_PYTHON", "")
DIFFER = ("scanpy", "anndata", "pandas", "numpy")
# Sums in another order: far below any digit that is shown.
SAME = {"rtol": 1e-5, "atol": 1e-9}
TABLES = ("labels.tsv.gz", "clusters.tsv.gz", "composition.tsv", "qc_waterfall.tsv", "known.tsv")
TABLES += ("imbalance.tsv", "tests.tsv", "methods.tsv", "permuted.tsv")


def versions(python: str) -> dict[str, str]:
    code = "from importlib.metadata import version as v; import sys; "
    code += "print(*[v(name) for name in sys.argv[1:]])"
    done = subprocess.run([python, "-c", code, *DIFFER], capture_output=True, text=True, check=True)
    return dict(zip(DIFFER, done.stdout.split(), strict=True))


@pytest.mark.skipif(not NEWER, reason="needs TILT_NEWER_PYTHON, a Python with the newer versions")
def test_tables_are_those_of_the_older_versions(small_run, tmp_path, monkeypatch):
    ours, theirs = versions(sys.executable), versions(NEWER)
    assert all(ours[name] != theirs[name] for name in DIFFER), (ours, theirs)
    workflow = Workflow(tmp_path)
    small_cohorts(workflow)
    monkeypatch.setattr(sys, "executable", NEWER)
    monkeypatch.setenv("PATH", str(Path(NEWER).parent), prepend=":")
    folder = Path("results/small_cd4")
    wanted = [str(folder / name) for name in TABLES]
    workflow.snakemake("--config", "cohorts=[small_cd4.yaml]", "--", *wanted)
    for name in TABLES:
        one, other = (
            pd.read_csv(run.folder / folder / name, sep="\t") for run in (small_run, workflow)
        )
        pd.testing.assert_frame_equal(one, other, **SAME, obj=name)
