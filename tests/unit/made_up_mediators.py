"""Made-up tables on mediators, factors and perturbations: a part of :mod:`made_up`."""

import numpy as np
import pandas as pd
from tilt.core import contracts


def factors() -> pd.DataFrame:
    """Scores of five factors, one with too few targets."""
    table = pd.DataFrame({"factor": ["AHR", "JUN", "STAT1", "MAF", "BACH2"]})
    table["n_targets"], table["n_removed"] = [22, 130, 80, 3, 1], [3, 2, 0, 3, 0]
    table["score"], table["p"] = (
        [-1.2, 3.1, 9.4, np.nan, np.nan],
        [0.2, 0.002, 1e-9, np.nan, np.nan],
    )
    table["estimable"] = table["score"].notna()
    few = [f"{n} targets measured; 5 are needed" for n in table["n_targets"]]
    table["reason"] = np.where(table["estimable"], "", few)
    return table


def factor_tests() -> pd.DataFrame:
    """Activity in donors: STAT1 rises, AHR is as it is, MAF has too few targets."""
    table = pd.DataFrame({"cohort": "demo", "factor": ["AHR", "STAT1", "MAF"]})
    table["n_targets"], table["n_removed"] = [14, 33, 3], [3, 0, 3]
    table["effect"] = [-0.4, 3.2, np.nan]
    table["ci_low"], table["ci_high"] = table["effect"] - 1.1, table["effect"] + 1.1
    table["p"], table["q"] = [0.4, 0.0001, np.nan], [0.4, 0.0002, np.nan]
    table["n_case"], table["n_control"] = 10, 8
    table["unit"], table["estimable"] = "ULM t", table["effect"].notna()
    table["reason"] = ["", "", "3 targets measured; 5 are needed"]
    return table.reindex(columns=list(contracts.FACTOR_TESTS.columns))


def perturbations() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Interferon goes with the imbalance, the AHR agonist does not, JUN has too few genes."""
    table = pd.DataFrame({"perturbation": ["IFNB", "AHR_AGONIST", "JUN_TARGETS"]})
    table["effect"], table["rank"] = [0.42, -0.11, np.nan], [1, 2, np.nan]
    table["ci_low"], table["ci_high"] = table["effect"] - 0.2, table["effect"] + 0.2
    table["p"], table["q"] = [0.001, 0.3, np.nan], [0.002, 0.3, np.nan]
    table["p_random"], table["q_random"] = [0.003, 0.2, np.nan], [0.006, 0.2, np.nan]
    table["null_low"], table["null_high"] = [-0.1, -0.3, np.nan], [0.1, 0.3, np.nan]
    table["n_genes"], table["n_genes_found"] = [103, 12, 4], [58, 11, 2]
    table["reason"] = ["", "", "2 genes measured; 3 are needed"]
    table = table.assign(cohort="demo", estimator="E1", n_case=10, n_control=8, unit="SD per SD")
    table["estimable"] = table["effect"].notna()
    edges = np.linspace(-0.4, 0.45, 41)
    n = np.round(200 * np.exp(-(edges[:-1] ** 2) / 0.02)).astype(int)
    bins = pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:], "n": n})
    nulls = [bins.assign(perturbation=name) for name in ("IFNB", "AHR_AGONIST")]
    both = pd.concat(nulls, ignore_index=True).assign(cohort="demo")
    return (
        table.reindex(columns=list(contracts.PERTURBATIONS.columns)),
        both[list(contracts.PERTURBATION_NULLS.columns)],
    )


def mediators() -> pd.DataFrame:
    """Interferon goes with the imbalance, AHR does not, JUN is not measured."""
    ways = ("none", "the others", "the others and handling")
    rows = []
    for name, gap, slope in (("IFN1_T_CORE", 1.4, 0.6), ("AHR_T_EXT", -0.5, -0.1)):
        for place, adjusted in enumerate(ways):
            for question, effect in (("difference", gap), ("slope", slope)):
                e = {"mediator": name, "question": question, "adjusted": adjusted}
                effect -= 0.05 * place
                e |= {"effect": effect, "ci_low": effect - 0.4, "ci_high": effect + 0.4, "q": 0.03}
                e |= {"unit": "SD" if question == "difference" else "ln ratio per SD"}
                if question == "slope":
                    e |= {"e_value": 2.5, "e_value_limit": 1.4}
                rows.append(e)
    share = {"mediator": "IFN1_T_CORE", "question": "share", "adjusted": "none", "effect": 0.46}
    rows.append(share | {"ci_low": 0.12, "ci_high": 0.87, "unit": "share of the difference"})
    for question in ("difference", "slope", "share"):
        why = {"reason": "3 of 10 genes of AP1_JUN measured; 80% are needed"}
        rows.append({"mediator": "AP1_JUN", "question": question, "adjusted": "none"} | why)
    table = pd.DataFrame(rows).reindex(columns=list(contracts.MEDIATORS.columns))
    table["estimable"] = table["effect"].notna()
    table["reason"] = table["reason"].fillna("")
    return table.assign(cohort="demo", estimator="E1", n_case=10, n_control=8)
