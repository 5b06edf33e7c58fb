"""What a job says, and where."""

import io
import logging
import sys

import pytest
from tilt import logs


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    for name in logs.THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    log = logging.getLogger("tilt")
    kept = log.handlers[:], log.level, log.propagate
    yield
    for handler in log.handlers:
        handler.close()
    log.handlers, log.level, log.propagate = kept


@pytest.mark.parametrize(("console", "progress"), [(Terminal(), True), (io.StringIO(), False)])
def test_progress_is_shown_in_a_terminal_and_all_is_kept(monkeypatch, tmp_path, console, progress):
    monkeypatch.setattr(sys, "stderr", console)
    log = logs.begin(tmp_path / "job.log")
    log.info("a detail")
    logging.getLogger("tilt.progress").info("half of the cells")
    logging.getLogger("tilt.qc").warning("few cells")
    shown = ["half of the cells", "few cells"] if progress else ["few cells"]
    assert console.getvalue().splitlines() == shown
    kept = (tmp_path / "job.log").read_text()
    assert [line.split(maxsplit=2)[2] for line in kept.splitlines()] == [
        "a detail",
        "half of the cells",
        "few cells",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture()
def as_before(monkeypatch):
    for name in logs.THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    log = logging.getLogger("tilt")
    kept = log.handlers[:], log.level, log.propagate
    yield
    for handler in log.handlers:
        handler.close()
    log.handlers, log.level, log.propagate = kept


@pytest.mark.parametrize(("console", "progress"), [(Terminal(), True), (io.StringIO(), False)])
def test_progress_is_shown_in_a_terminal_and_all_is_kept(
    monkeypatch, tmp_path, as_before, console, progress
):
    monkeypatch.setattr(sys, "stderr", console)
    log = logs.begin(tmp_path / "job.log")
    log.info("a detail")
    logging.getLogger("tilt.progress").info("half of the cells")
    logging.getLogger("tilt.qc").warning("few cells")
    shown = ["half of the cells", "few cells"] if progress else ["few cells"]
    assert console.getvalue().splitlines() == shown
    kept = (tmp_path / "job.log").read_text()
    assert [line.split(maxsplit=2)[2] for line in kept.splitlines()] == [
        "a detail",
        "half of the cells",
        "few cells",
    ]
