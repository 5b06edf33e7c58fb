"""The end of a run in words, and how far a long job is."""

import logging

import made_up
import numpy as np
import pandas as pd
from made_up_report import SETTINGS, results
from tilt.core import progress
from tilt.report import summary

COHORTS = {
    "demo": SETTINGS
    | {"name": "demo", "contrast": {"case": "SLE", "control": "control"}, "simulated": "x.yaml"}
}


def finished(folder, **more):
    one = results()
    lineages = pd.DataFrame({"cohort": "demo", "sample": "s", "donor": "d"}, index=range(2))
    lineages["lineage"], lineages["n"] = ["T", "B"], [1200, 300]
    for name, table in (one.tables | {"lineages": lineages} | more).items():
        made_up.write(table, folder / "demo" / f"{name}.tsv")
    return one


def test_summary_counts_cells_and_donors_and_gives_the_headline(tmp_path):
    one = finished(tmp_path)
    (tmp_path / "report.html").write_text("x" * 1_200_000)
    first, second, last = summary.lines(tmp_path, COHORTS)
    waterfall = one.table("qc_waterfall")
    kept = waterfall.groupby("sample").tail(1)["n_left"].sum()
    assert first.startswith("demo (simulated): ")
    assert f"{kept:,} cells kept, 1,200 T cells, 18 donors (8 control, 10 SLE)" in first
    row = one.table("tests").query("role == 'primary'").iloc[0]
    assert f"{row['effect']:+.2f} SD (95% CI {row['ci_low']:.2f} to {row['ci_high']:.2f})" in second
    assert "10 SLE, 8 control donors" in second and "higher in SLE" in second
    assert last == f"report: {tmp_path / 'report.html'} (1.2 MB)"


def test_summary_gives_the_reason_of_what_is_not_estimable(tmp_path):
    tests = results().table("tests").assign(estimable=False, effect=np.nan, reason="too few cells.")
    finished(tmp_path, tests=tests)
    lines = summary.lines(tmp_path, COHORTS)
    assert lines[1] == "  E3 pseudobulk axis: not estimable, too few cells"
    assert len(lines) == 2


def test_several_cohorts_are_summed_up_in_one_sentence(tmp_path):
    finished(tmp_path)
    finished(tmp_path / "more")
    (tmp_path / "more" / "demo").rename(tmp_path / "pbmc")
    made_up.write(made_up.meta(), tmp_path / "meta.tsv")
    both = COHORTS | {"pbmc": COHORTS["demo"] | {"name": "pbmc"}}
    lines = summary.lines(tmp_path, both)
    assert len(lines) == 5 and lines[2].startswith("pbmc (simulated): ")
    assert lines[4].startswith("Across 3 cohorts (30 cases, 24 controls), the pseudobulk axis")


def test_nothing_finished_nothing_said(tmp_path):
    assert summary.lines(tmp_path, COHORTS) == []
    made_up.write(made_up.donors(1, 1), tmp_path / "demo" / "donors.tsv")
    assert summary.lines(tmp_path, COHORTS) == []


def test_progress_says_rate_and_time_left(caplog):
    times = iter([0.0, 4.0, 12.0, 16.0, 16.0])
    blocks = [(start, np.zeros((100, 2))) for start in (0, 100, 200)]
    with caplog.at_level(logging.INFO, logger="tilt"):
        seen = list(progress.watch(blocks, 300, "pass", clock=lambda: next(times)))
    assert [start for start, _ in seen] == [0, 100, 200]
    assert caplog.messages == [
        "pass: 200 of 300 cells, 17 a second, 6 s left",
        "pass: 300 cells in 16 s",
    ]
    assert progress.in_words(600) == "10 min" and progress.in_words(9000) == "2.5 h"


def test_a_run_of_some_tables_alone_tells_no_number_of_donors(tmp_path):
    finished(tmp_path)
    (tmp_path / "demo/donors.tsv").unlink()
    first, second = summary.lines(tmp_path, COHORTS)
    assert "donors" not in first and "cells kept" in first
    assert "10 SLE, 8 control donors" in second
