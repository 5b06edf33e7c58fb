# Shared by all rules: settings read and checked once, and what inputs and params hang on.

import sys
from pathlib import Path

sys.path.insert(0, str(TILT))  # the folder `workflow` (here.smk)

import snakemake_logger_plugin_tilt as console
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from tilt.config import check, jobs
from tilt.core import accounting, machine, turns
from tilt.core.code import digest as code, keep as keep_code
from tilt.figures import names
from tilt.io import layouts

sys.executable = machine.ShellPath(sys.executable)  # of the commands of jobs

# Names in the config are looked up from the working directory, then from the checkout.
SETTINGS, PROBLEMS = check.check(
    config, [Path.cwd(), TILT.parent], given=workflow.config_settings.config
)
if PROBLEMS:
    raise WorkflowError(check.report(PROBLEMS))

if workflow.is_main_process:
    for note in SETTINGS["notes"]:
        logger.info(f"note: {note}")

if not workflow.is_main_process:
    turns.enlist("rule")

CONFIG = SETTINGS["config"]
COHORTS = SETTINGS["cohorts"]

if workflow.is_main_process:
    console.attach(workflow, logger, list(COHORTS))

# Cohorts whose cells are here, and cohorts of which only a table of counts is published.
CELLS = [name for name, cohort in COHORTS.items() if jobs.has_cells(cohort)]
TABLES = [name for name in COHORTS if name not in CELLS]
TAGGED = [name for name in CELLS if COHORTS[name].get("protein")]  # with antibody tags


def own_table(name):
    """A table of tilt's own; as other files, by its place in the working directory if it is there,
    so that a checkout may be moved."""
    return check.find(f"resources/{name}", [TILT.parent])


# The marker table and the typical shares of its labels.
MARKERS = [CONFIG["resources"]["markers"], CONFIG["resources"]["shares"]]
# What sorted T cells express; not the user's to change, but labels are made anew when it does.
REFERENCE = own_table("reference.tsv")


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
    subset=r"[^/]+",


def cohort_of(wildcards):
    """Settings of the cohort that a job works on."""
    return COHORTS[wildcards.cohort]


def of_cohort(pick):
    """Input or params function: a key of the cohort's settings, or a function of them."""
    if callable(pick):
        return lambda wildcards: pick(cohort_of(wildcards))
    return lambda wildcards: cohort_of(wildcards)[pick]


def samples_of(pattern):
    """Input function: ``pattern`` for every sample of the cohort."""
    return lambda wildcards: expand(
        pattern,
        cohort=wildcards.cohort,
        sample=[row["sample"] for row in cohort_of(wildcards)["samples"]],
    )


def only(cohorts, **files):
    """Input function: files that only these cohorts have."""
    return lambda wildcards: files if wildcards.cohort in cohorts else {}


def one_of(cohorts):
    """Regular expression of the names of ``cohorts``; matches nothing without any."""
    return "|".join(cohorts) or "(?!)"


def final_tables():
    """Every table of the statistics stage that a run makes."""
    by_cohort = "results/{cohort}/{table}.tsv"
    by_subset = "results/{cohort}/de/{subset}.tsv"
    return [
        "results/meta.tsv",
        "results/signature_overlaps.tsv",
        *expand(by_cohort, cohort=COHORTS, table=["tests", "specifications"]),
        *expand(
            by_cohort, cohort=CELLS, table=["mediators", "perturbations", *FACTORS]
        ),
        *expand(by_subset, cohort=CELLS, subset=DE_SUBSETS),
    ]
