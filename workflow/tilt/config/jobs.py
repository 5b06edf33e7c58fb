"""Jobs of a run: which files each works on, and what memory it asks for.

Everything here is a function of the settings of a cohort (:func:`tilt.config.check.check`).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

from tilt.config.user_files import read_yaml
from tilt.core import machine, provenance
from tilt.core.terms import BESIDE, FILE_COLUMNS, RECEPTORS_COLUMN, WORKING_SET
from tilt.io import layouts

SHARED_FROM = 12  # samples of a cohort from which on they share jobs
LEAST, MOST = 4, 8  # samples in a job
LARGE = 40  # samples of a cohort from which on its graph is made on two processors
SOURCE: tuple[str, ...]
SOURCE = ("format", "folder", "genes_file", "genome", "file", "h5ad", "cell_table", "author_labels")
SOURCE += ("protein",)
DECLARED = ("name", "format", "cells", "contrast", "covariates", "strata", "composition")
CONTRAST = ("contrast", "covariates", "strata")
PLAN = ("secondary", "min_donors", "permutations", "bootstraps")  # settings of the tests
# Settings that shape the cells of a cohort.
OF_CELLS = ("seed", "qc", "normalize", "embed", "resources")
UNIT = ("sample", "donor", "condition")
EXPOSURES = ("exposures", "exposures_all")


def has_cells(cohort: Mapping) -> bool:
    """Whether the cells of a cohort are here, and not only a published table of counts."""
    return cohort["format"] != "composition_table"


def row_of(cohort: Mapping, sample: str) -> dict[str, str]:
    """Row of a sample in the sheet with what reading it hangs on.

    The file of a split sample is named after it.
    """
    row = next(row for row in cohort["samples"] if row["sample"] == sample)
    match = (cohort.get("cell_table") or {}).get("match") or {}
    used = {*UNIT, *FILE_COLUMNS, cohort.get("batch"), *match.values()} - set(BESIDE)
    row = {name: value for name, value in row.items() if name in used}
    return row | {"path": f"{sample}.h5ad"} if cohort["format"] == "h5ad" else row


def source(cohort: Mapping) -> dict:
    """How the files of a sample are laid out; an h5ad of a cohort has been split by sample."""
    found = {key: cohort[key] for key in SOURCE if cohort.get(key)}
    if cohort["format"] != "h5ad":
        return found
    folder = f"results/{cohort['name']}/raw"
    split = {"format": "h5ad_per_sample", "folder": folder, "h5ad": {"counts": "X"}}
    if "/" in (found.get("protein") or {}).get("from", ""):  # the split has put them there
        split["protein"] = found["protein"] | {"from": "obsm/protein"}
    return found | split


def raw_files(cohort: Mapping, sample: str) -> list[str]:
    """Raw files of a sample, or what stands for files that the run itself brings."""
    if "simulated" in cohort:
        return [cohort["folder"]]
    if cohort["format"] == "h5ad":
        return [f"results/{cohort['name']}/raw"]
    if "retrieve" in cohort:
        return [f"results/{cohort['name']}/retrieved.tsv"]
    return list(layouts.sample_files(cohort, row_of(cohort, sample)).values())


def given(*files: str | Iterable[str]) -> list[str]:
    """What files that the user brings hold, for params of rules.

    Snakemake asks whether a file is newer than what was made of it; one that is replaced by an
    older one (copied with its time, or after the clock was set back) is told by this alone.
    Results are passed over: they are made by the run itself.
    """
    names = [name for part in files for name in ([part] if isinstance(part, str) else part)]
    return [provenance.fingerprint(name) for name in names if not name.startswith("results/")]


def with_receptors(cohort: Mapping) -> bool:
    """Whether some sample of a cohort whose cells are here names a table of its receptors."""
    return has_cells(cohort) and any(row.get(RECEPTORS_COLUMN) for row in cohort["samples"])


def receptor_files(cohort: Mapping) -> dict[str, str]:
    """Tables of receptors by sample, of those that have one."""
    return _beside(cohort, layouts.receptor_file)


def receptor_inputs(cohort: Mapping) -> list[str]:
    """Tables of receptors, or what stands for files that the run itself brings."""
    return [cohort["folder"]] if "simulated" in cohort else _brought(cohort, receptor_files(cohort))


def with_droplets(cohort: Mapping) -> bool:
    """Whether the samples of a cohort with antibody tags name their unfiltered matrices."""
    return bool(cohort.get("protein")) and bool(droplet_files(cohort))


def droplet_files(cohort: Mapping) -> dict[str, str]:
    """Unfiltered matrices by sample, of those that have one."""
    return _beside(cohort, layouts.droplet_file)


def droplet_inputs(cohort: Mapping) -> list[str]:
    """Unfiltered matrices, or what stands for files that the run itself brings."""
    return _brought(cohort, droplet_files(cohort))


def _beside(cohort: Mapping, named: Callable[[Mapping, Mapping], str]) -> dict[str, str]:
    """Files beside the counts by sample, of those that have one; ``named`` finds that of a row."""
    files = {row["sample"]: named(cohort, row) for row in cohort.get("samples", [])}
    return {sample: path for sample, path in files.items() if path}


def _brought(cohort: Mapping, files: Mapping[str, str]) -> list[str]:
    if "retrieve" in cohort:
        return [f"results/{cohort['name']}/retrieved.tsv"]
    return sorted(set(files.values()))


def present_files(cohort: Mapping, sample: str) -> list[str]:
    """Raw files of a sample that are here already, whose size says what its job needs."""
    files = layouts.sample_files(source(cohort), row_of(cohort, sample)).values()
    return [path for path in files if Path(path).exists()]


def whole_file(cohort: Mapping) -> str:
    """The one file of a cohort: the h5ad to be split, or the table of its composition."""
    return next(iter(layouts.sample_files(cohort, cohort["samples"][0]).values()))


def simulated_world(cohort: Mapping) -> list[str]:
    """Gene and cell tables that the parameter file of a simulated cohort names."""
    path = Path(cohort["simulated"])
    params = read_yaml(path)[0]
    return [str(path.parent / params[key]) for key in ("genes", "cells") if key in params]


def declared(cohort: Mapping) -> dict:
    """What the comparison of a cohort's arms hangs on, and nothing else, for params of rules."""
    return {key: cohort.get(key) for key in (*DECLARED, "imbalance")}


