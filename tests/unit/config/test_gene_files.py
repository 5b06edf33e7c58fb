"""Tables of genes are checked before work: aliases, exclusions, regulons, markers, signatures."""

import pytest
from projects import MARKERS, SIGNATURES


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("gene_aliases", "", "gene_aliases.tsv: the table is empty"),
        ("gene_aliases", "old\tnew\n", "line 1: column `current` is missing"),
        ("gene_aliases", "old\tcurrent\nA\t\n", "line 2, column `current`: empty"),
        ("gene_aliases", 'old\tcurrent\n"A\tB\n', "line 2: a quote"),
        ("excluded_genes", "list\tkind\tvalue\na\tword\tX\n", "must be one of gene, regex"),
        ("gene_aliases", "old\tcurrent\nA\tB\nA\tC\n", "A stands twice, first in line 2"),
        ("gene_aliases", "old\tcurrent\nA\tB\tC\n", "line 2: 3 cells for 2 columns"),
        ("gene_aliases", "old\tcurrent\told\nA\tB\tC\n", "column `old` occurs 2 times"),
        ("gene_aliases", "old\tcurrent\nA\tB\x1b[31m\n", "line 2: holds characters that control"),
        ("excluded_genes", "list\tkind\tvalue\na\tregex\t[X\n", "not a regular expression"),
        ("excluded_genes", "list\tkind\tvalue\na\tregex\t.*\n", "expression fits every gene"),
    ],
)
def test_plain_tables(project, kind, text, said):
    project.tables[kind] = text
    found = [problem for problem in project.problems() if said in problem]
    assert len(found) == 1, project.problems()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source\ttarget\nAHR\tIL22\n", "column `weight` is missing"),
        ("source\ttarget\tweight\n", "header but no rows"),
        ("source\ttarget\tweight\nAHR\tTIPARP\thigh\n", "line 2, column `weight`: not a number"),
        ("source\ttarget\tweight\nAHR\tTIPARP\tinf\n", "line 2, column `weight`: not a weight"),
        ("source\ttarget\tweight\nAHR\tTIPARP\t1_0\n", "line 2, column `weight`: not a weight"),
    ],
)
def test_regulon(project, text, said):
    project.write("regulon.tsv", text)
    project.config["stats"] = {"regulon": "regulon.tsv"}
    assert len([problem for problem in project.problems() if said in problem]) == 1


HEAD = "perturbation\tgene\tlog2_fold_change\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("perturbation\tgene\tlogFC\nKO\tAHRR\t-1\n", "column `log2_fold_change` is missing"),
        (HEAD, "header but no rows"),
        (HEAD + "KO\tAHRR\tdown\n", "line 2, column `log2_fold_change`: not a number"),
        (HEAD + "KO\tAHRR\t0\n", "line 2, column `log2_fold_change`: not a change"),
        (HEAD + "KO\tAHRR\t900\n", "line 2, column `log2_fold_change`: beyond 50"),
        (HEAD + "KO\t\t1\n", "line 2, column `gene`: empty"),
        (HEAD + "KO\tAhrr\t1\nKO\tMx1\t1\nKO\tCD4\t1\n", "2 of 3 genes are written as those of"),
        (
            HEAD + "KO\tAHRR\t1\nX\tAHRR\t1\nKO\tAHRR\t2\n",
            "AHRR stands twice under KO, first in line 2",
        ),
    ],
)
def test_perturbations(project, text, said):
    project.write("mine.tsv", text)
    project.config["stats"] = {"perturbations": "mine.tsv"}
    assert len([problem for problem in project.problems() if said in problem]) == 1


def test_a_table_of_perturbations_that_is_not_there_is_told(project):
    project.config["stats"] = {"perturbations": "mine.tsv"}
    (told,) = project.problems()
    assert "stats: perturbations" in told and "the file does not exist" in told


def test_a_sound_regulon_passes(project):
    project.write("regulon.tsv", "# own\nsource\ttarget\tweight\nAHR\tTIPARP\t1\n")
    project.write("mine.tsv", HEAD + "KO\tAHRR\t-1.5\nKO\tMX1\t0.2\n")
    project.config["stats"] = {"regulon": "regulon.tsv", "perturbations": "mine.tsv"}
    assert project.problems() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("CD4_Memory", "memory_cd4", "line 5, column `label`: memory_cd4 has a meaning of its own"),
        ("CD4_Memory", "unassigned", "unassigned has a meaning of its own"),
        ("\tmemory\n", "\t\n", "no label has the compartment `memory`"),
        ("CD3D CD3E", "CD3D CD3D", "CD3D occurs twice among the positive genes"),
    ],
)
def test_markers(project, old, new, said):
    project.tables["markers"] = MARKERS.replace(old, new)
    assert len([problem for problem in project.problems() if said in problem]) == 1


def test_genes_of_mice(project):
    mouse = MARKERS.replace("CD3D CD3E", "Cd3d Cd3e Trac").replace("CD4\tCD8A", "Cd4\tCd8a")
    project.tables["markers"] = mouse
    assert "4 of 6 genes are written as those of mice" in "".join(project.problems())
    project.tables["markers"] = MARKERS.replace("CD3D CD3E", "CD3D Cd3e")
    assert "those of mice" not in "".join(project.problems())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SIGNATURES.replace("\t1\n", "\t1e999\n"), "line 2, column `weight`: beyond 100"),
        (SIGNATURES.replace("\t1\n", "\t0\n").replace("-0.5", "0"), "all weights are zero"),
        (SIGNATURES + "isg15\tIFN\t1\n", "gene ISG15 occurs 2 times in set IFN"),
        (SIGNATURES.replace("IFN", "E3"), "E3 has a meaning of its own"),
    ],
)
def test_signatures(project, text, said):
    project.tables["signatures"] = text
    assert len([problem for problem in project.problems() if said in problem]) == 1


def test_two_links_to_one_folder_are_one_file(project):
    (project.folder / "raw/S4").symlink_to(project.folder / "raw/S1")
    project.sheet = project.sheet.replace("\tM\tS3", "\tM\tS4")
    assert "lines 2, 4: samples S1 and S3 have the same file" in "".join(project.problems())
