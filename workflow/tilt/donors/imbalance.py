"""The imbalance of each donor: three estimators agreed beforehand, and which of them leads.

E1  ln((n_Tph/Tfh + 0.5) / (n_Th22-like + 0.5)) of labeled memory CD4 cells, summed probabilities
    where the labels have them, less the bias that half a cell makes
E2  the same ratio of cells above a label-blind score threshold (tph_high, th22_high)
E3  donor pseudobulk axis: mean(w z | TPH) - mean(w z | TH22) over the working set

Of a ratio every donor is kept: its ``variance`` is what its number of cells leaves to chance, and
the comparison weights by it (:mod:`tilt.stats.precision`). Which one leads follows from how many
cells are *expected* from a donor's memory cells and the typical share in blood, not from how many
were found (SCIENCE 1.4): neither the condition nor the effect decides.
"not estimable", with its reason, is a value like any other.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core.contracts import IMBALANCE
from tilt.core.terms import POLE_FLAGS, RATIOS, UNIT, UNIT_KEY, WORKING_SET
from tilt.core.text import count
from tilt.donors import pseudobulk, sampling, z_scores
from tilt.donors.activity import weighted_mean, weights
from tilt.genes import tables as gene_tables

if TYPE_CHECKING:
    import anndata as ad

log = logging.getLogger(__name__)

TH22_MARKERS = ("IL22", "CCR10")
ORDER = ("E1", "E3", "E2")  # E3 is the headline where E1 can't be had; E2 where both can't
SHARE_ESTIMABLE = 0.5  # an estimator leads only when it exists for half of the donors
LEAST_FOUND = 0.5  # Th22-like cells a donor on average: with fewer E1 is the half cell added to it


@dataclass(frozen=True)
class Settings:
    """Limits of the estimators; see the ``imbalance`` part of the configuration."""

    poles: dict[str, tuple[str, ...]]
    tph_set: str
    th22_set: str
    min_memory_cells: int
    min_pseudobulk_cells: int
    min_median_th22: float
    typical_th22: float
    min_genes: float


def pole_counts(composition: pd.DataFrame, poles: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Cells of both poles per unit: UNIT columns, n_tph, n_th22, n_cells (the working set).

    Sums of the cells' probabilities where the composition has them (``n_expected``), else labeled
    cells. A label that the composition does not have counts as zero cells and is logged.
    """
    rows = composition[composition["denominator"] == WORKING_SET]
    out = rows.groupby(UNIT, sort=False)["n_denominator"].first().rename("n_cells").to_frame()
    sure = rows["n"].astype(float)
    if "n_expected" in rows:
        sure = rows["n_expected"].astype(float).fillna(sure)
    rows = rows.assign(sure=sure)
    for pole, labels in poles.items():
        absent = sorted(set(labels) - set(rows["subset"]))
        if absent:
            log.warning("no rows for %s: counted as zero", ", ".join(absent))
        n = rows[rows["subset"].isin(labels)].groupby(UNIT)["sure"].sum()
        out[f"n_{pole}"] = n.reindex(out.index).fillna(0.0)
    return out.reset_index()


def log_ratio(n_tph: np.ndarray, n_th22: np.ndarray) -> np.ndarray:
    """ln((n_tph + 0.5) / (n_th22 + 0.5)): the plain ratio, :func:`log_cells` of both poles."""
    return log_cells(n_tph) - log_cells(n_th22)


def log_cells(n: np.ndarray) -> np.ndarray:
    """ln(n + 0.5); 0.5 is the usual correction for zeros.

    Haldane 1956 (doi:10.1111/j.1469-1809.1955.tb01285.x). The test that needs no such correction
    is the logit-normal one of :mod:`tilt.stats.methods`.
    """
    return np.log(np.asarray(n, float) + 0.5)


