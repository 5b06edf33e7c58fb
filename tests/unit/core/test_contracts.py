"""Tables by contract: what is refused, what is read back, and that words have one home."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tilt.core import contracts, tables, terms

ROOT = Path(__file__).parents[3]
CODE = [*(ROOT / "workflow/tilt").rglob("*.py"), *(ROOT / "workflow/scripts").glob("*.py")]
TESTED = pd.DataFrame(
    {
        "factor": ["7157", "AHR"],
        "n_targets": [12, 3],
        "n_removed": [1, 0],
        "score": [2.0, np.nan],
        "p": [0.01, np.nan],
        "estimable": [True, False],
        "reason": ["", "3 targets measured; 5 are needed"],
    }
)


def test_a_table_comes_back_with_the_kinds_of_its_contract(tmp_path):
    path = tmp_path / "factors" / "t.tsv"
    tables.write(TESTED, path)
    back = tables.read(path)
    pd.testing.assert_frame_equal(back, TESTED)
    assert back["factor"].tolist() == ["7157", "AHR"]  # an identifier of digits is no number
    assert back["estimable"].dtype == bool
    assert path.read_text().splitlines()[1] == "7157\t12\t1\t2\t0.01\tTrue\t"


def test_counts_are_whole_where_all_are_there_and_missing_where_one_is(tmp_path):
    path = tmp_path / "detectability.tsv"
    table = pd.DataFrame({"gene": ["A", "B"], "n_cells": [3, 0], "pct_cells": [50.0, 0]})
    table = table.assign(n_donors=pd.array([1, None], dtype="Int64"), pct_donors=[100, np.nan])
    tables.write(table, path)
    back = tables.read(path)
    assert back["n_cells"].dtype == np.int64 and back["n_cells"].tolist() == [3, 0]
    assert back["n_donors"].dtype == np.float64
    assert back["n_donors"].isna().tolist() == [False, True]


def test_a_table_without_rows_has_all_its_columns_and_their_kinds(tmp_path):
    path = tmp_path / "s1.cells.tsv.gz"
    skipped = tmp_path / "samples" / path.name
    tables.write(pd.DataFrame({"cell": []}).assign(sample="s1"), skipped)
    # No time, and the same system, whatever Python writes it.
    assert skipped.read_bytes()[:10] == b"\x1f\x8b\x08" + bytes(6) + b"\x03"
    back = tables.read(skipped)
    assert list(back) == list(contracts.SAMPLE_CELLS.columns) and len(back) == 0
    assert back["kept"].dtype == bool and back["n_counts"].dtype == np.int64


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"estimable": ["True", "False"]}, "column estimable is no flag"),
        ({"estimable": [True, None]}, "column estimable is no flag"),
        ({"n_targets": [1.5, 2]}, "column n_targets is no count"),
        ({"n_targets": [np.nan, 2]}, "column n_targets is no count"),
        ({"n_targets": ["1", "2"]}, "column n_targets is no count"),
        ({"score": ["high", "low"]}, "column score is no number"),
        ({"factor": [7157, 1]}, "column factor is no text"),
        ({"more": 1}, "unknown column more"),
    ],
)
def test_a_table_that_breaks_its_contract_is_not_written(tmp_path, change, said):
    path = tmp_path / "factors" / "t.tsv"
    with pytest.raises(ValueError, match=said):
        tables.write(TESTED.assign(**change), path)
    assert not path.exists()


def test_columns_that_are_missing_or_in_another_order_are_refused(tmp_path):
    path = tmp_path / "factors" / "t.tsv"
    with pytest.raises(ValueError, match="no column p"):
        tables.write(TESTED.drop(columns="p"), path)
    with pytest.raises(ValueError, match="columns in another order than factor, n_targets"):
        tables.write(TESTED[["p", *[c for c in TESTED if c != "p"]]], path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A\t3\t0\t2\t0.1\tmaybe\t", "t.tsv"),
        ("A\t3\t0\t2\t0.1\tNA\t", "t.tsv"),
        ("A\t3.5\t0\t2\t0.1\tTrue\t", "t.tsv"),
        ("A\t3\t0\thigh\t0.1\tTrue\t", "t.tsv"),
    ],
)
def test_a_file_that_breaks_its_contract_is_not_read(tmp_path, row, said):
    path = tmp_path / "factors" / "t.tsv"
    path.parent.mkdir()
    path.write_text("\t".join(contracts.FACTORS.columns) + "\n" + row + "\n")
    with pytest.raises(ValueError, match=said):
        tables.read(path)


def test_some_columns_are_read_and_optional_ones_where_they_are(tmp_path):
    path = tmp_path / "factors" / "t.tsv"
    tables.write(TESTED, path)
    assert list(tables.read(path, columns=["p", "factor"])) == ["factor", "p"]
    with pytest.raises(ValueError, match=r"no column \['q'\]"):
        tables.read(path, columns=["q"])


def test_the_end_of_the_path_says_which_table_it_is():
    of = contracts.of
    assert of("results/demo/donors.tsv") is contracts.DONORS
    assert of("results/simulated/demo/truth/donors.tsv") is contracts.TRUE_DONORS
    assert of("results/demo/samples/s.1.cells.tsv.gz") is contracts.SAMPLE_CELLS
    assert of("results/demo/de/CD4_Naive.tsv") is contracts.EXPRESSION
    assert of(Path("meta.tsv")) is contracts.META
    with pytest.raises(ValueError, match="no table of this name"):
        of("results/demo/unheard_of.tsv")
    with pytest.raises(ValueError, match="no table of this name"):
        of("results/demo/my_donors.tsv")
    files = [one.file for one in contracts.TABLES]
    assert len(files) == len(set(files))


def test_every_table_that_a_rule_makes_has_a_contract():
    rules = "".join(p.read_text() for p in sorted((ROOT / "workflow/rules").glob("*.smk")))
    outputs = set(re.findall(r'"(results/[^"]+\.tsv(?:\.gz)?)"', rules))
    named = {path for path in outputs if not re.search(r"figures/|[{](table|folder)[}]", path)}
    assert len(named) > 25
    for path in named:
        contracts.of(re.sub(r"\{\w+\}", "x", path))


def test_importing_contracts_and_terms_loads_no_numerical_library():
    code = "import sys; from tilt.core import contracts, terms; assert 'numpy' not in sys.modules"
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, env={"PYTHONPATH": "workflow"}
    )


def written(value) -> object:
    """A constant as it can be compared: sequences alike, whatever their brackets."""
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(written(v) for v in value)
    return value


def literals(path: Path):
    """Line and value of every literal list, tuple, set or text of a module, docstrings aside."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Constant):
            try:
                yield node.lineno, written(ast.literal_eval(node))
            except ValueError:
                continue


# Words with another home of the same name, or that name a thing of a file format or of a case.
WORDS = {
    name: written(value)
    for name, value in vars(terms).items()
    if name.isupper() and isinstance(value, str | list | tuple)
} | {"estimators": written(list(terms.ESTIMATORS)), "methods": written(terms.MAIN_METHODS[::-1])}
OTHER = {"PRIMARY", "SECONDARY", "SENSITIVITY", "EXPLORATORY", "TABLE_DENOMINATOR", "POLES"}


def test_a_word_of_terms_is_written_nowhere_else():
    again = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in CODE
        if path.name != "terms.py"
        for line, value in literals(path)
        for name, word in WORDS.items()
        if value == word and name not in OTHER
    ]
    assert again == []


def test_columns_of_a_table_are_written_nowhere_else():
    columns = {one.file: written(list(one.columns)) for one in contracts.TABLES}
    again = [
        f"{path.relative_to(ROOT)}:{line} {file}"
        for path in CODE
        for line, value in literals(path)
        for file, known in columns.items()
        if value == known and len(known) > 2
    ]
    constants = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in CODE
        for found in re.findall(r"^COLUMNS\b.*= *[\[(][\"*].*", path.read_text(), re.M)
    ]
    assert again + constants == []
