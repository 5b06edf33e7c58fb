"""The layouts of other people's workflows: a module from git, and what snakedeploy writes."""

import shutil
import subprocess
import sys

import pytest
from running import ROOT

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
DEPLOYED = """
from snakemake.utils import min_version

min_version("9.12")


configfile: "config/config.yaml"


module tilt:
    snakefile:
        "{snakefile}"
    config:
        config


use rule * from tilt
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with one commit, of what a remote module needs."""
    if not shutil.which("git"):
        pytest.skip("needs git")
    folder = tmp_path_factory.mktemp("repository")
    for part in ("workflow", "config", "resources", "envs"):
        skip = shutil.ignore_patterns("__pycache__", "downloads")
        shutil.copytree(ROOT / part, folder / part, ignore=skip)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*GIT, *words], cwd=folder, check=True)
    return folder


def run(folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("how", ["git", "folder"])
def test_deployed_module_plans_and_runs(repository, tmp_path, how):
    """As snakedeploy lays it out: workflow/Snakefile with a module, and a copy of config/."""
    shutil.copytree(repository / "config", tmp_path / "config")
    file = repository / "workflow/Snakefile"
    address = f"git+file://{file}@main" if how == "git" else str(file)
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(DEPLOYED.format(snakefile=address))
    words = ["--config", "cohorts=[demo_cd4]"]
    plan = run(tmp_path, "-n", *words)
    assert "process_sample" in plan and "write_report" in plan
    run(tmp_path, "results/signature_overlaps.tsv", *words)
    assert (tmp_path / "results/signature_overlaps.tsv").stat().st_size > 1000
    copies = list((tmp_path / ".snakemake/tilt_source").glob("*")) if how == "git" else []
    assert [len(copy.name) for copy in copies] == [40] * (how == "git")


def test_readme_shows_the_module_as_it_is_tested():
    shown = (ROOT / "README.md").read_text()
    for line in ("module tilt:", "use rule * from tilt"):
        assert line in shown
