"""Words of the report that not every reader knows, and how they are shown on hover and focus."""

import html
import re

from markupsafe import Markup

from tilt.core.terms import PROTEIN_AXIS

TERMS = {
    "E1": "Estimator 1: logarithm of the number of labeled Tph and Tfh cells of a donor over that "
    "of Th22-like cells.",
    "E2": "Estimator 2: the same with cells whose Tph or Th22 score is above a fixed cut, whatever "
    "their label.",
    "E3": "Estimator 3: Tph genes minus Th22 genes in the summed counts of a donor's memory CD4 T "
    "cells, in standard deviations.",
    PROTEIN_AXIS: "Estimator 4, where there are antibody tags: logarithm of the number of memory "
    "CD4 T cells with much PD-1 and ICOS over that of cells with much CD96, by their proteins.",
    "Tph/Tfh": "T cells that help B cells and make CXCL13: peripheral (Tph) and follicular helper "
    "T cells (Tfh), here those in blood.",
    "Tph": "Peripheral helper T cells: help B cells outside follicles; high PDCD1 and CXCL13.",
    "Tfh": "Follicular helper T cells: help B cells in follicles; here their relatives in blood.",
    "Th22-like": "Helper T cells that make IL-22; at rest told by CCR10, AHR and others.",
    "ln ratio": "Natural logarithm of a ratio: 0 is equal, 0.69 twice as many, −0.69 half as many.",
    "log2 CPM": "Logarithm to base 2 of counts per million: one more is twice as much.",
    "corrected for mislabeled cells": "What the ratio is once the cells that are likely under a "
    "wrong label are taken into account.",
    "joint with the other estimators": "The p value that remains when one has looked at all "
    "estimators and picked the best.",
    "Holm": "A correction for several comparisons: the chance of any false alarm stays below 5%.",
    "mixed model": "A regression that knows which visits are of one donor.",
    "SLEDAI": "Systemic Lupus Erythematosus Disease Activity Index: higher is more active.",
    "random effects": "A mean over cohorts whose true effects may differ from each other.",
    "half-normal": "What is expected beforehand of how far cohorts differ, where few can show it.",
    "credible interval": "Where the true value lies with this probability, given the data and what "
    "was expected beforehand.",
    "CI": "Confidence interval: values that the data do not speak against.",
    "Hedges g": "Difference of two means in standard deviations, corrected for few donors.",
    "I²": "Share of the spread between cohorts that is more than chance within them would give.",
    "τ²": "Variance of the true effects between cohorts.",
    "prediction interval": "Where the effect of a new cohort of this kind may lie.",
    "permutation": "The conditions are dealt to the donors at random many times; how often such an "
    "effect comes out is p.",
    "pseudobulk": "Counts of all cells of a kind summed for each donor.",
    "memory CD4 T cells": "CD4 T cells that have met an antigen, without regulatory ones: the "
    "denominator of the balance.",
    "type I interferon score": "Mean of genes that type I interferon switches on in T cells.",
    "OLS with HC2": "Linear regression whose standard errors allow arms of unequal spread.",
    "primary": "The one comparison chosen before the conditions were looked at.",
}
_WORDS = "|".join(re.escape(html.escape(t)) for t in sorted(TERMS, key=len, reverse=True))
_FIND = re.compile(rf"(?<![\w/-])({_WORDS})(?![\w/-])")


def marked(text: str) -> Markup:
    """The text with the first use of each term carrying its meaning; everything is escaped."""
    seen: set[str] = set()

    def mark(found: re.Match) -> str:
        term = html.unescape(found[1])
        if term in seen:
            return found[0]
        seen.add(term)
        meaning = html.escape(TERMS[term])
        return f'<dfn tabindex="0" data-tip="{meaning}">{found[1]}</dfn>'

    return Markup(_FIND.sub(mark, html.escape(text)))
