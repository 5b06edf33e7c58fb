"""Figures of a job drawn without Snakemake, and a new figure with one module and one entry."""

import sys
from types import ModuleType

import made_up
import made_up_report
import pandas as pd
import pytest
from anndata import AnnData
from tilt.core import contracts, tables
from tilt.figures import activity, composition, style
from tilt.figures.entry import Figure
from tilt.figures.registry import FIGURES
from tilt.report import page
from tilt.report.answer import CohortResults
from tilt.stages import figures

COHORT = made_up.cohort()
ABOUT = {
    "name": COHORT.name,
    "title": COHORT.title,
    "case": COHORT.case,
    "control": COHORT.control,
    "simulated": COHORT.simulated,
}


def write(folder, **content: pd.DataFrame) -> dict[str, str]:
    """Write tables and name them as inputs of a rule."""
    paths = {name: str(folder / f"{name}.tsv") for name in content}
    for name, table in content.items():
        made_up.write(table, paths[name])
    return paths


def test_figures_are_those_of_their_functions_byte_for_byte(tmp_path):
    made = made_up.study(6, 7, [*made_up.SUBSETS, *made_up.POLES])
    inputs = write(tmp_path, composition=made["composition"], tests=made["tests"])
    targets = {
        name: str(tmp_path / "drawn" / f"{name}.png") for name in ("composition", "lineages")
    }
    figures.draw_all(targets, inputs, [ABOUT], {})
    shares, tests = tables.read(inputs["composition"]), tables.read(inputs["tests"])
    for name, kind in (("composition", "subset"), ("lineages", "group")):
        style.save(*composition.draw(shares, tests, COHORT, kind), tmp_path / "own" / name)
        for ending in ("png", "svg", "pdf", "tsv"):
            path = tmp_path / "drawn" / f"{name}.{ending}"
            assert path.read_bytes() == (tmp_path / "own" / f"{name}.{ending}").read_bytes()
    assert (tmp_path / "drawn/composition.tsv").read_bytes() != (
        tmp_path / "drawn/lineages.tsv"
    ).read_bytes()


def test_arguments_are_what_the_entry_says(tmp_path):
    made = made_up.study(3, 3, [*made_up.SUBSETS, *made_up.POLES])
    scores = made["activity"]
    inputs = write(
        tmp_path,
        composition=made["composition"],
        imbalance=made["imbalance"],
        tests=made["tests"],
        donors=made["donors"],
        permuted=made_up.permuted(),
        methods=made_up.corrected(made["tests"]),
        activity=scores,
    )
    poles = {"tph": ["CD4_Tph_like"], "th22": ["CD4_Th22_like"]}
    figure = FIGURES["imbalance"]
    found = figures.arguments(figure, inputs, [ABOUT], {"imbalance.poles": poles, "seed": 3})
    assert set(found) == {*figure.needs, "cohort", "poles"}
    assert found["poles"] == poles and found["cohort"] == COHORT
    assert len(found["activity"]) == len(scores)
    assert {*found["activity"]} == {*activity.SHOWN} < {*scores}
    inputs.pop("activity")  # a cohort of which only counts are published
    found = figures.arguments(figure, inputs, [ABOUT], {"imbalance.poles": poles})
    assert found["activity"].empty and "signature" in found["activity"]
    inputs.pop("tests")
    with pytest.raises(KeyError, match=r"figure imbalance needs tests\.tsv"):
        figures.arguments(figure, inputs, [ABOUT], {"imbalance.poles": poles})


def test_tables_by_subset_and_by_cohort_are_dicts(tmp_path):
    paths = [str(tmp_path / "de" / f"{name}.tsv") for name in ("cd4", "memory_cd4")]
    for path in paths:
        made_up.write(made_up.genes(), path)
    found = figures.arguments(FIGURES["volcano"], {"de": paths}, [ABOUT], {})
    assert list(found["tables"]) == ["cd4", "memory_cd4"]
    assert figures.arguments(FIGURES["volcano"], {"de": []}, [ABOUT], {})["tables"] == {}
    path = tmp_path / "demo/detectability.tsv"
    made_up.write(made_up.detectability(), path)
    across = FIGURES["across/detectability"]
    found = figures.arguments(
        across, {"detectability": str(path)}, [ABOUT, ABOUT | {"name": "b"}], {}
    )
    assert list(found["tables"]) == ["demo"]
    assert found["labels"] == {"demo": COHORT.label, "b": COHORT.label}


def test_a_sentence_stands_where_no_cohort_has_cells(tmp_path):
    target = tmp_path / "detectability.png"
    figures.draw_all({"across/detectability": str(target)}, {}, [ABOUT], {})
    told = tables.read(target.with_suffix(".tsv"), contracts.FREE).iloc[0]
    assert told["not_shown"] == FIGURES["across/detectability"].title
    assert told["reason"].startswith("No cohort has cells here")


def test_files_are_read_by_their_kind(tmp_path):
    AnnData(obs=pd.DataFrame(index=["a", "b"])).write_h5ad(tmp_path / "x.h5ad")
    assert figures.read(str(tmp_path / "x.h5ad")).n_obs == 2
    path = str(tmp_path / "umap.tsv.gz")
    tables.write(pd.DataFrame({"cell": ["a"], "umap1": [1.5], "umap2": [2.0]}), path)
    assert list(figures.read(path)) == ["cell", "umap1", "umap2"]
    assert list(figures.read(path, ("umap1", "cell"))) == ["cell", "umap1"]
    with pytest.raises(ValueError, match=r"no column \['z'\]"):
        figures.read(path, ("cell", "z"))
    path = str(tmp_path / "donors.tsv")  # of which batch is optional
    made_up.write(made_up.donors(1, 1).drop(columns="batch"), path)
    assert list(figures.read(path, ("donor", "batch"))) == ["donor"]


def test_a_new_figure_is_one_module_and_one_entry(tmp_path, monkeypatch):
    """Drawn, and in the report with its title, text for screen readers and caption."""
    module = ModuleType("tilt.figures.dummy")

    def draw(donors, cohort):
        fig = style.figure(cohort, FIGURES["dummy"].title)
        fig.subplots().bar(*donors["condition"].value_counts().reset_index().to_numpy().T)
        return fig, donors

    module.draw = draw
    monkeypatch.setitem(sys.modules, "tilt.figures.dummy", module)
    dummy = Figure(
        name="dummy",
        job="plot_quality",
        title="donors by condition",
        category="5 Quality",
        alt="Bars of donors",
        words="Donors of each condition.",
        draw="figures.dummy.draw",
        needs={"donors": "donors.tsv"},
    )
    monkeypatch.setitem(FIGURES, "dummy", dummy)
    inputs = write(tmp_path / "demo", donors=made_up.donors(4, 5))
    figures.draw_all({"dummy": str(tmp_path / "figures/demo/dummy.png")}, inputs, [ABOUT], {})
    one = page.load_cohort(tmp_path / "demo", CohortResults(COHORT, made_up_report.SETTINGS))
    assert list(one.figures) == ["dummy"]
    (block,) = page.cohort_section(one, None)["figures"]
    assert block["title"] == "Donors by condition" and block["alt"] == "Bars of donors"
    assert block["caption"] == "Simulated data. Donors of each condition."
    assert block["anchor"] == "demo-dummy" and not block["reason"] and block["image"]
    assert block["links"][0] == ("pdf", "figures/demo/dummy.pdf")
