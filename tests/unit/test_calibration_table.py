"""The calibration table that the report shows, and its reader."""

import pytest
from tilt import calibration

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
    assert list(table.columns) == calibration.COLUMNS


def test_a_table_without_targets_is_refused(tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text(TEXT.replace("note", "remark"))
    with pytest.raises(ValueError, match=r"no column \['note'\]"):
        calibration.read(path)
