"""Mutations that are said to change no result are of lines that are there, each with a reason."""

import csv
from pathlib import Path

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "tests/benchmark/mutants_equivalent.tsv"


def test_listed_mutations_are_of_lines_that_are_there():
    with open(TABLE, encoding="utf-8", newline="") as handle:  # read as mutants.py reads it
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) > 100 and all(row["reason"] for row in rows)
    files = {row["file"] for row in rows}
    sources = {f: " ".join((ROOT / "workflow/tilt" / f).read_text().split()) for f in files}
    gone = [row for row in rows if row["line"] not in sources[row["file"]]]
    assert gone == []
    assert [row for row in rows if row["mutated"] == row["line"]] == []
    keys = [(row["file"], row["line"], row["mutated"]) for row in rows]
    assert len(set(keys)) == len(keys)
