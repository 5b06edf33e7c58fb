"""The registry of figures: complete, light to import, and all that a new figure needs."""

import ast
import dataclasses
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tilt.core import code
from tilt.figures import jobs
from tilt.figures.entry import load
from tilt.figures.registry import FIGURES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "workflow/tilt/figures"
REPORT = (ROOT / "workflow/rules/report.smk").read_text()
DRAWING = sorted({figure.job for figure in FIGURES.values()})


HEADED = ("style.figure", "style.sentence")


def test_every_module_that_draws_a_figure_is_in_the_registry():
    drawing = {
        path.stem
        for path in FOLDER.glob("*.py")
        if any(f"{f}(" in path.read_text() for f in HEADED)
    }
    of_a_plan = {"planning"}  # drawn by scripts/plan_study.py, not by a run
    assert len(drawing - of_a_plan) == 22
    assert drawing == {figure.draw.split(".")[1] for figure in FIGURES.values()} | of_a_plan


def test_importing_the_registry_loads_no_large_library():
    words = (
        "import sys; from tilt.figures import jobs, names, registry; "
        "print([m for m in ('numpy', 'pandas', 'matplotlib', 'anndata') if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", words],
        cwd=ROOT / "workflow",
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.name)
def test_entry_is_complete(figure):
    assert all([figure.title, figure.alt, figure.words, figure.category])
    assert figure.words.endswith(".") and figure.alt[0].isupper() and not figure.alt.endswith(".")
    assert set(figure.cells_only) | set(figure.columns) <= set(figure.needs)
    kinds = {
        "all",
        "cells",
        "tagged",
        "sequenced",
        "checked",
        "modeled",
        "exposed",
        "grouped",
        "repeated",
    }
    assert figure.cohorts in kinds
    taken = inspect.signature(load(figure.draw)).parameters
    given = {*figure.needs, *figure.settings, *figure.options}
    given.add("labels" if figure.across else "cohort")
    required = {n for n, p in taken.items() if p.default is inspect.Parameter.empty}
    assert required <= given <= set(taken)
    assert all(len(load(place)) > 0 for place in figure.columns.values())
    if figure.caption:
        assert load(figure.caption).__doc__


def test_headings_are_unique_and_begin_with_a_capital():
    headings = [figure.heading for figure in FIGURES.values()]
    assert len(set(headings)) == len(headings) == 29
    assert FIGURES["umap"].heading == "UMAP of T cells"
    assert FIGURES["study"].heading == "Study flow and donors"
    assert [h for h in headings if h[0] != h[0].upper()] == []


