"""A disk that is full, or that may not be written, is told in words; nothing partial is left."""

import ctypes
import os
import resource
import subprocess
import sys

import pytest
from running import small_cohorts

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # linux/prctl.h, linux/capability.h


def as_others():
    """Let permissions of files hold for this process, even if it is root's."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def small_files():
    """Let no file grow beyond 50 kB, as on a disk that fills up."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


def test_results_that_may_not_be_written(workflow):
    small_cohorts(workflow)
    results = workflow.folder / "results"
    results.mkdir(mode=0o555)
    attempt = [sys.executable, "-c", f"open({str(results / 'x')!r}, 'w')"]
    if subprocess.run(attempt, preexec_fn=as_others, capture_output=True).returncode == 0:
        pytest.skip("permissions of files do not hold for this user")
    done = workflow.snakemake(check=False, before=as_others)
    assert done.returncode != 0
    assert f"1. {results}: this folder cannot be written\n    fix:     start in a folder of" in (
        done.stdout
    )
    assert list(results.iterdir()) == []


def test_disk_that_fills_up_during_a_job(workflow):
    small_cohorts(workflow, n_cells=100)
    made = "results/simulated/small_pbmc"
    done = workflow.snakemake(made, check=False, before=small_files)
    assert done.returncode != 0
    words = "the file would be larger than is allowed here"
    fix = "Fix: make room, or start in a folder elsewhere, and run again: what is finished is kept."
    log = (workflow.folder / "logs/small_pbmc/simulate_cohort.log").read_text()
    for told in (done.stdout, log):
        assert words in told and fix in told
    assert "Traceback" in log and "Traceback" not in done.stdout
    assert not (workflow.folder / made).exists()