def ratio_rows(counts: pd.DataFrame, estimator: str, min_cells: int, reason: str) -> pd.DataFrame:
    """Rows of E1 or E2; ``reason`` (if not empty) makes the whole cohort not estimable.

    ``value`` and ``variance`` of :func:`ratio_values`. A donor with fewer than ``min_cells`` (at
    least one) has none.
    """
    table = counts[[*UNIT, "n_cells"]].assign(estimator=estimator)
    min_cells = max(min_cells, 1)
    cells, n_tph, n_th22 = (counts[c].to_numpy(float) for c in ("n_cells", "n_tph", "n_th22"))
    few = cells < min_cells
    none = [name for name, n in (("Tph", n_tph), ("Th22", n_th22)) if not n.any()]
    if none and not reason:
        reason = f"not a cell of the {' and the '.join(none)} pole in any donor"
    good = ~few & (reason == "")
    table["value"] = table["variance"] = np.nan
    if good.any():
        value, variance = ratio_values(cells, n_tph, n_th22)
        table.loc[good, "value"], table.loc[good, "variance"] = value[good], variance[good]
    short = f"fewer than {min_cells} memory CD4 {'cell' if min_cells == 1 else 'cells'}"
    table["reason"] = reason or np.where(few, short, "")
    table["estimable"] = good
    return table


