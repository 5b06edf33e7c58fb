"""Slope of a donor's value on a number that was measured in each donor, within strata."""

import numpy as np
import pandas as pd

from tilt.core import distributions
from tilt.core.text import count
from tilt.stats import design, inference, precision, readable, resampling
from tilt.stats.inference import TINY
from tilt.stats.mediators import LEAST_DF

POINTS = 25  # of a line
NO_LINE = pd.DataFrame(columns=["x", "fit", "low", "high"], dtype=float)


def slope(
    units: pd.DataFrame,
    contrast: design.Contrast,
    name: str,
    unit: str,
    fixed: str,
    permutations: int,
    seed: int,
) -> tuple[dict, pd.DataFrame]:
    """Row of the slope of ``value`` on ``x`` over the units given.

    Least squares with HC2 and the degrees of freedom of Bell & McCaffrey, donors weighted by
    precision where they have a ``variance``, as in the comparison of the arms. ``partial_r`` is the
    correlation of what covariates leave of both; ``p_permuted`` that of the studentized slope when
    residuals are reordered within strata (Freedman & Lane 1983).

    Parameters
    ----------
    units
        One row a donor: donor, condition, value, x (none missing), covariates and strata, and
        where there is one for all, variance.
    name, unit
        What ``x`` is called, and the unit of ``value``.
    fixed
        Column of groups that are adjusted for in any case: with the condition, the slope is the one
        within the arms. "" for none.

    Returns
    -------
    Columns of :data:`tilt.core.contracts.EXPOSURES` but those that say what was asked, with the
    ``donors`` that were used, and the line (:func:`line`), empty where there is no slope. The fold
    of a ratio is per SD.
    """
    weighted = "variance" in units and bool(units["variance"].notna().all()) and len(units) > 0
    method = "wls_hc2" if weighted else "ols_hc2"
    base, model = _model(units.reset_index(drop=True), contrast, name, fixed)
    base |= {"unit": f"{unit} per unit", "method": method, "estimable": False}
    if model is None:
        return base, NO_LINE
    units, matrix, strata = model
    x, y, root, told = matrix[:, -1], units["value"].to_numpy(float), np.ones(len(units)), []
    if weighted:
        root, tau2 = precision.root_weights(y, units["variance"].to_numpy(float), matrix)
        told = [f"donors weighted by precision, SD between donors {np.sqrt(tau2):.2g}"]
    base["reason"] = "; ".join(filter(None, [base["reason"], *told]))
    fit, scaled = inference.project(matrix * root[:, None]), y * root
    exact = (np.diag(fit.annihilator) < TINY) & (np.abs(fit.partial) > TINY * np.abs(x).max())
    if exact.any():
        who = units.loc[np.flatnonzero(exact)[0], "donor"]
        return base | {"reason": f"{name} hangs on donor {who} alone"}, NO_LINE
    effect, se = (float(v[0]) for v in inference.hc2(scaled[None, :], fit))
    found = inference.from_t(effect, se, fit.df_effect)
    if not np.isfinite(found.p):
        return base | {"reason": "no spread about the line"}, NO_LINE
    keys = np.random.default_rng(seed).random((permutations, len(x)))
    orders = resampling.reorder(keys, np.zeros(len(x), int), strata)
    permuted, _ = resampling.permutation_p(scaled, fit, orders, complete=False)
    rest = fit.nuisance @ scaled
    correlation = float(rest @ fit.partial / np.sqrt((rest @ rest) * (fit.partial @ fit.partial)))
    sd = _spread(units, fixed)
    scale = {"sd": sd, "per_sd": effect * sd, "per_sd_low": found.ci_low * sd}
    scale |= {"per_sd_high": found.ci_high * sd, "partial_r": correlation}
    per_sd = {"effect": effect * sd, "ci_low": found.ci_low * sd, "ci_high": found.ci_high * sd}
    scale |= readable.folds(per_sd | {"unit": unit})
    numbers = {k: getattr(found, k) for k in ("effect", "se", "df", "ci_low", "ci_high", "p")}
    drawn = line(matrix * root[:, None], scaled, matrix, found.df)
    return base | numbers | scale | {"p_permuted": permuted, "estimable": True}, drawn


