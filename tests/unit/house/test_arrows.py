"""Packages call downwards only, modules in no circle, and files stay small enough to read."""

import ast
from pathlib import Path

WORKFLOW = Path(__file__).parents[3] / "workflow"
TILT = WORKFLOW / "tilt"
TESTS = Path(__file__).parents[2]
FLOORS = {
    **{"core": 0, "genes": 0.5},
    "io": 1,
    **{"cells": 2, "config": 2},
    **{"donors": 3, "labels": 3},
    **{"stats": 4, "simulate": 4},
    "figures": 5,
    "report": 6,
    "stages": 7,
}
LONGEST_FILE, LONGEST_TEST, LONGEST_RULES, LONGEST_COMMON = 400, 410, 200, 120


def modules() -> dict[str, Path]:
    """Module -> file, as ``stats.meta``; a package itself as ``stats``."""
    found = {}
    for path in sorted(TILT.rglob("*.py")):
        parts = path.relative_to(TILT).with_suffix("").parts
        found[".".join(p for p in parts if p != "__init__")] = path
    return found


def imported(tree: ast.AST, known: set[str]) -> set[str]:
    """Modules of tilt that a file imports anywhere, in functions too."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
            names.add(node.module)
    inside = {name.removeprefix("tilt.") for name in names if name.startswith("tilt.")}
    # `from tilt.stats import design` names a module, `from tilt.core.text import count` a function
    return {name for name in inside if name in known}


def arrows() -> dict[str, set[str]]:
    files = modules()
    return {
        name: imported(ast.parse(path.read_text()), set(files)) - {name}
        for name, path in files.items()
    }


def test_imports_are_found_wherever_they_stand():
    known = {"core.text", "stats", "stats.design", "io.h5"}
    text = """
from tilt.core.text import count
from tilt.stats import design
import numpy
def late():
    import tilt.io.h5
"""
    assert imported(ast.parse(text), known) == {"core.text", "stats", "stats.design", "io.h5"}


def test_every_package_has_a_floor():
    packages = {path.parent.name for path in TILT.glob("*/__init__.py")}
    assert packages == set(FLOORS)
    assert [path.name for path in TILT.glob("*.py")] == ["__init__.py"]


def test_no_package_calls_one_of_its_own_floor_or_above():
    wrong = {
        f"{name} -> {target}"
        for name, targets in arrows().items()
        for target in targets
        if name and (own := name.split(".")[0]) != (other := target.split(".")[0])
        if FLOORS[other] >= FLOORS[own]
    }
    assert wrong == set()


def test_modules_stand_in_no_circle():
    left = {
        name: {t for t in targets if "." in t} for name, targets in arrows().items() if "." in name
    }
    while free := {name for name, targets in left.items() if not targets & set(left)}:
        left = {name: targets for name, targets in left.items() if name not in free}
    assert left == {}


def lengths(pattern: str, folder: Path = WORKFLOW) -> dict[str, int]:
    files = [p for p in folder.rglob(pattern) if "__pycache__" not in p.parts]
    return {p.relative_to(folder).as_posix(): len(p.read_text().splitlines()) for p in files}


def test_no_file_is_too_long_to_read():
    assert {name: n for name, n in lengths("*.py").items() if n > LONGEST_FILE} == {}
    tests = lengths("*.py", TESTS)
    assert len(tests) > 100
    assert {name: n for name, n in tests.items() if n > LONGEST_TEST} == {}
    rules = lengths("*.smk")
    assert {name: n for name, n in rules.items() if n >= LONGEST_RULES} == {}
    assert rules["rules/common.smk"] < LONGEST_COMMON
