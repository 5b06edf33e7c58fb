"""The calibration table in the report: all its rows, those outside their targets marked."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tilt.report import html_tables
from tilt.stats import calibration

SHIPPED = Path(__file__).parents[3] / "resources" / "calibration.tsv"


def cells(page):
    """Rows of the one table of a page: a dict of its cells by heading."""
    heads = re.findall(r"<button[^>]*>([^<]*)</button>", page)
    body = re.search(r"<tbody>(.*)</tbody>", page, re.DOTALL)[1]
    for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL):
        yield dict(zip(heads, re.findall(r"<td[^>]*>([^<]*)</td>", row), strict=True))


def test_the_report_marks_exactly_the_rows_outside_their_targets():
    raw = pd.read_csv(SHIPPED, sep="\t", comment="#", keep_default_na=False)
    away = (raw["value"] < raw["target_low"]) | (raw["value"] > raw["target_high"])
    shown = list(cells(html_tables.calibration_table(*calibration.read(SHIPPED))))
    assert len(shown) == len(raw) > html_tables.MOST_ROWS  # none is left to the file
    marked = {(r["task"], r["metric"]) for r in shown if r["mark"] == "outside"}
    assert {r["mark"] for r in shown} == {"", "outside"}
    assert marked == set(raw.loc[away, ["task", "metric"]].itertuples(index=False, name=None))
    first = shown[: len(marked)]
    assert all(r["mark"] and r["note"] for r in first)
    assert not any(r["note"] for r in shown[len(marked) :])


def test_two_standard_errors_of_a_share_are_told(tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text(
        "# made\ntask\tmetric\tvalue\ttarget_low\ttarget_high\tcohorts\tnote\n"
        "false positives, x\ta\t0.1\t0.03\t0.07\t900\twide arms\n"
        "coverage, x\tb\t0.95\t0.93\t0.97\t1900\t\n"
        "effect / truth, x\tc\t0.98\t0.9\t1.1\t900\t\n"
    )
    table, made = calibration.read(path)
    assert table["two_errors"][:2].tolist() == pytest.approx([0.02, 0.01])
    assert np.isnan(table["two_errors"][2])
    page = html_tables.calibration_table(table, made)
    assert [r["two errors"] for r in cells(page)] == ["0.02", "0.01", "–"]
    assert "1 of 3 rows lie outside" in page
