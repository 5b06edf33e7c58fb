"""Words of the report and what they mean."""

from tilt.core.terms import MEASURED
from tilt.report import glossary


def test_every_estimator_is_explained():
    assert set(MEASURED) <= set(glossary.TERMS)


def test_terms_carry_their_meaning_once_and_text_is_escaped():
    text = str(glossary.marked("E1 & <b> by E1, I² 60%; PE1 and E1x; Hedges g"))
    assert text.count('<dfn tabindex="0"') == 3 and text.count("E1</dfn>") == 1
    assert "&amp; &lt;b&gt; by E1," in text and "PE1 and E1x" in text


def test_the_words_of_the_opening_and_across_cohorts_are_explained():
    """The poles are mostly named together, with a slash, and so are not `Tph` alone."""
    opening = str(
        glossary.marked("About 2 times as many Tph/Tfh cells per Th22-like cell; Tph-like")
    )
    assert ">Tph/Tfh</dfn>" in opening and opening.count("<dfn") == 2
    across = "random effects, half-normal 0.5; 95% credible interval; p by Holm; 1.5 log2 CPM"
    assert str(glossary.marked(across)).count("<dfn") == 5
