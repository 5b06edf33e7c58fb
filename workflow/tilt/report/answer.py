"""The answer in words: three sentences a cohort and across cohorts, and captions with numbers."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tilt.core.terms import (
    CORRECTED,
    ESTIMATORS,
    GROUPS,
    INTERFERON_SET,
    MAIN_METHODS,
    MEASURED,
    PRIMARY,
    PROTEIN_AXIS,
)
from tilt.core.text import count, number
from tilt.figures import names
from tilt.figures.names import CohortLabel, p_text, pretty
from tilt.stats import calibration, combined
from tilt.stats.readable import RATIO

SILENT = ("CXCL13", "IL22")
LEVEL = 0.05  # of p of equivalence, and of p adjusted by Holm
SMALL_ARM = 10  # donors in the smaller arm below which power is low (simulated for this design)


@dataclass
class CohortResults:
    """One cohort as the report needs it: who it is, its settings, tables, and figure stems."""

    cohort: CohortLabel
    settings: dict
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    figures: dict[str, Path] = field(default_factory=dict)

    def table(self, name: str) -> pd.DataFrame:
        """A table of the cohort, empty when there is none."""
        return self.tables.get(name, pd.DataFrame())


def phrase(quantity: str) -> str:
    """A quantity as it is called in a sentence."""
    return MEASURED[quantity].phrase if quantity in MEASURED else pretty(quantity)


def find_test(tests: pd.DataFrame, quantity: str, denominator: str | None = None) -> Any:
    """Main test of a quantity (first that is estimable), or None."""
    if tests.empty:
        return None
    rows = tests[(tests["quantity"] == quantity) & tests["method"].isin(MAIN_METHODS)]
    if denominator:
        rows = rows[rows["denominator"] == denominator]
    rows = rows[rows["estimable"] & rows["effect"].notna()]
    return next(rows.itertuples(), None)


def p_words(row: Any) -> str:
    """P of the row that gives effect and interval, and of an estimator its joint p."""
    words = f"p {p_text(row.p)}"
    joint = getattr(row, "p_family", float("nan"))
    return words + (
        f", joint with the other estimators p {p_text(joint)}" if joint == joint else ""
    )


def interval(row: Any) -> str:
    """Effect with its interval, as a fold and in points where it is one.

    ``2.9 times as many Tph/Tfh per Th22-like cell (95% CI 1.2 to 6.7; +1.06 ln ratio)``; without a
    fold ``+0.81 SD (95% CI 0.35 to 1.27)``.
    """
    unit = f" {row.unit}" if isinstance(getattr(row, "unit", None), str) and row.unit else ""
    own = minus(f"{row.effect:+.2f}{unit}")
    fold, points = getattr(row, "fold", float("nan")), getattr(row, "points", float("nan"))
    if fold != fold:
        limits = f" (95% CI {row.ci_low:.2f} to {row.ci_high:.2f})"
        return own + minus(limits if row.ci_low == row.ci_low else "")
    limits = f"95% CI {times(row.fold_low)} to {times(row.fold_high)}"
    if points == points:
        width = f"{row.points_low:.1f} to {row.points_high:.1f}"
        return minus(
            f"{points:+.1f} percentage points (95% CI {width}), {times(fold)} times as many "
            f"({limits})"
        )
    known = MEASURED.get(row.quantity)
    what = f"times as many {known.fold}" if known else "times as high"
    return f"{times(fold)} {what} ({limits}; {own})"


def times(fold: float) -> str:
    """A fold as a figure writes it, without end in words."""
    return "any number" if fold == float("inf") else names.times(fold)


def direction(row: Any, case: str, control: str) -> str:
    """What the interval says, without claiming absence of a difference."""
    if row.ci_low > 0:
        return f"higher in {case} than in {control}"
    if row.ci_high < 0:
        return f"lower in {case} than in {control}"
    return f"not shown to differ between {case} and {control}"


def primary_row(tests: pd.DataFrame) -> Any:
    """The row declared primary (estimable or not), or None."""
    if tests.empty:
        return None
    rows = tests[tests["role"] == PRIMARY]
    rows = rows.sort_values("method", key=lambda m: ~m.isin(MAIN_METHODS), kind="stable")
    return next(rows.itertuples(), None)


def smaller(row: Any) -> str:
    """Whether a difference as large as the smallest of interest is ruled out; "" without one.

    Two one-sided tests at ``LEVEL``.
    """
    margin = getattr(row, "margin", float("nan"))
    if margin != margin:
        return ""
    verb = "is ruled out" if row.p_equivalence < LEVEL else "is not ruled out"
    unit = ESTIMATORS[getattr(row, "estimator", getattr(row, "quantity", ""))].unit
    p = f"two one-sided tests, p {p_text(row.p_equivalence)}"
    return f"; a difference of {margin:g} {unit} or more {verb} ({p})"


def arms(results: CohortResults) -> dict[str, int]:
    """Donors per condition."""
    donors = results.table("donors")
    counts = donors["condition"].value_counts() if len(donors) else {}
    return {arm: int(counts.get(arm, 0)) for arm in results.cohort.arms}


def headline(results: CohortResults) -> str:
    """First sentence: the primary estimator, its effect, interval, p and n."""
    cohort, tests = results.cohort, results.table("tests")
    n = arms(results)
    people = f"{n[cohort.case]} {cohort.case} and {n[cohort.control]} {cohort.control} donors"
    row = primary_row(tests)
    if row is None:
        return f"With {people}, no comparison of the imbalance was made."
    name = phrase(row.quantity)
    if not row.estimable or row.effect != row.effect:
        return f"With {people}, the imbalance could not be compared: {clean(row.reason)}."
    used = f"{int(row.n_case)} {cohort.case} and {int(row.n_control)} {cohort.control} donors"
    return (
        f"In {used}, the Tph/Th22 imbalance, measured by {name}, was "
        f"{direction(row, cohort.case, cohort.control)}: {interval(row)}, {p_words(row)}"
        f"{smaller(row)}{corrected(results, row.quantity)}{unchecked(row)}."
    )


def unchecked(row: Any) -> str:
    """That a comparison lies beyond the designs that were simulated, to be put behind it; or ""."""
    said = [text for text in str(row.reason).split("; ") if text.startswith(calibration.MARK)]
    return f"; {said[0]}" if said else ""


def corrected(results: CohortResults, quantity: str) -> str:
    """The effect corrected for mislabeled cells, to be put behind its own; "" without one."""
    table = results.table("methods")
    if table.empty:
        return ""
    mine = (table["quantity"] == quantity) & table["method"].str.startswith(CORRECTED)
    row = next(table[mine].itertuples(), None)
    if row is None:
        return ""
    found = interval(row) if row.estimable else f"not estimable ({clean(row.reason)})"
    return f"; corrected for mislabeled cells {found}"


def support(results: CohortResults) -> str:
    """Second sentence: the other estimators and interferon."""
    tests, values = results.table("tests"), results.table("imbalance")
    main = primary_row(tests)
    lead = main.quantity if main is not None else ""
    words = []
    more = PROTEIN_AXIS in set(tests.get("quantity", ()))  # where there are antibody tags
    for name in (*ESTIMATORS, *([PROTEIN_AXIS] if more else [])):
        if name == lead:
            continue
        row = find_test(tests, name)
        if row is not None:
            words.append(f"{name} {interval(row)}")
        else:
            words.append(f"{name} not estimable ({clean(why_not(tests, values, name))})")
    start = "Sensitivity, the other estimators: " if lead else "By estimator: "
    sentence = start + "; ".join(words)
    for subset in GROUPS:
        row = find_test(tests, INTERFERON_SET, subset)
        if row is not None:
            state = direction(row, results.cohort.case, results.cohort.control)
            return (
                f"{sentence}; the type I interferon score of {pretty(subset)} was "
                f"{state}: {interval(row)}."
            )
    return f"{sentence}; the interferon score was not compared."


def why_not(tests: pd.DataFrame, values: pd.DataFrame, estimator: str) -> str:
    """Most frequent reason why an estimator has no effect."""
    for table, column in ((values, "estimator"), (tests, "quantity")):
        if column in table:
            rows = table[(table[column] == estimator) & ~table["estimable"]]
            reasons = rows["reason"].dropna().astype(str)
            reasons = reasons[reasons != ""]
            if len(reasons):
                return reasons.mode().iloc[0]
    return "no comparison was possible"


def clean(reason: object) -> str:
    """A reason fit for the middle of a sentence."""
    return str(reason).strip().rstrip(".") if isinstance(reason, str) and reason else "no reason"


def cannot_show(results: CohortResults) -> str:
    """Third sentence: what the cohort cannot show."""
    cohort = results.cohort
    found = results.table("detectability")
    seen = found.set_index("gene")["pct_cells"] if len(found) else pd.Series(dtype=float)
    seen = seen.dropna()  # a gene that is not in the matrix has no share
    genes = [f"{gene} in {share(seen[gene])}" for gene in SILENT if gene in seen]
    absent = [gene for gene in SILENT if len(found) and gene not in seen]
    words = "cytokine secretion, tissue, or cause and effect, as this is resting blood"
    if genes:
        words += f" (seen in memory CD4 T cells: {', '.join(genes)})"
    if absent:
        words += (
            f" in which {' and '.join(absent)} {'was' if len(absent) == 1 else 'were'} not measured"
        )
    parts = [words]
    n = min(arms(results).values(), default=0)
    if 0 < n < SMALL_ARM:
        parts.append(f"that there is no difference, with {count(n, 'donor')} in the smaller arm")
    covariates = used_covariates(results.table("tests"))
    parts.append(
        f"effects free of what was not recorded (adjusted for {covariates})"
        if covariates
        else "effects free of age, sex, treatment or handling, none of which was adjusted for"
    )
    start = "What this cohort cannot show: "
    if cohort.simulated:
        start = "Simulated data show how the method behaves and nothing about lupus. " + start
    return start + "; ".join(parts) + "."


def share(percent: float) -> str:
    """Percentage in words, with the smallest ones bounded."""
    return "none" if percent == 0 else "under 0.01%" if percent < 0.01 else f"{percent:.2g}%"


def used_covariates(tests: pd.DataFrame) -> str:
    """Covariates of the primary test, "" when there are none."""
    row = primary_row(tests)
    text = getattr(row, "covariates", "") if row is not None else ""
    return text if isinstance(text, str) and text not in ("", "none") else ""


def answer(results: CohortResults) -> list[str]:
    """The answer of one cohort in three sentences."""
    return [headline(results), support(results), cannot_show(results)]


def across(meta: pd.DataFrame, cohorts: list[CohortResults]) -> list[str]:
    """The answer across cohorts in three sentences."""
    simulated = [c.cohort.name for c in cohorts if c.cohort.simulated]
    rows = combined.front(meta) if len(meta) else meta
    if len(rows):
        rows = rows[rows["quantity"].isin(ESTIMATORS)]
        rows = rows[rows["estimable"] & rows["effect"].notna()]
    if not len(rows):
        first = (
            f"With {count(len(cohorts), 'cohort')}, no estimator of the imbalance can be "
            "combined, because at least two cohorts with an estimate of it are needed."
        )
        second = "Each cohort stands for itself."
    else:
        leads = [row.quantity for c in cohorts if (row := primary_row(c.table("tests")))]
        # An estimator that more cohorts have comes before one that leads in more of them.
        order = sorted(
            rows.itertuples(), key=lambda r: (-r.n_cohorts, -leads.count(r.quantity), r.quantity)
        )
        best = order[0]
        kind = ", model without a pseudocount" if best.method == combined.RATIO_MODEL else ""
        first = (
            f"Across {count(int(best.n_cohorts), 'cohort')} ({number(best.n_case)} cases, "
            f"{number(best.n_control)} controls), {phrase(best.quantity)}{kind} was "
            f"{direction(best, 'cases', 'controls')}: {pooled(best)}{average(meta, best)}."
        )
        others = [f"{r.quantity} {pooled(r)}" for r in order[1:]]
        second = (
            ("Combined in the same way: " + "; ".join(others) + ".")
            if others
            else ("No other estimator could be combined.")
        )
    third = (
        "This is an association in resting blood of donors who differ in treatment and handling; "
        "with so few cohorts a new one may well differ"
    )
    if simulated:
        third = f"{', '.join(simulated)}: simulated data, which say nothing about lupus. {third}"
    return [first, second, third + "."]


def two_places(value: float) -> str:
    """A number to two decimals."""
    return f"{value:.2f}"


def average(meta: pd.DataFrame, best: Any) -> str:
    """The common effect beside a combination: what these cohorts show, and no others."""
    rows = meta[(meta["cohort"] == "all") & (meta["model"] == combined.COMMON)]
    for key in ("quantity", "denominator", "method"):
        rows = rows[rows[key] == getattr(best, key)]
    if rows.empty:
        return ""
    row = next(rows.itertuples())
    text = f"{row.effect:+.2f} (95% CI {row.ci_low:.2f} to {row.ci_high:.2f}, p {p_text(row.p)})"
    if row.scale == RATIO:
        text = f"{times(row.fold)}-fold (95% CI {times(row.fold_low)} to {times(row.fold_high)}, "
        text += f"p {p_text(row.p)})"
    return f"; the average of these cohorts was {minus(text)}"


def pooled(row: Any) -> str:
    """A combined effect with its model, interval, heterogeneity and prediction interval.

    Of a ratio the intervals are folds.
    """
    bayes = str(row.model).startswith(combined.HALF_NORMAL)
    name, p = ("credible interval", row.p / 2) if bayes else ("CI", row.p)
    own, ends = f"{row.effect:+.2f} {row.scale}", [row.ci_low, row.ci_high]
    around = [row.pi_low, row.pi_high]
    text = f"{own} ("
    word: Callable[[float], str] = two_places
    if row.scale == RATIO:
        text, word = f"{times(row.fold)}-fold ({own}; ", times
        ends, around = [row.fold_low, row.fold_high], list(np.exp(around))
    text += f"random effects, {row.model}; 95% {name} {word(ends[0])} to {word(ends[1])}"
    text += f", {'probability of the other sign' if bayes else 'p'} {p_text(p)}"
    text += f", I² {100 * row.i2:.0f}%"
    if row.pi_low == row.pi_low:
        text += f", prediction interval {word(around[0])} to {word(around[1])}"
    return minus(text + ")")


def minus(text: str) -> str:
    """``text`` with true minus signs before numbers; hyphens inside words stay."""
    return re.sub(r"-(?=[0-9])", "−", text)
