"""One change, and exactly the rules that hang on it run again; a moved checkout runs none."""

import os
import shutil
from pathlib import Path

import planning
import pytest
import yaml
from running import ROOT, Workflow

HEAD = ["sample", "donor", "condition", "batch", "age", "sex", "note", "path"]
RAW = ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz")
TABLES = ("markers.tsv", "signatures.tsv")
CONTIGS = "barcode,chain,v_gene,j_gene,productive,cdr3,cdr3_nt\n"


def cohort(workflow: Workflow, name: str, **more) -> None:
    rows = [HEAD]
    for i in range(6):
        arm, sample = ("SLE", "control")[i % 2], f"{name}S{i}"
        rows.append([sample, f"{name}D{i}", arm, f"B{i % 3}", str(30 + i), "F", "x", sample])
        for file in RAW:
            workflow.write(f"raw/{sample}/{file}", sample)
    workflow.write(f"{name}.tsv", "".join("\t".join(row) + "\n" for row in rows))
    about = {
        "name": name,
        "title": f"Cohort {name}",
        "format": "10x_dir",
        "folder": "raw",
        "samples": f"{name}.tsv",
        "cells": "pbmc",
        "contrast": {"case": "SLE", "control": "control"},
        "covariates": ["age"],
        "strata": ["batch"],
        "citation": "Somebody, 2020",
    }
    workflow.write(f"{name}.yaml", about | more)


def project(folder: Path) -> Workflow:
    """Three cohorts, of which a run has made one and two; the second is fetched."""
    workflow = Workflow(folder)
    for name in ("one", "three"):
        cohort(workflow, name)
    fetched = [{"name": f"twoS{i}", "urls": ["https://example.org/x"]} for i in range(6)]
    cohort(workflow, "two", format="10x_h5", folder="two", retrieve=fetched)
    for name in TABLES:
        shutil.copy(ROOT / "resources" / name, folder / name)
    workflow.write("mine.tsv", "perturbation\tgene\tlog2_fold_change\nKO\tAHRR\t-1\n")
    tables = {"markers": "markers.tsv", "signatures": "signatures.tsv"}
    stats = {"de_subsets": ["memory_cd4"]}
    config = {"cohorts": ["one.yaml", "two.yaml"], "resources": tables, "stats": stats}
    workflow.write("config.yaml", config)
    return workflow


def config(folder: Path, **change) -> None:
    """Change the configuration; dicts are changed key by key."""
    edited(folder / "config.yaml", change)


def edited(path: Path, change: dict) -> None:
    content = yaml.safe_load(path.read_text())
    for key, value in change.items():
        old = content.get(key)
        content[key] = old | value if isinstance(value, dict) and old else value
    path.write_text(yaml.safe_dump(content))


def cell(folder: Path, row: int, column: str, value: str) -> None:
    """Change a cell of the sheet of the first cohort."""
    path = folder / "one.tsv"
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    rows[row][rows[0].index(column)] = value
    path.write_text("".join("\t".join(row) + "\n" for row in rows))


def one(**change):
    return lambda folder: edited(folder / "one.yaml", change)


def cells(row, column, value):
    return lambda folder: cell(folder, row, column, value)


def settings(**change):
    return lambda folder: config(folder, **change)


def with_designs(folder):
    """Columns and settings of designs beyond two arms, tags and receptors, in cohort one."""
    path = folder / "one.tsv"
    head, *rows = (line.split("\t") for line in path.read_text().splitlines())
    head = [*head[:-1], "sledai", "activity", "visit", head[-1]]
    more = [[str(i), ("active", "calm")[i % 4 < 2], "flare"] for i in range(6)]
    rows = [[*row[:-1], *new, row[-1]] for row, new in zip(rows, more, strict=True)]
    later = []
    for row in rows[:4]:
        sample = row[0] + "b"
        later.append([sample, *row[1:-2], "after", sample])
        for file in RAW:
            (folder / f"raw/{sample}").mkdir(exist_ok=True)
            (folder / f"raw/{sample}/{file}").write_text(sample)
    lines = [[*head, "vdj"], *([*row, f"{row[-1]}/contigs.csv"] for row in [*rows, *later])]
    path.write_text("".join("\t".join(row) + "\n" for row in lines))
    for row in lines[1:]:
        (folder / "raw" / row[-1]).write_text(CONTIGS)
    asked = {"exposures": ["sledai"], "groups": {"column": "activity"}}
    asked |= {"contrasts": [{"case": "active", "control": "calm"}]}
    asked |= {"visits": {"column": "visit", "order": ["flare", "after"]}}
    edited(folder / "one.yaml", asked | {"protein": {"from": "features"}})


