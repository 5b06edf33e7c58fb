"""A cluster without accounting is told at the start, in place of waiting for ever."""

import time

import pytest
from tilt.core import accounting


@pytest.fixture
def sacct(tmp_path, monkeypatch):
    """Puts a script in the place of Slurm's command."""

    def put(text: str) -> None:
        (tmp_path / "sacct").write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "sacct").chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return put


def test_what_sacct_says_is_told_with_the_way_round_it(sacct):
    sacct("echo 'sacct: error: Slurm accounting storage is disabled' >&2; exit 1")
    told = accounting.refusal("sacct")
    assert "sacct says 'sacct: error: Slurm accounting storage is disabled'" in told
    assert "Fix: add --slurm-status-command squeue" in told
    sacct("exit 1")
    assert "sacct says 'no word'" in accounting.refusal("sacct")


@pytest.mark.parametrize("asked", ["squeue", None])
def test_where_another_command_is_asked_sacct_is_not(sacct, tmp_path, asked):
    sacct(f"touch {tmp_path}/asked; exit 1")
    assert accounting.refusal(asked) == ""
    assert not (tmp_path / "asked").exists()


def test_accounts_that_are_kept_or_slow_stop_nothing(sacct, monkeypatch):
    sacct("exit 0")
    assert accounting.refusal("sacct") == ""
    monkeypatch.setattr(accounting, "SECONDS", 0.2)
    sacct("exec sleep 20")
    start = time.monotonic()
    assert accounting.refusal("sacct") == ""
    assert time.monotonic() - start < 10


def test_a_machine_without_sacct_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert accounting.refusal("sacct") == ""
