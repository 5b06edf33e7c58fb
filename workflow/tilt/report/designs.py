"""What designs beyond two arms have shown: sentences, captions and tables of the report."""

from typing import Any

import numpy as np
import pandas as pd

from tilt.config import jobs
from tilt.core.terms import MEASURED
from tilt.core.text import count, listed
from tilt.figures.names import exposure, p_text
from tilt.report.answer import LEVEL, CohortResults, clean, minus, smaller, times
from tilt.report.html_tables import html_table
from tilt.stats import readable

MINUS = " minus "  # between the arms, in column `among` of changes.tsv
CHANGED = ("rose", "fell", "no change shown")


def sentences(results: CohortResults) -> list[str]:
    """Sentences of the designs that the cohort declares."""
    return [text for text in [exposures(results), groups(results), visits(results)] if text]


def tables(results: CohortResults) -> list[tuple[str, str]]:
    """Heading and HTML of the tables of the designs that the cohort declares."""
    about = results.cohort.title
    parts = (
        ("Exposures", declared(results), f"Slopes of the imbalance of {about} on exposures"),
        ("Groups", grouped(results), f"Contrasts of groups of {about}"),
        ("Visits", repeated(results), f"Changes between visits of {about}"),
    )
    return [
        (heading, html_table(table.drop(columns="cohort"), said))
        for heading, table, said in parts
        if len(table)
    ]


def repeated(results: CohortResults) -> pd.DataFrame:
    """Changes between visits, where the cohort file asks for them now."""
    table = results.table("changes")
    return table if results.settings.get("visits") else table.iloc[:0]


def declared(results: CohortResults) -> pd.DataFrame:
    """Slopes of the exposures that the cohort file names now."""
    settings = results.settings
    asked = [name for key in jobs.EXPOSURES for name in settings.get(key) or ()]
    table = results.table("exposures")
    return table[table["exposure"].isin(asked)] if len(table) else table


def grouped(results: CohortResults) -> pd.DataFrame:
    """Contrasts of groups, where the cohort file asks for them now."""
    table = results.table("contrasts")
    return table if jobs.groups(results.settings) else table.iloc[:0]


