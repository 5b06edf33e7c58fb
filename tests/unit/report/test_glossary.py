"""Words of the report and what they mean."""

from tilt.core.terms import MEASURED
from tilt.report import glossary


def test_every_estimator_is_explained():
    assert set(MEASURED) <= set(glossary.TERMS)


def test_terms_carry_their_meaning_once_and_text_is_escaped():
    text = str(glossary.marked("E1 & <b> by E1, I² 60%; PE1 and E1x; Hedges g"))
    assert text.count('<dfn tabindex="0"') == 3 and text.count("E1</dfn>") == 1
    assert "&amp; &lt;b&gt; by E1," in text and "PE1 and E1x" in text