def measured(cohort: Mapping) -> dict:
    """What the imbalance of each donor hangs on: covariates come with the comparison."""
    return declared(cohort) | {"covariates": []}


def contrast(cohort: Mapping) -> dict:
    """What the comparison of expression hangs on."""
    return {key: cohort.get(key) for key in CONTRAST}


def plan(stats: Mapping, *more: str) -> dict:
    """Settings of the tests, and ``more`` by name."""
    return {key: stats[key] for key in (*PLAN, *more)}


def units(cohort: Mapping) -> list[dict[str, str]]:
    """Rows of the sheet with whose each sample is, and in which condition."""
    return _columns(cohort, UNIT)


def compared(cohort: Mapping, *more: str) -> list[dict[str, str]]:
    """Rows of the sheet with what the comparison uses, and columns named in ``more``.

    An edit of other columns changes nothing.
    """
    used = [*(cohort.get("covariates") or ()), *(cohort.get("strata") or ())]
    return _columns(cohort, (*UNIT, *used, *more))


def stratified(cohort: Mapping) -> list[dict[str, str]]:
    """Rows of the sheet with what the imbalance of each donor hangs on."""
    return _columns(cohort, (*UNIT, *(cohort.get("strata") or ())))


def exposures(cohort: Mapping) -> dict:
    """What the slopes on exposures hang on; empty without any."""
    asked = {key: cohort.get(key) or [] for key in EXPOSURES}
    return contrast(cohort) | asked if any(asked.values()) else {}


def visits(cohort: Mapping) -> dict:
    """What changes between visits hang on; empty without any."""
    return declared(cohort) | {"visits": cohort["visits"]} if cohort.get("visits") else {}


def groups(cohort: Mapping) -> dict:
    """What contrasts of groups and their trend hang on; empty without any."""
    asked = {key: cohort.get(key) for key in ("groups", "contrasts")}
    named = cohort.get("contrasts") or (cohort.get("groups") or {}).get("order")
    return declared(cohort) | asked if named else {}


def grouped(cohort: Mapping) -> list[dict[str, str]]:
    """Rows of the sheet with what contrasts of groups use."""
    return compared(cohort, cohort["groups"]["column"])


def exposed(cohort: Mapping) -> list[dict[str, str]]:
    """Rows of the sheet with what the slopes on exposures use."""
    return compared(cohort, *(name for key in EXPOSURES for name in cohort.get(key) or ()))


def explored(cohort: Mapping) -> list[dict[str, str]]:
    """Rows of the sheet with what the other specifications use: women alone are one of them."""
    return compared(cohort, "sex")


def people(cohort: Mapping) -> list[dict[str, str]]:
    """Rows of the sheet with all that it says of the donors."""
    named = cohort["samples"][0] if cohort["samples"] else {}
    return _columns(cohort, ("sample", *(c for c in named if c not in FILE_COLUMNS)))


def _columns(cohort: Mapping, names: Iterable[str]) -> list[dict[str, str]]:
    """Rows of the sheet with some of its columns, in the order of the sheet."""
    rows, wanted = cohort["samples"], set(names)
    return [{name: value for name, value in row.items() if name in wanted} for row in rows]