def lead(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the estimator that leads."""
    return table[table["leads"]] if len(table) and table["leads"].any() else table


def exposures(results: CohortResults) -> str:
    """Slopes of the leading estimator on every exposure, "" without any.

    A slope is told with its interval where p, by Holm over the exposures, is below ``LEVEL``; the
    others as not shown, and those that are not estimable with the reason.
    """
    rows = lead(declared(results))
    if rows.empty:
        return ""
    good = readable.estimable(rows)
    clear = good & (rows["p_holm"] < LEVEL)
    found = [
        f"{'rose' if row.effect > 0 else 'fell'} with {exposure(row.exposure)} in "
        f"{among(row, results)} ({per_sd(row)})"
        for row in rows[clear].itertuples()
    ]
    unclear = [
        f"{exposure(row.exposure)} ({among(row, results)}: {per_sd(row)})"
        for row in rows[good & ~clear].itertuples()
    ]
    if unclear:
        found.append(f"was not shown to go with {listed(unclear)}")
    text = ""
    if found:
        estimator = MEASURED[rows["estimator"].iloc[0]].phrase
        text = f"{estimator[0].upper()}{estimator[1:]} {'; it '.join(found)}."
    absent = [f"{exposure(row.exposure)} ({clean(row.reason)})" for row in rows[~good].itertuples()]
    if absent:
        text += f"{' ' * bool(text)}Not compared: {listed(absent)}."
    return text


def among(row: Any, results: CohortResults) -> str:
    """Donors behind a slope, with those whose exposure is not known."""
    who = results.cohort.case + " donors" if row.among == "cases" else "donors, within the arms"
    missing = f", {int(row.n_missing)} not known" if row.n_missing else ""
    return f"{int(row.n)} {who}{missing}"


def per_sd(row: Any) -> str:
    """Slope per SD of the exposure with its interval, in the estimator's unit, and its p."""
    unit = f"{MEASURED[row.estimator].unit} per SD"
    return effect_text((row.per_sd, row.per_sd_low, row.per_sd_high), unit, row.p_holm)


def effect_text(numbers: tuple, unit: str, p: float, by: str = " by Holm") -> str:
    """Effect with interval (effect, low, high), unit and p in words; of a ratio as a fold."""
    effect, low, high = numbers
    own, ends = f"{effect:+.2f} {unit}", f"{low:.2f} to {high:.2f}"
    if unit.startswith(readable.RATIO):
        fold, low, high = (times(float(x)) for x in np.exp(numbers))
        own, ends = f"{fold}-fold, {own}", f"{low} to {high}"
    return minus(f"{own}, 95% CI {ends}, p{by} {p_text(p)}")


def exposures_caption(results: CohortResults) -> str:
    """Exposures with n and what is adjusted for, and how the line is drawn."""
    rows = lead(declared(results))
    parts = []
    for row in rows.itertuples():
        if row.estimable:
            sd = f"SD {row.sd:.3g}; adjusted for {row.covariates}"
            parts.append(f"{exposure(row.exposure)}: {among(row, results)} ({sd})")
        else:
            parts.append(f"{exposure(row.exposure)}: not estimable ({clean(row.reason)})")
    return (
        f"The imbalance against {count(len(rows), 'exposure')}, each dot a donor. "
        f"{'; '.join(parts)}. Line: slope by least squares at the average of what is adjusted for, "
        "with a pointwise 95% band (HC2, degrees of freedom of Bell and McCaffrey; ratios with "
        "donors weighted by precision). p by Holm over the exposures, estimator by estimator. "
        "Associations, no causes."
    )


def groups(results: CohortResults) -> str:
    """Contrasts of groups and their trend in the leading estimator, "" without any."""
    rows = lead(grouped(results))
    if rows.empty:
        return ""
    words = []
    for row in rows.itertuples():
        if not row.estimable:
            words.append(f"{row.contrast} could not be compared ({clean(row.reason)})")
            continue
        trend = row.kind == "trend"
        p = row.p if trend else row.p_holm
        word = "trend over " * trend
        unit = MEASURED[row.estimator].unit + " a step" * trend
        numbers = (row.effect, row.ci_low, row.ci_high)
        said = effect_text(numbers, unit, p, "" if trend else " by Holm")
        up, down = ("rising", "falling") if trend else ("higher", "lower")
        state = (up if row.effect > 0 else down) if p < LEVEL else "not shown"
        words.append(f"{word}{row.contrast}: {state} ({said}; {row.groups}{smaller(row)})")
    estimator = MEASURED[rows["estimator"].iloc[0]].phrase
    return f"By group, {estimator}: {'; '.join(words)}."


def groups_caption(results: CohortResults) -> str:
    """Groups with n, and how contrasts and trend are tested."""
    rows = lead(grouped(results))
    n = int((rows["kind"] == "contrast").sum()) if len(rows) else 0
    parts = [f"{row.contrast}: {row.groups}" for row in rows.itertuples()]
    covariates = sorted({row.covariates for row in rows.itertuples() if row.estimable})
    adjusted = f"adjusted for {'; or '.join(covariates)}" if covariates else "not adjusted"
    return (
        "(a to c) The imbalance by group, each dot a donor in the color of its condition, mean "
        f"with 95% t interval. (d) {count(n, 'contrast')} of the leading estimator "
        f"({'; '.join(parts)}): least squares with HC2, degrees of freedom of Bell and McCaffrey, "
        f"{adjusted}; 95% CI; p by "
        "Holm over the contrasts. A trend is the slope on the place in the order, one test."
    )


def visits(results: CohortResults) -> str:
    """Changes of the leading estimator within donors, and between the arms, "" without any."""
    rows = lead(repeated(results))
    if rows.empty:
        return ""
    words = []
    for row in rows.itertuples():
        arms = MINUS in row.among
        who = f"change of {row.among.replace(MINUS, ' minus that of ')}" if arms else row.among
        what = f"from {row.since} to {row.visit}, {who}"
        if not row.estimable:
            words.append(f"{what}: not estimable ({clean(row.reason)})")
            continue
        unit = MEASURED[row.estimator].unit
        said = effect_text((row.effect, row.ci_low, row.ci_high), unit, row.p_holm)
        up, down, none = ("higher", "lower", "not shown to differ") if arms else CHANGED
        state = (up if row.effect > 0 else down) if row.p_holm < LEVEL else none
        words.append(f"{what}: {state} ({said}; n = {int(row.n)}{everyone(row, unit)})")
    estimator = MEASURED[rows["estimator"].iloc[0]].phrase
    return f"Within donors, {estimator}, {'; '.join(words)}."


def everyone(row: Any, unit: str) -> str:
    """The change in a model that takes donors who came once, too, where there are any."""
    if not row.n_any > row.n:
        return ""
    numbers = (row.mixed_effect, row.mixed_ci_low, row.mixed_ci_high)
    said = effect_text(numbers, unit, row.mixed_p, "")
    return f"; with the {int(row.n_any - row.n)} who came once, in a mixed model, {said}"


def visits_caption(results: CohortResults) -> str:
    """Donors at both visits, and how changes are tested."""
    rows = lead(repeated(results))
    parts = [
        f"{row.since} to {row.visit}, {row.among}: n = {int(row.n)}" for row in rows.itertuples()
    ]
    return (
        "(a to c) The imbalance by visit, a line a donor in the color of its condition; black: "
        "means of cases (solid) and controls (dashed) with every visit. (d) Change within donors "
        f"of the leading estimator ({'; '.join(parts)}): paired t, and its difference between the "
        "arms by least squares with HC2; ratios with donors weighted by precision; 95% CI; p by "
        "Holm over the later visits."
    )
