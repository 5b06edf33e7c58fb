"""A logger plugin of Snakemake (its own interface) that says a line a stage.

The workflow attaches it by itself (:func:`attach`); Snakemake's own log, with every job and every
reason, stays in its file, and errors and warnings are shown as ever. ``snakemake --verbose``,
``--quiet``, ``--logger ...`` or ``TILT_CONSOLE=full`` leave the console to Snakemake.
"""

import logging
import os
import re
import sys
from pathlib import Path
from typing import TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from tilt.report.console import Story

HIDDEN = {
    LogEvent.RUN_INFO,
    LogEvent.WORKFLOW_STARTED,
    LogEvent.JOB_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_FINISHED,
    LogEvent.GROUP_INFO,
    LogEvent.PROGRESS,
    LogEvent.RESOURCES_INFO,
    LogEvent.SHELLCMD,
}
# Messages of Snakemake without an event of their own that tell nothing of the work.
NOISE = re.compile(
    r"Select jobs to execute|Execute \d+ jobs|Building DAG|Using shell|Provided |Rules claiming|"
    r"Conda environments|Assuming unrestricted|Removing |Storing |Finished job|host: |Touching |"
    r"Config file .* is extended|Submitted |Job \d+ has been submitted|SLURM run ID|\s*$"
)


class LogHandler(LogHandlerBase):
    """Writes the lines of :class:`tilt.report.console.Story` to a stream."""

    def __post_init__(self) -> None:
        """Begin a story of no jobs."""
        self.stream: TextIO = sys.stderr
        self.story = Story([], Path("results"))
        self.jobs: dict[int, str] = {}
        self.over = False  # whether a line is there to be written over

    def emit(self, record: logging.LogRecord) -> None:
        """Take in an event; say a line if a stage is done."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            stats = dict(record.stats)
            stats.pop("total", None)
            self.say(self.story.plan(stats))
        elif event == LogEvent.JOB_INFO:
            self.jobs[record.jobid] = record.rule_name
        elif event == LogEvent.JOB_FINISHED:
            line = self.story.finished(self.jobs.pop(record.job_id, ""))
            if line:
                self.say(line)
            self.show(self.story.status())
        elif event in (LogEvent.JOB_ERROR, LogEvent.ERROR):
            self.show("")

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self.show("")
        self.stream.write(f"{line}\n")
        self.stream.flush()

    def show(self, line: str) -> None:
        """Write a line that the next one replaces, where the stream is a terminal."""
        if self.stream.isatty() and (line or self.over):
            self.stream.write(f"\r\033[K{line}")
            self.stream.flush()
            self.over = bool(line)

    @property
    def writes_to_stream(self) -> bool:
        """To the console."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """No file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Chooses its own records."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Writes its own words."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Needs none."""
        return False


def is_shown(record: logging.LogRecord) -> bool:
    """Whether Snakemake's own console shows a record beside ours."""
    if record.levelno >= logging.WARNING:
        return True
    if getattr(record, "event", None) is not None:
        return record.event not in HIDDEN
    return not NOISE.match(str(record.msg or ""))


def attach(workflow, logger: logging.Logger, cohorts: list[str]) -> LogHandler | None:
    """Say stages on the console of this run, and hide what Snakemake says of every job there.

    Parameters: ``workflow`` and ``logger`` of Snakemake; ``cohorts`` of the run. None where the
    user asked for another console, for a dry run, and where the console is not the usual one.
    """
    settings = getattr(workflow, "output_settings", None)
    asked = os.environ.get("TILT_CONSOLE") == "full"
    usual = [h for h in logger.handlers if h.name == "DefaultStreamHandler"]
    if (
        settings is None
        or asked
        or len(usual) != 1
        or any(isinstance(handler, LogHandler) for handler in logger.handlers)
    ):
        return None
    if settings.verbose or settings.dryrun or settings.quiet or settings.printshellcmds:
        return None
    handler = LogHandler(settings, None)
    handler.stream = usual[0].stream
    handler.story = Story(cohorts, Path("results"))
    usual[0].addFilter(is_shown)
    logger.addHandler(handler)
    return handler
