"""Small ugly cohorts: whatever comes, every row is either sound or marked with a reason."""

import numpy as np
import pandas as pd
import pytest
from tilt.config import check
from tilt.donors import published, units
from tilt.stats import contrast, plan


def ugly(seed):
    """Cohort file, sheet and table of a cohort with few donors, few cells and holes."""
    rng = np.random.default_rng(seed)
    cases, controls, k = rng.integers(1, 9), rng.integers(1, 9), rng.integers(1, 6)
    n = cases + controls
    base = np.exp(rng.normal(0, 2, k))
    spread = np.exp(rng.normal(0, rng.choice([0.01, 0.5, 2]), (n, k)))
    counts = rng.poisson(rng.choice([3, 20, 300, 5000]) * base / base.sum() * spread)
    kind = seed % 6
    if kind == 0:
        counts[rng.integers(0, n)] = 0
    elif kind == 1:
        counts[:cases, 0] = 0
    elif kind == 2:
        counts[:] = counts[0]
    elif kind == 3:
        counts[:cases], counts[cases:] = counts[0], counts[-1]
    donors = [f"D{i}" for i in range(n)]
    sheet = pd.DataFrame({"sample": donors, "donor": donors})
    sheet["condition"] = ["SLE"] * cases + ["control"] * controls
    sheet["batch"] = rng.choice(["a", "b", "c"], n)
    sheet["age"] = np.where(rng.random(n) < 0.15, "", rng.integers(20, 80, n).astype(str))
    sheet["site"] = np.where(sheet["condition"] == "SLE", "x", "y")
    table = pd.DataFrame(counts, columns=[f"s{i}" for i in range(k)]).astype(str)
    table.insert(0, "donor", donors)
    cohort = {"name": "c", "format": "composition_table", "strata": ["batch"] if seed % 2 else []}
    cohort["contrast"] = {"case": "SLE", "control": "control"}
    cohort["covariates"] = ["age", "site"][: seed % 3]
    cohort["composition"] = {"primary": "s0", "secondary": ["s1", "s2"]}
    return cohort, sheet, table


@pytest.mark.parametrize("seed", range(30))
def test_rows_are_sound_or_marked(seed):
    cohort, sheet, table = ugly(seed)
    counted = published.from_table(table, sheet.assign(cohort="c"))
    donors = units.donors_table(sheet.to_dict("records"), "c")
    settings = check.defaults()["stats"] | {"permutations": 200, "bootstraps": 100}
    tests = contrast.run(donors, plan.plan_of(settings, cohort, donors, seed), counted)
    assert (tests["role"] == "primary").sum() == 1
    p = tests["p"].dropna()
    assert p.between(0, 1, inclusive="right").all()
    good = tests["estimable"].astype(bool)
    assert tests.loc[~good, "reason"].str.len().gt(0).all()
    shown = tests[good]
    assert shown["effect"].notna().all()
    assert shown[["n_case", "n_control"]].ge(3).all().all()
    bounded = shown.dropna(subset=["ci_low"])
    ties = bounded["method"] == "mann_whitney"  # most donors may have none of the cells
    assert (bounded["ci_low"] < bounded["ci_high"])[~ties].all()
    assert bounded["effect"].between(bounded["ci_low"], bounded["ci_high"]).all()
    models = bounded[bounded["method"].isin(["arcsine_ols_hc2", "quasi_binomial"])]
    away = (models["ci_low"] > 0) | (models["ci_high"] < 0)
    clear = ~models["p"].between(0.045, 0.055)
    assert ((models["p"] < 0.05) == away)[clear].all()
