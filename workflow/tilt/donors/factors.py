"""Activity of transcription factors, by decoupler's univariate linear model over their targets.

Badia-i-Mompel 2022 (doi:10.1093/bioadv/vbac016): the t value of the slope of the genes' values on
the weights of a factor's targets, genes that are no targets at 0. The ten lines of :func:`ulm` are
our own, held to decoupler's numbers by a test: decoupler (numba, seaborn, its benchmarks) takes 2 s
of processor time to import beside all else that the job imports, 15 s where numba has no cache yet,
and the model itself 0.02 s.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core import distributions
from tilt.core.contracts import FACTOR_ACTIVITY, FACTORS
from tilt.core.terms import UNIT, UNIT_KEY, WORKING_SET
from tilt.core.text import count
from tilt.donors import pseudobulk, z_scores
from tilt.donors.activity import CIRCULAR
from tilt.genes import tables as gene_tables

if TYPE_CHECKING:
    import anndata as ad

log = logging.getLogger(__name__)

MIN_TARGETS = 5  # measured ones that a factor needs; decoupler's own minimum
MIN_UNITS = 4  # donors that a gene is standardized over


@dataclass(frozen=True)
class Regulon:
    """``edges``: source, target, weight, without circular targets; ``removed``: these by factor."""

    edges: pd.DataFrame
    removed: dict[str, int]


def read_regulon(path: str | Path, aliases: Mapping[str, str] | None = None) -> Regulon:
    """Regulon table (TSV: source, target, weight) without targets that define the imbalance.

    Targets get their current symbols (``aliases``: old name or id -> current symbol;
    :func:`tilt.genes.tables.current`) before any is taken out; of two edges that then are one, the
    first stays, which the log says.

    Raises
    ------
    ValueError
        Missing columns, an edge twice, or no edge left.
    """
    net = pd.read_csv(path, sep="\t", comment="#")
    absent = sorted({"source", "target", "weight"} - set(net.columns))
    if absent:
        raise ValueError(f"{path}: no column {absent}; it has {list(net.columns)}")
    if net.duplicated(["source", "target"]).any():
        twice = net.loc[net.duplicated(["source", "target"]), ["source", "target"]].iloc[0]
        raise ValueError(f"{path}: edge {twice['source']} -> {twice['target']} is there twice")
    net["target"] = gene_tables.current(net["target"].astype(str), aliases or {}, Path(path).name)
    again = net.duplicated(["source", "target"])
    if again.any():
        log.warning("%s: %d edges by another name of a target left out", path, int(again.sum()))
    net = net[~again]
    circular = net["target"].isin(CIRCULAR)
    log.info("%d regulon edges, %d circular ones removed", len(net), int(circular.sum()))
    if circular.all():
        raise ValueError(f"{path}: no edge left without {', '.join(CIRCULAR)}")
    edges = net.loc[~circular, ["source", "target", "weight"]].astype({"weight": float})
    return Regulon(edges, net[circular].groupby("source").size().to_dict())


def ulm(
    values: pd.DataFrame, regulon: Regulon, factors: Iterable[str], min_targets: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Scores (rows of ``values`` x factors that have enough targets) and targets of each factor.

    ``values``: rows x genes, columns symbols, none missing. A score is a t value with as many
    degrees of freedom as genes less two; NaN for a row without spread.
    """
    net = regulon.edges[regulon.edges["target"].isin(values.columns)]
    sizes = net.groupby("source").size()
    targets = {factor: int(sizes.get(factor, 0)) for factor in factors}
    able = [factor for factor, n in targets.items() if n >= min_targets]
    if not able or values.empty:
        return pd.DataFrame(index=values.index), targets
    wide = net.pivot(index="target", columns="source", values="weight")[able]
    x = wide.reindex(values.columns).fillna(0.0).to_numpy(float)
    y = values.to_numpy(float)
    x, y = x - x.mean(axis=0), y - y.mean(axis=1, keepdims=True)
    spread = np.outer(np.linalg.norm(y, axis=1), np.linalg.norm(x, axis=0))
    r = np.divide(y @ x, spread, out=np.full(spread.shape, np.nan), where=spread > 0)
    t = r * np.sqrt((len(x) - 2) / (1 - r**2))
    return pd.DataFrame(t, values.index, able), targets


