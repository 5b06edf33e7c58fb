"""Running the workflow in a folder of its own, for tests."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


class Workflow:
    """Runs Snakemake on the checkout's Snakefile with a folder of its own for everything else."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, name: str, content) -> Path:
        """Write a text, or anything else as YAML, to a file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        path.write_text(text)
        return path

    def snakemake(
        self,
        *words: str,
        check: bool = True,
        before=None,
        snakefile: Path = ROOT / "Snakefile",
    ) -> subprocess.CompletedProcess:
        """Run ``snakemake`` here; its standard error is part of ``stdout``.

        ``before`` is a function that the new process calls first, to limit what it may do.
        """
        command = [sys.executable, "-m", "snakemake", "-s", str(snakefile)]
        config = self.folder / "config.yaml"
        command += ["--configfile", str(config)] if config.exists() else []
        done = subprocess.run(
            [*command, "--directory", str(self.folder), "--cores", "2", *words],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            preexec_fn=before,
        )
        if check and done.returncode:
            raise AssertionError(done.stdout[-6000:])
        return done

    def planned(self, *words: str) -> dict[str, int]:
        """Jobs per rule that a dry run would do."""
        text = self.snakemake("-n", *words).stdout
        if "Job stats:" not in text:
            assert "Nothing to be done" in text, text[-2000:]
            return {}
        table = text.split("Job stats:")[1].split("total")[0].splitlines()[3:]
        return {line.split()[0]: int(line.split()[1]) for line in table if line.strip()}


def small_cohorts(workflow: Workflow, n_cells: int = 500) -> None:
    """Two simulated cohorts, 3 controls and 4 cases each, in the demo's two raw layouts.

    Without the further groups and visits of the demo: these cases are all of one of them.
    """
    for name in ("demo_cd4", "demo_pbmc"):
        cohort = yaml.safe_load((ROOT / f"config/cohorts/{name}.yaml").read_text())
        params = yaml.safe_load((ROOT / cohort["simulated"]).read_text()) | {"n_cells": n_cells}
        small = name.replace("demo", "small")
        for key in ("genes", "cells"):
            params[key] = str(ROOT / "resources/demo" / params[key])
        workflow.write(f"{small}.params.yaml", params)
        sheet = (ROOT / cohort["samples"]).read_text().splitlines()
        rows = [line.split("\t") for line in sheet[1:]]
        condition = sheet[0].split("\t").index("condition")
        arms = {arm: [row for row in rows if row[condition] == arm] for arm in ("control", "SLE")}
        chosen = [*arms["control"][:3], *arms["SLE"][:4]]
        workflow.write(f"{small}.tsv", "\n".join([sheet[0], *map("\t".join, chosen), ""]))
        cohort = {
            key: cohort[key] for key in cohort if key not in ("groups", "contrasts", "visits")
        }
        cohort |= {
            "name": small,
            "simulated": f"{small}.params.yaml",
            "samples": f"{small}.tsv",
            "folder": f"results/simulated/{small}",
        }
        workflow.write(f"{small}.yaml", cohort)
    workflow.write(
        "config.yaml",
        {
            "cohorts": ["small_cd4.yaml", "small_pbmc.yaml"],
            "embed": {"resolutions": [1.0]},
            "imbalance": {"min_memory_cells": 50},
            "stats": {"permutations": 1000, "bootstraps": 200, "random_sets": 100},
        },
    )
