"""The pages under docs/ name what there is: figures, files, modules, links, all fifteen answers."""

import pkgutil
import re
from pathlib import Path

import pytest
from tilt.figures.registry import FIGURES

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), ROOT / "config/README.md", *sorted((ROOT / "docs").glob("*.md"))]
RULES = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)#]+)", path.read_text())
    inner = [link for link in links if not link.startswith("http")]
    assert all((path.parent / link).exists() for link in inner), inner


def test_every_figure_is_explained():
    text = page("figures.md")
    assert [name for name in FIGURES if f"`{name}`" not in text] == []


def test_files_and_modules_of_the_numbers_exist():
    text = page("numbers.md")
    table = [line.split("|") for line in text.splitlines() if line.startswith("| ")][2:]
    files = {name for row in table for name in re.findall(r"`([^`]+)`", row[3])}
    modules = {name for row in table for name in re.findall(r"`([^`]+)`", row[4])}
    assert len(files) > 12 and len(modules) > 12
    assert [name for name in files if f"/{name}" not in RULES] == []
    assert [m for m in modules if not (ROOT / f"workflow/tilt/{m}.py").exists()] == []


def test_all_fifteen_complaints_are_answered():
    numbers = re.findall(r"^\*\*(\d+)\. ", page("faq.md"), re.M)
    assert numbers == [str(n) for n in range(1, 16)]


def test_files_named_in_the_readme_are_made():
    text = (ROOT / "README.md").read_text().split("## What comes out")[1].split("## ")[0]
    files = re.findall(r"^results/(?:<cohort>/)?(\S+\.\S+)", text, re.M)
    assert len(files) >= 6
    assert [name for name in files if f"/{name}" not in RULES] == []


def test_the_tree_of_the_readme_is_the_one_on_disk():
    text = (ROOT / "README.md").read_text().split("## How it is built")[1].split("```")[1]
    told = re.findall(r"^  (\w+)/ ", text, re.M)
    there = [path.parent.name for path in ROOT.glob("workflow/tilt/*/__init__.py")]
    assert sorted(told) == sorted(there)
    folders = re.findall(r"^(\w\S*)/ ", text, re.M)
    assert folders and all((ROOT / folder).is_dir() for folder in folders)


def test_what_docstrings_refer_to_exists():
    wrong = []
    for path in sorted((ROOT / "workflow/tilt").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "workflow").with_suffix("").parts)
        for reference in re.findall(r":(?:func|data|class|mod):`([^`]+)`", path.read_text()):
            if reference.startswith("scanpy."):
                continue
            whole = reference if reference.startswith("tilt.") else f"{module}.{reference}"
            try:
                pkgutil.resolve_name(whole)
            except AttributeError:
                wrong.append(f"{module}: {reference}")
    assert wrong == []
