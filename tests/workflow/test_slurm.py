"""The Slurm profile on a real one-node cluster: from counts to the report, through accidents."""

import contextlib
import re
import signal
import subprocess
import time
from pathlib import Path

import batch
import psutil
import pytest
import yaml
from running import Workflow

SCRIPTS = Path(__file__).parent / "slurm"
CONF = Path("/etc/slurm/slurm.conf")
NO_ACCOUNTING = ("--slurm-status-command", "squeue", "--slurm-no-account")
QUICK = (*NO_ACCOUNTING, "--slurm-init-seconds-before-status-checks", "1")
QUICK += ("--set-threads", "embed_cells=2")  # as of a large cohort
# What the first attempt may use is too little, so that Slurm kills it; the second has twice that.
STARVED = ("--set-resources", "simulate_cohort:mem_mb=300 * attempt")


def script(name: str, folder: Path) -> subprocess.CompletedProcess:
    command = ["bash", str(SCRIPTS / f"{name}.sh"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Folder of a running cluster; it is gone without a trace when the tests are over."""
    folder = tmp_path_factory.mktemp("cluster")
    up = script("up", folder)
    if up.returncode == 77:
        pytest.skip(up.stderr.strip().splitlines()[-1])
    assert up.returncode == 0, up.stderr
    yield folder
    down = script("down", folder)
    assert down.returncode == 0, down.stderr
    assert not CONF.is_symlink()
    assert not list((folder / "pid").iterdir())
    there = [p.info for p in psutil.process_iter(["name", "status"])]
    left = {p["name"] for p in there if p["status"] != psutil.STATUS_ZOMBIE}
    assert not left & {"slurmctld", "slurmd", "slurmstepd"}


def slurm_jobs() -> dict[int, dict]:
    """All jobs that the cluster has seen: state and what was asked for."""
    done = subprocess.run(["scontrol", "show", "job", "-o"], capture_output=True, text=True)
    found = {}
    for line in done.stdout.splitlines():
        fields = dict(re.findall(r"(\w+)=(\S*)", line))
        if "JobId" not in fields:
            continue
        hours, minutes, _ = fields["TimeLimit"].rsplit("-")[-1].split(":")
        days = int(fields["TimeLimit"].split("-")[0]) if "-" in fields["TimeLimit"] else 0
        found[int(fields["JobId"])] = {
            "state": fields["JobState"],
            "threads": int(fields["NumCPUs"]),
            "mem_mb": megabytes(fields["MinMemoryNode"]),
            "runtime": 60 * (24 * days + int(hours)) + int(minutes),
            "what": fields["Comment"].removeprefix("rule_"),
        }
    return found


def megabytes(text: str) -> int:
    return round(float(text[:-1]) * {"M": 1, "G": 1024}[text[-1]])


def asked(output: str) -> dict[str, list[dict]]:
    """What Snakemake's log says that each job, and each job of a group, needs; by Slurm job."""
    found, members, group = {}, {}, None
    for block in re.split(r"\n\s*\[[A-Z][a-z]{2} [A-Z]", output):
        if name := re.search(r"Group job (\S+) \(", block):
            group = name[1]
            members[group] = []
        rule = re.search(r"^( *)rule (\w+):\n", block, re.M)
        if rule and "mem_mb=" in block:
            needs = {key: number(key, block) for key in ("mem_mb", "runtime")}
            threads = re.search(r"threads: (\d+)", block)
            needs |= {"rule": rule[2], "threads": int(threads[1]) if threads else 1}
            if rule[1]:
                members[group].append(needs)
            else:
                members[re.search(r"jobid: (\d+)", block)[1]] = [needs]
        sent = r"Job (\S+) has been submitted with SLURM jobid (\d+) \(log: (\S+)\)"
        for name, slurm, path in re.findall(sent, block):
            key = next((g for g in members if f"/group_{g}_" in path), name)
            found[int(slurm)] = members[key]
    return found


def number(key: str, text: str) -> int:
    return int(re.search(rf"\b{key}=(\d+)", text)[1])


def works(workflow: Workflow, name: str) -> bool:
    """Whether a script of that name is at work for a run in this folder."""
    found = batch.scripts(psutil.process_iter())
    return any(path.startswith(str(workflow.folder)) and name in path for path in found)


def running(name: str, after: int = 0) -> int:
    """Number of the running Slurm job whose rules include ``name``; 0 if none.

    ``after`` is the last job that does not count: one of a node that died may be called running
    until the controller hears from the node again.
    """
    jobs = ((i, j) for i, j in slurm_jobs().items() if i > after)
    return next((i for i, j in jobs if j["state"] == "RUNNING" and name in j["what"]), 0)


def kill_node(cluster: Path) -> None:
    """End the node as a power cut does: its daemon, and all of its jobs' processes."""
    psutil.Process(int((cluster / "pid/slurmd").read_text())).kill()
    for step in psutil.process_iter(["name"]):
        if step.info["name"] == "slurmstepd":
            with contextlib.suppress(psutil.NoSuchProcess):
                batch.kill([step, *step.children(recursive=True)])


@pytest.fixture(scope="module")
def story(cluster, tmp_path_factory):
    """A run that meets an accident of each kind and is then started again until it is done."""
    workflow = Workflow(tmp_path_factory.mktemp("slurm"))
    batch.one_cohort(workflow, n_cells=500)
    config = yaml.safe_load((workflow.folder / "config.yaml").read_text())
    workflow.write(
        "config.yaml", config | {"stats": config["stats"] | {"de_subsets": ["memory_cd4"]}}
    )
    report, said, run = "results/report.html", {}, None
    python = (str(SCRIPTS / "quick.py"),)
    try:
        # Killed for memory; later the node dies under a job, and the user presses Ctrl-C.
        run = batch.Run(workflow, "slurm", *QUICK, *STARVED, "--", report, python=python)
        run.until(lambda: running("gather_cohort") and works(workflow, "gather_cohort"), 300)
        kill_node(cluster)
        run.process.send_signal(signal.SIGINT)
        said["node"] = run.ended(180), run.output
        assert script("node", cluster).returncode == 0
        time.sleep(1)

        # Started again; somebody cancels the job.
        last = max(slurm_jobs())
        run = batch.Run(workflow, "slurm", *QUICK, "--retries", "0", "--", report, python=python)
        canceled = run.until(lambda: running("gather_cohort", after=last))
        subprocess.run(["scancel", str(canceled)], check=True)
        said["canceled"] = run.ended(180), run.output

        # Started again, with nothing in its way.
        run = batch.Run(workflow, "slurm", *QUICK, "--", report, python=python)
        said["done"] = run.ended(900), run.output
    finally:
        if run:
            run.stop()
    return workflow, said, slurm_jobs()


def test_missing_accounts_are_told_before_a_job_is_sent(cluster, workflow):
    """With the profile as it is: sacct, which has nothing to answer from here."""
    batch.one_cohort(workflow, n_cells=500)
    jobs = slurm_jobs()
    run = batch.Run(workflow, "slurm", "--slurm-no-account", "--", "results/meta.tsv")
    try:
        assert run.ended(120) == 1
    finally:
        run.stop()
    assert "accounting storage is disabled" in run.output
    assert "Fix: add --slurm-status-command squeue" in run.output
    assert slurm_jobs() == jobs


def test_a_job_killed_for_memory_is_tried_again_with_more(story):
    _, said, jobs = story
    attempts = [job for job in jobs.values() if "simulate_cohort" in job["what"]]
    assert [job["mem_mb"] for job in attempts] == [300, 600]
    assert attempts[0]["state"] != "COMPLETED"
    assert attempts[1]["state"] == "COMPLETED"
    assert "Trying to restart job" in said["node"][1]


def test_a_dead_node_and_a_canceled_job_stop_a_run_that_goes_on_when_started_again(story):
    workflow, said, jobs = story
    assert said["node"][0] != 0
    assert said["canceled"][0] != 0
    assert said["done"][0] == 0, said["done"][1][-6000:]
    states = [job["state"] for job in jobs.values() if job["what"].startswith("gather_cohort")]
    assert states[-1] == "COMPLETED"
    assert set(states[:-1]) <= {"CANCELLED", "NODE_FAIL", "FAILED"}
    assert len(states) == 3
    assert workflow.planned("results/report.html") == {}


def test_jobs_get_what_their_rules_ask_for(story):
    _, said, jobs = story
    found = asked(said["node"][1]) | asked(said["done"][1])
    assert len(found) > 12
    for number, needs in found.items():
        expected = {
            "threads": max(need["threads"] for need in needs),
            "mem_mb": max(need["mem_mb"] for need in needs),
            "runtime": sum(need["runtime"] for need in needs),
        }
        assert {key: jobs[number][key] for key in expected} == expected, jobs[number]
    rules = {need["rule"]: need for needs in found.values() for need in needs}
    assert rules["embed_cells"]["threads"] == 2
    assert rules["gather_cohort"]["runtime"] > 60
    assert not {"all", "everything"} & set(rules)


def test_short_jobs_of_a_cohort_share_a_job(story):
    _, said, _ = story
    runs = [asked(output).values() for _, output in (said["node"], said["done"])]
    found = [[need["rule"] for need in needs] for run in runs for needs in run]
    assert found.count(["process_sample"] * 7) == 1
    figures = next(rules for rules in found if "plot_donors" in rules)
    assert len(figures) == 5
    assert len(found) < 22


def test_tables_are_those_of_a_local_run(story, request):
    workflow, _, _ = story
    small_run = request.getfixturevalue("small_run")  # not made before there is a cluster
    for table in ("tests.tsv", "imbalance.tsv", "composition.tsv", "permuted.tsv"):
        path = Path("results/small_cd4") / table
        assert (workflow.folder / path).read_bytes() == (small_run.folder / path).read_bytes()
    assert (workflow.folder / "results/report.html").stat().st_size > 100_000
