"""Antibody tags of the T cells of a cohort: normalized, and told from their background.

Tags stick a little to every cell, more in one batch than in another. What a cell has of a protein
is the log of its counts over the geometric mean of its tags (CLR; Stoeckius 2017,
doi:10.1038/nmeth.4380). Background and signal are the two components of a normal mixture, fitted
to each protein in each batch. Where they overlap, or one component is enough, nothing is concluded.

Where empty droplets were read (``tilt.io.droplets``), it is instead how many of their SDs the log
of the counts lies above their mean, sample by sample (step I of dsb; Mulè 2022,
doi:10.1038/s41467-022-29356-8; its step II, the technical component of each cell, is left out).
"""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scipy

from tilt.core.contracts import PROTEINS
from tilt.core.text import count, few

log = logging.getLogger(__name__)

FIT_CELLS = 5_000  # cells of a batch from which a mixture is learned
MIN_CELLS = 100  # cells of a batch below which none is fitted
MIN_SHARE = 0.01  # of a component: a few outliers are no population
MIN_APART = 2.0  # Ashman's D of two populations that are seen apart (1994, doi:10.1086/117248)
VALLEY = 0.8  # density between the components, over the lower of both peaks, at the most
STARTS = ((0.25, 0.75), (0.5, 0.99), (0.01, 0.5))  # quantiles at which both components begin
MIN_CENTER = 3  # proteins that all samples share, over which cells are centered
MOST = 7.0  # natural log odds; one cell in a thousand is a doublet of what it seems


@dataclass(frozen=True)
class Levels:
    """Proteins of the cells of a cohort (cells x proteins; NaN where a cell has no such tag).

    ``level``: natural log over the geometric mean of the cell's tags, or SDs above empty droplets.
    ``aligned``: the same less the background of the batch. ``log_odds``: natural log of how much
    likelier the value is among cells that have the protein than in the background (even odds
    beforehand; 0 where nothing is known).
    ``fits``: a row a batch and protein (:data:`tilt.core.contracts.PROTEINS`).
    """

    level: pd.DataFrame
    aligned: pd.DataFrame
    log_odds: pd.DataFrame
    fits: pd.DataFrame


def require(counts: pd.DataFrame | None, sample: pd.Series, cohort: str) -> pd.DataFrame:
    """The counts. Raise ValueError where no sample of a cohort has tags; tell how panels differ.

    ``counts``: cells x proteins, NaN where a sample has no such tag; ``sample`` of each cell.
    """
    if counts is None or counts.empty or counts.isna().all(axis=None):
        raise ValueError(
            f"cohort {cohort}: no sample has antibody tags. Fix: correct `protein: from` in the "
            "cohort file, or take `protein` out"
        )
    has = counts.notna().groupby(sample.astype(str).to_numpy()).any()
    none = has.index[~has.any(axis=1)].tolist()
    if none:
        log.warning("%s without antibody tags: %s", count(len(none), "sample"), few(none))
    part = has[has.any(axis=1)]
    for protein in part.columns[~part.all()]:
        lost = part.index[~part[protein]].tolist()
        log.warning("no antibody against %s in %d samples: %s", protein, len(lost), few(lost))
    return counts


def as_anndata(levels: Levels, obs: pd.DataFrame) -> ad.AnnData:
    """The levels as an AnnData, cells x proteins: X the level, layers aligned and log_odds."""
    layers = {name: getattr(levels, name).to_numpy(np.float32) for name in ("aligned", "log_odds")}
    return ad.AnnData(
        levels.level.to_numpy(np.float32),
        obs=obs[["sample", "donor", "batch"]],
        var=pd.DataFrame(index=levels.level.columns.astype(str)),
        layers=layers,
    )


def _log(counts: pd.Series) -> np.ndarray:
    return np.log1p(counts.to_numpy(float))


def _like(counts: pd.DataFrame) -> pd.DataFrame:
    """An empty table of the same cells and proteins, float32: a cohort has many of both."""
    made = np.empty(counts.shape, np.float32)
    return pd.DataFrame(made, index=counts.index, columns=counts.columns, copy=False)


