"""What a newcomer meets: a clone that plans work, and words that name every mistake at once."""

import re
import subprocess
import sys
from pathlib import Path

import yaml
from running import ROOT, small_cohorts


def test_fresh_clone_plans_the_whole_demo(workflow):
    jobs = workflow.planned()
    shared = [name for name in jobs if name.startswith("process_samples_demo_")]
    assert len(shared) == 10 and "process_sample" not in jobs  # four of 36 samples in each
    assert jobs["simulate_cohort"] == 2
    assert jobs["write_report"] == 1
    assert jobs["everything"] == 1


def test_workflow_folder_alone_plans_the_same(workflow):
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "workflow/Snakefile"), "-n"]
    done = subprocess.run(
        [*command, "--directory", str(workflow.folder), "--cores", "2"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "process_sample" in done.stdout
    assert "write_report" in done.stdout


def test_jobs_run_where_the_folder_of_the_environment_has_a_blank(workflow):
    home = workflow.folder / "mes données"
    home.mkdir()
    (home / "env").symlink_to(sys.prefix)
    python = home / "env/bin" / Path(sys.executable).name
    command = [str(python), "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "1"]
    wanted = "results/signature_overlaps.tsv"
    subprocess.run([*command, "--directory", str(home), wanted], check=True)
    table = (home / wanted).read_text().splitlines()
    assert len(table) > 1
    assert table[0].startswith("set_a\tset_b\t")


def test_every_rule_says_what_it_logs_and_needs():
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        rules = re.split(r"\n *rule[ :]", path.read_text())[1:]
        for rule in rules:
            for word in ("log:", "benchmark:", "threads:", "mem_mb=", "runtime=", "conda:"):
                assert f"    {word}" in rule, f"{path.name}: rule {rule.split(':')[0]} lacks {word}"


def test_all_mistakes_are_shown_at_once_and_nothing_starts(workflow):
    small_cohorts(workflow)
    config = yaml.safe_load((workflow.folder / "config.yaml").read_text())
    workflow.write("config.yaml", config | {"sead": 3, "qc": {"min_counts": "many"}})
    sheet = (workflow.folder / "small_cd4.tsv").read_text().splitlines()
    cells = [line.split("\t") for line in sheet]
    columns = {name: i for i, name in enumerate(cells[0])}
    cells[2][columns["sample"]] = cells[1][columns["sample"]]
    cells[4][columns["condition"]] = "lupus"
    workflow.write("small_cd4.tsv", "\n".join("\t".join(row) for row in cells) + "\n")
    cohort = yaml.safe_load((workflow.folder / "small_pbmc.yaml").read_text())
    workflow.write("small_pbmc.yaml", cohort | {"covariates": ["height"]})
    done = workflow.snakemake("-n", check=False)
    assert done.returncode != 0
    repeated = cells[1][columns["sample"]]
    for part in ("sead", "seed", "min_counts", "many", repeated, "lupus", "SLE", "height"):
        assert part in done.stdout, f"{part} is not named in:\n{done.stdout}"
    assert "Traceback" not in done.stdout
    assert not (workflow.folder / "results").exists()
