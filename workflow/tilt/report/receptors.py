"""Receptors in the report: what was read of them, in words and as a table."""

import numpy as np
import pandas as pd

from tilt.core.text import count, number
from tilt.report.answer import CohortResults
from tilt.report.html_tables import html_table

SHOWN = ["sample", "n_contigs", "n_barcodes", "n_no_cell", "n_t", "n_t_alpha", "n_t_beta"]
SHOWN += ["n_t_both", "n_t_many", "pct_doublets_single", "pct_doublets_several", "file", "notes"]


def caption(results: CohortResults) -> str:
    """T cells with chains, and how many barcodes of several beta chains the RNA calls doublets."""
    table = results.table("receptor_samples")
    words = (
        "(a) Cells whose clone is there at least twice, of a common number of cells of each subset "
        "with alpha and beta chain (in brackets). (b) Difference, 95% CI, not adjusted. Then cells "
        "whose clone is also in another subset, and chains read by sample."
    )
    if table.empty or not table["n_t"].sum():
        return words
    total, both, many = (int(table[name].sum()) for name in ("n_t", "n_t_both", "n_t_many"))
    read = (
        f"Both chains were read of {number(both)} of {count(total, 'T cell')} "
        f"({100 * both / total:.0f}%); {number(many)} have more than a T cell has (two beta or "
        "three alpha chains), which speaks for doublets, and are in no clone."
    )
    return " ".join([words, read, doublets(table)]).strip()


def doublets(table: pd.DataFrame) -> str:
    """How many barcodes with one and several beta chains the RNA calls doublets; "" without."""
    shares = {}
    for word in ("single", "several"):
        n = table[f"n_{word}_beta"].to_numpy(float)
        if not n.sum():
            return ""
        called = np.nan_to_num(table[f"pct_doublets_{word}"].to_numpy(float)) @ n
        shares[word] = (called / n.sum(), int(n.sum()))
    (one, _), (more, n) = shares["single"], shares["several"]
    return (
        f"Of {count(n, 'barcode')} with several beta chains {more:.0f}% were called doublets by "
        f"their RNA, of those with one {one:.0f}%."
    )


def tables(results: CohortResults) -> list[tuple[str, str]]:
    """Heading and HTML of the table of receptors by sample; none in cohorts without."""
    table = results.table("receptor_samples")
    if table.empty:
        return []
    said = f"Receptors of the samples of {results.cohort.title}"
    return [("Receptors", html_table(table[SHOWN].fillna({"notes": ""}), said))]