def test_no_title_is_written_in_a_module_that_draws():
    """Every heading of a figure comes from the registry."""
    for path in sorted(FOLDER.glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in HEADED:
                assert isinstance(call.args[1], ast.Name | ast.Subscript), ast.unparse(call)


def test_one_input_has_one_file():
    """Two figures of a job never mean different files by the same name."""
    for job in {figure.job for figure in FIGURES.values()}:
        files = {file for figure in jobs.of_job(job) for file in figure.needs.values()}
        assert set(jobs.files(job).values()) == files, job


def test_files_of_a_cohort_without_cells_are_those_that_it_has():
    assert jobs.files("plot_specifications", cells=False) == {
        "specifications": "specifications.tsv",
        "random_sets": "random_sets.tsv",
    }
    assert set(jobs.files("plot_specifications")) == {
        "specifications", "random_sets", "de", "factors", "factor_tests",
    }  # fmt: skip
    assert "activity" not in jobs.files("plot_donors", cells=False)


def test_every_figure_is_drawn_by_one_rule_of_its_kind():
    """Rules are made from these names (workflow/rules/figures.smk), in the registry's order."""
    assert sorted(jobs.names()) == DRAWING and jobs.names()[0] == "plot_quality"
    drawn = [figure.name for job in jobs.names() for figure in jobs.of_job(job)]
    assert sorted(drawn) == sorted(FIGURES)
    assert [job for job in jobs.names() if jobs.across(job)] == ["plot_across"]
    assert jobs.folder("plot_across") == "across" and jobs.folder("plot_cells") == "{cohort}"


def test_a_rule_of_both_kinds_is_refused(monkeypatch):
    study = dataclasses.replace(FIGURES["study"], job="plot_across")
    monkeypatch.setitem(FIGURES, "study", study)
    with pytest.raises(ValueError, match="plot_across draws figures of single cohorts and figures"):
        jobs.across("plot_across")


def test_memory_and_settings_of_a_job_are_those_of_its_figures():
    assert jobs.memory("plot_quality") == (900, 10)
    assert jobs.memory("plot_cells") == (1000, 0.8)
    assert jobs.memory("plot_markers") == (900, 3.4)
    config = {"seed": 7, "imbalance": {"poles": {"tph": ["a"]}}, "embed": {"n_neighbors": 15}}
    assert jobs.settings("plot_cells", config) == {"seed": 7, "embed.n_neighbors": 15}
    assert jobs.settings("plot_donors", config) == {"imbalance.poles": {"tph": ["a"]}}
    assert jobs.settings("plot_quality", config) == {}
    with pytest.raises(KeyError, match="no figure is drawn by plot_nothing"):
        jobs.of_job("plot_nothing")


def test_digest_of_a_job_sees_its_modules_and_not_the_registry(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    monkeypatch.setattr(code, "WORKFLOW", tmp_path / "workflow")
    for name, expected in (("registry", set()), ("qc", {"plot_quality"}), ("style", set(DRAWING))):
        before = digests()
        path = tmp_path / "workflow/tilt/figures" / f"{name}.py"
        old = {"registry": "robustness of the", "qc": "0.95)", "style": "DPI = 300"}[name]
        new = {"registry": "strength of the", "qc": "0.96)", "style": "DPI = 301"}[name]
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        after = digests()
        assert {job for job in before if before[job] != after[job]} == expected, name
    code.forget()


def digests() -> dict[str, str]:
    code.forget()
    parts = ("", "_designs", "_labels", "_mediators")
    without = tuple(f"tilt.figures.registry{part}" for part in parts)
    return {
        job: code.digest("plot_figures", *jobs.modules(job), without=without) for job in DRAWING
    }


def test_digest_of_the_report_sees_captions():
    modules = ["captions", "designs", "receptors"]
    assert jobs.caption_modules() == [f"tilt.report.{name}" for name in modules]
    assert 'code("write_report", *plots.caption_modules())' in REPORT


def test_recipe_changes_with_what_is_drawn_and_not_with_words_about_it(monkeypatch):
    before = jobs.recipes("plot_quality")
    study = FIGURES["study"]
    monkeypatch.setitem(FIGURES, "study", dataclasses.replace(study, alt="X", words="Y."))
    assert jobs.recipes("plot_quality") == before
    monkeypatch.setitem(FIGURES, "study", dataclasses.replace(study, title="another"))
    assert jobs.recipes("plot_quality") != before


def test_caption_files_hold_the_words_within_their_frame(tmp_path):
    jobs.write_captions(tmp_path, "before WORDS after")
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.rst")} == {
        f"{name}.rst" for name in FIGURES
    }
    path = jobs.caption_file(tmp_path, FIGURES["across/meta"])
    assert path.read_text() == f"before {FIGURES['across/meta'].words} after"
    old = path.stat().st_mtime_ns
    jobs.write_captions(tmp_path, "before WORDS after")
    assert path.stat().st_mtime_ns == old
    jobs.write_captions(tmp_path, "WORDS")
    assert path.read_text() == FIGURES["across/meta"].words


def test_words_have_nothing_that_a_template_would_fill_in():
    told = "".join(figure.words for figure in FIGURES.values())
    assert not set("{}") & set(told) and "WORDS" not in told
