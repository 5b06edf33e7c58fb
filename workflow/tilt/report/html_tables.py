"""Tables of the report: plain HTML that a few lines of script make sortable and filterable."""

import html
from collections.abc import Callable

import numpy as np
import pandas as pd

from tilt.stats.readable import SCALES

MOST_ROWS = 300
WIDE_TEXT = 60  # letters after which a cell may wrap


def cell_text(value: object) -> str:
    """A value as it is written in a table: numbers to three figures, missing as a dash."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if np.isinf(number):
            return "∞" if number > 0 else "−∞"
        if number == int(number) and abs(number) < 1e9:
            return f"{int(number):,}"
        return f"{number:.3g}".replace("-", "−")
    return str(value)


def sort_key(value: object) -> str:
    """Number behind a cell for sorting, "" when it is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return ""
    return f"{float(value):.12g}" if np.isfinite(value) else ""


def html_table(
    table: pd.DataFrame, caption: str, names: dict[str, str] | None = None, most: int = MOST_ROWS
) -> str:
    """A table with caption, column headings that sort, and a filter above it.

    Only the first ``most`` rows are shown, and the caption says so; ``names`` renames columns.
    """
    if table.empty:
        return f'<p class="nothing">{html.escape(caption)}: nothing to show.</p>'
    names = names or {}
    shown = table.head(most)
    if len(table) > most:
        caption += f" (the first {most:,} of {len(table):,} rows; the file has all)"
    heads, numeric = [], {}
    for column in shown:
        numeric[column] = pd.api.types.is_numeric_dtype(shown[column]) and not (
            pd.api.types.is_bool_dtype(shown[column])
        )
        label = html.escape(names.get(column, str(column).replace("_", " ")))
        kind = ' class="n"' if numeric[column] else ""
        heads.append(f'<th scope="col"{kind}><button type="button">{label}</button></th>')
    lines = []
    for row in shown.itertuples(index=False):
        cells = []
        for column, value in zip(shown.columns, row, strict=True):
            text = html.escape(cell_text(value))
            key = sort_key(value) if numeric[column] else ""
            data = f' data-v="{key}"' if key else ""
            kind = "n" if numeric[column] else "w" if len(text) > WIDE_TEXT else ""
            cells.append(f"<td{data}{f' class={kind}' if kind else ''}>{text}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        '<div class="table"><label class="filter">Filter <input type="search" '
        f'aria-label="Filter the table: {html.escape(caption)}"></label>'
        '<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{html.escape(caption)}"><table><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(lines)}</tbody>"
        "</table></div></div>"
    )


def calibration_table(table: pd.DataFrame, made: str) -> str:
    """The calibration table whole, rows outside their target marked and first.

    ``table`` and ``made``: of :func:`tilt.stats.calibration.read`.
    """
    shown = table.assign(mark=np.where(table["within"], "", "outside"))
    shown = shown.sort_values("within", kind="stable").drop(columns="within")
    first = ["task", "metric", "mark", "value", "target_low", "target_high", "two_errors"]
    outside = int((~table["within"]).sum())
    said = f"{made} {outside} of {len(table):,} rows lie outside their target: marked, and first. "
    said += "Two errors: two standard errors of a share of so many simulated cohorts"
    return html_table(shown[[*first, "cohorts", "note"]], said, most=len(shown))


def effects_table(tests: pd.DataFrame, pretty: Callable[[str], str]) -> pd.DataFrame:
    """The tests table in the order of its roles with readable names, for the report."""
    columns = [
        "role",
        "quantity",
        "denominator",
        *SCALES,
        "effect",
        "unit",
        "ci_low",
        "ci_high",
        "p",
        "q",
    ]
    columns += ["p_family", "method", "n_case", "n_control", "n_case_informative"]
    columns += ["n_control_informative", "covariates", "estimable", "reason"]
    table = tests[[c for c in columns if c in tests]].copy()
    for column in ("quantity", "denominator"):
        table[column] = table[column].astype(str).map(pretty)
    table["reason"] = table["reason"].fillna("")
    return table