def _middle(counts: pd.DataFrame) -> np.ndarray:
    """Mean log count of each cell over the proteins that it is centered over (cells,).

    Where panels differ, these are the proteins that all cells with tags have. Protein by protein,
    so that no second table of all cells is held. NaN for cells without any.
    """
    some = np.zeros(len(counts))
    for name in counts:
        some += np.nan_to_num(counts[name].to_numpy(float))
    has = some > 0
    shared = [name for name in counts if _whole(counts[name], has)]
    if len(shared) < min(MIN_CENTER, counts.shape[1]):
        log.warning("panels share %d proteins: each cell is centered over its own", len(shared))
        shared = list(counts)
    total, n = np.zeros(len(counts)), np.zeros(len(counts))
    for name in shared:
        logs = _log(counts[name])
        total += np.nan_to_num(logs)
        n += ~np.isnan(logs)
    with np.errstate(invalid="ignore"):
        return np.where(has, total / n, np.nan)


def _whole(counts: pd.Series, cells: np.ndarray) -> bool:
    """Whether every one of the cells has the tag."""
    return not bool(np.isnan(counts.to_numpy(float)[cells]).any())


def levels(
    counts: pd.DataFrame,
    batch: np.ndarray,
    cohort: str,
    seed: int,
    over: Callable[[str], np.ndarray] | None = None,
) -> Levels:
    """Normalize the tags of a cohort and tell signal from background, batch by batch.

    Parameters: ``counts`` cells x proteins, NaN where a sample has no such tag; ``batch`` one a
    cell; ``seed`` of the choice of cells and of the fits; ``over`` gives the values of a protein
    (:func:`over_droplets`), else they are the CLR.
    """
    middle = None if over else _middle(counts)
    batch = np.asarray(batch).astype(str)
    made = [_like(counts) for _ in range(3)]
    rows = []
    for place, protein in enumerate(counts):
        values = over(protein) if over else _log(counts[protein]) - middle
        aligned, odds = values.copy(), values * 0.0
        found = {name: _fit(values[batch == name], seed) for name in sorted(set(batch))}
        measured = {name: fit for name, fit in found.items() if fit["n_cells"]}
        # The foot of one batch and the middle of another are no common ground.
        all_apart = all(fit["apart"] for fit in measured.values())
        for name, fit in found.items():
            here = batch == name
            fit["background"] = fit["low_mean"] if all_apart else fit["median"]
            aligned[here] = values[here] - fit["background"]
            if fit["apart"]:
                odds[here] = log_odds(values[here], fit)
            rows.append({"cohort": cohort, "batch": name, "protein": protein, **fit})
        for part, column in zip(made, (values, aligned, odds), strict=True):
            part.iloc[:, place] = column.astype(np.float32)
    table = pd.DataFrame(rows, columns=list(PROTEINS.columns))
    told = table[table["apart"]].groupby("protein").size()
    log.info("%s told from background: %s", count(len(told), "protein"), ", ".join(told.index))
    return Levels(made[0], made[1], made[2], table)


def over_droplets(
    counts: pd.DataFrame, sample: pd.Series, empty: pd.DataFrame, pseudocount: float
) -> Callable[[str], np.ndarray]:
    """Gives, by protein, how many SDs of its empty droplets each cell lies above their mean.

    Parameters: ``counts`` cells x proteins; ``sample`` of each cell; ``empty`` a row a sample and
    protein (:data:`tilt.core.contracts.EMPTY_DROPLETS`); ``pseudocount`` that its logs have.
    Raises ValueError for a protein of a sample that its droplets lack.
    """
    names = sample.astype(str).to_numpy()
    known = empty.set_index(["protein", "sample"])[["mean", "sd"]]
    has = counts.notna().groupby(names).any()
    lost = [
        f"{protein} of sample {one}"
        for protein in counts
        for one in has.index[has[protein]]
        if (protein, one) not in known.index
    ]
    if lost:
        raise ValueError(
            f"no empty droplets of {few(lost)}. Fix: the unfiltered matrix is of another panel: "
            "correct the column `raw` of the sheet, or take it out"
        )

    def values(protein: str) -> np.ndarray:
        own = known.loc[protein].reindex(names)
        logs = np.log(counts[protein].to_numpy(float) + pseudocount)
        return (logs - own["mean"].to_numpy()) / own["sd"].to_numpy()

    return values


