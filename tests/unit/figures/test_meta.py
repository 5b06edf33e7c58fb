"""The forest of many cohorts can be read: one line each, none over another."""

import itertools

import made_up
import pytest
from tilt.figures import meta


@pytest.mark.parametrize("n", [3, 40])
def test_no_text_lies_over_another(n):
    cohorts = [f"c{i}" for i in range(n)]
    labels = {name: f"Cohort with a rather long title, number {name}" for name in cohorts}
    fig, shown = meta.draw(made_up.meta(cohorts), labels)
    fig.draw_without_rendering()
    renderer = fig._get_renderer()
    panels = [ax for ax in fig.axes if ax.get_yticklabels() and ax.axison]
    for ax in panels:
        boxes = [text.get_window_extent(renderer) for text in ax.get_yticklabels()]
        boxes = sorted((b.y0, b.y1) for b in boxes)
        over = [above[0] - below[1] for below, above in itertools.pairwise(boxes)]
        assert min(over) > -0.5, (n, min(over))
    many = n > meta.MANY
    assert len(panels) == (3 if many else 4)
    assert ("subsets and what was not estimated: meta.tsv" in fig.get_suptitle()) == many
    assert ("CD4_Th22_like" in set(shown["quantity"])) != many
    first = panels[0].get_yticklabels()[1].get_text()
    assert ("\n" in first) != many and ("(10 + 8)" in first) == many