def line_of(name, old, new):
    def change(folder):
        path = folder / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return change


def removed_row(folder):
    path = folder / "one.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def added_donor(folder):
    path = folder / "one.tsv"
    last = path.read_text().splitlines()[-1] + "\n"
    new = last.replace("oneS5", "oneS6").replace("oneD5", "oneD6")
    path.write_text(path.read_text() + new)
    shutil.copytree(folder / "raw/oneS5", folder / "raw/oneS6")
    (folder / "raw/oneS6/matrix.mtx.gz").write_text("oneS6")


def shuffled(folder):
    head, *rows = (folder / "one.tsv").read_text().splitlines(keepends=True)
    (folder / "one.tsv").write_text("".join([head, *rows[3:], *rows[2::-1]]))


def other_counts(folder):
    (folder / "raw/oneS3/matrix.mtx.gz").write_text("other")


def older(name, change):
    """A change after which the file is dated long before all results, as by ``cp -p``."""

    def changed(folder):
        change(folder)
        os.utime(folder / name, (1e9, 1e9))

    return changed


def nothing(folder):
    pass


PLOTS = {"plot_quality", "plot_cells", "plot_markers", "plot_donors", "plot_specifications"}
COMPARED = {"compare_donors", "compare_mediators", "explore_specifications"}
COMPARED |= {"compare_factors", "compare_perturbations"}
COMPARED |= {"plot_donors", "plot_specifications"}
GENES = PLOTS - {"plot_quality"} | COMPARED
GENES |= {"select_genes", "embed_cells", "map_cells", "cluster_cells", "annotate_cells"}
GENES |= {"assemble_tcells", "count_composition", "sum_pseudobulk", "score_activity"}
EXPRESSED = {"compare_expression", "compare_factors"}
GENES |= {"estimate_imbalance"} | EXPRESSED
LABELS = GENES - {"select_genes", "embed_cells", "map_cells", "cluster_cells"}
GATHERED = GENES | {"gather_cohort", "list_donors", "plot_quality"}
READ = GATHERED | {"process_sample"}
REPORT = {"write_report"}
ACROSS = REPORT | {"combine_cohorts", "plot_across"}

