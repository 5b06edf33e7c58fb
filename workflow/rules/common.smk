# Shared by all rules: settings read and checked once, and small helpers for params and resources.

import sys
from pathlib import Path
from types import SimpleNamespace

TILT = Path(workflow.current_basedir).parent
sys.path.insert(0, str(TILT))

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from tilt.config import check as tilt_config
from tilt.config.user_files import read_yaml
from tilt.core import machine
from tilt.core.provenance import code_digest as code
from tilt.io import layouts

# Names in the config are looked up from the working directory, then from the checkout.
SETTINGS, PROBLEMS = tilt_config.check(config, [Path.cwd(), TILT.parent])
if PROBLEMS:
    raise WorkflowError(tilt_config.report(PROBLEMS))

if workflow.is_main_process:
    for note in SETTINGS["notes"]:
        logger.info(f"note: {note}")

CONFIG = SETTINGS["config"]
COHORTS = SETTINGS["cohorts"]

# Cohorts whose cells are here, and cohorts of which only a table of counts is published.
CELLS = [c for c, about in COHORTS.items() if about["format"] != "composition_table"]
TABLES = [c for c in COHORTS if c not in CELLS]

# The marker table and the typical shares of its labels.
MARKERS = [CONFIG["resources"]["markers"], CONFIG["resources"]["shares"]]


# On a machine of its own a run may use its memory and no more, unless `--resources mem_mb` says so:
# `--cores 8` must not start eight large jobs at once.
ON_A_CLUSTER = workflow.global_resources["_nodes"].value is not None
if workflow.is_main_process and not ON_A_CLUSTER:
    here = machine.memory_mb()
    if "mem_mb" not in workflow.global_resources:
        workflow.register_resource("mem_mb", here)
    for cohort in CELLS:
        short = machine.shortage(layouts.raw_files(COHORTS[cohort]), here)
        if short:
            logger.warning(f"cohort {cohort}: {short}")


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


def sample_objects():
    """Objects of all samples: targets of a run, so that a deleted one is made again."""
    return [
        f"results/{cohort}/samples/{row['sample']}.h5ad"
        for cohort in CELLS
        for row in COHORTS[cohort]["samples"]
    ]


def memory(base_mb, per_mb=0.0, of=None):
    """Memory (MB) of a job: a base, and so much for each MB of its inputs; twice as much at each
    further attempt.

    The numbers are fitted on tests/benchmark/scale.py with room to spare. ``of(wildcards)`` names
    the files that count, where they are not all the inputs.
    """

    def mem_mb(wildcards, input, attempt):
        for path in input:
            Path(path).stat()  # not made yet: Snakemake asks again when it is
        files = of(wildcards) if of else input
        return int((base_mb + per_mb * machine.size_mb(files)) * 2 ** (attempt - 1))

    return mem_mb


def raw_files(wildcards):
    """Raw files of a sample, or what stands for files that the run itself brings."""
    cohort = cohort_of(wildcards)
    if "simulated" in cohort:
        return [cohort["folder"]]
    if "retrieve" in cohort and cohort["format"] != "h5ad":
        return [f"results/{wildcards.cohort}/retrieved.tsv"]
    if cohort["format"] == "h5ad":
        return [f"results/{wildcards.cohort}/raw"]
    return list(layouts.sample_files(cohort, sample_row(wildcards)).values())


def own_files(wildcards):
    """Raw files of one sample that are here already, whose size says what its job needs."""
    cohort = source_of(wildcards)
    files = layouts.sample_files(cohort, row_of(wildcards)).values()
    return [path for path in files if Path(path).exists()]


# Half of the time of a small sample is Python's start: samples of large cohorts share jobs.
SHARED = [c for c in CELLS if len(COHORTS[c]["samples"]) >= 32]
MOST = 8  # samples in a job, and jobs that there are at the least, to run beside each other


class SharedJob:
    """Samples of a cohort that one job works on, each named as wildcards would name it."""

    def __init__(self, cohort, number, rows):
        self.cohort, self.number = cohort, number
        self.samples = [
            SimpleNamespace(cohort=cohort, sample=row["sample"]) for row in rows
        ]

    def files(self, pattern):
        """``pattern`` for every sample of the job."""
        names = [one.sample for one in self.samples]
        return expand(pattern, cohort=self.cohort, sample=names)

    def largest(self, _):
        """Raw files of the largest sample, which say what memory the job needs."""
        return max(map(own_files, self.samples), key=machine.size_mb)


def shared_jobs():
    """Jobs of 4 to ``MOST`` samples for the cohorts that share, in the order of their sheets."""
    for cohort in SHARED:
        rows = COHORTS[cohort]["samples"]
        size = min(MOST, len(rows) // MOST)
        for number, first in enumerate(range(0, len(rows), size), start=1):
            yield SharedJob(cohort, number, rows[first : first + size])


def source_of(wildcards):
    """How a sample's files are laid out; an h5ad of a whole cohort has been split by sample."""
    cohort = cohort_of(wildcards)
    keys = (
        "format",
        "folder",
        "genes_file",
        "file",
        "h5ad",
        "cell_table",
        "author_labels",
    )
    source = {key: cohort[key] for key in keys if cohort.get(key)}
    if cohort["format"] != "h5ad":
        return source
    split = {"format": "h5ad_per_sample", "folder": f"results/{wildcards.cohort}/raw"}
    return source | split | {"h5ad": {"counts": "X"}}


def simulated_world(wildcards):
    """Gene and cell tables that the parameter file of a simulated cohort names."""
    path = Path(cohort_of(wildcards)["simulated"])
    params = read_yaml(path)[0]
    return [
        str(path.parent / params[key]) for key in ("genes", "cells") if key in params
    ]


def split_input(wildcards):
    """The h5ad of a whole cohort, or the record of its retrieval."""
    cohort = cohort_of(wildcards)
    if "retrieve" in cohort:
        return f"results/{wildcards.cohort}/retrieved.tsv"
    return layouts.sample_files(cohort, cohort["samples"][0])["h5ad"]


def row_of(wildcards):
    """Row of the sample sheet; the file of a split sample is named after it."""
    row = sample_row(wildcards)
    if cohort_of(wildcards)["format"] == "h5ad":
        row = row | {"path": f"{wildcards.sample}.h5ad"}
    return row


def if_cells(**files):
    """Input function: the files that only cohorts with cells have."""

    def named(wildcards):
        return files if wildcards.cohort in CELLS else {}

    return named


def declared(wildcards):
    """What a cohort file says about the comparison, and nothing else."""
    keys = ("format", "cells", "contrast", "covariates", "strata", "composition")
    return {key: cohort_of(wildcards).get(key) for key in keys}


def sheet(wildcards):
    """Rows of the sample sheet of the cohort."""
    return cohort_of(wildcards)["samples"]


def one_of(cohorts):
    """Regular expression of the names of ``cohorts``; matches nothing without any."""
    return "|".join(cohorts) or "(?!)"


def statistics_files():
    """Every table of the statistics stage that a run makes."""
    subsets = CONFIG["stats"]["de_subsets"]
    folders = ["de", "factors"] if CONFIG["stats"]["regulon"] else ["de"]
    return [
        "results/meta.tsv",
        "results/signature_overlaps.tsv",
        *expand(
            "results/{cohort}/{table}.tsv",
            cohort=COHORTS,
            table=["tests", "specifications"],
        ),
        *expand(
            "results/{cohort}/{folder}/{subset}.tsv",
            cohort=CELLS,
            folder=folders,
            subset=subsets,
        ),
    ]
