# Inputs, outputs, captions and params of the rules that draw, from the registry of figures.

from tilt.figures import jobs as plots
from tilt.figures.registry import FIGURES

# Snakemake reads a caption from a file that knows only the job, not the figure: one file a figure.
CAPTIONS = Path(".snakemake/captions").absolute()
if workflow.is_main_process:
    plots.write_captions(CAPTIONS, (TILT / "report" / "figure.rst").read_text())

# Of the registry a job uses the recipes of its own figures, which are a param.
PARTS = ("", "_designs", "_labels", "_mediators")
LISTS = tuple(f"tilt.figures.registry{part}" for part in PARTS)

# By what a figure says of its cohorts.
COHORTS_OF = {
    **{"all": list(COHORTS), "cells": CELLS, "tagged": TAGGED, "modeled": MODELED},
    "sequenced": SEQUENCED,
    **{"exposed": EXPOSED, "grouped": GROUPED, "repeated": REPEATED},
    "checked": [c for c in CELLS if c in TAGGED or COHORTS[c].get("label_map")],
}


def figure_cohorts(job):
    """Cohorts that a job of figures can be asked for: those of the figure that has most."""
    return max((COHORTS_OF[one.cohorts] for one in plots.of_job(job)), key=len)


def figure_input(job):
    """Input function: the files that the figures of a job are drawn from."""

    def named(wildcards):
        files = plots.files(job, wildcards.cohort in CELLS).items()
        return {name: of_subsets(file, wildcards.cohort) for name, file in files}

    return (lambda wildcards: files_across(job)) if plots.across(job) else named


def of_subsets(file, cohort):
    """A file of a cohort, or one for each subset tested for expression where it has {subset}."""
    path = f"results/{cohort}/{file}"
    # Without a table of regulons there are no factors.
    absent = file.startswith("factor") and not CONFIG["stats"]["regulon"]
    if "{subset}" not in file:
        return [] if absent else path
    return expand(path, subset=[] if absent else DE_SUBSETS)


def files_across(job):
    """Files of all cohorts together, or one for each cohort with cells where it has {cohort}."""
    return {
        name: expand(path, cohort=CELLS) if "{cohort}" in file else path
        for name, file in plots.files(job).items()
        for path in [f"results/{file}"]
    }


def figure_files(job):
    """Outputs of a job that stand in no report."""
    return [
        f"{figure.stem}.{kind}"
        for figure in plots.of_job(job)
        for kind in plots.FORMATS
        if kind != "png"
    ]


def figure_items(job):
    """Outputs of a job that stand in Snakemake's report, by name."""
    return {
        figure.key: report(
            f"{figure.stem}.png",
            caption=str(plots.caption_file(CAPTIONS, figure)),
            category=figure.category,
            labels={
                "cohort": "across" if figure.across else "{cohort}",
                "figure": figure.heading,
            },
        )
        for figure in plots.of_job(job)
    }


def figure_labels(job):
    """Params: names of the cohorts of a job, or a function of wildcards that gives that of one."""
    if plots.across(job):
        return [names.describe(about) for about in COHORTS.values()]
    return of_cohort(lambda cohort: [names.describe(cohort)])


def figure_settings(job):
    """Params: values of the cohort's settings, or of the config, that the figures use."""
    if plots.across(job):
        return plots.settings(job, CONFIG)
    return of_cohort(lambda cohort: plots.settings(job, CONFIG | cohort))


def drawn_figures(kinds=("png",)):
    """Every figure that stands in the report, or its files of other kinds."""
    for figure in FIGURES.values():
        files = [f"{figure.stem}.{kind}" for kind in kinds]
        cohorts = COHORTS_OF[figure.cohorts]
        yield from files if figure.across else expand(files, cohort=cohorts)
