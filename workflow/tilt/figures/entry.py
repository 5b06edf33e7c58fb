"""What the registry knows of one figure."""

import importlib
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

ACROSS = "across"


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name
        File name; ``across/`` before it marks a figure over all cohorts.
    job
        Rule that draws it, together with the other figures of this rule.
    title
        As written in the figure, in lower case where a sentence would have it; :attr:`heading`
        is the same with a capital.
    category
        Section of Snakemake's report.
    alt
        Text for screen readers.
    words
        What the figure shows, as reStructuredText without numbers: caption in Snakemake's report,
        and in ``results/report.html`` where there is no ``caption``.
    draw
        Function that returns the figure and its table. It is called by name with the ``needs``,
        ``settings`` and ``options``, and with ``cohort`` (:class:`tilt.figures.names.CohortLabel`)
        or, across cohorts, ``labels`` (name of each cohort to its title).
    needs
        Argument of ``draw`` to the file it is read from, in the cohort's folder or, across
        cohorts, in ``results``. A file with ``{subset}`` is a dict of tables by subset (those
        tested for expression), one with ``{cohort}`` a dict by cohort with cells.
    caption
        Function that makes the caption from numbers: of a cohort's ``CohortResults``, or of the
        meta table and the number of cohorts.
    cells_only
        Arguments without a file in a cohort of which only a table of counts is published: they
        get an empty table or dict.
    cohorts
        Cohorts for which the report shows it: those with ``cells``, ``all`` (also those of which
        only a table of counts is published), ``tagged`` (with antibody tags), ``sequenced`` (with
        receptors), ``checked`` (with tags or a map of the authors' labels), ``modeled`` (with a
        CellTypist model), ``exposed``, ``grouped`` or ``repeated`` (with exposures, further groups,
        visits).
    columns
        Argument to the constant that lists the columns to be read, the others being left out.
    settings
        Argument to the place of its value in the settings of the cohort, or else in the config
        (``imbalance.poles``).
    options
        Further arguments and their values.
    memory
        Base (MB), and MB for each MB of inputs; a job needs the most of its figures.
    """

    name: str
    job: str
    title: str
    category: str
    alt: str
    words: str
    draw: str
    needs: dict[str, str]
    caption: str = ""
    cells_only: tuple[str, ...] = ()
    cohorts: str = "cells"
    columns: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    memory: tuple[float, float] = (900, 0)

    @property
    def across(self) -> bool:
        """Whether it is drawn over all cohorts."""
        return self.name.startswith(f"{ACROSS}/")

    @property
    def key(self) -> str:
        """Name of its file, without folder and ending."""
        return PurePath(self.name).name

    @property
    def stem(self) -> str:
        """Path of its files without ending, with the wildcard of the cohort."""
        folder = "results/figures" if self.across else "results/figures/{cohort}"
        return f"{folder}/{self.name}"

    @property
    def heading(self) -> str:
        """Title as it stands above the figure in a page."""
        return self.title[:1].upper() + self.title[1:]

    @property
    def recipe(self) -> dict:
        """What decides how the figure looks, as plain values for params of its rule."""
        names = ("title", "draw", "needs", "cells_only", "columns", "settings", "options")
        return {name: getattr(self, name) for name in names}


def load(path: str) -> Any:
    """Function or constant of tilt named by its path (``figures.qc.draw_waterfall``)."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"tilt.{module}"), name)
