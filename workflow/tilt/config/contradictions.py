"""Settings that each are allowed but contradict each other, or what the cohorts are."""

import importlib.util
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tilt.config.messages import problem
from tilt.config.names import shown
from tilt.config.user_files import read_yaml
from tilt.io import fetch, shared

SIMULATED = ("10x_dir", "triplets")  # formats that the simulator writes


def of_qc(qc: object, source: str) -> list[str]:
    """Limits of quality control whose upper end is not above the lower."""
    found = []
    for low, high in (("min_counts", "max_counts"), ("min_genes", "max_genes")):
        a, b = (qc.get(low), qc.get(high)) if isinstance(qc, dict) else (None, None)
        if isinstance(a, int) and isinstance(b, int) and a >= b:
            wrong = f"{high} must be above {low}"
            found.append(problem(source, "qc", wrong, f"{low}: {a}, {high}: {b}"))
    return found


def of_config(settings: Mapping, source: str) -> list[str]:
    """Contradictions within a configuration that keeps to its schema."""
    found = of_qc(settings["qc"], source)
    embed, normalize, imbalance = (settings[key] for key in ("embed", "normalize", "imbalance"))
    if embed["n_pcs"] > normalize["n_hvgs"]:
        wrong = "more components than there are variable genes"
        said = f"embed: n_pcs: {embed['n_pcs']}, normalize: n_hvgs: {normalize['n_hvgs']}"
        found.append(problem(source, "embed: n_pcs", wrong, said, fix="lower `n_pcs`"))
    names = [f"{resolution:g}" for resolution in embed["resolutions"]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        wrong = f"two resolutions are both written {twice[0]} in the name of their column"
        found.append(problem(source, "embed: resolutions", wrong, fix="keep one of them"))
    if embed["device"] == "gpu" and importlib.util.find_spec("rapids_singlecell") is None:
        wrong = "the package rapids-singlecell is not installed here"
        fix = "install it into this environment, or set `device: cpu`"
        found.append(problem(source, "embed: device", wrong, "gpu", fix=fix))
    found += of_poles(imbalance["poles"], source, "imbalance: poles")
    if imbalance["tph_set"] == imbalance["th22_set"]:
        wrong = "both ends of the axis are the same signature"
        said = imbalance["tph_set"]
        found.append(problem(source, "imbalance: tph_set, th22_set", wrong, said))
    stats = settings["stats"]
    for key in ("activity_subsets", "de_subsets"):
        for one, other in _same_but_case(stats[key]):
            wrong = f"{one} and {other} differ only by case: one file on some systems"
            found.append(problem(source, f"stats: {key}", wrong, fix=f"take {other} out"))
    both = sorted(set(stats["mediators"]) & set(stats["handling_sets"]))
    if both:
        wrong, fix = "is both a mediator and adjusted for", "take it out of one of the two"
        found.append(problem(source, "stats: handling_sets", wrong, ", ".join(both), fix=fix))
    return found + of_downloads(settings["downloads"], source)


def _same_but_case(words: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of a word and an earlier one that differs from it only by case."""
    first: dict[str, str] = {}
    pairs = [(first.setdefault(word.lower(), word), word) for word in words]
    return [(one, other) for one, other in pairs if one != other]


def of_poles(poles: Mapping, source: str, where: str) -> list[str]:
    """Labels that are counted at both ends of the imbalance, or one end alone."""
    both = sorted(set(poles.get("tph") or ()) & set(poles.get("th22") or ()))
    if both:
        wrong = f"{', '.join(both)} stands at both ends: its cells would cancel out"
        return [problem(source, where, wrong, fix="take it out of one of the two")]
    if bool(poles.get("tph")) != bool(poles.get("th22")):
        given, other = ("tph", "th22") if poles.get("tph") else ("th22", "tph")
        return [problem(source, where, f"{given} is given and {other} is not", fix="name both")]
    return []


def of_downloads(downloads: str, source: str) -> list[str]:
    """A download folder that cannot be one. ``downloads`` has its variables filled in."""
    wrong = ""
    if "\0" in downloads:
        wrong = "no name of a folder"
    elif "$" in downloads:
        wrong = "names a variable that is not set"
    elif downloads.startswith("~"):
        wrong = "names the home of somebody who is not known here"
    elif os.path.exists(downloads) and not os.path.isdir(downloads):
        wrong = "is a file"
    return [problem(source, "downloads", wrong, ascii(downloads))] if wrong else []


def of_links(folder: str, downloads: str, source: str) -> list[str]:
    """Links on the way from the download folder to that of a cohort: files would go elsewhere."""
    place = Path(downloads)
    for part in Path(os.path.normpath(folder)).parts:
        place = place / part
        if os.path.islink(place):
            wrong = f"{place} is a link to {os.readlink(place)}: files would be fetched there"
            fix = "set `downloads` to the place where files are to be, or delete the link"
            return [problem(source, "folder", wrong, folder, fix=fix)]
    return []


def of_cohort(cohort: Mapping, own_qc: bool) -> list[str]:
    """Contradictions within a cohort file that keeps to its schema; ``own_qc``: it changes `qc`."""
    path, name = cohort["path"], cohort.get("name")
    found = of_qc(cohort["qc"], path) if own_qc else []
    if cohort.get("batch") in ("condition", "donor"):
        wrong = f"batch is `{cohort['batch']}`: correcting for it would take the effect away"
        fix = "name what was processed together, or leave `batch` out"
        found.append(problem(path, "batch", wrong, cohort["batch"], fix=fix))
    found += of_protein(cohort)
    own = (cohort.get("composition") or {}).get("poles") or {}
    found += of_poles(own, path, "composition: poles")
    if name in (cohort.get("same_donors_as") or ()):
        wrong = "a cohort shares all donors with itself"
        found.append(problem(path, "same_donors_as", wrong, name, fix=f"take {name} out"))
    folder = cohort.get("folder")
    if "retrieve" in cohort and isinstance(folder, str):
        outside = os.path.isabs(folder) or os.path.normpath(folder).startswith("..")
        if outside:
            wrong = "leads out of the download folder"
            fix = f"folder: {Path(folder).name or name}"
            found.append(problem(path, "folder", wrong, folder, fix=fix))
    return found + _retrieved(cohort, path)


def of_protein(cohort: Mapping) -> list[str]:
    """A place of antibody tags that the format of the cohort does not have."""
    place, layout = (cohort.get("protein") or {}).get("from", ""), cohort.get("format")
    fix = "from: features (tags among the genes) or from: folder (tags in folders of their own)"
    if layout == "composition_table" and place:
        wrong, fix = "a table of counts has no antibody tags", "take `protein` out"
    elif "/" in place and layout not in ("h5ad", "h5ad_per_sample"):
        wrong = f"format {layout} has no {place.split('/')[0]}"
    else:
        return []
    return [problem(cohort["path"], "protein: from", wrong, place, fix=fix)]


def _retrieved(cohort: Mapping, path: str) -> list[str]:
    found = []
    names = [entry.get("name") for entry in cohort.get("retrieve") or ()]
    for number, entry in enumerate(cohort.get("retrieve") or (), start=1):
        where = f"retrieve: entry {number}"
        if not entry.get("urls") and not entry.get("cellxgene"):
            found.append(problem(path, where, "has neither `urls` nor `cellxgene`", entry["name"]))
        if names.count(entry["name"]) > 1 and names.index(entry["name"]) == number - 1:
            found.append(problem(path, where, "two entries have this name", entry["name"]))
        if entry["name"].lower() in shared.OWN_NAMES:
            found.append(problem(path, where, "this name is tilt's own", entry["name"]))
        for url in entry.get("urls") or ():
            fault = fetch.address_fault(url) if "://" in url else ""
            if fault:
                fix = "give an https address, or the path of a local copy"
                found.append(problem(path, f"{where}, urls", fault, shown(url), fix=fix))
    return found


def of_simulated(cohort: Mapping) -> list[str]:
    """A cohort that is simulated from no parameters, or in another layout or place than is read."""
    if "simulated" not in cohort:
        return []
    path, given = cohort["path"], cohort["simulated"]
    if not os.path.isfile(given):
        return [problem(path, "simulated", "the parameter file does not exist", given)]
    found = read_yaml(Path(given))[1]
    if cohort["format"] not in SIMULATED:
        wrong, allowed = "the simulator does not write this format", ", ".join(SIMULATED)
        found.append(problem(path, "format", wrong, cohort["format"], allowed))
    place = f"results/simulated/{cohort['name']}"
    if os.path.normpath(cohort["folder"]) != place:
        wrong, fix = "simulated files are read from elsewhere than they are written", "folder: "
        found.append(problem(path, "folder", wrong, cohort["folder"], fix=fix + place))
    return found


def of_pairs(cohort: Mapping) -> list[str]:
    """A paired contrast none of whose donors has both conditions."""
    contrast = cohort.get("contrast")
    if not isinstance(contrast, dict) or not contrast.get("paired") or not cohort["samples"]:
        return []
    arms: dict[str, set] = {}
    for row in cohort["samples"]:
        arms.setdefault(row.get("donor", ""), set()).add(row.get("condition"))
    if any({contrast.get("case"), contrast.get("control")} <= seen for seen in arms.values()):
        return []
    wrong = f"paired, but none of {len(arms)} donors has both conditions"
    fix = "take `paired` out, or give the samples of one person one donor name"
    return [problem(cohort["path"], "contrast", wrong, fix=fix)]
