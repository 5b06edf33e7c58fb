"""Settings that contradict each other are told before work, with the place and the fix."""

import pytest
from projects import REPO


def first(project) -> str:
    found = project.problems()
    assert len(found) == 1, found
    return found[0].splitlines()[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"embed": {"n_pcs": 100}, "normalize": {"n_hvgs": 50}}, "more components than"),
        ({"embed": {"resolutions": [1.0, 1.0000001]}}, "are both written 1 in the name"),
        (
            {"imbalance": {"poles": {"tph": ["CD4_Naive"], "th22": ["CD4_Naive"]}}},
            "CD4_Naive stands at both ends",
        ),
        ({"imbalance": {"tph_set": "IFN", "th22_set": "IFN"}}, "are the same signature"),
        ({"downloads": "$NOT_SET_ANYWHERE/x"}, "names a variable that is not set"),
        ({"downloads": "a\x00b"}, "no name of a folder"),
        ({"qc": {"max_counts": 400}}, "max_counts must be above min_counts"),
        ({"qc": {"n_mads": float("inf")}}, "qc: n_mads: not a finite number"),
        ({"normalize": {"target_sum": float("nan")}}, "normalize: target_sum: not a finite number"),
        ({"stats": {"mediators": ["IFN"], "handling_sets": ["IFN"]}}, "is both a mediator and"),
        ({"stats": {"permutations": 10**12}}, "stats: permutations"),
        ({"stats": {"random_sets": 10**9}}, "stats: random_sets"),
        ({"cohorts": ["a" * 3000]}, "no name of a cohort"),
        ({"embed": {"device": "gpu"}}, "package rapids-singlecell is not installed here"),
        ({"qc": {"min_counts": 10**12}}, "qc: min_counts"),
        ({"stats": {"de_subsets": ["CD4", "cd4"]}}, "CD4 and cd4 differ only by case"),
        ({"imbalance": {"poles": {"tph": ["CD8_CM"]}}}, "CD8_CM is no memory CD4 subset"),
        ({"imbalance": {"poles": {"th22": ["CD4"]}}}, "CD4 is no memory CD4 subset"),
        ({"imbalance": {"poles": {"th22": ["CD4_Treg_eff"]}}}, "is no memory CD4 subset"),
    ],
)
def test_of_the_config(project, change, said):
    project.config |= change
    found = [text for text in project.problems() if said in text]
    assert len(found) == 1, project.problems()
    assert len(found[0]) < 1500


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": "condition"}, "would take the effect away"),
        ({"batch": "donor"}, "would take the effect away"),
        ({"qc": {"max_genes": 100}}, "max_genes must be above min_genes"),
        ({"same_donors_as": ["mine"]}, "shares all donors with itself"),
        ({"contrast": {"case": "SLE", "control": "control", "paired": True}}, "none of 3 donors"),
        ({"retrieve": [{"name": "a"}]}, "neither `urls` nor `cellxgene`"),
        ({"retrieve": [{"name": "lock.json", "urls": ["x"]}]}, "this name is tilt's own"),
        (
            {"retrieve": [{"name": "a", "urls": ["http://x.org/a"]}]},
            "only https addresses are fetched",
        ),
        ({"retrieve": [{"name": "a", "urls": ["file:///etc/passwd"]}]}, "only https addresses"),
        ({"retrieve": [{"name": "a", "urls": ["http://127.0.0.1.x.org/a"]}]}, "only https"),
        ({"retrieve": [{"name": "a", "urls": ["https://me:pw@x.org/a"]}]}, "a name or password"),
        ({"retrieve": [{"name": "a", "urls": ["https://[::1/a"]}]}, "no address (Invalid IPv6"),
        ({"retrieve": [{"name": "a", "urls": ["x"]}] * 2}, "two entries have this name"),
        ({"retrieve": [{"name": "a", "urls": ["x"]}], "folder": "../x"}, "out of the download"),
        ({"retrieve": [{"name": "a", "urls": ["x"]}], "folder": "/etc"}, "out of the download"),
    ],
)
def test_of_a_cohort(project, change, said):
    project.cohort |= change
    assert said in first(project)