def _fit(values: np.ndarray, seed: int) -> dict:
    """Two normal components of the values of a protein in a batch, and whether they are apart."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    values = values[np.isfinite(values)]
    names = ("low_mean", "low_sd", "high_mean", "high_sd", "share_high", "separation")
    fit: dict = {"n_cells": len(values), **dict.fromkeys(names, np.nan)}
    fit |= {"median": float(np.median(values)) if len(values) else np.nan, "apart": False}
    if len(values) < MIN_CELLS:
        why = f"fewer than {MIN_CELLS} cells" if len(values) else "no such antibody in this batch"
        return fit | {"reason": why}
    if np.ptp(values) < 1e-9:
        return fit | {"reason": "the same in every cell"}
    values = np.sort(values)  # the same whatever the order of the cells
    rng = np.random.default_rng(seed)
    some = values if len(values) <= FIT_CELLS else rng.choice(values, FIT_CELLS, replace=False)
    some = some[:, None]

    def mixture(*starts: float) -> GaussianMixture:
        """Fitted from components that begin at these values."""
        k = len(starts)
        model = GaussianMixture(
            k,
            weights_init=np.full(k, 1 / k),
            means_init=np.array(starts)[:, None],
            precisions_init=np.full((k, 1, 1), 4 / np.var(some)),
            init_params="random_from_data",
            random_state=seed,
            reg_covar=1e-4,
        )
        return model.fit(some)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one = mixture(float(some.mean()))
        tried = [mixture(*np.quantile(some, start)) for start in STARTS]
    two = max(tried, key=lambda model: model.lower_bound_)
    low, high = np.argsort(two.means_.ravel())
    mean, sd = two.means_.ravel(), np.sqrt(two.covariances_.ravel())
    fit |= {"low_mean": mean[low], "low_sd": sd[low], "high_mean": mean[high], "high_sd": sd[high]}
    fit["share_high"] = float(two.weights_[high])
    fit["separation"] = float((mean[high] - mean[low]) / np.sqrt((sd[0] ** 2 + sd[1] ** 2) / 2))
    return fit | _judged(fit, two.bic(some) < one.bic(some))


def _judged(fit: dict, better: bool) -> dict:
    """Whether the components are two populations, and if not why."""
    share, apart = fit["share_high"], fit["separation"]
    if not better:
        return {"reason": "one component describes it as well as two"}
    if min(share, 1 - share) < MIN_SHARE:
        return {"reason": f"one component holds less than {MIN_SHARE:.0%} of the cells"}
    if apart < MIN_APART or not _has_valley(fit):
        return {"reason": f"signal and background overlap (separation {apart:.1f})"}
    return {"apart": True, "reason": ""}


def _has_valley(fit: dict) -> bool:
    grid = np.linspace(fit["low_mean"], fit["high_mean"], 101)
    share = fit["share_high"]
    density = (1 - share) * scipy.stats.norm.pdf(grid, fit["low_mean"], fit["low_sd"])
    density += share * scipy.stats.norm.pdf(grid, fit["high_mean"], fit["high_sd"])
    return bool(density.min() < VALLEY * min(density[0], density[-1]))


def log_odds(values: np.ndarray, fit: dict) -> np.ndarray:
    """Log likelihood ratio of signal against background, between both means.

    Beyond a mean nothing is added, so that it never falls as the value rises, and it is at most
    ``MOST`` either way.
    """
    inside = np.clip(values, fit["low_mean"], fit["high_mean"])
    ratio = scipy.stats.norm.logpdf(inside, fit["high_mean"], fit["high_sd"])
    ratio -= scipy.stats.norm.logpdf(inside, fit["low_mean"], fit["low_sd"])
    return np.clip(ratio, -MOST, MOST)
