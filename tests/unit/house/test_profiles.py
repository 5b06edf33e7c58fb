"""The profiles for clusters group jobs that can be grouped, and their page says what rules ask."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from tilt.config.jobs import OneSample, SharedJob, graph_threads
from tilt.figures import jobs as figures

ROOT = Path(__file__).parents[3]
TEXT = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
RULES = {part.split(":")[0]: part for part in re.split(r"^rule ", TEXT, flags=re.M)[1:]}


def looped(name: str) -> str:
    """Text of the rule that a loop makes several of, as it would stand without the loop."""
    text = TEXT.split(f"    rule:\n        name:\n            {name}\n")[1].split("\n\n")[0]
    return textwrap.indent(textwrap.dedent(text), "    ")


MINUTES = f"{OneSample.runtime},\n        runtime={SharedJob.runtime}"
RULES[OneSample.name] = looped("job.name").replace("job.runtime", MINUTES)
RULES |= dict.fromkeys(figures.names(), looped("job") + "\n")


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / f"workflow/profiles/{name}/profile.yaml").read_text())


def section(rule: str, name: str) -> str:
    found = re.search(rf"^    {name}:\n(.*?)(?=^    \w|\Z)", RULES[rule], re.M | re.S)
    return found[1] if found else ""


def files(rule: str, name: str) -> set[str]:
    if rule in figures.names():
        read = {f"results/{{cohort}}/{file}" for file in figures.files(rule).values()}
        drawn = {
            f"{figure.stem}.{kind}" for figure in figures.of_job(rule) for kind in figures.FORMATS
        }
        return {"input": read, "output": drawn}[name]
    return set(re.findall(r'"(results/[^"]+)"', section(rule, name)))


@pytest.mark.parametrize("name", ["slurm", "generic"])
def test_no_job_reads_what_its_group_writes(name):
    # Memory comes from the size of the inputs, which must be there when a group is submitted.
    groups = profile(name)["groups"]
    assert set(groups) <= set(RULES)
    assert set(groups.values()) == set(profile(name)["group-components"])
    assert all("{cohort}" in group for group in groups.values())
    for rule, group in groups.items():
        inside = [other for other in groups if groups[other] == group]
        written = set().union(*(files(other, "output") for other in inside))
        assert not files(rule, "input") & written, rule


def test_groups_of_the_slurm_profile_run_in_turn():
    slurm = profile("slurm")
    assert slurm["default-resources"]["in_turn"] == slurm["resources"]["in_turn"] == 1
    assert slurm["set-resource-scopes"] == {"in_turn": "local"}


def test_page_says_what_the_rules_ask():
    rows = re.findall(
        r"^\| `(\w+)`.*? \| .*? \| (\d+) \| (\d+) \|$",
        (ROOT / "docs/cluster.md").read_text(),
        re.M,
    )
    assert len(rows) > 15
    for rule, threads, minutes in rows:
        asked = r"    threads: (of_cohort\(jobs.graph_threads\)|\d+)\n"
        found = re.search(asked, RULES[rule])
        assert found and threads == found[1].replace("of_cohort(jobs.graph_threads)", "2"), rule
        assert f"        runtime={minutes},\n" in RULES[rule], rule


@pytest.mark.parametrize(("samples", "threads"), [(1, 1), (39, 1), (40, 2), (1000, 2)])
def test_graph_of_a_large_cohort_is_made_on_two_processors(samples, threads):
    assert graph_threads({"samples": [{}] * samples}) == threads


def test_files_are_fetched_where_snakemake_runs():
    assert "    localrule: True\n" in RULES["retrieve_cohort"]


def test_retries_are_the_profiles_not_the_rules():
    # A rule's own retries are spent within one job of the cluster, which does not grow.
    assert "retries:" not in TEXT
    assert profile("slurm")["retries"] == profile("generic")["retries"] == 2
