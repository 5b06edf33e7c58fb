"""Donors, conditions and visits of files from a table that lists them: the authors' own sheet."""

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tilt.core.text import count, few, safe_name

# Names that published tables give to the same thing, best first.
KNOWN = {
    "sample": ("sample", "sample_id", "sample_uuid", "library", "library_uuid", "orig.ident"),
    "donor": (
        "donor",
        "donor_id",
        "patient",
        "patient_id",
        "individual",
        "subject",
        "ind_cov",
        "ind",
    ),
    "condition": (
        "condition",
        "disease",
        "group",
        "groups",
        "status",
        "diagnosis",
        "SLE_status",
        "stim",
        "treatment",
    ),
    "batch": ("batch", "batch_cov", "Processing_Cohort", "pool", "run", "lane"),
    "age": ("age", "development_stage"),
    "sex": ("sex", "gender"),
    "visit": ("visit", "timepoint", "time_point", "time", "week", "day"),
    "droplet": ("multiplets", "droplet_type", "DROPLET.TYPE", "hto_classification.global"),
}
# Names that are no person's and no sample's.
NOBODY = re.compile(
    r"^(|na|nan|n/a|none|null|unknown|unassigned|ambiguous|ambs|negative|(doublet|multiplet)s?)$",
    re.I,
)
FILLED = ("donor", "condition", "batch", "age", "sex", "visit")


class NoSheet(ValueError):
    """The table cannot be read, or none of its rows is of one of the files."""


def columns(values: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Which column is what ("" where none is): ``values`` of each column by its name.

    Of several columns that may be the condition the first one that differs is taken.
    """
    lowered = {name.lower(): name for name in values}
    found = {
        what: next((lowered[name.lower()] for name in known if name.lower() in lowered), "")
        for what, known in KNOWN.items()
    }
    several = [
        lowered[name.lower()]
        for name in KNOWN["condition"]
        if name.lower() in lowered and len(set(values[lowered[name.lower()]])) > 1
    ]
    found["condition"] = several[0] if several else found["condition"]
    return found


def tidy(row: dict) -> dict:
    """Age as a number, sex as F or M, a batch for everyone."""
    age, sex = "".join(re.findall(r"^\d+", row["age"])), row["sex"][:1]
    sex = sex.upper() if sex.lower() in ("f", "m") else ""
    return row | {"age": age, "sex": sex, "batch": row["batch"] or "one"}


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a table whose cells are separated by tabs, commas or semicolons."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = f"{path}: cannot be read as text ({error}). Fix: save it as TSV or CSV"
        raise NoSheet(said) from error
    first = text.split("\n", 1)[0]
    separator = max("\t,;", key=first.count)
    rows = list(csv.DictReader(text.splitlines(), delimiter=separator))
    if not rows or separator not in first:
        raise NoSheet(f"{path}: no table with a header and rows. Fix: save it as TSV or CSV")
    return [{k: (v or "").strip() for k, v in row.items() if k} for row in rows]


def joined(files: list[dict], path: Path) -> tuple[list[dict], list[str]]:
    """Rows of the sample sheet with what the table ``path`` says of each file, and the guesses.

    ``files``: rows that were made of the names of files (sample, and path or prefix). The column
    of the table whose values name the most of them is taken; a value names a file if it is its
    sample, or stands alone in its path. Rows of nobody (NA, doublet) are left out with their file.
    Raises NoSheet where no value names a file.
    """
    table = read(path)
    by_column = {name: [row.get(name, "") for row in table] for name in table[0]}
    places = {name: _places(files, values) for name, values in by_column.items()}
    key = max(places, key=lambda name: len(places[name]))
    if not places[key]:
        raise NoSheet(
            f"{path}: no column names the files ({few([f['sample'] for f in files])}). Fix: give "
            "it a column with the names of the samples' files or folders"
        )
    what = columns(by_column)
    what["donor"] = what["donor"] or what["sample"] or key
    guesses = [f"{path.name}: files by column {key}; "]
    guesses[0] += ", ".join(f"{k} = {what[k]}" for k in FILLED if what[k])
    rows, nobody = [], []
    for at, file in enumerate(files):
        if at not in places[key]:
            rows.append(file | ({"visit": ""} if what["visit"] else {}))
            continue
        found = table[places[key][at]]
        said = {k: found.get(what[k], "") for k in FILLED if what[k]}
        if NOBODY.match(said["donor"]):
            nobody.append(file["sample"])
            continue
        own = {k: file.get(k, "") for k in ("sample", *FILLED[:-1])} | said
        own |= {"donor": safe_name(said["donor"])}
        rest = {k: v for k, v in file.items() if k not in own}
        rows.append(tidy(own) | rest)
    lost = len(files) - len(places[key])
    unused = len(table) - len(set(places[key].values()))
    for n, text in (
        (lost, f"{count(lost, 'sample')} in no row of {path.name}: fill them in"),
        (unused, f"{count(unused, 'row')} of {path.name} without files: not in the sheet"),
        (len(nobody), f"{count(len(nobody), 'sample')} of no donor ({few(nobody)}) left out"),
    ):
        guesses += [text] if n else []
    if not rows:
        raise NoSheet(f"{path}: all rows are of no donor. Fix: name the donors in {what['donor']}")
    return rows, guesses


def _places(files: list[dict], values: list[str]) -> dict[int, int]:
    """Position of a file -> that of the one value that names it."""
    found: dict[int, int] = {}
    for at, file in enumerate(files):
        same = [i for i, v in enumerate(values) if v and safe_name(v) == file["sample"]]
        where = file.get("path") or file.get("prefix") or ""
        inside = [i for i, v in enumerate(values) if v and _alone(v, where)]
        one = same if len(same) == 1 else inside
        if len(one) == 1:
            found[at] = one[0]
    return found


def _alone(value: str, where: str) -> bool:
    """Whether a value stands in a path with no letter or digit at its sides."""
    return bool(re.search(rf"(^|[^A-Za-z0-9]){re.escape(value)}($|[^A-Za-z0-9])", where))