def test_one_file_that_no_entry_fetches(project):
    fetched = {"retrieve": [{"name": "a.h5ad", "urls": ["https://x.org/a"]}]}
    project.cohort |= {"format": "h5ad", "file": "b.h5ad", "folder": "x"} | fetched
    (found,) = project.problems()
    assert "lines 2-4: none of the files that `retrieve` names" in found
    assert "found:   resources/downloads/x/b.h5ad" in found
    project.cohort["file"] = "a.h5ad"
    assert project.problems() == []


def test_of_a_simulated_cohort(project):
    project.write("parameters.yaml", "- a list\n")
    project.cohort |= {"simulated": "parameters.yaml", "format": "table", "folder": "/tmp"}
    found = project.problems()
    assert [text.splitlines()[0] for text in found] == [
        "parameters.yaml: must be keys with values, such as `name: my_cohort`",
        "config/cohorts/mine.yaml: format: the simulator does not write this format",
        "config/cohorts/mine.yaml: folder: simulated files are read from elsewhere than they "
        "are written",
    ]


def test_a_whole_number_written_with_a_point_is_whole(project):
    project.config |= {"seed": 1000.0, "stats": {"permutations": 2000.0}, "qc": {"n_mads": 3.0}}
    project.cohort["qc"] = {"min_genes": 100.0}
    settings, found = project.check()
    assert found == []
    config, cohort = settings["config"], settings["cohorts"]["mine"]
    whole = (config["seed"], config["stats"]["permutations"], cohort["qc"]["min_genes"])
    assert [repr(value) for value in whole] == ["1000", "2000", "100"]
    assert repr(config["qc"]["n_mads"]) == "3.0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "mine\n"}, "name: not written as it must be"),
        ({"title": "   "}, "title: not written as it must be"),
        ({"title": "a\nb"}, "title: a b"),
        ({"title": "x" * 10_000}, "title: the text is too long"),
        ({"covariates": ["path"]}, "`path` is where files are and cannot be adjusted for"),
    ],
)
def test_of_the_words_of_a_cohort(project, change, said):
    project.cohort |= change
    found = [text for text in project.problems() if said in text]
    assert len(found) == 1, project.problems()


def test_poles_of_a_published_table(project):
    project.write("counts.tsv", "donor\tTph\tTh22\nD1\t4\t2\n")
    project.cohort |= {"format": "composition_table", "file": "counts.tsv", "folder": "."}
    project.cohort["composition"] = {"poles": {"tph": ["Tph"], "th22": ["Tph"]}}
    assert "composition: poles: Tph stands at both ends" in first(project)
    project.cohort["composition"] = {"poles": {"tph": ["Tph"]}}
    assert "tph is given and th22 is not" in first(project)


def test_yaml_that_grows_or_nests_without_end(project):
    lines = ["a0: &a0 [x, x]"] + [
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)
    ]
    project.write("bomb.yaml", "\n".join(lines) + "\n")
    project.write("deep.yaml", "a: " + "[" * 5000 + "]" * 5000 + "\n")
    project.write("deeper.yaml", "a: " + "[" * 200_000)  # beyond the stack of the reader in C
    project.config["cohorts"] = ["bomb.yaml", "deep.yaml", "deeper.yaml"]
    from tilt.config import check

    _, found = check.check(project.config, [project.folder, REPO])
    text = "\n".join(found)
    assert "bomb.yaml: more than 100,000 values" in text
    assert "deep.yaml: values are nested too deeply" in text
    assert "deeper.yaml: values are nested too deeply" in text


@pytest.mark.parametrize("value", ["2020-13-45", "9" * 5000])
def test_yaml_that_its_reader_cannot_turn_into_a_value(project, value):
    project.written = f"name: mine\ntitle: {value}\n".encode()
    assert "mine.yaml: not valid YAML: " in first(project)


def test_characters_of_a_terminal_in_a_cohort_file(project):
    project.cohort["title"] = "My \x1b[31mcohort"
    assert "title: holds characters that control a terminal or are no text" in first(project)
    project.cohort |= {"title": "My cohort", "label_map": {"a": "b\u202e"}, "author_labels": "x"}
    assert "label_map: a: holds characters that control" in "\n".join(project.problems())
