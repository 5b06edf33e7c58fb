# Shared by all rules: settings read and checked once, and small helpers for params and resources.

import sys
from pathlib import Path

TILT = Path(workflow.current_basedir).parent
sys.path.insert(0, str(TILT))

from snakemake.exceptions import WorkflowError
from tilt import config as tilt_config
from tilt import layouts
from tilt.provenance import code_digest as code

# Names in the config are looked up from the working directory, then from the checkout.
SETTINGS, PROBLEMS = tilt_config.check(config, [Path.cwd(), TILT.parent])
if PROBLEMS:
    raise WorkflowError(tilt_config.report(PROBLEMS))

CONFIG = SETTINGS["config"]
COHORTS = SETTINGS["cohorts"]


wildcard_constraints:
    cohort="|".join(COHORTS),
    sample=r"[^/]+",


def cohort_of(wildcards):
    """Settings of the cohort that a job works on."""
    return COHORTS[wildcards.cohort]


def sample_row(wildcards):
    """Row of the sample sheet that a job works on."""
    rows = cohort_of(wildcards)["samples"]
    return next(row for row in rows if row["sample"] == wildcards.sample)


def samples_of(pattern):
    """Input function: ``pattern`` for every sample of the cohort."""

    def files(wildcards):
        rows = cohort_of(wildcards)["samples"]
        return expand(
            pattern, cohort=wildcards.cohort, sample=[row["sample"] for row in rows]
        )

    return files


def memory(base_mb, per_input=0.0):
    """Memory in MB from the size of the inputs, growing with each attempt."""

    def mem_mb(wildcards, input, attempt):
        return int((base_mb + per_input * input.size_mb) * 2 ** (attempt - 1))

    return mem_mb


def raw_files(wildcards):
    """Raw files of a sample; for simulated and split cohorts, the folder that will hold them."""
    cohort = cohort_of(wildcards)
    if "simulated" in cohort:
        return cohort["folder"]
    if cohort["format"] == "h5ad":
        return f"results/{wildcards.cohort}/raw"
    return list(layouts.sample_files(cohort, sample_row(wildcards)).values())


def source_of(wildcards):
    """How a sample's files are laid out; an h5ad of a whole cohort has been split by sample."""
    cohort = cohort_of(wildcards)
    keys = ("format", "folder", "genes_file", "file", "h5ad", "author_labels")
    source = {key: cohort[key] for key in keys if cohort.get(key)}
    if cohort["format"] != "h5ad":
        return source
    split = {"format": "h5ad_per_sample", "folder": f"results/{wildcards.cohort}/raw"}
    return source | split | {"h5ad": {"counts": "X"}}


def row_of(wildcards):
    """Row of the sample sheet; the file of a split sample is named after it."""
    row = sample_row(wildcards)
    if cohort_of(wildcards)["format"] == "h5ad":
        row = row | {"path": f"{wildcards.sample}.h5ad"}
    return row
