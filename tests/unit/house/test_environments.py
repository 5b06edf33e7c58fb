"""The lock, its input and the conda environment name the same versions, and no address."""

import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).parents[3] / "envs"
CONDA_NAMES = {
    "python-igraph": "igraph",
    "decoupler-py": "decoupler",
    "matplotlib-base": "matplotlib",
}
FROM_EXTRAS = {"scikit-image"}  # asked for by scanpy[scrublet]


PIN = (
    r"^([A-Za-z0-9-]+)(?:\[[a-z]+\])?==([^ ;\\\n]+)(?: ; python(?:_full)?_version (<|>=) .3\.12.)?"
)


def pins(text, older=True):
    """Versions of packages; of those that hang on Python, the ones for 3.11 or for 3.12 and up."""
    found = re.findall(PIN, text, re.MULTILINE)
    return {name: version for name, version, side in found if side in ("", "<" if older else ">=")}


def conda_pins():
    packages = yaml.safe_load((ENVS / "tilt.yaml").read_text())["dependencies"]
    split = [package.split(" ==") for package in packages if " ==" in package]
    return {CONDA_NAMES.get(name, name): version for name, version in split}


@pytest.mark.parametrize("older", [True, False])
def test_lock_holds_every_direct_pin(older):
    direct = pins((ENVS / "requirements.in").read_text(), older)
    locked = pins((ENVS / "requirements.lock").read_text(), older)
    assert len(direct) > 20
    assert direct.items() <= locked.items()
    assert direct["pandas"].startswith("2." if older else "3.")


def test_both_sides_of_a_version_of_python_name_the_same_packages():
    text = (ENVS / "requirements.in").read_text()
    assert pins(text, older=True).keys() == pins(text, older=False).keys()


def test_conda_environment_has_the_same_pins():
    direct = pins((ENVS / "requirements.in").read_text())
    conda = conda_pins()
    assert {k: v for k, v in conda.items() if k not in FROM_EXTRAS} == direct
    locked = pins((ENVS / "requirements.lock").read_text())
    assert {k: locked[k] for k in FROM_EXTRAS} == {k: conda[k] for k in FROM_EXTRAS}


def test_lock_is_hashed_and_names_no_host():
    text = (ENVS / "requirements.lock").read_text()
    packages = re.findall(r"^[a-z0-9-]+==.*?(?=^[a-z0-9-]+==|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(packages) > 100
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in text


def test_the_container_has_the_lock_and_a_python_that_the_lock_is_for():
    text = (ENVS / "Dockerfile").read_text()
    image = re.search(r"^FROM python:3\.(\d+)-", text, re.MULTILINE)
    supported = re.search(
        r"\(3, (\d+)\) <= .* < \(3, (\d+)\)", (ENVS.parent / "Makefile").read_text()
    )
    assert int(supported[1]) <= int(image[1]) < int(supported[2])
    copied = re.search(r"^COPY (\S+) (\S+)$", text, re.MULTILINE)
    assert (ENVS.parent / copied[1]) == ENVS / "requirements.lock"
    assert f"pip install --no-cache-dir --no-deps --require-hashes -r {copied[2]}" in text
    # A user without an entry, as `docker run --user` makes one: Snakemake asks for its name.
    assert re.search(r"^ENV HOME=/tmp \\\n +USER=\w+ \\$", text, re.MULTILINE)
    kept = (ENVS.parent / ".dockerignore").read_text().split()
    assert kept == ["*", f"!{copied[1]}"]
