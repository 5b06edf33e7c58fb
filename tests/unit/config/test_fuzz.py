"""Whatever is written in sheets, cohort files and the configuration: told, or used as it is.

Six hundred seeded inputs; FUZZ=20000 in the environment for more, FUZZ_SEED=7 for others.
"""

import copy
import os
import re
import signal

import pytest
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from projects import COHORT, MARKERS, SHEET, SIGNATURES, Project
from tilt.config import check, jobs
from tilt.config.messages import schema
from tilt.io import layouts

EXAMPLES = int(os.environ.get("FUZZ", "600")) // 4
SEED = 10 * int(os.environ.get("FUZZ_SEED", "0"))
LONGEST = 20  # seconds for one input, however busy the machine is
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=QUIET,
    derandomize=False,
)

ODD_TEXT = [
    *("", " ", "NA", "nan", "None", "-", "0", "1", "-1", "1e400", "inf", "9" * 400, "30,5", ">89"),
    *("D1", "d1", "D1 ", "D 1", "01", "S1", "SLE", "sle", "control", "\u00a0", "D1\u200b"),
    *("\0", "\x1b[31m", "\u202e", "\u2028", "=1+1", "$x^{", "{sample}", "{", "%s", "../../etc"),
    *("/etc/passwd", "a/b", "~", "$HOME", "*", '"', '"open', "'", "\\", "\t", "\n", "\r", "<b>"),
    *("é", "e\u0301", "С1", "x" * 5000, "true", "null", "[1, 2]", "- a", "a: b", "#", "&x", "*x"),
    *("2020-01-01", "٣", "1_000", "0x10", ".inf", "https://x.org/a", "http://x.org/a", "file:///a"),
]
text = st.sampled_from(ODD_TEXT) | st.text(max_size=8)
number = st.sampled_from([0, -1, 1, 2, 0.5, 1e9, 10**30, float("nan"), float("inf"), True, None])
plain = text | number
value = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


def keys(rules: dict, above: tuple = ()) -> list[tuple]:
    """Every key of a schema, as the way that leads to it."""
    found = []
    for name, rule in rules.get("properties", {}).items():
        found += [(*above, name), *keys(rule, (*above, name))]
    return found


PLACES = {name: keys(schema(name)) for name in ("cohort", "config")}


def put(content: dict, place: tuple, what) -> None:
    for key in place[:-1]:
        content = content.setdefault(key, {}) if isinstance(content.get(key, {}), dict) else {}
    content[place[-1]] = what


def changes(name: str):
    place = st.sampled_from(PLACES[name]) | st.tuples(text)
    return st.lists(st.tuples(place, value), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("fuzz"))


class TooSlow(AssertionError):
    pass


def stop(*_):
    raise TooSlow(f"no end after {LONGEST} s")


def looked_at(project: Project) -> None:
    """Check the project; if nothing is wrong, ask all that the rules ask of its settings."""
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    try:
        found, problems = project.check()
        if problems:
            for problem in problems:
                assert re.match(r"\S.*?: \S", problem), problem
                assert problem.isprintable() or "\n" in problem
                assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", problem), ascii(problem)
            assert check.report(problems)
            return
        for cohort in found["cohorts"].values():
            names = [row["sample"] for row in cohort["samples"]]
            layouts.raw_files(cohort)
            for ask in (jobs.declared, jobs.compared, jobs.explored, jobs.people, jobs.source):
                yaml.safe_dump(ask(cohort))
            for sample in names:
                jobs.row_of(cohort, sample)
                jobs.raw_files(cohort, sample)
    finally:
        signal.alarm(0)


def sound(project):
    """The project as it is before anything is changed."""
    project.config = {"cohorts": ["mine"], "resources": {}}
    project.cohort, project.sheet, project.tables = copy.deepcopy(COHORT), SHEET, {}


@seed(SEED + 1)
@many
@given(given_changes=changes("config"))
def test_configurations(project, given_changes):
    sound(project)
    for place, what in given_changes:
        put(project.config, place, what)
    looked_at(project)


@seed(SEED + 2)
@many
@given(given_changes=changes("cohort"))
def test_cohort_files(project, given_changes):
    sound(project)
    for place, what in given_changes:
        put(project.cohort, place, what)
    looked_at(project)


cell = st.tuples(st.integers(0, 3), st.integers(0, 7), text)
lines = st.sampled_from(["drop", "twice", "short", "long", "shuffle"])


@seed(SEED + 3)
@many
@given(
    cells=st.lists(cell, min_size=1, max_size=4),
    line=st.none() | st.tuples(lines, st.integers(0, 3)),
    ends=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_sheets(project, cells, line, ends, mark):
    project.config = {"cohorts": ["mine"], "resources": {}}
    project.cohort, project.tables = copy.deepcopy(COHORT), {}
    rows = [row.split("\t") for row in SHEET.splitlines()]
    for i, j, what in cells:
        rows[i][j : j + 1] = [what]
    if line:
        how, i = line
        rows[i : i + 1] = {
            "drop": [],
            "twice": [rows[i], rows[i]],
            "short": [rows[i][:-2]],
            "long": [[*rows[i], "x", "y"]],
            "shuffle": [rows[i][::-1]],
        }[how]
    project.sheet = mark + ends.join("\t".join(row) for row in rows) + ends
    looked_at(project)


@seed(SEED + 4)
@many
@given(
    which=st.sampled_from(["sheet", "cohort", "markers", "signatures"]),
    at=st.floats(0, 1),
    cut=st.integers(0, 30),
    what=text | st.binary(max_size=6),
)
def test_files_that_are_torn(project, which, at, cut, what):
    sound(project)
    whole = {
        "sheet": SHEET,
        "cohort": yaml.safe_dump(COHORT),
        "markers": MARKERS,
        "signatures": SIGNATURES,
    }[which].encode()
    place = int(at * len(whole))
    what = what if isinstance(what, bytes) else what.encode("utf-8", "surrogatepass")
    torn = whole[:place] + what + whole[place + cut :]
    if which == "cohort":
        project.written = torn
    elif which == "sheet":
        project.sheet = torn
    else:
        project.tables = {which: torn}
    try:
        looked_at(project)
    finally:
        project.written = None
