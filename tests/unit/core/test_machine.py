"""Memory of the machine, size of files, and the word of warning."""

import os

import pytest
from tilt.core import machine


def test_memory_is_the_least_of_machine_and_container(tmp_path):
    whole = machine.memory_mb(limits=())
    assert whole == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    tight, loose = tmp_path / "memory.max", tmp_path / "none"
    tight.write_text("2000000000\n")
    loose.write_text("max\n")
    assert machine.memory_mb(limits=(loose, tight, tmp_path / "absent")) == 2_000
    assert machine.memory_mb(limits=(loose,)) == whole


def test_size_counts_what_is_in_folders(tmp_path):
    (tmp_path / "store/c").mkdir(parents=True)
    (tmp_path / "store/c/0").write_bytes(bytes(3_000_000))
    (tmp_path / "one").write_bytes(bytes(1_500_000))
    found = machine.size_mb([tmp_path / "store", tmp_path / "one"])
    assert found == pytest.approx(4.5, abs=0.05)  # the folders themselves weigh a little
    with pytest.raises(FileNotFoundError):
        machine.size_mb([tmp_path / "absent"])


def test_a_machine_too_small_for_a_cohort_is_told(tmp_path):
    raw = tmp_path / "cohort.h5ad"
    raw.write_bytes(b"")
    os.truncate(raw, 8_000_000_000)  # no disk behind it
    need = machine.BASE_MB + machine.PER_RAW_MB * 8_000
    assert machine.shortage([raw, tmp_path / "absent"], need) == ""
    words = machine.shortage([raw], need - 1)
    assert words.startswith(f"its 8.0 GB of raw files need up to {need / 1000:.1f} GB")
    assert "Fix: " in words


def test_path_of_python_is_one_word_of_a_command_and_itself_in_a_list():
    path = machine.ShellPath("/home/me/mes données; x/python")
    assert f"{path} -m snakemake" == "'/home/me/mes données; x/python' -m snakemake"
    assert "{}".format(machine.ShellPath("/usr/bin/python3")) == "/usr/bin/python3"
    assert [path] == ["/home/me/mes données; x/python"]
