"""How many single mutations of tilt's logic the unit and truth tests catch.

    python tests/benchmark/mutants.py --n 200 --seed 1 --out survivors.tsv

Draws ``--n`` mutations (tests/benchmark/mutation.py) of workflow/tilt/{labels,donors,stats,io}: a
line at random, then one of its mutations, so that a long line counts no more than a short one.
Each is made in a copy of workflow/, never in the checkout, and the tests that reach its function
run until the first one fails. Which tests reach which function is measured first (``--map`` keeps
it for test files that stay as they are; begin it anew when functions are renamed). The score
counts mutations that a test catches, a time-out among them; tests/benchmark/mutants_equivalent.tsv
lists those that change no result, with the reason: they are drawn, but neither run nor counted.
``--only stats/meta`` restricts files, ``--tests tests/unit/io`` the tests that may catch them, and
``--every`` takes all mutations of each drawn line.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import mutation
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("labels", "donors", "stats", "io")
TESTS = ("tests/unit", "tests/truth")
NOT_RUN = ("tests/unit/figures", "tests/unit/report", "tests/unit/house")  # drawing and pages
EQUIVALENT = ROOT / "tests/benchmark/mutants_equivalent.tsv"
LIBRARIES = "numpy pandas scipy.stats scipy.sparse scipy.optimize anndata zarr h5py requests yaml"
LIBRARIES += " sklearn.linear_model statsmodels.api jsonschema jinja2"
SLACK = 30.0  # seconds that a mutation may cost beside three times its tests


class Reached:
    """Pytest plugin: which functions of the packages each test enters, and how long it takes.

    What a shared fixture enters counts for every test that uses it.
    """

    def __init__(self, folder: Path):
        self.prefix = str(folder / "tilt") + os.sep
        self.now, self.of_fixture, self.of_test, self.failed = set(), {}, {}, []
        sys.settrace(self.trace)
        threading.settrace(self.trace)

    def trace(self, frame, event, arg):
        name = frame.f_code.co_filename
        if name.startswith(self.prefix):
            function = frame.f_code.co_qualname.split(".<locals>")[0]
            self.now.add(f"{name[len(self.prefix) :]}:{function}")
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        outer, self.now = self.now, set()
        result = yield
        self.of_fixture.setdefault(fixturedef.argname, set()).update(self.now)
        self.now |= outer
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.now, begun = set(), time.monotonic()
        result = yield
        for name in item.fixturenames:
            self.now |= self.of_fixture.get(name, set())
        self.of_test[item.nodeid] = (sorted(self.now), round(time.monotonic() - begun, 3))
        return result

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)


def in_child(work, log: Path, limit: float) -> int:
    """Exit status of ``work()`` in a child with the libraries already loaded; -1: out of time."""
    child = os.fork()
    if not child:
        try:
            os.setsid()
            with open(log, "wb") as sink:
                os.dup2(sink.fileno(), 1)
                os.dup2(sink.fileno(), 2)
            code = int(work())
        except BaseException as error:
            print(repr(error), flush=True)
            code = 99
        sys.stdout.flush()
        os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def pytest_run(copy: Path, tests: list[str], plugins=()) -> int:
    path = f"pythonpath={copy} tests tests/unit tests/truth"
    options = ["-p", "no:cacheprovider", "-o", path, "--tb=line"]
    options += [] if plugins else ["-x"]
    return pytest.main([*options, *tests], plugins=list(plugins))


def reached_by(copy: Path, scratch: Path, known: dict, among: tuple) -> dict[str, dict]:
    """Test file -> its digest and test -> (functions it enters, seconds), each in its own process.

    ``known``: such a table of an earlier run; test files that are as they were are taken from it.
    Of the others only those whose path begins with one of ``among`` are measured.
    """
    found = {}
    for file in (p for folder in TESTS for p in sorted((ROOT / folder).rglob("test_*.py"))):
        name = str(file.relative_to(ROOT))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if name.startswith(NOT_RUN) or not name.startswith(among):
            continue
        if known.get(name, {}).get("digest") == digest:
            found[name] = known[name]
            continue
        out = scratch / "reached.json"
        out.unlink(missing_ok=True)

        def work(name=name, out=out):
            plugin = Reached(copy)
            code = pytest_run(copy, [name], [plugin])
            sys.settrace(None)
            out.write_text(json.dumps([plugin.of_test, plugin.failed]))
            return code

        code = in_child(work, scratch / "log", 1800)
        if not out.exists():
            raise SystemExit(f"{name}: {(scratch / 'log').read_text()[-2000:]}")
        tests, failed = json.loads(out.read_text())
        if code not in (0, 1, 5):
            raise SystemExit(f"{name}: {(scratch / 'log').read_text()[-2000:]}")
        if failed:
            print(f"  left out, since they fail without any mutation: {failed}", flush=True)
            tests = {test: found for test, found in tests.items() if test not in failed}
        seconds = sum(t for _, t in tests.values())
        if name.startswith("tests/truth"):  # cohorts are made once a process: files go whole
            entered = sorted({f for functions, _ in tests.values() for f in functions})
            tests = {name: (entered, seconds)}
        found[name] = {"digest": digest, "tests": tests}
        print(f"  {name}: {len(tests)} tests in {seconds:.1f} s", flush=True)
    return found


def draw(n: int, seed: int, only: list[str], every: bool) -> list[mutation.Mutation]:
    by_line = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / "workflow/tilt" / package).glob("*.py")):
            name = f"{package}/{path.name}"
            if not only or any(name.startswith(o) for o in only):
                for one in mutation.mutations(path, name):
                    by_line[name, one.line].append(one)
    rng = random.Random(seed)
    lines = sorted(by_line)
    rng.shuffle(lines)
    if every:
        return [one for line in lines[:n] for one in by_line[line]]
    return [rng.choice(by_line[line]) for line in lines[:n]]


def texts(one: mutation.Mutation) -> tuple[str, str]:
    """The line (or lines) before and after, on one line each; ``break`` with the line above it."""
    source = (ROOT / "workflow/tilt" / one.file).read_text(encoding="utf-8")
    begin = source.rfind("\n", 0, one.start) + 1
    end = source.find("\n", one.stop)
    if one.old in ("break", "continue"):
        begin = source.rfind("\n", 0, begin - 1) + 1
    before, tail = source[begin : one.start], source[one.stop : end]
    return tuple(" ".join((before + t + tail).split()) for t in (one.old, one.text))


def equivalents() -> dict[tuple[str, str, str], str]:
    """(file, line, mutated line) -> reason; a mutated line ``*`` stands for all of that line."""
    with open(EQUIVALENT, encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {(r["file"], r["line"], r["mutated"]): r["reason"] for r in rows}


def choose(one: mutation.Mutation, reached: dict) -> list[str]:
    """Tests that enter the function of a mutation, those of its module first, quick ones first."""
    name = mutation.function_at(ROOT / "workflow/tilt" / one.file, one.line)
    key = f"{one.file}:{name}"
    own = f"tests/unit/{Path(one.file).parent}/test_{Path(one.file).stem}.py"
    hits = [
        test
        for test, (entered, _) in reached.items()
        if key in entered or (not name and any(e.startswith(f"{one.file}:") for e in entered))
    ]
    return sorted(hits, key=lambda t: (not t.startswith(own), reached[t][1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--every", action="store_true")
    parser.add_argument(
        "--map", type=Path, help="JSON of which test reaches what, kept between runs"
    )
    parser.add_argument(
        "--tests", nargs="+", default=["tests/"], help="only tests whose path begins so"
    )
    parser.add_argument("--quick", type=float, default=1e9, help="only tests of fewer seconds")
    parser.add_argument("--out", type=Path, help="TSV of survivors")
    given = parser.parse_args()
    for library in LIBRARIES.split():
        __import__(library)
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    scratch = Path(tempfile.mkdtemp(prefix="mutants."))
    copy = scratch / "workflow"
    shutil.copytree(ROOT / "workflow", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("resources", "config", "envs", "docs"):
        (scratch / beside).symlink_to(ROOT / beside)
    try:
        report(given, copy, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def report(given, copy: Path, scratch: Path) -> None:
    old = json.loads(given.map.read_text()) if given.map and given.map.exists() else {}
    by_file = reached_by(copy, scratch, old, tuple(given.tests))
    if given.map:
        given.map.write_text(json.dumps(old | by_file))
    reached = {test: found for file in by_file.values() for test, found in file["tests"].items()}
    known, score, rows = equivalents(), Counter(), []
    drawn = draw(given.n, given.seed, given.only, given.every)
    for number, one in enumerate(drawn, 1):
        before, after = texts(one)
        reason = known.get((one.file, before, after)) or known.get((one.file, before, "*"))
        if reason:
            score["equivalent"] += 1
            continue
        tests = [t for t in choose(one, reached) if t.startswith(tuple(given.tests))]
        tests = [t for t in tests if reached[t][1] < given.quick]
        fate = "survived"
        if tests:
            path = copy / "tilt" / one.file
            source = path.read_text(encoding="utf-8")
            path.write_text(one.apply(source), encoding="utf-8")
            limit = SLACK + 3 * sum(reached[t][1] for t in tests)
            code = in_child(lambda t=tests: pytest_run(copy, t), scratch / "log", limit)
            path.write_text(source, encoding="utf-8")
            fate = "survived" if code == 0 else "caught"
        score[fate] += 1
        if fate == "survived":
            rows.append((f"{one.file}:{one.line}", one.operator, before, after, len(tests)))
            print(f"[{number}/{len(drawn)}] {one.file}:{one.line} {one.operator}: survived")
            print(f"    - {before}\n    + {after}   ({len(tests)} tests)", flush=True)
    if given.out:
        with open(given.out, "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, delimiter="\t", quoting=csv.QUOTE_MINIMAL)
            writer.writerow(("where", "operator", "line", "mutated", "tests"))
            writer.writerows(rows)
    run = score["caught"] + score["survived"]
    print(
        f"{len(drawn)} mutations (seed {given.seed}): {score['equivalent']} change no result, "
        f"{score['caught']} of {run} others caught = {score['caught'] / max(run, 1):.1%}"
    )


if __name__ == "__main__":
    main()