def ratio_values(
    cells: np.ndarray, n_tph: np.ndarray, n_th22: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Log-ratio of each donor and what sampling leaves to chance in it, both (donors,).

    The value is :func:`log_ratio` less the bias that half a cell is expected to make in so many
    cells (:func:`tilt.donors.sampling.log_bias`), so that donors with few cells are not pulled
    toward equal poles. Bias and variance follow from the donor's cells and the shares of all
    donors. A donor without cells has an infinite variance.
    """
    (tph, seen_tph), (th22, seen_th22) = (_straight(cells, n) for n in (n_tph, n_th22))
    return tph - th22, 1 / seen_tph + 1 / seen_th22


def pole_logs(cells: np.ndarray, n_tph: np.ndarray, n_th22: np.ndarray) -> np.ndarray:
    """Log shares of both poles in each donor with cells (donors x 2), as they stand in E1.

    The first less the second is the value of :func:`ratio_values`.
    """
    logs = [_straight(cells, n)[0] - np.log(cells) for n in (n_tph, n_th22)]
    return np.column_stack(logs)


def _straight(cells: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log cells of a pole less their expected bias, and the cells expected, both (donors,)."""
    expected = np.maximum(expected_cells(cells, n), 1e-9)
    return log_cells(n) - sampling.log_bias(expected), expected


def expected_cells(cells: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Cells of a pole that a donor of so many memory cells would have with the typical share.

    The typical share is the mean of donors' shares, blind to the condition; donors with few cells,
    whose shares are mostly chance, count for less (by the root of their cells).
    """
    some = cells > 0
    if not some.any():
        return np.zeros(len(cells))
    return cells * float(np.average(n[some] / cells[some], weights=np.sqrt(cells[some])))


def e1_problem(counts: pd.DataFrame, detectability: pd.DataFrame | None, settings: Settings) -> str:
    """Why labeled counts can't carry the ratio in this cohort; "" when they can.

    Th22-like cells expected in the median donor below the limit: its memory cells times the typical
    share of such cells in blood, so that neither a difference between the arms nor chance in the
    counts decides. Besides, labels that can't tell such cells at all: fewer than ``LEAST_FOUND`` a
    donor in the whole cohort, or neither IL22 nor CCR10 in any cell of the working set (SCIENCE
    1.4).
    """
    enough = counts[counts["n_cells"] >= max(settings.min_memory_cells, 1)]
    if enough.empty:
        return f"no donor has {count(max(settings.min_memory_cells, 1), 'memory CD4 cell')}"
    median, needed = float(enough["n_cells"].median()), settings.min_median_th22
    expected = settings.typical_th22 * median
    if expected < needed:
        return (
            f"{expected:.3g} Th22-like cells expected in the median donor, of {median:g} memory "
            f"CD4 cells; {needed:g} are needed"
        )
    found = float(enough["n_th22"].mean())
    if needed and found < LEAST_FOUND:
        return f"{found:.2g} Th22-like cells a donor found; {LEAST_FOUND:g} are needed"
    if detectability is not None:
        seen = detectability.set_index("gene")["n_cells"].reindex(list(TH22_MARKERS)).fillna(0)
        if seen.sum() == 0:
            return f"{' and '.join(TH22_MARKERS)} were not detected in any memory CD4 cell"
    return ""


@dataclass(frozen=True)
class Axis:
    """What the pseudobulk axis is made of: z (units x genes) and the columns of both sets."""

    units: pd.DataFrame
    z: np.ndarray
    mean: np.ndarray  # (genes,) mean log2 CPM, for matching random sets
    sets: dict[str, tuple[np.ndarray, np.ndarray]]  # name -> (columns, weights)

    def value(self, tph: str, th22: str) -> np.ndarray:
        """Mean weighted z of set ``tph`` minus that of set ``th22`` per unit."""
        parts = [
            weighted_mean(self.z[:, columns], w) for columns, w in (self.sets[tph], self.sets[th22])
        ]
        return parts[0] - parts[1]


@dataclass(frozen=True)
class Measured:
    """Pseudobulk of the working set, standardized: all of an axis but its sets of genes."""

    units: pd.DataFrame
    var: pd.DataFrame
    seen: np.ndarray  # (genes,) see :func:`tilt.donors.z_scores.seen_genes`
    z: np.ndarray
    mean: np.ndarray


def measure(
    bulk: "ad.AnnData",
    strata: pd.DataFrame | None,
    settings: Settings,
    counts: np.ndarray | None = None,
) -> tuple[Measured | None, str]:
    """The working set's units with enough cells, or None and why: fewer than four have them.

    ``strata``: strata of each unit, indexed by (donor, condition), or None. ``counts``
    replaces the counts of the units (for down-sampling).
    """
    rows = pseudobulk.of_subset(bulk, WORKING_SET, settings.min_pseudobulk_cells)
    if rows.n_obs < 4:
        return None, (
            f"{count(rows.n_obs, 'donor')} with {settings.min_pseudobulk_cells} memory CD4 cells; "
            "4 are needed"
        )
    counts = pseudobulk.dense(rows) if counts is None else counts
    units = rows.obs[[*UNIT_KEY, "n_cells"]].reset_index(drop=True)
    if strata is not None:
        strata = strata.reindex(pd.MultiIndex.from_frame(units[UNIT_KEY]))
    values = pseudobulk.log_cpm(counts)
    seen, z = z_scores.seen_genes(counts), z_scores.standardize(values, strata)
    return Measured(units, rows.var, seen, z, values.mean(axis=0)), ""


def axis(
    bulk: "ad.AnnData",
    signatures: pd.DataFrame,
    sets: tuple[str, ...],
    strata: pd.DataFrame | None,
    settings: Settings,
) -> tuple[Axis | None, str]:
    """Axis of :func:`measure` and :func:`axis_of`, or None and the reason of either."""
    return axis_of(measure(bulk, strata, settings), signatures, sets, settings)


def axis_of(
    measured: tuple[Measured | None, str],
    signatures: pd.DataFrame,
    sets: tuple[str, ...],
    settings: Settings,
) -> tuple[Axis | None, str]:
    """Standardized pseudobulk of the working set and the sets that can be scored in it.

    ``measured``: result of :func:`measure`. Returns (axis, "") or (None, reason) when that is
    None or one of the first two sets has too few genes. Genes that are hardly counted at all stay
    out of the axis (:func:`tilt.donors.z_scores.seen_genes`).
    """
    made, reason = measured
    if made is None:
        return None, reason
    members = {}
    for name in sets:
        weight = weights(signatures, name)
        where = gene_tables.locate(made.var, weight.index)
        if len(where) < settings.min_genes * len(weight):
            if name in sets[:2]:
                return (
                    None,
                    f"{len(where)} of {len(weight)} genes of {name} measured; "
                    f"{settings.min_genes:.0%} are needed",
                )
            continue
        columns = made.var.index.get_indexer(where)
        kept = made.seen[columns]
        if kept.sum() < 3:
            if name in sets[:2]:
                return (
                    None,
                    f"{int(kept.sum())} genes of {name} have counts in the pseudobulk; "
                    "3 are needed",
                )
            continue
        members[name] = (columns[kept], weight[where.index].to_numpy()[kept])
    return Axis(made.units, made.z, made.mean, members), ""


def axis_rows(
    donors: pd.DataFrame, made: Axis | None, reason: str, settings: Settings
) -> pd.DataFrame:
    """Rows of E3 for every unit: the axis where it could be made, else ``reason``."""
    table = donors[UNIT].astype(str).assign(estimator="E3", n_cells=0, value=np.nan, reason=reason)
    if made is not None:
        key = pd.MultiIndex.from_frame(table[UNIT_KEY])
        at = pd.MultiIndex.from_frame(made.units[UNIT_KEY])
        value = pd.Series(made.value(settings.tph_set, settings.th22_set), at)
        table["value"] = value.reindex(key).to_numpy()
        table["n_cells"] = pd.Series(made.units["n_cells"].to_numpy(), at).reindex(key).to_numpy()
        short = f"fewer than {settings.min_pseudobulk_cells} memory CD4 cells"
        table["reason"] = np.where(table["value"].isna(), short, "")
    table["n_cells"] = table["n_cells"].fillna(0).astype(int)
    table["estimable"] = table["value"].notna()
    return table


def leading(table: pd.DataFrame) -> tuple[str, str]:
    """Which estimator leads, and why, from what is estimable (never from the condition).

    E1 if half of the donors have it, else E3, else E2, else "" (nothing can be measured).
    """
    said = []
    for name in ORDER:
        rows = table[table["estimator"] == name]
        share = rows["estimable"].mean() if len(rows) else 0.0
        if share >= SHARE_ESTIMABLE:
            said.append(
                f"{name} leads: estimable in {int(rows['estimable'].sum())} of {len(rows)} donors"
            )
            return name, "; ".join(said)
        why = rows.loc[~rows["estimable"], "reason"]
        said.append(f"{name} not estimable: {why.mode().iloc[0] if len(why) else 'no donors'}")
    return "", "; ".join(said)


def estimate(
    composition: pd.DataFrame,
    bulk: "ad.AnnData | None",
    donors: pd.DataFrame,
    signatures: pd.DataFrame,
    settings: Settings,
    detectability: pd.DataFrame | None = None,
    strata: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, str]:
    """E1, E2 and E3 of every unit, and the sentence that says which leads and why.

    Parameters
    ----------
    composition
        From :func:`tilt.donors.composition.count` or ``from_table``.
    bulk
        Pseudobulk with the subset memory_cd4; None for composition-table cohorts.
    donors
        One row a unit; only cohort, donor and condition are read (condition as a key).
    detectability
        gene, n_cells over the working set; None when there are no cells to look at.
    strata
        Strata (batch) of each unit, indexed by (donor, condition), one column each.

    Returns
    -------
    Table of :data:`tilt.core.contracts.IMBALANCE` (value: natural log ratio for E1 and E2, SD
    for E3).
    """
    labeled = pole_counts(composition, settings.poles)
    units = donors[UNIT].astype(str)
    tables = []
    if labeled.empty:
        none = f"the composition has no denominator {WORKING_SET}"
        for name in RATIOS:
            tables.append(units.assign(estimator=name, n_cells=0, estimable=False, reason=none))
    else:
        problem = e1_problem(labeled, detectability, settings)
        tables.append(ratio_rows(labeled, "E1", settings.min_memory_cells, problem))
        flagged = pole_counts(composition, POLE_FLAGS)
        scored = composition["subset"].isin([f for pole in POLE_FLAGS.values() for f in pole])
        why = "" if composition.loc[scored, "n"].sum() > 0 else "no cell has a score of the poles"
        tables.append(ratio_rows(flagged, "E2", settings.min_memory_cells, why))
    made, reason = None, "no pseudobulk: only a table of counts is published"
    if bulk is not None:
        made, reason = axis(
            bulk, signatures, (settings.tph_set, settings.th22_set), strata, settings
        )
    tables.append(axis_rows(donors, made, reason, settings))
    table = pd.concat(tables, ignore_index=True)
    lead, sentence = leading(table)
    table["leads"] = table["estimator"] == lead
    log.info("%s", sentence)
    return table.reindex(columns=list(IMBALANCE.columns)), sentence