def skipped_before(cohort: Mapping, samples: list[str], on_bad_sample: str) -> list[str]:
    """Samples that an earlier run skipped and this one stops at; others are not made again."""
    if on_bad_sample == "skip":
        return []
    folder = Path(f"results/{cohort['name']}/samples")
    told = {s: folder / f"{s}.qc.json" for s in samples}
    return [s for s, path in told.items() if path.is_file() and _skipped(path.read_text())]


def _skipped(summary: str) -> bool:
    try:
        return json.loads(summary).get("status") == "skipped"
    except (ValueError, AttributeError):
        return False  # not a whole file: made again for that


class OneSample:
    """Job on one sample of a cohort whose samples do not share jobs; wildcards name it."""

    name, log = "process_sample", "{cohort}/process_sample/{sample}"
    runtime = 30

    def __init__(self, cohorts: Mapping[str, Mapping], at: str):
        self.cohorts = cohorts
        self.pattern = f"(?:{at})" if at else "(?!)"

    def of(self, pick: Callable[[Mapping, list[str]], object]) -> Callable:
        """``pick`` of the cohort and the samples of the job, as a function of wildcards."""
        return lambda wildcards: pick(self.cohorts[wildcards.cohort], [wildcards.sample])

    def files(self, pattern: str) -> list[str]:
        """``pattern`` for every sample of the job."""
        return [pattern]


class SharedJob:
    """Job on several samples of one cohort."""

    runtime = 120
    pattern = ".*"

    def __init__(self, cohort: Mapping, number: int, samples: list[str]):
        self.cohort, self.samples = cohort, samples
        self.name = f"process_samples_{cohort['name']}_{number}"
        self.log = f"{cohort['name']}/process_samples/{number}"

    def of(self, pick: Callable[[Mapping, list[str]], object]) -> Callable:
        """``pick`` of the cohort and the samples of the job, as a function of wildcards."""
        return lambda wildcards: pick(self.cohort, self.samples)

    def files(self, pattern: str) -> list[str]:
        """``pattern`` for every sample of the job."""
        return [pattern.format(cohort=self.cohort["name"], sample=s) for s in self.samples]


def sample_jobs(cohorts: Mapping[str, Mapping]) -> Iterable[OneSample | SharedJob]:
    """Jobs on samples.

    Half of the time of a small sample is Python's start, so the samples of cohorts share jobs,
    ``LEAST`` to ``MOST`` in each, in the order of their sheets.
    """
    shared = [c for c in cohorts.values() if len(c["samples"]) >= SHARED_FROM]
    yield OneSample(cohorts, "|".join(c["name"] for c in cohorts.values() if c not in shared))
    for cohort in shared:
        # In the order of the sheet, so that samples added at its end change no other job.
        names = cohort.get("sheet_order") or [row["sample"] for row in cohort["samples"]]
        size = min(MOST, max(LEAST, len(names) // MOST))
        for number, first in enumerate(range(0, len(names), size), start=1):
            yield SharedJob(cohort, number, names[first : first + size])


def memory(base_mb: float, per_mb: float = 0.0, of: Callable | None = None) -> Callable:
    """Memory (MB) of a job: a base, and so much for each MB of its inputs.

    Each further attempt asks for twice as much. The numbers are fitted on
    tests/benchmark/scale.py with room to spare. ``of(wildcards)`` names the files that count,
    where they are not all the inputs. The function that is returned takes the wildcards, inputs
    and attempt of a job.
    """

    def mem_mb(wildcards: SimpleNamespace, input: Iterable[str], attempt: int) -> int:
        for path in input:
            Path(path).stat()  # not made yet: Snakemake asks again when it is
        files = of(wildcards) if of else input
        return int((base_mb + per_mb * machine.size_mb(files)) * 2 ** (attempt - 1))

    return mem_mb


def graph_threads(cohort: Mapping) -> int:
    """Threads for the graph of a cohort's cells: a small one is made before a second one is free.

    Results do not depend on it. By the number of samples, since Snakemake must know before any
    file is there.
    """
    return 2 if len(cohort["samples"]) >= LARGE else 1


def largest(cohort: Mapping, samples: list[str]) -> list[str]:
    """Raw files of the largest of some samples, which say what memory their job needs."""
    return max((present_files(cohort, s) for s in samples), key=machine.size_mb)


def scored_sets(stats: Mapping) -> list[str]:
    """Signatures to score in donors: those asked for, mediators and what they are adjusted for."""
    keys = ("activity_sets", "mediators", "handling_sets")
    return list(dict.fromkeys(name for key in keys for name in stats[key]))


def scored_subsets(stats: Mapping) -> list[str]:
    """Groups of cells to score them in: those asked for, and where mediators are compared."""
    return list(dict.fromkeys([WORKING_SET, *stats["activity_subsets"]]))
