"""Made-up tables of designs beyond two arms: exposures, groups, visits."""

import numpy as np
import pandas as pd
from tilt.core import contracts
from tilt.stats import readable


def with_folds(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of E1 with the fold of their effect (of exposures per SD), as the statistics give it."""
    for at, row in table[table["estimator"] == "E1"].iterrows():
        numbers = {"effect": row["effect"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
        if "per_sd" in row:
            numbers = {"effect": row["per_sd"], "ci_low": row["per_sd_low"]}
            numbers["ci_high"] = row["per_sd_high"]
        for name, fold in readable.folds(numbers | {"unit": "ln ratio"}).items():
            table.loc[at, name] = fold
    return table


def exposures(people: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Donors with SLEDAI and C3, slopes of two estimators on both, and their lines.

    SLEDAI goes with E1 in the cases and is not known in one of them; C3 of nobody counts for E3.
    """
    random = np.random.default_rng(12)
    people = people.assign(sledai=None, c3=random.normal(1, 0.2, len(people)).round(2).astype(str))
    cases = people.index[people["condition"] == "SLE"]
    people.loc[cases[1:], "sledai"] = [str(4 + 2 * (i % 5)) for i in range(len(cases) - 1)]
    rows, lines = [], []
    for name, among, n in (("sledai", "cases", len(cases) - 1), ("c3", "all", len(people))):
        for estimator in ("E1", "E3"):
            key = {"exposure": name, "among": among, "estimator": estimator}
            gap = 0.1 if name == "sledai" else 0.01
            row = key | {"leads": estimator == "E1", "n": n, "n_missing": int(name == "sledai")}
            row |= {"effect": gap, "ci_low": gap - 0.05, "ci_high": gap + 0.05, "p": gap / 30}
            row |= {"per_sd": 3 * gap, "per_sd_low": 3 * gap - 0.15, "per_sd_high": 3 * gap + 0.15}
            row |= {"p_holm": 0.004 if name == "sledai" else 0.3, "partial_r": 0.6, "sd": 3.0}
            row |= {"estimable": True, "reason": "", "covariates": "age", "method": "ols_hc2"}
            if name == "c3" and estimator == "E3":
                row |= {"estimable": False, "effect": np.nan, "reason": "no donor has both"}
            rows.append(row)
            x = np.linspace(0.5, 12, 5)
            lines.append(pd.DataFrame({**key, "x": x, "fit": x / 10, "low": x / 10 - 1}))
    slopes = pd.DataFrame(rows).reindex(columns=list(contracts.EXPOSURES.columns))
    lines = pd.concat(lines, ignore_index=True).assign(high=lambda t: t["fit"] + 1)
    return people, with_folds(slopes.assign(cohort="demo")), lines


def changes() -> pd.DataFrame:
    """E1 falls in the cases from flare to after; too few controls came again."""
    fell = {"effect": -0.8, "ci_low": -1.2, "ci_high": -0.4, "p": 0.002, "p_holm": 0.002}
    rows = [
        {"among": "SLE", "n": 10, "estimable": True, "reason": ""} | fell,
        {"among": "control", "n": 2, "estimable": False, "reason": "2 pairs; 3 are needed"},
    ]
    table = pd.DataFrame(rows).reindex(columns=list(contracts.CHANGES.columns))
    table = table.assign(cohort="demo", since="flare", visit="after", estimator="E1", leads=True)
    return with_folds(table)


def contrasts() -> pd.DataFrame:
    """Two contrasts and a trend of E1, one of them not estimable, and the same of E3."""
    rows = [
        {"contrast": "active vs inactive", "kind": "contrast", "groups": "5 active, 5 inactive",
         "effect": 0.9, "ci_low": 0.3, "ci_high": 1.5, "p": 0.004, "p_holm": 0.008},
        {"contrast": "inactive vs control", "kind": "contrast", "groups": "5 inactive, 8 control",
         "effect": 0.1, "ci_low": -0.3, "ci_high": 0.5, "p": 0.6, "p_holm": 0.6, "margin": 0.69,
         "p_equivalence": 0.01},
        {"contrast": "other vs control", "kind": "contrast", "groups": "2 other, 8 control",
         "reason": "fewer than 3 donors of other"},
        {"contrast": "control < inactive < active", "kind": "trend", "p": 0.002, "effect": 0.5,
         "groups": "8 control, 5 inactive, 5 active", "ci_low": 0.2, "ci_high": 0.8},
    ]  # fmt: skip
    one = pd.DataFrame(rows).reindex(columns=list(contracts.CONTRASTS.columns))
    parts = [one.assign(estimator=e, leads=e == "E1") for e in ("E1", "E3")]
    table = pd.concat(parts, ignore_index=True)
    table["estimable"], table["covariates"] = table["effect"].notna(), "age"
    return with_folds(table.assign(cohort="demo", reason=table["reason"].fillna("")))