def of_statistic(
    statistic: pd.Series, regulon: Regulon, factors: Iterable[str], min_targets: int = MIN_TARGETS
) -> pd.DataFrame:
    """Activity of transcription factors in one differential-expression statistic.

    ``statistic``: Wald statistic by gene symbol.

    Returns
    -------
    Table of :data:`tilt.core.contracts.FACTORS`: score (t value of the slope), p; factors with
    fewer than ``min_targets`` measured targets have none, and the reason. p takes genes as
    independent, which they are not: read it as a ranking.
    """
    known = statistic.dropna()
    known = known[~known.index.duplicated()]
    scores, targets = ulm(known.to_frame("statistic").T, regulon, factors, min_targets)
    rows = []
    for factor, n in targets.items():
        t = float(scores[factor].iloc[0]) if factor in scores else np.nan
        p = float(2 * distributions.t_above(abs(t), len(known) - 2))
        reason = "" if factor in scores else too_few(n, min_targets)
        removed = regulon.removed.get(factor, 0)
        rows.append((factor, n, removed, t, p, factor in scores, reason))
    return pd.DataFrame(rows, columns=list(FACTORS.columns))


def of_donors(
    bulk: "ad.AnnData",
    donors: pd.DataFrame,
    regulon: Regulon,
    factors: Iterable[str],
    min_cells: int,
    strata: pd.DataFrame | None = None,
    min_targets: int = MIN_TARGETS,
) -> pd.DataFrame:
    """Activity of transcription factors in each donor's working set.

    The genes' log2 CPM are standardized over the donors, as for the pseudobulk axis
    (:func:`tilt.donors.z_scores.standardize`), so that a score tells how the targets of a factor
    lie in this donor against others, beside all other genes.

    Returns
    -------
    Table of :data:`tilt.core.contracts.FACTOR_ACTIVITY`: every unit of ``donors`` x factor.
    """
    rows = pseudobulk.of_subset(bulk, WORKING_SET, min_cells)
    units = donors[UNIT].astype(str)
    at = pd.MultiIndex.from_frame(units[UNIT_KEY])
    n_cells = bulk.obs[bulk.obs["subset"] == WORKING_SET].set_index(UNIT_KEY)["n_cells"]
    n_cells = n_cells.reindex(at).fillna(0).astype(int).to_numpy()
    scores, targets, few = pd.DataFrame(), dict.fromkeys(factors, 0), ""
    if rows.n_obs < MIN_UNITS:
        few = f"{count(rows.n_obs, 'donor')} with {min_cells} memory CD4 cells; {MIN_UNITS} needed"
    else:
        made = z_scores.standardized(rows, strata)
        symbols = rows.var["gene_symbol"].to_numpy()[made.genes]
        values = pd.DataFrame(made.z, pd.MultiIndex.from_frame(rows.obs[UNIT_KEY]), symbols)
        values = values.loc[:, ~values.columns.duplicated() & made.z.any(axis=0)]
        scores, targets = ulm(values, regulon, factors, min_targets)
    tables = []
    for factor, n in targets.items():
        table = units.assign(factor=factor, n_cells=n_cells, n_targets=n, value=np.nan, reason="")
        if factor in scores:
            table["value"] = scores[factor].reindex(at).to_numpy()
            thin = table["value"].isna()
            table.loc[thin, "reason"] = f"fewer than {min_cells} memory CD4 cells"
        else:
            table["reason"] = few or too_few(n, min_targets)
        table["estimable"] = table["value"].notna()
        tables.append(table)
    return pd.concat(tables, ignore_index=True)[list(FACTOR_ACTIVITY.columns)]


def too_few(n: int, needed: int) -> str:
    """Why a factor has no score."""
    return f"{count(n, 'target')} measured; {needed} are needed"
