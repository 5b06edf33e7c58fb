"""What the run was made with and what it cost: versions, hashes, time and memory by rule."""

import csv
from pathlib import Path

import pandas as pd
import yaml

from tilt import __version__
from tilt.core import provenance, tables


def costs(folder: Path) -> pd.DataFrame:
    """Jobs, seconds in all, longest job and most memory of each rule, from benchmark files.

    ``folder`` holds ``{cohort}/{rule}.tsv`` or ``{cohort}/{rule}/{job}.tsv``; a file that cannot
    be read is left out. Memory of jobs too short to be measured counts as not known.
    """
    rows = []
    for path in sorted(folder.glob("*/**/*.tsv")):
        inside = path.relative_to(folder).parts
        rule = inside[1] if len(inside) > 2 else path.stem
        try:
            with path.open(newline="") as handle:
                one = next(csv.DictReader(handle, delimiter="\t"))
            rows.append((rule, float(one["s"]), one["max_rss"]))
        except (ValueError, KeyError, TypeError, StopIteration, csv.Error):
            continue
    table = pd.DataFrame(rows, columns=["rule", "s", "mb"])
    table["mb"] = pd.to_numeric(table["mb"], errors="coerce")
    by = table.groupby("rule")
    out = by["s"].agg(["size", "sum", "max"]).join(by["mb"].max()).reset_index()
    out.columns = ["rule", "jobs", "total_s", "longest_s", "most_mb"]
    out["most_mb"] = out["most_mb"].round(0)
    return out.round({"total_s": 1, "longest_s": 1}).sort_values("total_s", ascending=False)


def versions() -> pd.DataFrame:
    """Tool and version, tilt and its commit first."""
    commit = provenance.git_commit() or "not under git"
    rows = [("tilt", f"{__version__} ({commit})"), *provenance.tool_versions().items()]
    return pd.DataFrame(rows, columns=["tool", "version"])


def hashes(paths: list[str]) -> pd.DataFrame:
    """SHA-256 of each file that exists."""
    rows = [(str(p), provenance.file_sha256(p)) for p in dict.fromkeys(paths) if Path(p).is_file()]
    return pd.DataFrame(rows, columns=["file", "sha256"])


def config_text(config: dict) -> str:
    """The configuration with its defaults, as YAML."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=90)


def hashed_inputs(config: dict, cohorts: dict) -> list[str]:
    """Files that say what is analyzed and how: tables of the config, cohort files and sheets."""
    paths = list(config["resources"].values())
    for about in cohorts.values():
        paths += [about["path"], about["sheet"]]
    return [str(p) for p in paths if p]


def read_all(folder: Path, names: list[str]) -> dict[str, pd.DataFrame]:
    """Tables ``folder/{name}.tsv`` that exist, by name."""
    paths = {name: folder / f"{name}.tsv" for name in names}
    return {name: tables.read(path) for name, path in paths.items() if path.exists()}