def _groups(units: pd.DataFrame, fixed: str) -> np.ndarray:
    """A column of ones and those of the groups that are adjusted for in any case (n x k)."""
    ones = np.ones((len(units), 1))
    if not fixed:
        return ones
    return np.column_stack([ones, pd.get_dummies(units[fixed], drop_first=True).to_numpy(float)])


def _spread(units: pd.DataFrame, fixed: str) -> float:
    """SD of x within the groups."""
    x, start = units["x"].to_numpy(float), _groups(units, fixed)
    rest = x - start @ np.linalg.lstsq(start, x, rcond=None)[0]
    return float(np.std(rest, ddof=start.shape[1]))


def _model(
    units: pd.DataFrame, contrast: design.Contrast, name: str, fixed: str
) -> tuple[dict, tuple[pd.DataFrame, np.ndarray, np.ndarray] | None]:
    """What the row tells of its donors, and the model: donors, design (x last), their strata.

    No model where it cannot be had; ``reason`` says why.
    """
    wanted = list(dict.fromkeys([*contrast.strata, *contrast.covariates]))
    wanted = [column for column in wanted if column != name]
    least = 1 + (units[fixed].nunique() if fixed else 1) + LEAST_DF
    units, wanted, notes = design.complete(units, wanted, lambda rows: len(rows) < least)
    base: dict = {"n": len(units), "donors": set(units["donor"]), "covariates": "none"}
    if len(units) < least:
        few = f"{count(len(units), 'donor')} have both; {least} are needed"
        return base | {"reason": "; ".join([few, *notes])}, None
    x, start = units["x"].to_numpy(float), _groups(units, fixed)
    if np.ptp(units["value"]) < TINY:
        return base | {"reason": "the same value in every donor"}, None
    if not _spread(units, fixed) > TINY * max(np.abs(x).max(), 1):
        said = f"{name} is the same in all of {count(len(units), 'donor')}"
        return base | {"reason": said}, None
    nuisance, used, more = design.adjustment(units, wanted, contrast.strata, x, name, start)
    base["covariates"] = ", ".join([*([fixed] if start.shape[1] > 1 else []), *used]) or "none"
    base["reason"] = "; ".join([*notes, *more])
    matrix = np.column_stack([nuisance, x])
    if len(x) - matrix.shape[1] < LEAST_DF:
        few = f"{count(len(x), 'donor')} for {matrix.shape[1]} columns of the model"
        return base | {"reason": "; ".join([few, *notes, *more])}, None
    strata = np.zeros(len(x), int)
    blocks = [column for column in contrast.strata if column in used]
    if blocks:
        strata = units.groupby(blocks, sort=True).ngroup().to_numpy()
    return base, (units, matrix, strata)


def line(design: np.ndarray, outcome: np.ndarray, plain: np.ndarray, df: float) -> pd.DataFrame:
    """Fitted values over the range of x (last column) with a pointwise 95% band: x, fit, low, high.

    At the average of what is adjusted for; HC2 covariance, t with the ``df`` of the slope.
    ``design`` and ``outcome`` are weighted, ``plain`` the design without weights (n x k).
    """
    inverse = np.linalg.pinv(design)
    leverage = np.einsum("ij,ji->i", design, inverse)
    rest = outcome - design @ (inverse @ outcome)
    spread = np.where(leverage < 1 - TINY, rest**2 / np.maximum(1 - leverage, TINY), 0)
    covariance = (inverse * spread) @ inverse.T
    x = np.linspace(plain[:, -1].min(), plain[:, -1].max(), POINTS)
    at = np.tile(plain.mean(axis=0), (POINTS, 1))
    at[:, -1] = x
    fit = at @ (inverse @ outcome)
    half = distributions.t_quantile(0.5 + inference.LEVEL / 2, df) * np.sqrt(
        np.einsum("ij,jk,ik->i", at, covariance, at)
    )
    return pd.DataFrame({"x": x, "fit": fit, "low": fit - half, "high": fit + half})


def holm(p: pd.Series) -> np.ndarray:
    """Adjusted p of Holm 1979 (JSTOR 4615733); missing p stay missing and don't count.

    In four lines: statsmodels' ``multipletests`` collects garbage at each call, 0.1 s of the 0.15 s
    that all contrasts of a cohort take.
    """
    values = p.to_numpy(float)
    order = np.argsort(values)[: p.notna().sum()]  # missing ones come last
    stepped = values[order] * np.arange(len(order), 0, -1)
    out = np.full(len(p), np.nan)
    out[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return out
