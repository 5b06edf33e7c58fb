# Inputs, outputs, captions and params of the rules that draw, from the registry of figures.

from tilt.figures import jobs, names
from tilt.figures.registry import FIGURES

# Snakemake reads a caption from a file that knows only the job, not the figure: one file a figure.
CAPTIONS = Path(".snakemake/captions").absolute()
if workflow.is_main_process:
    jobs.write_captions(CAPTIONS, (TILT / "report" / "figure.rst").read_text())


def figure_input(job):
    """Input function: the files that the figures of a job are drawn from."""

    def named(wildcards):
        with_cells = wildcards.cohort in CELLS
        return {
            name: (
                expand(
                    f"results/{wildcards.cohort}/{file}",
                    subset=de_subsets(file) if with_cells else [],
                )
                if "{subset}" in file
                else f"results/{wildcards.cohort}/{file}"
            )
            for name, file in jobs.files(job, with_cells).items()
        }

    return named


def de_subsets(file):
    """Subsets tested for expression; of factors none without a table of regulons."""
    if file.startswith("factors/") and not CONFIG["stats"]["regulon"]:
        return []
    return CONFIG["stats"]["de_subsets"]


def figure_files(job):
    """Outputs of a job that stand in no report."""
    return [
        f"{figure.stem}.{kind}"
        for figure in jobs.of_job(job)
        for kind in jobs.FORMATS
        if kind != "png"
    ]


def figure_items(job):
    """Outputs of a job that stand in Snakemake's report, by name."""
    return {
        figure.key: report(
            f"{figure.stem}.png",
            caption=str(jobs.caption_file(CAPTIONS, figure)),
            category=figure.category,
            labels={
                "cohort": "across" if figure.across else "{cohort}",
                "figure": figure.heading,
            },
        )
        for figure in jobs.of_job(job)
    }


def figure_params(job):
    """What else decides how the figures of a job look: recipes, values of the config, code."""
    return {
        "figures": jobs.recipes(job),
        "settings": jobs.settings(job, CONFIG),
        "code": code(*jobs.modules(job), without=("figures.registry",)),
    }


def drawn_figures():
    """Every figure that stands in the report."""
    cohorts = {"all": COHORTS, "cells": CELLS, "modelled": MODELLED}
    for figure in FIGURES.values():
        if figure.across:
            yield f"{figure.stem}.png"
        else:
            yield from expand(f"{figure.stem}.png", cohort=cohorts[figure.cohorts])
