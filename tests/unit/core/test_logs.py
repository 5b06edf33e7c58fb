"""What a job says, and where; and what when the disk is in the way."""

import errno
import gc
import io
import logging
import os
import sys

import pytest
from tilt.core import logs, progress


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full (a.h5ad). Fix: make room"),
        (errno.EDQUOT, "your share of the disk is used up (a.h5ad). Fix: "),
        (errno.EROFS, "the disk can only be read (a.h5ad). Fix: "),
        (errno.EACCES, "this place may not be written or read by you (a.h5ad). Fix: "),
    ],
)
def test_faults_of_the_disk_are_told_with_the_fix(number, words):
    fault = OSError(number, os.strerror(number), "a.h5ad")
    assert logs.disk(fault).startswith(words)
    try:
        try:
            raise fault
        except OSError as error:
            raise RuntimeError("while writing") from error
    except RuntimeError as error:
        assert logs.disk(error).startswith(words)


def test_other_faults_are_not_of_the_disk():
    assert logs.disk(ValueError("no")) == ""
    assert logs.disk(FileNotFoundError(errno.ENOENT, "No such file", "x")) == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture()
def as_before(monkeypatch):
    for name in (*logs.THREAD_VARIABLES, *logs.CACHES):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    log = logging.getLogger("tilt")
    kept = log.handlers[:], log.level, log.propagate
    collected = gc.get_threshold()
    yield
    gc.set_threshold(*collected)
    for handler in log.handlers:
        handler.close()
    log.handlers, log.level, log.propagate = kept


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ValueError("a.h5: is empty. Fix: fetch it again."),
            "a.h5: is empty. Fix: fetch it again.",
        ),
        (KeyError("x"), "KeyError: 'x' (how it came about: {log})"),
        (OSError(errno.ENOSPC, "No space left", "a.h5"), "the disk is full (a.h5). Fix: make room"),
    ],
)
def test_an_error_is_told_in_words_and_its_road_is_in_the_log(
    monkeypatch, tmp_path, as_before, error, words
):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    logs.begin(tmp_path / "job.log")
    try:
        raise error
    except type(error) as caught:
        sys.excepthook(type(caught), caught, caught.__traceback__)
    shown, kept = sys.stderr.getvalue(), (tmp_path / "job.log").read_text()
    words = words.format(log=tmp_path / "job.log")
    assert words in shown and words in kept
    assert "Traceback" in kept and "Traceback" not in shown


@pytest.mark.parametrize(("console", "told"), [(Terminal(), True), (io.StringIO(), False)])
def test_progress_is_shown_in_a_terminal_and_all_is_kept(
    monkeypatch, tmp_path, as_before, console, told
):
    monkeypatch.setattr(sys, "stderr", console)
    log = logs.begin(tmp_path / "job.log")
    log.info("a detail")
    progress.log.info("half of the cells")
    logging.getLogger("tilt.qc").warning("few cells")
    shown = ["half of the cells", "few cells"] if told else ["few cells"]
    assert console.getvalue().splitlines() == shown
    kept = (tmp_path / "job.log").read_text()
    assert [line.split(maxsplit=2)[2] for line in kept.splitlines()] == [
        "a detail",
        "half of the cells",
        "few cells",
    ]


def test_caches_are_in_the_folder_of_the_run(tmp_path, monkeypatch):
    for name in logs.CACHES:
        monkeypatch.setenv(name, "")  # so that what was there is put back
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    logs.keep_caches()
    assert not set(logs.CACHES) & set(os.environ), "no run here"
    (tmp_path / ".snakemake").mkdir()
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    logs.keep_caches()
    assert os.environ["NUMBA_CACHE_DIR"] == "/elsewhere"
    assert os.environ["MPLCONFIGDIR"] == str(tmp_path / ".snakemake/tilt/cache/matplotlib")


def test_loading_libraries_is_not_slowed_by_looking_for_circles(as_before, tmp_path):
    gc.set_threshold(700)
    logs.begin(tmp_path / "a.log")
    assert gc.get_threshold()[0] == logs.NEW_OBJECTS > 700
