"""Write a first cohort file and sample sheet from a look at a folder or an h5ad.

    python workflow/scripts/new_cohort.py DATA NAME --sheet TABLE

DATA is a folder with the raw files of the samples, or an h5ad of the whole cohort; NAME a short
name; TABLE, if there is one, the authors' own of the samples in the folder (TSV or CSV: donor,
condition, visit, ...). Writes config/cohorts/NAME.yaml and config/samples/NAME.tsv in the current
folder and says what it guessed. Complete the two files and start the command that it prints:
everything is checked before anything runs.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tilt.config import discover
from tilt.core.text import SAFE_NAME, safe_name


def write(data: Path, name: str, here: Path, table: Path | None = None) -> list[str]:
    """Write the two files under ``here``; returns the lines to tell the user."""
    if not SAFE_NAME.match(name):
        raise discover.NothingFound(f"{name!r} is no name; write for instance {safe_name(name)}")
    sheet, file = here / f"config/samples/{name}.tsv", here / f"config/cohorts/{name}.yaml"
    taken = [path for path in (sheet, file) if path.exists()]
    if taken:
        raise discover.NothingFound(f"{taken[0]} exists already: choose another name")
    cohort, rows, guesses = discover.discover(data, name, table)
    for path in (sheet, file):
        path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(rows[0])
    lines = ["\t".join(columns)] + ["\t".join(row[c] for c in columns) for row in rows]
    sheet.write_text("\n".join(lines) + "\n")
    head = "# Guessed from the files; correct what is wrong. All keys: config/README.md\n"
    file.write_text(head + yaml.safe_dump(cohort, sort_keys=False, default_flow_style=None))
    return [
        f"{len(rows)} samples found. Guessed:",
        *(f"  {guess}" for guess in guesses),
        "Now complete these two files:",
        *(f"  {path.relative_to(here)}" for path in (sheet, file)),
        "check them and see the plan:",
        f"  {command(name, here)} -n",
        "and start:",
        f"  {command(name, here)}",
    ]


def command(name: str, here: Path) -> str:
    """The words that run tilt on this cohort alone, from the folder ``here``."""
    checkout = Path(__file__).resolve().parents[2]
    where = "" if here.resolve() == checkout else f" -s {shlex.quote(str(checkout / 'Snakefile'))}"
    return f"snakemake{where} --cores {os.cpu_count()} --config 'cohorts=[{name}]'"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="a folder, or an .h5ad or .loom file")
    parser.add_argument("name", help="short name of the cohort")
    parser.add_argument("--sheet", type=Path, help="table of the samples in the folder")
    options = parser.parse_args()
    try:
        print("\n".join(write(options.data, options.name, Path.cwd(), options.sheet)))
    except discover.NothingFound as error:
        sys.exit(f"new_cohort: {error}")
