"""meta.tsv: every quantity that cohorts have in common, combined in every model of ``meta``."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tilt.core import distributions
from tilt.core.contracts import META
from tilt.core.terms import MAIN_METHODS, MODERATED, RATIOS
from tilt.core.text import count
from tilt.stats import combined, meta, methods, readable

COLUMNS = list(META.columns)
STANDARDIZED = ("E3",)  # its unit differs between cohorts: Hedges' g is combined
NATURAL = ("Hedges g", "ln ratio", "ln odds ratio")  # scales on which tau_scale stands as it is
CHECKED = 3  # cohorts up to which a one-stage model is a check

# Outcome and design of the donors of a cohort: (quantity, denominator) -> cohort -> both.
Donors = Mapping[tuple[str, str], Mapping[str, tuple[np.ndarray, np.ndarray]]]


def _with_absent(tests: pd.DataFrame) -> pd.DataFrame:
    """Tests with a row, not estimable, for the model of a cohort that has none.

    Where E1 cannot be estimated and its model without pseudocount is not fitted either, the
    cohort is listed with the reason of its main row, like the others.
    """
    main = tests[tests["method"].isin(MAIN_METHODS) & tests["quantity"].isin(RATIOS)]
    key = ["cohort", "quantity", "denominator"]
    there = tests.loc[tests["method"] == combined.RATIO_MODEL, key]
    lost = main[~pd.MultiIndex.from_frame(main[key]).isin(pd.MultiIndex.from_frame(there))]
    keep = [c for c in (*key, "contrast", "unit", "n_case", "n_control", "reason") if c in lost]
    if there.empty or lost.empty:
        return tests
    rows = lost[keep].assign(method=combined.RATIO_MODEL, estimable=False)
    return pd.concat([tests, rows.astype(object)], ignore_index=True)


def across(
    tests: pd.DataFrame, tau_scale: float = meta.TAU_SCALE, donors: Donors | None = None
) -> pd.DataFrame:
    """Combine every quantity that two or more cohorts could estimate.

    Parameters
    ----------
    tests
        tests.tsv of all cohorts, donors already counted once. Main methods and models of counts
        are combined; E3, whose unit is each cohort's own SD, as Hedges' g. Paired cohorts are
        combined with each other, not with case-control ones; where the contrasts of the cohorts
        have different names the combination says so.
    tau_scale
        Scale of the half-normal prior on tau, on standardized and logarithmic scales; on others
        it is this many donors' SDs. Half and twice of it are given as sensitivity.
    donors
        Values and designs of the donors, for the one-stage check.

    Returns
    -------
    Columns of ``COLUMNS``. Per quantity x method the rows of the cohorts (``model`` empty,
    ``weight`` in the combination in front), then with ``cohort = "all"`` a row a model, one of
    which ``leads``, and for three cohorts or more rows ``cohort = "without <name>"`` in the
    model in front. Quantities of a single cohort keep their row and say so.
    """
    tests = _with_absent(tests)
    tests = tests.assign(method=tests["method"].str.removesuffix(MODERATED))
    paired = set(tests.loc[tests["method"].str.contains("paired_t"), "cohort"])
    wanted = tests[tests["method"].isin((*MAIN_METHODS, *methods.MODELS))]
    wanted = wanted.assign(pairs=wanted["cohort"].isin(paired))
    tables = []
    for (quantity, home, method, pairs), rows in wanted.groupby(
        ["quantity", "denominator", "method", "pairs"], sort=True, dropna=False
    ):
        studies, scale = _studies(rows, quantity in STANDARDIZED and method in MAIN_METHODS)
        good = rows["estimable"].astype(bool) & np.isfinite(studies["effect"].astype(float))
        good &= (studies["se"] > 0) & np.isfinite(studies["se"].astype(float))
        usable = studies[good]
        mine = (donors or {}).get((quantity, home), {}) if method in MAIN_METHODS else {}
        totals, weights = _combined(usable, scale, tau_scale, mine)
        studies.loc[good, "weight"] = weights
        name = f"{method} (pairs)" if pairs and method not in MAIN_METHODS else method
        both = (studies.assign(leads=False, model=""), totals)
        named = {"quantity": quantity, "denominator": home, "scale": scale, "method": name}
        tables += [part.assign(**named) for part in both]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    filled = [t.reindex(columns=[*COLUMNS, "middle"]).astype(object) for t in tables]
    return told(pd.concat(filled, ignore_index=True))[COLUMNS].infer_objects()


def told(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with fold and points of their effect, carried over as in tests.tsv."""
    given = rows.rename(columns={"scale": "unit"}).to_dict("records")
    found = pd.DataFrame([readable.columns(row) for row in given], index=rows.index)
    return rows.assign(**found)


