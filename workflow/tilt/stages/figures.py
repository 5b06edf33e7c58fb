"""Draw the figures of a job: read what each needs, call its function, save figure and table."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from tilt.core import tables
from tilt.figures import jobs, style
from tilt.figures.entry import Figure, load
from tilt.figures.names import CohortLabel
from tilt.figures.registry import FIGURES

log = logging.getLogger(__name__)

Files = str | Sequence[str]


def draw_all(
    targets: Mapping[str, str],
    inputs: Mapping[str, Files],
    cohorts: Sequence[dict],
    settings: Mapping[str, object],
) -> None:
    """Draw and save figures.

    Parameters
    ----------
    targets
        By name in the registry, one of the files of the figure, of any ending.
    inputs
        By :func:`tilt.figures.jobs.input_name`, the path or paths.
    cohorts
        Fields of :class:`tilt.figures.names.CohortLabel`: one, or all for figures across cohorts.
    settings
        Values of the settings by their place (:func:`tilt.figures.jobs.settings`).
    """
    read_once = cache(read)
    for name, target in targets.items():
        figure = FIGURES[name]
        found = arguments(figure, inputs, cohorts, settings, read_once)
        drawn, table = load(figure.draw)(**found)
        style.save(drawn, table, Path(target).with_suffix(""))
        log.info("%s: %d rows drawn", name, len(table))


def read(path: str, columns: tuple[str, ...] = ()) -> Any:
    """What a file holds: a table, the AnnData of an h5ad, or the cells (obs) of a store.

    ``columns``: those of a table to be read, where it has them, or those of the cells of a store,
    empty where it does not; all without any.
    """
    if path.endswith(".zarr"):
        from tilt.io import store

        obs = store.open_store(path).obs
        return obs.reindex(columns=list(columns)) if columns else obs
    if path.endswith(".h5ad"):
        import anndata as ad

        return ad.read_h5ad(path)
    return tables.read(path, columns=list(columns) or None)


def arguments(
    figure: Figure,
    inputs: Mapping[str, Files],
    cohorts: Sequence[dict],
    settings: Mapping[str, object],
    read: Callable[..., Any] = read,
) -> dict:
    """Arguments of a figure's function: what it needs as read, cohort or labels, and settings."""
    about = [CohortLabel(**fields) for fields in cohorts]
    found: dict[str, Any]
    if figure.across:
        found = {"labels": {one.name: one.label for one in about}}
    else:
        (cohort,) = about
        found = {"cohort": cohort}
    for argument, file in figure.needs.items():
        place = figure.columns.get(argument)
        columns = tuple(load(place)) if place else ()
        paths = inputs.get(jobs.input_name(file))
        if "{" in file:
            by = (lambda p: Path(p).stem) if "{subset}" in file else (lambda p: Path(p).parent.name)
            found[argument] = {by(path): read(path, columns) for path in listed(paths)}
        elif paths:
            found[argument] = read(paths, columns)
        elif argument in figure.cells_only:
            found[argument] = pd.DataFrame(columns=list(columns))
        else:
            raise KeyError(f"figure {figure.name} needs {file}")
    found |= {argument: settings[place] for argument, place in figure.settings.items()}
    return found | figure.options


def listed(paths: Files | None) -> list[str]:
    """Paths as a list: a single one is given as a string, none as None."""
    return [paths] if isinstance(paths, str) else list(paths or [])