# Change -> the rules that run again for cohort one, for the others, and for all together.
CHANGES = {
    "nothing": (nothing, {}, {}, {}),
    "title": (one(title="Another"), PLOTS | {"assemble_tcells"}, {}, REPORT | {"plot_across"}),
    "citation": (one(citation="Somebody else, 2021"), {}, {}, REPORT),
    "covariates": (one(covariates=["sex"]), COMPARED | EXPRESSED, {}, ACROSS),
    "strata": (
        one(strata=[]),
        COMPARED | EXPRESSED | {"estimate_imbalance"},
        {},
        ACROSS,
    ),
    "qc of a cohort": (one(qc={"min_genes": 300}), READ, {}, ACROSS),
    "note": (
        cells(2, "note", "y"),
        {"list_donors", "assemble_tcells", "plot_quality"},
        {},
        REPORT,
    ),
    "sex": (
        cells(2, "sex", "M"),
        {"list_donors", "assemble_tcells", "explore_specifications"}
        | {"plot_quality", "plot_specifications"},
        {},
        REPORT,
    ),
    "age, a covariate": (
        cells(2, "age", "55"),
        COMPARED | EXPRESSED | {"list_donors", "assemble_tcells", "plot_quality"},
        {},
        ACROSS,
    ),
    "condition": (cells(1, "condition", "control"), READ, {}, ACROSS),
    "removed row": (removed_row, GATHERED, {}, ACROSS),
    "added donor": (added_donor, READ, {}, ACROSS),
    "counts of a sample": (other_counts, READ, {}, ACROSS),
    "counts of a sample, by an older file": (
        older("raw/oneS3/matrix.mtx.gz", other_counts),
        *(READ, {}, ACROSS),
    ),
    "another cohort": (settings(cohorts=["one.yaml", "two.yaml", "three.yaml"]), {}, READ, ACROSS),
    "a cohort less": (settings(cohorts=["one.yaml"]), {}, {}, ACROSS),
    "order of cohorts": (settings(cohorts=["two.yaml", "one.yaml"]), {}, {}, REPORT),
    "order of rows": (shuffled, {}, {}, REPORT),
    "downloads": (settings(downloads="elsewhere"), {}, READ | {"retrieve_cohort"}, ACROSS),
    "seed": (settings(seed=7), READ, READ, ACROSS),
    "bad samples": (settings(on_bad_sample="skip"), {}, {}, REPORT),
    "qc": (settings(qc={"max_pct_mito": 11}), READ, READ, ACROSS),
    "variable genes": (settings(normalize={"n_hvgs": 900}), GENES, GENES, ACROSS),
    "resolutions": (
        settings(embed={"resolutions": [1.0]}),
        *[{"cluster_cells", "assemble_tcells"}] * 2,
        REPORT,
    ),
    "map": (
        settings(embed={"min_dist": 0.2}),
        *[{"map_cells", "assemble_tcells", "plot_cells"}] * 2,
        REPORT,
    ),
    "poles": (
        settings(imbalance={"poles": {"tph": ["CD4_Tph_like"], "th22": ["CD4_Th22_like"]}}),
        *[COMPARED | {"estimate_imbalance"}] * 2,
        ACROSS,
    ),
    "cells of a donor": (
        settings(imbalance={"min_memory_cells": 30}),
        *[COMPARED | {"estimate_imbalance"}] * 2,
        ACROSS,
    ),
    "permutations": (settings(stats={"permutations": 2000}), *[COMPARED] * 2, ACROSS),
    "random sets": (
        settings(stats={"random_sets": 200}),
        *[
            {"explore_specifications", "plot_specifications"}
            | {"compare_perturbations", "plot_donors"}
        ]
        * 2,
        REPORT,
    ),
    "no regulon": (settings(stats={"regulon": ""}), *[{"plot_specifications"}] * 2, REPORT),
    "factors": (
        settings(stats={"factors": ["AHR", "JUN"]}),
        *[{"compare_factors", "plot_specifications"}] * 2,
        REPORT,
    ),
    "a perturbation of one's own": (
        settings(stats={"perturbations": "mine.tsv"}),
        *[{"compare_perturbations", "plot_donors"}] * 2,
        REPORT,
    ),
    "one more subset": (
        settings(stats={"de_subsets": ["memory_cd4", "cd4"]}),
        *[EXPRESSED | {"plot_specifications"}] * 2,
        REPORT,
    ),
    "prior": (settings(stats={"tau_scale": 0.4}), {}, {}, ACROSS),
    "a marker": (line_of("markers.tsv", "PTGDR2", "IL5"), READ, READ, ACROSS),
    "an older table of markers": (
        older("markers.tsv", line_of("markers.tsv", "PTGDR2", "IL5")),
        *(READ, READ, ACROSS),
    ),
    "a signature": (
        line_of("signatures.tsv", "IFI44L", "PARP9"),
        LABELS,
        LABELS,
        ACROSS | {"compare_signatures"},
    ),
}