def _studies(rows: pd.DataFrame, standardized: bool) -> tuple[pd.DataFrame, str]:
    """Rows of the cohorts on the scale on which they are combined, and that scale.

    ``sd`` is the donors' SD behind an effect (missing for models of counts), ``factor`` what
    the effect was multiplied with, ``middle`` where between the arms a difference of shares lies
    (of a combination the mean of its cohorts', by precision).
    """
    rows = rows.assign(n_cohorts=1, factor=1.0, sd=np.nan, weight=np.nan)
    rows["middle"] = rows.get("middle", pd.Series(np.nan, rows.index))
    if "smd" in rows:
        ratio = (rows["smd"] / rows["effect"]).astype(float)
        rows["sd"] = 1 / ratio.where(np.isfinite(ratio) & (ratio != 0))
    unit = rows["unit"].dropna().astype(str)
    if not standardized:
        return rows, unit.iloc[0] if len(unit) else ""
    half = distributions.t_quantile(0.975, rows["df"].astype(float)) * rows["smd_se"]
    limits = {"ci_low": rows["smd"] - half, "ci_high": rows["smd"] + half}
    rows = rows.assign(factor=1 / rows["sd"], effect=rows["smd"], se=rows["smd_se"], **limits)
    return rows, "Hedges g"


def _combined(
    studies: pd.DataFrame, scale: str, tau_scale: float, donors: Mapping
) -> tuple[pd.DataFrame, np.ndarray | float | None]:
    """Rows of all models and the weight of each study in the model in front."""
    k = len(studies)
    if k < 2:
        said = f"{count(k, 'cohort')} with an estimate; two are needed"
        row = {"cohort": "all", "n_cohorts": k, "estimable": False, "leads": True, "reason": said}
        return pd.DataFrame([row | {"model": ""}]), np.nan
    effect, se = studies["effect"].to_numpy(float), studies["se"].to_numpy(float)
    unit = 1.0 if scale in NATURAL else float(np.nanmedian(studies["sd"].astype(float)))
    said = "" if scale in NATURAL else f"prior on tau in donors' SDs of {unit:.3g}"
    models = {combined.COMMON: meta.common_effect(effect, se, _df(studies))}
    for times in (1.0, 0.5, 2.0):
        width = times * tau_scale
        models[f"{combined.HALF_NORMAL} {width:g}"] = meta.half_normal(effect, se, width * unit)
    models[combined.KNAPP_HARTUNG] = meta.knapp_hartung(effect, se)
    front = combined.KNAPP_HARTUNG if k >= meta.MANY else f"{combined.HALF_NORMAL} {tau_scale:g}"
    rows = []
    for model, pooled in models.items():
        notes = [said] if model.startswith(combined.HALF_NORMAL) and said else []
        rows.append(_total("all", model, pooled, studies, notes) | {"leads": model == front})
    if k <= CHECKED and set(studies["cohort"]) <= set(donors):
        rows.append(_one_stage(studies, donors))
    if k >= 3:
        for i, name in enumerate(studies["cohort"]):
            left = np.arange(k) != i
            if front == combined.KNAPP_HARTUNG:
                one = meta.knapp_hartung(effect[left], se[left])
            else:
                one = meta.half_normal(effect[left], se[left], tau_scale * unit)
            rows.append(_total(f"without {name}", front, one, studies[left], []))
    return pd.DataFrame(rows).assign(leads=lambda t: t["leads"].eq(True)), models[front].weights


def _df(studies: pd.DataFrame) -> np.ndarray:
    """Degrees of freedom of the standard errors; unknown ones count as many."""
    df = studies["df"].to_numpy(float)
    return np.where(df > 0, df, np.inf)


def _one_stage(studies: pd.DataFrame, donors: Mapping) -> dict:
    parts = [
        (donors[row.cohort][0] * row.factor, donors[row.cohort][1]) for row in studies.itertuples()
    ]
    found = meta.one_stage(parts)
    pooled = meta.Pooled(found.effect, found.se, found.ci_low, found.ci_high, found.p)
    return _total("all", combined.ONE_STAGE, pooled, studies, ["a check of the common effect"])


def _total(
    name: str, model: str, pooled: meta.Pooled, studies: pd.DataFrame, notes: list[str]
) -> dict:
    notes = list(notes)
    contrasts = studies["contrast"].unique() if "contrast" in studies else ()
    if len(contrasts) > 1:
        notes.append(f"contrasts of different names: {', '.join(map(str, contrasts))}")
    if pooled.pi_low < 0 < pooled.pi_high and not pooled.ci_low < 0 < pooled.ci_high:
        notes.append("the prediction interval includes zero: a new cohort may show nothing")
    elif model == combined.KNAPP_HARTUNG and len(studies) < 3:
        notes.append("no prediction interval with two cohorts")
    figures = ("effect", "se", "ci_low", "ci_high", "p", "tau2", "i2", "pi_low", "pi_high")
    return {
        "cohort": name,
        "model": model,
        "n_cohorts": len(studies),
        "n_case": studies["n_case"].sum(),
        "n_control": studies["n_control"].sum(),
        **{figure: getattr(pooled, figure) for figure in figures},
        "middle": np.average(studies["middle"].astype(float), weights=1 / studies["se"] ** 2),
        "weight": 1.0,
        "covariates": "",
        "estimable": True,
        "reason": "; ".join(notes),
    }
