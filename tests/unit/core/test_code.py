"""A rule runs again when code that it reaches changed, and for nothing else."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from tilt.core import code

ROOT = Path(__file__).parents[3]
RULES = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
SCRIPTS = sorted(set(re.findall(r'code=code\("(\w+)"', RULES)))
PLOTS = {name for name in SCRIPTS if name.startswith("plot_")}
OBJECTS = {"split_cohort", "assemble_tcells", "sum_pseudobulk", "embed_cells", "write_modalities"}
WRITERS = set(SCRIPTS) - OBJECTS

# What is edited (file, text, other text) -> scripts whose rules run again.
EDITS = {
    "docstring of a low module": (
        "core/tables.py",
        "Missing values are written as",
        "What is missing is written as",
        set(),
    ),
    "comment": ("labels/mixture.py", "import numpy as np\n", "import numpy as np  # !\n", set()),
    "layout of lines": (
        "cells/embed.py",
        "import numpy as np\n",
        "\n\nimport numpy as np\n\n\n",
        set(),
    ),
    "docstring of a module": ("stats/inference.py", '"""', '"""New. ', set()),
    "how tables are written": ("core/tables.py", '"%.6g"', '"%.7g"', WRITERS - {"write_report"}),
    "clusters": ("cells/embed.py", "sc.tl.leiden", "sc.tl.louvain", {"cluster_cells"}),
    "map": ("cells/layout.py", "weights.tocoo", "weights.tocsr", {"map_cells"}),
    "batch correction": (
        "cells/embed.py",
        "harmonypy.run_harmony",
        "harmonypy.run",
        {"embed_cells"},
    ),
    "threads of every job": ("core/logs.py", '"MKL_NUM_THREADS"', '"MKL"', set(SCRIPTS)),
    "labels of cells": (
        "labels/annotate.py",
        "def marker_expression(",
        "def marker_expression(*_, ",
        {"annotate_cells"},
    ),
    "combined effects": (
        "stats/meta_table.py",
        "def across(",
        "def across(*_, ",
        {"combine_cohorts"},
    ),
    "methods": ("report/methods.py", "Ambient RNA was not removed", "It was", {"write_report"}),
    "checks of the config": ("config/check.py", "RESERVED = (", 'RESERVED = ("x", ', set()),
    "reading raw files": (
        "io/read.py",
        "def _read_triplet(",
        "def _read_triplet(*_, ",
        {"process_samples"},
    ),
    "the axis": (
        "donors/imbalance.py",
        "def estimate(",
        "def estimate(*_, ",
        {"estimate_imbalance"},
    ),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "digests.json"


@pytest.fixture
def copy(tmp_path, monkeypatch, kept):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    monkeypatch.setattr(code, "WORKFLOW", tmp_path / "workflow")
    monkeypatch.setattr(code, "KEPT", kept)
    code.forget()
    yield tmp_path / "workflow"
    code.forget()


def digests() -> dict[str, str]:
    found = {script: code.digest(script) for script in SCRIPTS}
    code.keep()
    return found


@pytest.mark.parametrize("what", EDITS)
def test_exactly_the_rules_that_reach_an_edit_run_again(copy, what):
    file, old, new, expected = EDITS[what]
    before = digests()
    path = copy / "tilt" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    code.forget()
    after = digests()
    assert {script for script in SCRIPTS if before[script] != after[script]} == expected


def test_every_rule_with_a_script_takes_the_digest_of_it():
    named = re.findall(
        r'(?s)code=code\(\s*"(\w+)".*?\n\s+script:\n\s+"../scripts/(\w+)\.py"', RULES
    )
    assert len(named) == RULES.count("    script:\n") > 20
    assert all(script == given for given, script in named)


def test_digests_do_not_depend_on_where_the_checkout_is(copy):
    moved = digests()
    code.WORKFLOW = ROOT / "workflow"
    code.forget()
    assert digests() == moved


def test_what_is_kept_of_files_changes_no_digest(copy, kept, monkeypatch):
    """Nor that it is torn, or cannot be kept, or is another version's."""
    expected = digests()
    version, found = json.loads(kept.read_text())
    sha256, definitions, imports = found["tilt/stats/meta.py"]
    assert sha256 == hashlib.sha256((copy / "tilt/stats/meta.py").read_bytes()).hexdigest()
    found["tilt/stats/meta.py"] = [sha256, {name: ["0", []] for name in definitions}, imports]
    changed = {}
    for text in (json.dumps([version, found]), json.dumps(["other", found]), '[["torn'):
        kept.write_text(text)
        code.forget()
        changed[text] = digests() != expected
    assert list(changed.values()) == [True, False, False]
    monkeypatch.setattr(code, "KEPT", kept / "in a file" / "digests.json")
    code.forget()
    assert digests() == expected


def test_a_second_start_parses_no_file(copy, monkeypatch):
    """Also where Python writes no compiled files, so that their folder is not there."""
    monkeypatch.setattr(code, "KEPT", copy / "no folder" / "digests.json")
    expected = digests()
    code.forget()
    monkeypatch.setattr(code, "_parsed", None)
    assert digests() == expected


def test_a_module_passed_as_an_object_counts_as_a_whole(copy):
    (copy / "scripts/own.py").write_text("from tilt.stats import meta\nprint(dir(meta))\n")
    names = {name for file, name in code.reached("scripts/own.py") if "meta" in file}
    assert {"common_effect", "half_normal"} <= names


def test_a_module_loaded_by_its_name_is_named(copy):
    (copy / "scripts/own.py").write_text("print('draw')\n")
    alone = code.digest("own")
    with_module = code.digest("own", "tilt.figures.volcano")
    assert alone != with_module
    path = copy / "tilt/figures/volcano.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    code.forget()
    assert code.digest("own", "tilt.figures.volcano") != with_module
    assert code.digest("own") == alone
