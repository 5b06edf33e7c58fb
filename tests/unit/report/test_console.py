"""A run says a line a stage, with cells, donors and a time left that the work done foretells."""

import io
import logging
from types import SimpleNamespace

import pytest
import snakemake_logger_plugin_tilt as plugin
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.tests import MockOutputSettings
from tilt.report import console

JOBS = {"process_sample": 3, "gather_cohort": 1, "plot_cells": 2, "all": 1}


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def results(tmp_path):
    (tmp_path / "c1").mkdir()
    (tmp_path / "c1/qc_waterfall.tsv").write_text(
        "sample\tdonor\tstep\tn_left\n"
        "S1\tD1\tread\t900\nS1\tD1\tdoublet\t800\nS2\tD2\tread\t1100\nS2\tD2\tdoublet\t1000\n"
    )
    (tmp_path / "c1/lineages.tsv").write_text(
        "sample\tlineage\tn\nS1\tT\t300\nS1\tB\t500\nS2\tT\t1200\n"
    )
    return tmp_path


def test_a_stage_is_told_when_its_last_job_is_done(results):
    clock = Clock()
    story = console.Story(["c1"], results, clock)
    assert story.plan(JOBS) == "6 jobs for 1 cohort"
    assert [story.finished("process_sample") for _ in range(3)] == ["", "", ""]
    clock.now += 93
    work = 3 * 2.1 + 3
    left = 93 * 16 / work
    assert story.finished("gather_cohort") == (
        " 1:33 min  quality control  4 jobs; c1: 2,000 barcodes, 1,800 cells, 1,500 T cells of 2 "
        f"donors; about {console.span(left)} left"
    )
    assert story.finished("all") == ""
    assert story.finished("plot_cells") == ""
    clock.now += 7
    assert story.status().startswith("5 of 6 jobs, about ")
    assert story.finished("plot_cells") == " 1:40 min  figures          2 jobs"
    assert story.remaining() == ""


def test_no_time_is_told_before_anything_is_done(results):
    story = console.Story(["c1"], results, Clock())
    story.plan({"process_sample": 100})
    story.finished("process_sample")
    assert story.remaining() == ""


def test_without_tables_nothing_is_told_of_cells(tmp_path):
    story = console.Story(["c1"], tmp_path, Clock())
    story.plan({"gather_cohort": 1})
    assert story.finished("gather_cohort").endswith("quality control  1 job")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00 min"), (59.6, "1:00 min"), (3599, "59:59 min"), (7500, "2:05 h")],
)
def test_span(seconds, text):
    assert console.span(seconds) == text


def test_every_rule_has_a_stage():
    from projects import REPO

    rules = [
        line.split()[1].rstrip(":")
        for path in (REPO / "workflow/rules").glob("*.smk")
        for line in path.read_text().splitlines()
        if line.startswith("rule ") and not line.startswith("rule :")
    ]
    assert len(rules) > 20
    assert {rule for rule in rules if console.stage_of(rule)[0] == "other"} == set()


def record(event=None, msg="", level=logging.INFO, **more):
    made = logging.LogRecord("snakemake", level, "", 1, msg, None, None)
    made.__dict__ |= {"event": event, **more}
    return made


def test_the_handler_turns_events_into_lines(results):
    handler = plugin.LogHandler(MockOutputSettings(), None)
    handler.stream, handler.story = io.StringIO(), console.Story(["c1"], results, Clock())
    handler.emit(record(LogEvent.RUN_INFO, stats={"process_sample": 1, "total": 1}))
    handler.emit(record(LogEvent.JOB_INFO, jobid=7, rule_name="process_sample"))
    assert handler.stream.getvalue() == "1 job for 1 cohort\n"
    handler.emit(record(LogEvent.JOB_FINISHED, job_id=7))
    assert handler.stream.getvalue().splitlines()[1].startswith(" 0:00 min  quality control")
    assert "\r" not in handler.stream.getvalue()  # no terminal


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (record(LogEvent.JOB_INFO), False),
        (record(LogEvent.PROGRESS), False),
        (record(LogEvent.JOB_ERROR, level=logging.ERROR), True),
        (record(LogEvent.ERROR), True),
        (record(None, "note: 18 cells left"), True),
        (record(None, "Select jobs to execute..."), False),
        (record(None, "Select jobs", level=logging.WARNING), True),
        (record(None, "Nothing to be done (all requested files are present)."), True),
        (record(None, None), False),
    ],
)
def test_what_is_shown_beside_the_lines(made, shown):
    assert plugin.is_shown(made) is shown


@pytest.mark.parametrize(
    ("change", "handlers"),
    [
        ({}, 2),
        ({"verbose": True}, 1),
        ({"dryrun": True}, 1),
        ({"quiet": {"rules"}}, 1),
        ({"printshellcmds": True}, 1),
        ({"console": "full"}, 1),
    ],
)
def test_it_attaches_where_nobody_asked_for_another_console(monkeypatch, change, handlers):
    monkeypatch.setenv("TILT_CONSOLE", change.pop("console", ""))
    quiet = {"verbose": False, "dryrun": False, "quiet": set(), "printshellcmds": False}
    logger = logging.Logger("one")
    logger.addHandler(logging.StreamHandler(io.StringIO()))
    logger.handlers[0].name = "DefaultStreamHandler"
    workflow = SimpleNamespace(output_settings=SimpleNamespace(**quiet | change))
    for _ in range(2):  # a module beside it does not attach another
        plugin.attach(workflow, logger, ["c1"])
    assert len(logger.handlers) == handlers
