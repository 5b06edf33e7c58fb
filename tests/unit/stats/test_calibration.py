"""The calibration table that the report shows, and its reader."""

from pathlib import Path

import pytest
from tilt.core.contracts import CALIBRATION
from tilt.stats import calibration

SHIPPED = Path(__file__).parents[3] / "resources" / "calibration.tsv"

TEXT = """# made by a command
# of version 9
task\tmetric\tvalue\ttarget_low\ttarget_high\tcohorts\tseed\tnote
false positives\tols\t0.05\t0.03\t0.07\t1000\t1\t
coverage\tols\t0.98\t0.93\t0.97\t1000\t1\twide
"""


def test_rows_are_held_to_their_targets(tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text(TEXT)
    table, made = calibration.read(path)
    assert made == "made by a command of version 9"
    assert table["within"].tolist() == [True, False]
    assert table["note"].tolist() == ["", "wide"]
    assert list(table.columns) == list(CALIBRATION.columns)


def test_a_table_without_targets_is_refused(tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text(TEXT.replace("note", "remark"))
    with pytest.raises(ValueError, match=r"no column \['note'\]"):
        calibration.read(path)


def test_the_table_that_ships_explains_every_row_outside_its_target():
    table, made = calibration.read(SHIPPED)
    assert "tests/benchmark/calibration.py" in made
    rates = table[table["task"].str.startswith("false positives")]
    assert rates["cohorts"].min() >= 200
    # the declared methods keep their level but for the chance of so many cohorts
    declared = rates[rates["metric"].str.contains("wls_hc2|arcsine_ols_hc2|E3 ols_hc2|^paired_t")]
    error = 2 * (0.05 * 0.95 / declared["cohorts"]) ** 0.5
    assert len(declared) > 50
    assert (declared["value"] < 0.07 + error).all() and (declared["value"] > 0.03 - error).all()
    outside = table[~table["within"]]
    assert len(outside) < 0.08 * len(table)
    assert not outside["note"].isin(["", "not explained"]).any(), outside.to_string()
    assert (table.loc[table["within"], "note"] == "").all()


@pytest.mark.parametrize(
    ("value", "within"), [(0.03, True), (0.07, True), (0.029, False), (0.071, False)]
)
def test_targets_belong_to_their_range(tmp_path, value, within):
    path = tmp_path / "c.tsv"
    path.write_text(TEXT.replace("0.05", str(value)))
    assert calibration.read(path)[0]["within"].iloc[0] == within
