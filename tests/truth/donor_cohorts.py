"""Cohorts of donors drawn from a known truth: counts of cells per donor, no cells, no genes.

Donor-to-donor spread is lognormal (SD 0.5 or 0.8 on the natural log scale) and frequencies are
those of SCIENCE section 6: of CD4 cells 1.5 % Tph-like and 1 % Th22-like in controls.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

TPH, TH22 = 0.015, 0.010
# SD whose share varies five times as much between donors as with an SD of 0.5
FIVEFOLD = float(np.sqrt(np.log1p(5 * np.expm1(0.5**2))))
STRONG = (0.030, 0.006)
WEAK = (0.020, 0.008)


@dataclass(frozen=True)
class Scenario:
    """How a cohort is drawn; ``batches`` lists (case, control) donors of each batch."""

    name: str
    batches: tuple[tuple[int, int], ...]
    sd: float = 0.5
    cells: int = 3000
    batch_sd: float = 0.0
    case: tuple[float, float] = (TPH, TH22)


DESIGNS = {
    "12+12": ((12, 12),),
    "16+10": ((16, 10),),
    "33+11": ((33, 11),),
    "7+5": ((7, 5),),
    "19+19": ((19, 19),),
    "52+44": ((52, 44),),
    "batches": ((2, 7), (5, 4), (8, 2), (6, 3)),
}
NULLS = [
    Scenario("balanced", DESIGNS["12+12"]),
    Scenario("unequal arms 16+10", DESIGNS["16+10"], sd=0.8),
    Scenario("unequal arms 33+11", DESIGNS["33+11"], sd=0.8),
    Scenario("small arms 7+5", DESIGNS["7+5"]),
    Scenario("batch imbalance", DESIGNS["batches"], batch_sd=0.7),
    Scenario("5x overdispersion", DESIGNS["16+10"], sd=FIVEFOLD),
]


def draw(scenario: Scenario, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Donors (cohort, donor, condition, batch) and counts (UNIT, n_tph, n_th22, n_cells)."""
    rows = []
    for b, (cases, controls) in enumerate(scenario.batches):
        rows += [("SLE", f"B{b}")] * cases + [("control", f"B{b}")] * controls
    donors = pd.DataFrame(rows, columns=["condition", "batch"])
    donors.insert(0, "donor", [f"D{i:03d}" for i in range(len(donors))])
    donors.insert(0, "cohort", "simulated")
    n = len(donors)
    cells = np.maximum(rng.lognormal(np.log(scenario.cells), 0.4, n).astype(int), 50)
    case = (donors["condition"] == "SLE").to_numpy()
    batch = donors["batch"].str[1:].astype(int).to_numpy()
    counts = donors[["cohort", "donor", "condition"]].assign(n_cells=cells)
    left = cells.copy()
    for i, pole in enumerate(("tph", "th22")):
        shift = rng.normal(0, scenario.batch_sd, len(scenario.batches))[batch]
        typical = np.where(case, scenario.case[i], (TPH, TH22)[i])
        share = np.minimum(typical * np.exp(rng.normal(0, scenario.sd, n) + shift), 0.4)
        counts[f"n_{pole}"] = np.minimum(rng.binomial(cells, share), left)
        left = left - counts[f"n_{pole}"]
    return donors, counts


def composition(counts: pd.DataFrame) -> pd.DataFrame:
    """The counts in the form of composition.tsv, the rest of the cells as a third part."""
    parts = {
        "CD4_Tph_like": counts["n_tph"],
        "CD4_Th22_like": counts["n_th22"],
        "CD4_CM": counts["n_cells"] - counts["n_tph"] - counts["n_th22"],
    }
    unit = counts[["cohort", "donor", "condition"]]
    tables = [
        unit.assign(
            subset=name,
            n=n.to_numpy(),
            denominator="memory_cd4",
            n_denominator=counts["n_cells"].to_numpy(),
            kind="subset",
        )
        for name, n in parts.items()
    ]
    return pd.concat(tables, ignore_index=True)
