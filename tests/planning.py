"""What a run would do, asked of Snakemake without doing it, many times in one process.

A finished run is made without work: empty files in place of results, and Snakemake's records of
how they were made (``--touch``). Whether a rule runs again hangs on these records and on the times
of files alone.
"""

import json
import subprocess
import sys
from pathlib import Path

from running import ROOT, Workflow


def finished_without_work(workflow: Workflow, snakefile: Path = ROOT / "Snakefile") -> None:
    """Make the folder look like one in which a run has ended."""
    (jobs,) = asked([workflow.folder], snakefile)
    for job in jobs:
        for name in job["output"]:
            path = workflow.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".zarr" or path.name == "raw":
                path.mkdir(exist_ok=True)
            else:
                path.write_text("")
    words = ("--touch", "--forceall", "--no-hooks")
    workflow.snakemake(*words, snakefile=snakefile)


def asked(folders: list[Path], snakefile: Path) -> list[list[dict]]:
    """Jobs that a run in each folder would do: rule, cohort and outputs of each."""
    done = subprocess.run(
        [sys.executable, __file__, str(snakefile), *map(str, folders)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def planned(snakefile: Path, folder: Path) -> list[dict]:
    """Jobs that a run in a folder would do; called in a process of its own."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings import types

    with SnakemakeApi(types.OutputSettings(quiet={types.Quietness.ALL})) as api:
        made = api.workflow(
            snakefile=snakefile,
            workdir=folder,
            config_settings=types.ConfigSettings(configfiles=[folder / "config.yaml"]),
            resource_settings=types.ResourceSettings(cores=2),
        )
        dag = made.dag()
        dag.execute_workflow(
            executor="dryrun", execution_settings=types.ExecutionSettings(lock=False)
        )
        jobs = list(made._workflow.dag.needrun_jobs(exclude_finished=False))
    return [
        {
            "rule": job.rule.name,
            "cohort": job.wildcards_dict.get("cohort", ""),
            "output": [str(path) for path in job.output],
        }
        for job in jobs
    ]


if __name__ == "__main__":
    snakefile, *folders = map(Path, sys.argv[1:])
    print("\n" + json.dumps([planned(snakefile, folder) for folder in folders]))
