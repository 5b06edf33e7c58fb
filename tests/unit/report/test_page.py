"""The report from made-up results: what it says, and that it stands alone and is accessible."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest
from made_up_report import CONFIG, SETTINGS, build_page, cells_of, results
from tilt.figures.names import p_text
from tilt.figures.registry import FIGURES
from tilt.report import answer as report_text
from tilt.report import captions, cell_map, html_tables, opening, provenance, svg
from tilt.report import methods as report_methods
from tilt.report import page as report
from tilt.report.answer import CohortResults


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> tuple[str, Path]:
    """A page with two real figures and one sentence, as the workflow would build it."""
    target = build_page(tmp_path_factory.mktemp("results"))
    return target.read_text(), target


class Outline(HTMLParser):
    """Headings, ids, links, images and tags left open."""

    VOID = ("meta", "link", "img", "input", "br", "hr")

    def __init__(self):
        super().__init__()
        self.headings, self.ids, self.links, self.images, self.open = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs["href"])
        if tag == "img":
            self.images.append(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


@pytest.fixture(scope="module")
def outline(page) -> Outline:
    found = Outline()
    found.feed(page[0])
    return found


def test_page_is_one_file_without_network(page):
    text = page[0]
    assert not re.search(r'(src|href)="(https?:)?//', text)
    assert "@import" not in text and "url(" not in text
    assert len(text.encode()) < 3.3e6


def test_page_is_well_formed_and_accessible(outline):
    assert outline.open == []
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    steps = np.diff(outline.headings)
    assert steps.max() <= 1
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.images and all(image["alt"] for image in outline.images)


def test_links_lead_somewhere(outline, page):
    inner = [link[1:] for link in outline.links if link.startswith("#")]
    assert set(inner) <= set(outline.ids)
    files = [link for link in outline.links if not link.startswith("#")]
    assert "figures/demo/imbalance.pdf" in files
    assert all((page[1].parent / link).exists() for link in files)


def test_page_says_that_data_are_simulated_and_which_samples_were_left_out(page):
    assert page[0].count("simulated data") >= 4 and "Simulated data." in page[0]
    left_out = page[0].split("<h3>Samples left out</h3><ul>")[1].split("</ul>")[0]
    assert left_out == "<li><strong>C01_lib1</strong>: no cells left after few genes</li>"


def test_sentence_figure_is_text_not_an_image(page, outline):
    left_out = page[0].split("<h3>Figures left out</h3>")[1].split("</ul>")[0]
    assert "<strong>Lineages and groups per donor</strong>: The cohort holds sorted" in left_out
    assert len(outline.images) == 2


def test_answer_has_effect_interval_and_n():
    one = results()
    first, second, third = report_text.answer(one)
    row = report_text.primary_row(one.table("tests"))
    assert row.quantity == "E3"
    assert "10 SLE and 8 control donors" in first
    assert f"{row.effect:+.2f} SD (95% CI {row.ci_low:.2f} to {row.ci_high:.2f})" in first
    assert "higher in SLE than in control" in first
    assert "E1 " in second and "interferon score of memory CD4 T cells" in second
    assert "CXCL13 in none, IL22 in 0.02%" in third
    assert "adjusted for age, sex" in third and "smaller arm" in third


def test_answer_of_one_arm_gives_the_reason():
    first, second, _ = report_text.answer(results(5, 0))
    assert first == (
        "With 0 SLE and 5 control donors, the imbalance could not be compared: "
        "fewer than 3 donors in an arm."
    )
    assert "not estimable" in second


def test_direction_never_claims_absence():
    row = pd.Series({"ci_low": -0.1, "ci_high": 0.3})
    assert report_text.direction(row, "SLE", "control") == (
        "not shown to differ between SLE and control"
    )
    assert report_text.direction(row - 1, "SLE", "control") == "lower in SLE than in control"


def test_across_says_model_interval_other_sign_and_the_average_of_these_cohorts():
    table = made_up.meta()
    first, second, third = report_text.across(table, [results()])
    front = table[(table["quantity"] == "E3") & table["leads"].astype(bool)].iloc[0]
    assert first.startswith("Across 3 cohorts (30 cases, 24 controls), the pseudobulk axis")
    assert (
        f"(random effects, half-normal 0.5; 95% credible interval −{-front['ci_low']:.2f}" in first
    )
    assert f"probability of the other sign = {front['p'] / 2:.2f}, I² 58%, prediction" in first
    average = table[(table["quantity"] == "E3") & (table["model"] == "common effect")].iloc[0]
    said = f"{average['effect']:+.2f} (95% CI −{-average['ci_low']:.2f} to {average['ci_high']:.2f}"
    assert f"the average of these cohorts was {said}" in first
    assert "E1" in second and "E2" in second
    assert third.startswith("demo: simulated data")


def test_across_speaks_of_the_estimator_that_most_cohorts_have():
    """E1 leads in the one cohort shown, and two cohorts have it; E2 and E3 three."""
    one = results()
    tests = one.table("tests").assign(role="sensitivity")
    tests.loc[tests["quantity"] == "E1", "role"] = "primary"
    one.tables["tests"] = tests
    first, second, _ = report_text.across(made_up.meta(), [one])
    assert "Tph-score-high" in first and "Across 3 cohorts" in first
    assert "E1" in second


def test_across_from_five_cohorts_on_gives_p():
    table = made_up.meta(("a", "b", "c", "d", "e"))
    first = report_text.across(table, [results()])[0]
    front = table[(table["quantity"] == "E3") & table["leads"].astype(bool)].iloc[0]
    assert front["model"] == "modified Knapp-Hartung"
    assert "(random effects, modified Knapp-Hartung; 95% CI" in first
    assert f", p {p_text(front['p'])}, I²" in first


def test_across_with_one_cohort_says_that_two_are_needed():
    meta = made_up.meta().query("cohort != 'all'")
    assert "at least two cohorts" in report_text.across(meta, [results()])[0]


@pytest.mark.parametrize("name", [n for n, figure in FIGURES.items() if not figure.across])
def test_every_caption_survives_empty_tables(name):
    empty = CohortResults(made_up.cohort(), SETTINGS)
    assert captions.caption(FIGURES[name], empty).startswith("Simulated data.")


def test_caption_counts_cells_and_genes():
    one = results(simulated=False)
    text = captions.caption(FIGURES["qc_waterfall"], one)
    kept = one.table("qc_waterfall").groupby("sample").tail(1)["n_left"].sum()
    assert f"in 18 samples, {kept:,} kept" in text
    others = one.table("specifications").query("estimable and family != 'main'")
    text = captions.caption(FIGURES["robustness"], one)
    assert f"measured in {len(others)} other ways" in text
    low = captions.caption(FIGURES["detectability"], one)
    assert "CXCL13, IL22, IL21, IL26." in low


def test_table_sorts_by_number_and_escapes():
    table = pd.DataFrame({"gene": ["<b>", "x"], "p": [0.00012, np.nan], "told": [True, False]})
    table["limit"] = [np.inf, 2.0]
    text = html_tables.html_table(table, "a caption")
    assert "&lt;b&gt;" in text and "<b>" not in text
    assert 'data-v="0.00012"' in text and "0.00012" in text and "–" in text and ">yes<" in text
    assert "∞" in text and 'data-v="inf"' not in text


def test_long_table_says_how_much_is_shown():
    table = pd.DataFrame({"n": range(1000)})
    text = html_tables.html_table(table, "many", most=10)
    assert text.count("<tr>") == 11 and "the first 10 of 1,000 rows" in text


def test_scatter_tells_every_donor():
    one = results()
    text = svg.donor_scatter(
        one.table("composition"), one.table("imbalance"), one.cohort, made_up.LABELS
    )
    assert text.count("<circle") == 18
    assert "S01 (SLE); Tph side" in text and one.cohort.color("SLE") in text


def test_donors_are_reached_by_keyboard_and_screen_reader():
    one = results()
    text = svg.donor_scatter(
        one.table("composition"), one.table("imbalance"), one.cohort, made_up.LABELS
    )
    assert len(re.findall(r'tabindex="0" role="img" aria-label="[CS]\d\d \(', text)) == 18


def decoded(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_map_holds_what_was_drawn():
    made = cells_of(made_up.donors(3, 3))
    found = json.loads(cell_map.payload(made, made_up.cohort()))
    cells = made["cells"]
    assert found["said"] == f"{len(cells)} of 1,200 cells drawn"
    assert list(found["groups"]) == ["subset", "condition", "donor", "batch", "state"]
    for name, group in found["groups"].items():
        keys = np.array(group["keys"])[decoded(group["codes"], np.uint8)]
        assert (keys == cells[name].astype(str)).all()
        assert sum(group["sizes"]) == len(cells)
    x = decoded(found["x"], "<u2").astype(float)
    assert np.corrcoef(x, cells["x"])[0, 1] > 0.9999
    gene = found["numbers"]["PDCD1"]
    assert gene["low"] == 0 and decoded(gene["codes"], np.uint8).max() == 255
    order = np.argsort(made["values"]["PDCD1"].to_numpy(), kind="stable")
    assert (np.diff(decoded(gene["codes"], np.uint8)[order].astype(int)) >= 0).all()
    whole = cell_map.payload(made | {"n": len(cells)}, made_up.cohort())
    assert f"all {len(cells)} cells drawn" in whole


def test_map_text_cannot_leave_its_script():
    made = cells_of(made_up.donors(2, 2))
    made["cells"]["donor"] = "</script><b>"
    text = cell_map.payload(made, made_up.cohort())
    assert "<" not in text
    assert json.loads(text)["groups"]["donor"]["keys"] == ["</script><b>"]


def test_cells_are_drawn_in_proportion():
    rows = cell_map.chosen(40_000, 5_000, 1)
    assert len(rows) == len(set(rows)) == 5_000 and (np.diff(rows) > 0).all()
    assert abs((rows < 4_000).mean() - 0.1) < 0.02
    assert list(cell_map.chosen(10, 5_000, 1)) == list(range(10))
    flags = pd.DataFrame({"tph_high": [True, False, True], "isg_high": [True, False, False]})
    assert list(cell_map.states(flags)) == ["Tph-score high + ISG high", "none", "Tph-score high"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"effect": 0.01, "ci_low": 0.005, "ci_high": 0.015},
            "About as many Tph/Tfh cells per Th22-like cell in SLE as in control (95% CI 1 to 1; "
            "10 + 8 donors).",
        ),
        (
            {"effect": np.log(2.9), "ci_low": np.log(1.2), "ci_high": np.log(6.7)},
            "About 2.9 times as many Tph/Tfh cells per Th22-like cell in SLE as in control (95% CI "
            "1.2 to 6.7; 10 + 8 donors).",
        ),
        (
            {"effect": np.log(0.5), "ci_low": np.log(0.1), "ci_high": np.log(25)},
            "About 0.5 times as many Tph/Tfh cells per Th22-like cell in SLE as in control (95% CI "
            "0.1 to 25; 10 + 8 donors): too wide to say which way, so this cohort alone leaves it "
            "open.",
        ),
        (
            {"quantity": "E3", "unit": "SD", "effect": -0.6, "ci_low": -0.9, "ci_high": -0.3},
            "The balance of SLE lies 0.6 SD further to the Th22 side than that of control (95% CI "
            "0.3 to 0.9; 10 + 8 donors).",
        ),
        (
            {"quantity": "E3", "unit": "SD", "effect": 0.5, "ci_low": -0.3, "ci_high": 1.3},
            "The balance of SLE lies 0.5 SD further to the Tph side than that of control (95% CI "
            "−0.3 to 1.3; 10 + 8 donors): too wide to say which way, so this cohort alone leaves "
            "it open.",
        ),
        (
            {"quantity": "CD4_Treg_eff", "denominator": "cd4", "unit": "arcsine root"}
            | {"effect": -0.2, "ci_low": -0.3, "ci_high": -0.1}
            | {"points": -6.1, "points_low": -9.2, "points_high": -3.0},
            "The share of CD4 Treg effector among CD4 T cells is 6.1 percentage points lower in "
            "SLE than in control (95% CI 3 to 9.2; 10 + 8 donors).",
        ),
        (
            {"quantity": "IFN1_T_CORE", "denominator": "cd4", "unit": "SD"}
            | {"effect": 0.5, "ci_low": -0.1, "ci_high": 1.1},
            "Type I interferon is 0.5 SD higher in SLE than in control (95% CI −0.1 to 1.1; 10 + 8 "
            "donors): too wide to say which way, so this cohort alone leaves it open.",
        ),
        ({"estimable": False, "reason": "too few."}, "The balance could not be compared: too few."),
    ],
)
def test_opening_is_one_plain_sentence(change, text):
    one = results()
    row = {"role": "primary", "method": "ols_hc2", "quantity": "E1", "unit": "ln ratio"}
    row |= {"estimable": True, "reason": "", "n_case": 10, "n_control": 8}
    row |= dict.fromkeys(("effect", "ci_low", "ci_high"), np.nan)
    one.tables["tests"] = pd.DataFrame([row | change])
    assert opening.sentence(one) == text


def test_opening_without_a_comparison():
    one = results()
    one.tables["tests"] = pd.DataFrame()
    assert "No comparison" in opening.sentence(one) and opening.dots(one) == ""


def test_opening_shows_every_donor():
    one = results()
    values = one.table("imbalance")
    lead = report_text.primary_row(one.table("tests")).quantity
    rows = values[(values["estimator"] == lead) & values["value"].notna()]
    text = opening.dots(one)
    assert text.count("<circle") == len(rows) > 10
    assert text.count(f'fill="{one.cohort.color("SLE")}"') == (rows["condition"] == "SLE").sum()


def test_genes_that_are_not_measured_are_named_and_never_nan():
    one = results()
    found = one.table("detectability").copy()
    found.loc[found["gene"] == "CXCL13", ["pct_cells", "n_cells"]] = np.nan
    one.tables["detectability"] = found
    text = report_text.cannot_show(one)
    assert "nan" not in text and "CXCL13 was not measured" in text


def test_cross_cohort_part_only_with_cohorts_to_combine(tmp_path, page):
    assert 'id="across"' not in page[0] and "Across cohorts" not in page[0]
    two = build_page(tmp_path, more=1).read_text()
    assert 'id="across"' in two and "<h3>Across cohorts</h3>" in two
    assert two.index('<p class="plain">') < two.index("<h3>Across cohorts</h3>")


def test_of_many_cohorts_what_they_say_together_comes_first(tmp_path):
    many = build_page(tmp_path, more=report.MANY).read_text()
    answer = many[many.index('id="answer"') : many.index('id="across"')]
    folded = answer.index(f"<summary>Each of the {report.MANY + 1} cohorts</summary>")
    assert answer.index("<h3>Across cohorts</h3>") < folded < answer.index('<p class="plain">')
    assert answer.count('<div class="opening">') == report.MANY + 1
    outline = Outline()
    outline.feed(many)
    assert not outline.open


def test_methods_follow_the_config():
    one = results(simulated=False)
    text = " ".join(report_methods.methods(CONFIG, [one]))
    assert "at least 500 UMIs and 200 genes and at most 20% mitochondrial UMIs" in text
    assert "Harmony" in text and "10,000 permutations" in text
    assert "Ambient RNA was not removed" in text and "decoupler" not in text
    factors = {**CONFIG, "stats": {**CONFIG["stats"], "regulon": "regulons.tsv"}}
    told = " ".join(report_methods.methods(factors, [one]))
    assert "decoupler" in told and "; 6 targets that define the imbalance were left out" in told
    assert "against 1,000 random sets of as many genes" in told
    bare = {**CONFIG, "embed": {**CONFIG["embed"], "harmony": False}}
    assert "Harmony" not in " ".join(report_methods.methods(bare, [one]))
    cited = " ".join(report_methods.citations(bare, [one]))
    assert "Somebody 2020" in cited and "Korsunsky" not in cited


def test_costs_add_up_by_rule(tmp_path):
    for path, s, mb in (("demo/a", 2.0, "100"), ("demo/b/x", 1.0, "50"), ("demo/b/y", 3.0, "-")):
        target = tmp_path / f"{path}.tsv"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"s\tmax_rss\n{s}\t{mb}\n")
    (tmp_path / "demo" / "broken.tsv").write_text("nothing\n")
    found = provenance.costs(tmp_path).set_index("rule")
    assert found.loc["b", ["jobs", "total_s", "longest_s", "most_mb"]].tolist() == [
        2,
        4.0,
        3.0,
        50.0,
    ]
    assert list(found.index) == ["b", "a"]


def test_notes_on_samples_are_told_once_with_who_has_them():
    samples = pd.DataFrame({"sample": ["S1", "S2", "S3"]})
    samples["notes"] = ["7 names changed; no MT gene", "8 names changed; no MT gene", "no MT gene"]
    found = report.noticed(samples)
    assert found == [("7 names changed", "S1, S2"), ("no MT gene", "every sample")]
    assert report.noticed(samples.assign(notes=None)) == []
    assert report.noticed(samples.drop(columns="notes")) == []
