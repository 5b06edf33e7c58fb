"""What the rules of figures take from the registry: files, captions, settings, memory."""

from collections.abc import Iterable
from functools import reduce
from pathlib import Path, PurePath

from tilt.figures.entry import ACROSS, Figure
from tilt.figures.registry import FIGURES

FORMATS = ("pdf", "svg", "png", "tsv")


def names() -> list[str]:
    """Rules that draw, in the order of the registry."""
    return list(dict.fromkeys(figure.job for figure in FIGURES.values()))


def of_job(job: str) -> list[Figure]:
    """Figures that one rule draws; an unknown rule is a KeyError."""
    found = [figure for figure in FIGURES.values() if figure.job == job]
    if not found:
        raise KeyError(f"no figure is drawn by {job}")
    return found


def across(job: str) -> bool:
    """Whether a rule draws over all cohorts; one that draws of both kinds is a ValueError."""
    kinds = {figure.across for figure in of_job(job)}
    if len(kinds) > 1:
        raise ValueError(f"{job} draws figures of single cohorts and figures over all")
    return kinds.pop()


def folder(job: str) -> str:
    """Folder of a rule's logs and benchmarks, with the wildcard of the cohort."""
    return ACROSS if across(job) else "{cohort}"


def input_name(file: str) -> str:
    """Name of an input of a rule: ``de`` of ``de/{subset}.tsv``, ``umap`` of ``umap.tsv.gz``."""
    return next(part for part in PurePath(file).parts if "{" not in part).split(".")[0]


def files(job: str, cells: bool = True) -> dict[str, str]:
    """Files that a rule reads, by the name of the input.

    ``cells``: whether the cohort has cells; else files that only such cohorts have are left out.
    """
    return {
        input_name(file): file
        for figure in of_job(job)
        for argument, file in figure.needs.items()
        if cells or argument not in figure.cells_only
    }


def modules(job: str) -> list[str]:
    """Modules that a rule loads by their names to draw its figures (``tilt.figures.qc``)."""
    return _modules(
        path for figure in of_job(job) for path in (figure.draw, *figure.columns.values())
    )


def caption_modules() -> list[str]:
    """Modules that the report loads by their names to make captions."""
    return _modules(figure.caption for figure in FIGURES.values() if figure.caption)


def _modules(paths: Iterable[str]) -> list[str]:
    return sorted({f"tilt.{path.rpartition('.')[0]}" for path in paths})


def recipes(job: str) -> dict[str, dict]:
    """Recipe of each figure of a rule, by name."""
    return {figure.name: figure.recipe for figure in of_job(job)}


def settings(job: str, given: dict) -> dict:
    """Values that the figures of a rule use of the settings ``given``, by their place in them."""
    places = [place for figure in of_job(job) for place in figure.settings.values()]
    return {place: reduce(dict.__getitem__, place.split("."), given) for place in places}


def memory(job: str) -> tuple[float, float]:
    """Base (MB) of a rule's memory, and MB for each MB of its inputs."""
    base, per_mb = zip(*(figure.memory for figure in of_job(job)), strict=True)
    return max(base), max(per_mb)


def write_captions(folder: Path, frame: str) -> None:
    """Write the words of each figure, with what ``frame`` puts around them, to a file of its own.

    Snakemake reads the caption of a report item from a file and does not tell it which item it is
    for, so that one file cannot serve all.
    """
    for figure in FIGURES.values():
        path = caption_file(folder, figure)
        text = frame.replace("WORDS", figure.words)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def caption_file(folder: Path, figure: Figure) -> Path:
    """File of the words of a figure."""
    return Path(folder) / f"{figure.name}.rst"
