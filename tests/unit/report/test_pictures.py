"""Figures in the page: small ones as SVG, others as pictures that keep their colors."""

import base64
import io
import re

import made_up
import numpy as np
from made_up_report import build_page
from PIL import Image
from tilt.figures import composition, embedding, style
from tilt.figures.names import subset_color
from tilt.report import page as report


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


def test_many_figures_become_lighter_pictures_and_the_page_says_so(tmp_path, monkeypatch):
    whole = build_page(tmp_path / "a").read_text()
    assert "data:image/svg+xml" in whole and "pictures of fewer pixels" not in whole
    monkeypatch.setattr(report, "MOST_PICTURES", 1000)
    light = build_page(tmp_path / "b").read_text()
    found = re.findall(r'<figure.*?src="data:(image/[a-z+]+);base64,([^"]+)"', light, re.S)
    assert found and {kind for kind, _ in found} == {"image/png"}
    sizes = [Image.open(io.BytesIO(base64.b64decode(text))).width for _, text in found]
    assert max(sizes) == report.LIGHT_WIDTH
    assert f"the {len(found)} in this page are pictures of fewer pixels" in light


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