DESIGNS = {"compare_exposures", "compare_groups", "compare_visits"}
DRAWN = {"plot_exposures", "plot_groups", "plot_visits"}
# The same in a cohort with exposures, groups, visits, antibody tags and receptors: of the rules of
# these.
TESTED = {"plot_proteins", "plot_receptors"}  # what is drawn from tests.tsv
DESIGN_RULES = DESIGNS | DRAWN | TESTED | {"normalize_proteins", "count_proteins"}
DESIGN_RULES |= {"read_receptors", "count_clones"}
DESIGN_CHANGES = {
    "nothing": (nothing, set()),
    "title": (one(title="Another"), DRAWN | TESTED),
    "sledai": (cells(2, "sledai", "9"), {"compare_exposures", *DRAWN} - {"plot_visits"}),
    "activity": (cells(1, "activity", "active"), {"compare_groups", *DRAWN} - {"plot_visits"}),
    "age, a covariate": (cells(1, "age", "55"), DESIGNS | DRAWN | TESTED),
    "another contrast": (
        one(contrasts=[{"case": "calm", "control": "active"}]),
        {"compare_groups", "plot_groups"},
    ),
    "covariates": (one(covariates=["sex"]), DESIGNS | DRAWN | TESTED),
    "margin": (
        settings(stats={"smallest_effect": {"E1": 0.7}}),
        {"compare_groups", "plot_groups", *TESTED},  # with E4 of tests.tsv
    ),
    "permutations": (
        settings(stats={"permutations": 2000}),
        DESIGNS | DRAWN | TESTED,
    ),
    "names of tags": (one(protein={"names": {"anti_X": "PD-1"}}), DESIGN_RULES),
    "variable genes": (
        settings(normalize={"n_hvgs": 900}),
        DESIGN_RULES - {"normalize_proteins", "read_receptors"},
    ),
    "receptors of a sample": (
        lambda folder: (folder / "raw/oneS1/contigs.csv").write_text(CONTIGS + "\n"),
        DESIGN_RULES - {"normalize_proteins"},
    ),
    "a sample without receptors": (cells(2, "vdj", ""), DESIGN_RULES - {"normalize_proteins"}),
}


def planned(tmp_path_factory, prepared, changes) -> dict:
    """What would be done after each change of a finished run."""
    base = tmp_path_factory.mktemp("base")
    workflow = project(base)
    prepared(base)
    planning.finished_without_work(workflow)
    folders = []
    for change, *_ in changes.values():
        folder = tmp_path_factory.mktemp("changed") / "run"
        shutil.copytree(base, folder)
        change(folder)
        folders.append(folder)
    found = planning.asked(folders, snakefile=ROOT / "Snakefile")
    return dict(zip(changes, found, strict=True))


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    return planned(tmp_path_factory, nothing, CHANGES)


@pytest.fixture(scope="module")
def design_plans(tmp_path_factory):
    return planned(tmp_path_factory, with_designs, DESIGN_CHANGES)


@pytest.mark.parametrize("name", DESIGN_CHANGES)
def test_what_runs_again_of_designs_and_tags(design_plans, name):
    jobs = [job for job in design_plans[name] if job["rule"] in DESIGN_RULES]
    assert {job["cohort"] for job in jobs} <= {"one"}
    assert {job["rule"] for job in jobs} == DESIGN_CHANGES[name][1]


def test_samples_are_not_read_again_for_their_receptors(design_plans):
    for name in ("receptors of a sample", "a sample without receptors"):
        rules = {job["rule"] for job in design_plans[name]}
        assert "process_sample" not in rules and "gather_cohort" not in rules


@pytest.mark.parametrize("name", CHANGES)
def test_what_runs_again(plans, name):
    _, of_one, of_others, across = CHANGES[name]
    rules = {"one": set(of_one), "others": set(of_others), "across": set(across)}
    found = {"one": set(), "others": set(), "across": set()}
    for job in plans[name]:
        if job["rule"] != "everything":
            found[{"one": "one", "": "across"}.get(job["cohort"], "others")].add(job["rule"])
    assert found == rules


@pytest.mark.parametrize(
    ("name", "n"), [("added donor", 1), ("counts of a sample", 1), ("qc of a cohort", 6)]
)
def test_samples_that_are_read_again(plans, name, n):
    assert sum(job["rule"] == "process_sample" for job in plans[name]) == n


def test_a_moved_checkout_runs_nothing(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for name in ("workflow", "resources", "config", "envs"):
        shutil.copytree(ROOT / name, here / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", here / "Snakefile")
    project(here)
    config(here, resources={"markers": "resources/markers.tsv"})
    planning.finished_without_work(Workflow(here), here / "Snakefile")
    here.rename(there)
    assert planning.asked([there], snakefile=there / "Snakefile") == [[]]
