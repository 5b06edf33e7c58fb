"""Other ways to measure E4: floors of cells, thresholds, gates; a part of the specifications."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from tilt.core.terms import UNIT_KEY
from tilt.donors import protein_axis

THRESHOLDS = (0.90, 0.975)  # as for E2


@dataclass(frozen=True)
class Proteins:
    """What E4 is measured from.

    ``counts``: protein_counts.tsv; ``memory``: memory CD4 cells with donor, condition and the
    levels above background of ``protein_axis.NEEDED``.
    """

    counts: pd.DataFrame
    memory: pd.DataFrame


def table(
    cohort: object, proteins: Proteins, min_cells: int, rules: Mapping | None = None
) -> pd.DataFrame:
    """E4 of every unit with another floor of cells, or other gates; ``cohort`` is not read."""
    counts = proteins.counts
    measured = set(protein_axis.NEEDED) <= set(proteins.memory)
    if rules is not None and measured and len(proteins.memory):
        levels = proteins.memory[list(protein_axis.NEEDED)]
        counts = protein_axis.gated(levels, proteins.memory[UNIT_KEY], counts, rules)
    return protein_axis.axis_rows(counts, min_cells)


def choices(proteins: Proteins, min_cells: int, floors: tuple[int, ...]) -> list[tuple]:
    """Family, specification and maker of the table of every way, the declared one first."""

    def made(min_cells: int, rules: Mapping | None = None) -> partial:
        return partial(table, proteins=proteins, min_cells=min_cells, rules=rules)

    out = [("main", "as declared", made(min_cells))]
    for cells in floors:
        out.append(("minimum of cells", f"donors with {cells} memory CD4 cells", made(cells)))
    gates, high = protein_axis.GATES, protein_axis.HIGH
    for quantile in THRESHOLDS:
        rules = {
            pole: {name: quantile if q == high else q for name, q in gate.items()}
            for pole, gate in gates.items()
        }
        name = f"hi above the {quantile:.1%} quantile"
        out.append(("threshold", name, made(min_cells, rules)))
    alone = {**gates, "tph": {"PD-1": high}}
    out.append(("gates", "PD-1hi with and without ICOS", made(min_cells, alone)))
    return out
