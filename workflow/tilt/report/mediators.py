"""What was found on mediators, in one sentence a cohort."""

from typing import Any

import pandas as pd

from tilt.core.terms import ESTIMATORS
from tilt.core.text import listed
from tilt.figures.names import pretty
from tilt.report.answer import CohortResults, clean, interval, minus
from tilt.stats import readable

LEVEL = 0.05  # of q, over the mediators
DIRECTION = "This is an association: blood taken at one time cannot show what drives what."


def paragraph(results: CohortResults) -> str:
    """What was found on mediators, and on responses to perturbations; "" without cells."""
    return " ".join(filter(None, [sentence(results), responses(results)]))


def sentence(results: CohortResults) -> str:
    """Slopes of the imbalance on each mediator, adjusted for the most, and what goes with one.

    A slope is told with its interval where that leaves out zero and q, over the mediators, is below
    ``LEVEL``: beside the other scores, or else alone, as not told apart from them. The other
    mediators are named as not shown to go with the imbalance, or not compared, with the reason.
    """
    rows = results.table("mediators")
    if rows.empty:
        return ""
    slopes = rows[rows["question"] == "slope"]
    last = slopes.drop_duplicates("mediator", keep="last")
    good = readable.estimable(last)
    if not good.any():
        return f"Mediators were not compared: {clean(last['reason'].iloc[0])}."
    shown = set(last.loc[_clear(last), "mediator"])
    alone = slopes[(slopes["adjusted"] == "none") & ~slopes["mediator"].isin(shown)]
    alone = alone[_clear(alone)]
    found = [
        f"{_moved(row)} the score of {pretty(row.mediator)} "
        f"({interval(row)}{_share(rows, row.mediator)})"
        for row in last[_clear(last)].itertuples()
    ]
    if len(alone):
        each = [
            f"{_moved(row)} the score of {pretty(row.mediator)} by itself ({interval(row)})"
            for row in alone.itertuples()
        ]
        found.append(f"{listed(each)}, not told apart from the other scores")
    told = shown | set(alone["mediator"])
    unclear = [pretty(name) for name in last.loc[good, "mediator"] if name not in told]
    if unclear:
        found.append(f"was not shown to go with {listed(unclear)}")
    estimator = ESTIMATORS[rows["estimator"].iloc[0]].phrase
    beside = last.loc[good, "adjusted"].ne("none").any() and (shown or not len(alone))
    where = "Within the arms, beside the other scores" if beside else "Within the arms"
    text = f"{where}, {estimator} {'; it '.join(found)}. {DIRECTION}"
    absent = last[~good]
    if len(absent):
        names = listed([pretty(name) for name in absent["mediator"]])
        text += f" Not compared: {names} ({clean(absent['reason'].iloc[0])})."
    return text


def _clear(rows: pd.DataFrame) -> pd.Series:
    """Rows whose interval leaves out zero and whose q is below ``LEVEL``."""
    away = (rows["ci_low"] > 0) | (rows["ci_high"] < 0)
    return readable.estimable(rows) & away & (rows["q"] < LEVEL)


def _moved(row: Any) -> str:
    return "rose with" if row.effect > 0 else "fell with"


def _share(rows: pd.DataFrame, mediator: str) -> str:
    """Share of the difference between the arms that goes with a mediator, "" where it has none."""
    mine = rows[(rows["question"] == "share") & (rows["mediator"] == mediator)]
    mine = mine[readable.estimable(mine)]
    if mine.empty:
        return ""
    row = next(mine.itertuples())
    low, high = (f"{100 * value:.0f}" for value in (row.ci_low, row.ci_high))
    return minus(f"; {100 * row.effect:.0f}% of the difference goes with it, {low} to {high}")


def responses(results: CohortResults) -> str:
    """Responses to perturbations that go with the imbalance, by donors and beside random sets."""
    rows = results.table("perturbations")
    if rows.empty:
        return ""
    good = readable.estimable(rows)
    if not good.any():
        return f"Responses to perturbations were not compared: {clean(rows['reason'].iloc[0])}."
    clear = good & (rows["q"] < LEVEL) & (rows["q_random"] < LEVEL)
    absent = [pretty(name) for name in rows.loc[~good, "perturbation"]]
    left = f" Not compared, for want of genes: {listed(absent)}." if absent else ""
    if not clear.any():
        names = listed([pretty(name) for name in rows.loc[good, "perturbation"]])
        return (
            "No response to a perturbation was shown to go with the imbalance within the arms, by "
            f"donors and beside random sets of genes ({names}).{left}"
        )
    found = [
        f"{'more' if row.effect > 0 else 'less'} of the {pretty(row.perturbation)} "
        f"({interval(row)})"
        for row in rows[clear].itertuples()
    ]
    return (
        "Within the arms, donors further toward the Tph/Tfh end expressed "
        f"{listed(found)}, beyond random sets of genes. This is an association between donors: "
        f"nobody was treated.{left}"
    )
