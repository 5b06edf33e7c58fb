"""The report from made-up results: what it says, and that it stands alone and is accessible."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest
from made_up_report import CONFIG, SETTINGS, build_page, results
from PIL import Image
from tilt.figures import composition, embedding, style
from tilt.figures.names import p_text, subset_color
from tilt.figures.registry import FIGURES
from tilt.report import answer as report_text
from tilt.report import captions, html_tables, provenance, svg
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


def test_page_says_that_data_are_simulated(page):
    assert page[0].count("simulated data") >= 4
    assert "Simulated data." in page[0]


def test_sentence_figure_is_text_not_an_image(page, outline):
    assert "Lineages and groups per donor is not shown." in page[0]
    assert len(outline.images) == 2


def test_embedded_picture_keeps_the_colors_of_rare_subsets(tmp_path, monkeypatch):
    """The two poles and the conditions stay within 24 of 255 in every channel."""
    cells = made_up.umap(made_up.donors(3, 3), 200)
    style.save(*embedding.draw(cells, made_up.cohort()), tmp_path / "umap")
    monkeypatch.setattr(report, "MOST_SVG", 0)
    uri = report.data_uri(tmp_path / "umap")
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB")
    assert picture.width == report.PNG_WIDTH
    seen = np.asarray(picture).reshape(-1, 3).astype(int)
    for subset in ("CD4_Tph_like", "CD4_Th22_like", "CD4_Treg_eff"):
        color = subset_color(subset)
        wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(seen - wanted).max(axis=1).min() <= 24, subset


def test_embedded_picture_keeps_its_grays(tmp_path, monkeypatch):
    """Bands behind the rows stay gray, within 1 of 255."""
    made = made_up.study(3, 3)
    style.save(
        *composition.draw(made["composition"], made["tests"], made_up.cohort()), tmp_path / "c"
    )
    monkeypatch.setattr(report, "MOST_SVG", 0)
    picture = Image.open(
        io.BytesIO(base64.b64decode(report.data_uri(tmp_path / "c").split(",")[1]))
    )
    colors, n = np.unique(
        np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0, return_counts=True
    )
    band = colors[np.argsort(-n)[1]].astype(int)
    assert np.abs(band - 246).max() <= 1


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


def test_umap_is_thinned_but_keeps_rare_subsets():
    cells = pd.DataFrame({"x": np.arange(40000.0), "y": 0.0, "subset": "CD4_CM"})
    cells.loc[:4, "subset"] = "CD4_Th22_like"
    text = svg.umap(cells, made_up.cohort(), 1)
    assert 4000 < text.count("h0") < 6000
    rare = re.search(r'data-set="CD4_Th22_like" d="([^"]*)"', text)[1]
    assert rare.count("M") == 5
    assert "39,995" in text


def test_methods_follow_the_config():
    one = results(simulated=False)
    text = " ".join(report_methods.methods(CONFIG, [one]))
    assert "at least 500 UMIs and 200 genes and at most 20% mitochondrial UMIs" in text
    assert "Harmony" in text and "10,000 permutations" in text
    assert "Ambient RNA was not removed" in text and "decoupler" not in text
    factors = {**CONFIG, "stats": {**CONFIG["stats"], "regulon": "regulons.tsv"}}
    assert "decoupler" in " ".join(report_methods.methods(factors, [one]))
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
