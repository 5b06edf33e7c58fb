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
    """How a cohort is drawn; ``batches`` lists (case, control) donors of each batch.

    ``case`` are the typical shares (Tph, Th22) of cases, ``tph`` and ``th22`` those of controls;
    ``case_spread`` and ``control_spread`` stretch the spread of an arm; ``case_cells`` are the
    cells of a typical case where they differ; ``cells_sd`` their log SD; ``tracking``: how far log
    cells move with a donor's log-ratio (in its SD); ``together``: correlation of the poles.
    ``tails``: normal, t3, or outliers (one donor in twelve four times as far out).
    """

    name: str
    batches: tuple[tuple[int, int], ...]
    sd: float = 0.5
    cells: int = 3000
    batch_sd: float = 0.0
    case: tuple[float, float] = (TPH, TH22)
    tph: float = TPH
    th22: float = TH22
    case_spread: float = 1.0
    control_spread: float = 1.0
    case_cells: int = 0
    cells_sd: float = 0.4
    tracking: float = 0.0
    together: float = 0.0
    tails: str = "normal"


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


RARE = {"tph": 0.015, "th22": 0.002, "case": (0.015, 0.002)}
HARD = [  # further ways in which donors can be, none with a difference
    *(Scenario(f"arms of {a}+{b}", ((a, b),)) for a, b in ((3, 3), (3, 8), (8, 3), (5, 5))),
    Scenario("t3 donors 10+8", ((10, 8),), tails="t3"),
    Scenario("t3 donors 33+11", ((33, 11),), tails="t3"),
    Scenario("outliers 10+8", ((10, 8),), tails="outliers"),
    Scenario("correlated poles 10+8", ((10, 8),), together=0.7),
    Scenario("SLE spread x2 10+8", ((10, 8),), case_spread=2.0),
    Scenario("SLE spread x2 8+32", ((8, 32),), case_spread=2.0),
    Scenario("SLE spread x2 30+10", ((30, 10),), case_spread=2.0),
    Scenario("control spread x2 30+10", ((30, 10),), control_spread=2.0),
    Scenario("cells track the ratio 16+10", ((16, 10),), cells=600, tracking=0.8),
    Scenario("cells of 60 to 6,000, 10+8", ((10, 8),), cells=600, cells_sd=1.2),
    Scenario("lymphopenia 3000 to 300, 10+8", ((10, 8),), case_cells=300),
    Scenario("lymphopenia 3000 to 300, rare Th22, 20+20", ((20, 20),), case_cells=300, **RARE),
    Scenario("rare Th22 16+10", ((16, 10),), cells=1200, **RARE),
    Scenario("60 memory cells, 10+8", ((10, 8),), cells=60),
    Scenario("one-armed batches 10+8 and 12+0, 0+12", ((5, 4), (5, 4), (12, 0), (0, 12))),
    Scenario("3+3 and thirty of one-armed batches", ((3, 3), (30, 0)), batch_sd=0.5),
]
MATCHED = [  # sets of cases with their matched controls, as strata; sets differ as donors do
    Scenario("12 sets of 1:2", ((1, 2),) * 12, batch_sd=0.5),
    Scenario("8 sets of 1:3", ((1, 3),) * 8, batch_sd=0.5),
    Scenario("6 sets of 1:1 to 1:3, 4 of one arm",
             ((1, 1), (1, 2), (1, 3)) * 2 + ((1, 0), (0, 2)) * 2, batch_sd=0.5),
    Scenario("30 sets of 1:2, SLE spread x2", ((1, 2),) * 30, batch_sd=0.5, case_spread=2.0),
]  # fmt: skip


def people(scenario: Scenario) -> pd.DataFrame:
    """Donors of a scenario: cohort, donor, condition, batch."""
    rows = []
    for b, (cases, controls) in enumerate(scenario.batches):
        rows += [("SLE", f"B{b}")] * cases + [("control", f"B{b}")] * controls
    donors = pd.DataFrame(rows, columns=["condition", "batch"])
    donors.insert(0, "donor", [f"D{i:03d}" for i in range(len(donors))])
    donors.insert(0, "cohort", "simulated")
    return donors


def _spread(scenario: Scenario, case: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How far each donor's log shares are from the typical ones (donors x both poles)."""
    n = len(case)
    far = (
        rng.standard_t(3, (n, 2)) / np.sqrt(3)
        if scenario.tails == "t3"
        else rng.normal(size=(n, 2))
    )
    if scenario.tails == "outliers":
        far = far * np.where(rng.random((n, 1)) < 1 / 12, 4.0, 1.0)
    r = scenario.together
    far[:, 1] = r * far[:, 0] + np.sqrt(1 - r**2) * far[:, 1]
    stretch = np.where(case, scenario.case_spread, scenario.control_spread)
    return scenario.sd * far * stretch[:, None]


def draw_counts(
    scenario: Scenario, rng: np.random.Generator, case: np.ndarray, batch: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells, Tph-like and Th22-like cells of each donor (donors,)."""
    far = _spread(scenario, case, rng)
    typical = np.where(case, scenario.case_cells or scenario.cells, scenario.cells)
    cells = rng.lognormal(np.log(typical), scenario.cells_sd, len(case))
    cells *= np.exp(scenario.tracking * (far[:, 0] - far[:, 1]) / (np.sqrt(2) * scenario.sd))
    cells = np.maximum(cells.astype(int), 50)
    counts, left = [], cells
    for i, control in enumerate((scenario.tph, scenario.th22)):
        shift = rng.normal(0, scenario.batch_sd, len(scenario.batches))[batch]
        share = np.where(case, scenario.case[i], control) * np.exp(far[:, i] + shift)
        counts.append(np.minimum(rng.binomial(cells, np.minimum(share, 0.4)), left))
        left = left - counts[-1]
    return cells, counts[0], counts[1]


def draw(scenario: Scenario, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Donors (cohort, donor, condition, batch) and counts (UNIT, n_tph, n_th22, n_cells)."""
    donors = people(scenario)
    case = (donors["condition"] == "SLE").to_numpy()
    batch = donors["batch"].str[1:].astype(int).to_numpy()
    cells, tph, th22 = draw_counts(scenario, rng, case, batch)
    counts = donors[["cohort", "donor", "condition"]].assign(n_cells=cells)
    return donors, counts.assign(n_tph=tph, n_th22=th22)


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
