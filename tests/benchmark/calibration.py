"""Calibration of every reported p and interval by simulation.

    python tests/benchmark/calibration.py --out calibration.tsv [--cohorts 1000] [--task fpr]

Writes rows of task, metric, value, target_low, target_high, cohorts, seed, note. Cohorts are
drawn at the level of donors (tests/truth/donor_cohorts.py); the tables go through the functions
that the workflow calls. Standard error of a rate of 0.05 over 1,000 cohorts: 0.007. The file is
written whenever a scenario is done; rows of an existing file stay unless they are made anew, so
tasks can be run one by one into the same file. resources/calibration.tsv is made by
``--out resources/calibration.tsv --cohorts 1000 --seed 1``, the scenario of unbalanced batches
with 3,000 cohorts.
"""

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests" / "truth")]

import donor_cohorts as made  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from calibration_table import Table  # noqa: E402
from scipy import stats  # noqa: E402
from tilt.config import check  # noqa: E402
from tilt.donors import activity, composition, imbalance, pseudobulk  # noqa: E402
from tilt.stats import (  # noqa: E402
    contrast,
    design,
    expression,
    meta,
    methods,
    overdispersed,
    specifications,
)
from tilt.stats import plan as plans  # noqa: E402

OTHER = 10**8  # permutations and replicates don't share the numbers the cohort was drawn with
RATE, COVER, BIAS = (0.03, 0.07), (0.93, 0.97), (0.9, 1.1)
WIDE = 2.0  # an interval as wide as the largest effects shows nothing
LOG_RATIO = float(np.log(made.STRONG[0] / made.TPH) - np.log(made.STRONG[1] / made.TH22))
POWER = {  # SCIENCE section 6: (strong, weak, Th22 alone strong) at SD 0.5 / 0.8
    "52+44": ((1.00, 1.00), (0.83, 0.48), (0.98, 0.81), 1100),
    "16+10": ((0.95, 0.70), (0.33, 0.19), (0.57, 0.31), 10_000),
    "33+11": ((0.98, 0.76), (0.42, 0.20), (0.69, 0.37), 1800),
    "7+5": ((0.62, 0.34), (0.15, 0.11), (0.22, 0.14), 1800),
    "19+19": ((1.00, 0.80), (0.53, 0.22), (0.79, 0.44), 3000),
}


def measure(scenario: made.Scenario, seed: int) -> dict[str, dict]:
    """All rows of the statistics for one cohort: "quantity method" -> row."""
    donors, counts = made.draw(scenario, np.random.default_rng(seed))
    strata = ("batch",) if len(scenario.batches) > 1 else ()
    declared = design.Contrast("SLE", "control", strata=strata)
    plan = contrast.Plan(declared, permutations=499, bootstraps=399, seed=seed + OTHER)
    designs = contrast.DesignCache(donors, plan)
    whole = made.composition(counts)
    rows = {}
    own = whole[whole["subset"] == "CD4_Tph_like"]
    for row in contrast.share(designs, own, whole, True):
        rows[f"Tph share {row['method']}"] = row
    values = counts.assign(
        value=imbalance.log_ratio(counts["n_tph"], counts["n_th22"]), estimable=True, reason=""
    )
    for row in [*contrast.value(designs, values, "ln ratio"), methods.ratio(designs, counts)]:
        rows[f"E1 {row['method']}"] = row
    return rows


def error_rates(table: Table) -> None:
    """Share of null cohorts with p < 0.05, and of intervals that hold zero."""
    for scenario in made.NULLS:
        p, holds = defaultdict(list), defaultdict(list)
        first, n = table.seeds.start, table.n
        # HC3 is close to the edge of the target in batches: more cohorts tell on which side
        for seed in range(first, first + (3 * n if len(scenario.batches) > 1 else n)):
            for name, row in measure(scenario, seed).items():
                if row["estimable"] and np.isfinite(row.get("p", np.nan)):
                    p[name].append(row["p"] < 0.05)
                if row["estimable"] and np.isfinite(row.get("ci_low", np.nan)):
                    holds[name].append(row["ci_low"] <= 0 <= row["ci_high"])
        for name, found in p.items():
            table.add(f"false positives, {scenario.name}", name, np.mean(found), RATE, len(found))
        for name, found in holds.items():
            table.add(f"coverage of 0, {scenario.name}", name, np.mean(found), COVER, len(found))


def truths(scenario: made.Scenario) -> dict[str, float]:
    """What each method estimates, from 200,000 donors."""
    many = ((100_000, 100_000),)
    _, counts = made.draw(replace(scenario, batches=many), np.random.default_rng(10**6))
    case = (counts["condition"] == "SLE").to_numpy()

    def gap(values) -> float:
        values = np.asarray(values)
        return float(values[case].mean() - values[~case].mean())

    def shift(values) -> float:
        """Median difference over pairs of donors, 2,000 of each arm at a time."""
        arms = np.asarray(values)[case], np.asarray(values)[~case]
        parts = [slice(i, i + 2000) for i in range(0, 100_000, 2000)]
        return float(np.mean([np.median(np.subtract.outer(arms[0][p], arms[1][p])) for p in parts]))

    share = (counts["n_tph"] / counts["n_cells"]).to_numpy()
    angle = composition.arcsine(counts["n_tph"], counts["n_cells"])
    rest = counts["n_cells"] - counts["n_tph"] - counts["n_th22"]
    logs = np.log(np.column_stack([counts["n_tph"], counts["n_th22"], rest]) + 0.5)
    ratio = imbalance.log_ratio(counts["n_tph"], counts["n_th22"])
    model = overdispersed._Model(
        overdispersed.FAMILIES["beta"],
        counts["n_tph"].to_numpy(float),
        counts["n_cells"].to_numpy(float),
    )
    design_ = np.column_stack([np.ones(len(case)), case])
    beta = model.maximize(design_, np.array([np.log(share.mean()), 0.0, -4.0]))[1][1]
    return {
        "Tph share arcsine_ols_hc2": gap(angle),
        "Tph share bootstrap_t": gap(angle),
        "Tph share points_ols_hc2": gap(100 * share),
        "Tph share mann_whitney": shift(100 * share),
        "Tph share clr_ols_hc2": gap(logs[:, 0] - logs.mean(axis=1)),
        "Tph share beta_binomial": float(beta),
        "E1 ols_hc2": gap(ratio),
        "E1 bootstrap_t": gap(ratio),
        "E1 mann_whitney": shift(ratio),
        "E1 logit_normal": LOG_RATIO,
    }


def coverage(table: Table) -> None:
    """Intervals that hold the truth of the strong effect, and the bias of the estimates."""
    scenarios = [
        made.Scenario("balanced", made.DESIGNS["12+12"], case=made.STRONG),
        made.Scenario("16+10, SD 0.8", made.DESIGNS["16+10"], 0.8, case=made.STRONG),
        made.Scenario("33+11", made.DESIGNS["33+11"], case=made.STRONG),
    ]
    for scenario in scenarios:
        truth = truths(scenario)
        holds, effects = defaultdict(list), defaultdict(list)
        for seed in table.seeds:
            for name, row in measure(scenario, seed).items():
                if not row["estimable"]:
                    continue
                if np.isfinite(row.get("ci_low", np.nan)):
                    holds[name].append(row["ci_low"] <= truth[name] <= row["ci_high"])
                    effects[name].append(row["effect"])
        for name, found in holds.items():
            table.add(f"coverage, {scenario.name}", name, np.mean(found), COVER, len(found))
        for name, found in effects.items():
            ratio = np.mean(found) / truth[name]
            table.add(f"effect / truth, {scenario.name}", name, ratio, BIAS, len(found))
        for name in ("E1 ols_hc2", "E1 logit_normal"):
            ratio = np.mean(effects[name]) / LOG_RATIO
            table.add(f"effect / planted, {scenario.name}", name, ratio, BIAS, len(effects[name]))


def power(table: Table) -> None:
    """Power for the ratio (ranks, OLS) and for Th22-like cells alone, at the designs of POWER."""
    for name, (strong, weak, alone, cells) in POWER.items():
        for i, sd in enumerate((0.5, 0.8)):
            for effect, case in (("strong", made.STRONG), ("weak", made.WEAK)):
                known = {"ratio": (strong if effect == "strong" else weak)[i]}
                if effect == "strong":
                    known["Th22 alone"] = alone[i]
                scenario = made.Scenario("", made.DESIGNS[name], sd, cells, case=case)
                found = defaultdict(list)
                for seed in table.seeds:
                    for key, p in measure_power(scenario, seed).items():
                        found[key].append(p < 0.05)
                for (what, method), hits in found.items():
                    if what in known:
                        target = (known[what] - 0.12, min(known[what] + 0.12, 1.0))
                        said = f"{what}, {effect}, SD {sd}, {method}"
                        table.add(f"power, {name}", said, np.mean(hits), target, table.n)


def measure_power(scenario: made.Scenario, seed: int) -> dict[tuple[str, str], float]:
    """p of the log-ratio and of the share of Th22-like cells, by ranks and by OLS."""
    donors, counts = made.draw(scenario, np.random.default_rng(seed))
    case = (donors["condition"] == "SLE").to_numpy().astype(float)
    matrix = np.column_stack([np.ones(len(case)), case])
    values = {
        "ratio": np.asarray(imbalance.log_ratio(counts["n_tph"], counts["n_th22"])),
        "Th22 alone": composition.arcsine(counts["n_th22"], counts["n_cells"]),
    }
    found = {}
    for what, y in values.items():
        found[what, "mann_whitney"] = stats.mannwhitneyu(y[case == 1], y[case == 0]).pvalue
        found[what, "ols_hc2"] = contrast.inference.ols(y, matrix).p
    return found


def pairs(table: Table) -> None:
    """Null of a paired design of eight donors (as Kang 2018)."""
    found = defaultdict(list)
    for seed in table.seeds:
        rng = np.random.default_rng(seed)
        donors = pd.DataFrame(
            {
                "cohort": "c",
                "donor": [f"P{i}" for i in range(8)] * 2,
                "condition": ["SLE"] * 8 + ["control"] * 8,
            }
        )
        own = np.tile(rng.normal(np.log(0.1), 0.5, 8), 2)
        share = np.minimum(np.exp(own + rng.normal(0, 0.2, 16)), 0.6)
        total = rng.integers(800, 3000, 16)
        counted = donors.assign(
            subset="x", n=rng.binomial(total, share), denominator="total", n_denominator=total
        ).assign(kind="subset")
        plan = contrast.Plan(
            design.Contrast("SLE", "control", pair="donor"), (), None, 499, 399, seed + OTHER
        )
        for row in contrast.share(contrast.DesignCache(donors, plan), counted, counted, True):
            if row["estimable"] and np.isfinite(row.get("p", np.nan)):
                found[row["method"]].append(row["p"] < 0.05)
    for name, hits in found.items():
        table.add("false positives, 8 pairs", name, np.mean(hits), RATE, len(hits))


def uniform(table: Table) -> None:
    """p of permuted labels of one cohort: Kolmogorov-Smirnov p against the uniform."""
    donors, counts = made.draw(replace(made.NULLS[2], case=made.STRONG), np.random.default_rng(0))
    found = defaultdict(list)
    for seed in table.seeds:
        rng = np.random.default_rng(seed)
        shuffled = donors.assign(condition=rng.permutation(donors["condition"].to_numpy()))
        values = counts.assign(
            condition=shuffled["condition"],
            value=imbalance.log_ratio(counts["n_tph"], counts["n_th22"]),
            estimable=True,
            reason="",
        )
        plan = contrast.Plan(design.Contrast("SLE", "control"), (), None, 999, 200, seed + OTHER)
        designs = contrast.DesignCache(shuffled, plan)
        for row in [*contrast.value(designs, values, ""), methods.ratio(designs, values)]:
            if np.isfinite(row.get("p", np.nan)):
                found[row["method"]].append(row["p"])
    for name, p in found.items():
        ks = stats.kstest(p, "uniform").pvalue
        table.add("permuted labels, uniform p", f"E1 {name}", ks, (0.001, 1.0), len(p))


def pseudobulks(rng: np.random.Generator, genes: int = 400):
    """Donors of two unbalanced batches and null pseudobulk counts with donor and batch effects."""
    scenario = made.Scenario("", ((10, 4), (6, 6)))
    donors, _ = made.draw(scenario, rng)
    n = len(donors)
    batch = (donors["batch"] == "B1").to_numpy()[:, None]
    log_mean = rng.normal(3.5, 1.2, genes) + batch * rng.normal(0, 0.4, genes)
    factor = rng.normal(0, 1, (n, 3)) @ rng.normal(0, 0.15, (3, genes))  # genes move together
    log_mean = log_mean + factor + rng.normal(0, 0.3, (n, genes)) + rng.normal(0, 0.4, (n, 1))
    names = [f"g{i}" for i in range(genes)]
    obs = donors[["donor", "condition"]].assign(subset="memory_cd4", n_cells=300)
    var = pd.DataFrame({"gene_symbol": names}, index=names)
    return donors, pseudobulk.assemble(rng.poisson(np.exp(log_mean)), obs, var)


def axis(table: Table) -> None:
    """Null of the pseudobulk axis E3, of a signature score, and of the random-set control."""
    settings = plans.imbalance_settings(check.defaults()["imbalance"])
    sets = ("TPH_BLOOD", "TH22_BLOOD", "IFN")
    signatures = pd.DataFrame(
        {"gene": [f"g{i}" for i in range(60)], "set": np.repeat(sets, 20), "weight": 1.0}
    )
    declared = design.Contrast("SLE", "control", strata=("batch",))
    found = defaultdict(list)
    for seed in table.seeds:
        donors, bulk = pseudobulks(np.random.default_rng(seed))
        key = pd.MultiIndex.from_frame(donors[["donor", "condition"]])
        strata = donors[["batch"]].set_axis(key)
        plan = contrast.Plan(declared, (), None, 499, 399, seed + OTHER)
        made_, why = imbalance.axis(bulk, signatures, sets[:2], strata, settings)
        rows = imbalance.axis_rows(donors, made_, why, settings)
        scored = activity.score(bulk, donors, signatures, ["memory_cd4"], ["IFN"], 20, 0.8)
        designs = contrast.DesignCache(donors, plan)
        for name, values in (("E3", rows), ("signature", scored)):
            for row in contrast.value(designs, values, ""):
                if np.isfinite(row.get("p", np.nan)):
                    found[f"{name} {row['method']}"].append(row["p"] < 0.05)
        study = specifications.CohortInputs(
            donors, plan, settings, pd.DataFrame(), signatures, bulk
        )
        study = replace(study, strata=strata)
        draws = specifications.random_sets(study, 99)
        found["E3 random sets"].append(specifications.random_p(draws) < 0.05)
    for name, hits in found.items():
        table.add("false positives, pseudobulk", name, np.mean(hits), RATE, len(hits))


def expression_(table: Table) -> None:
    """Null of PyDESeq2 gene by gene, and of factor activity with random regulons."""
    declared = design.Contrast("SLE", "control", strata=("batch",))
    genes, factors = [], []
    cohorts = max(table.n // 5, 2)
    for seed in table.seeds[:cohorts]:
        rng = np.random.default_rng(seed)
        donors, bulk = pseudobulks(rng)
        tested = expression.test(bulk, "memory_cd4", donors, declared)
        genes += list(tested["p"].dropna() < 0.05)
        names = tested["gene_symbol"].to_numpy()
        regulon = pd.DataFrame(
            [
                (f"TF{i}", gene, weight)
                for i in range(30)
                for gene, weight in zip(
                    rng.choice(names, 25, replace=False), rng.choice([1.0, -1.0], 25), strict=True
                )
            ],
            columns=["source", "target", "weight"],
        )
        statistic = tested.set_index("gene_symbol")["stat"].astype(float)
        scored = activity.factor_activity(statistic, regulon, regulon["source"].unique())
        factors += list(scored["p"] < 0.05)
    table.add("false positives, expression", "PyDESeq2 genes", np.mean(genes), RATE, cohorts)
    table.add("false positives, expression", "ULM factors", np.mean(factors), RATE, cohorts)


def across(table: Table) -> None:
    """Few cohorts combined: coverage and width of what is in front, two-sided.

    Standard errors come from donors (arms of 10 to 30), as in tests.tsv. The common effect is
    held to the average of the cohorts at hand. Random effects are held to the mean of such
    cohorts: to 95 % where cohorts differ as the prior expects, to 93 to 99 % at a fixed SD.
    """
    for k in (2, 3, 5):
        for tau in (0.0, 0.2, 0.3, 0.5, None):
            rng = np.random.default_rng((table.seed, k, int(10 * (9 if tau is None else tau))))
            front = meta.KNAPP_HARTUNG if k >= meta.MANY else f"{meta.HALF_NORMAL} 0.5"
            random_effects = meta.knapp_hartung if k >= meta.MANY else meta.half_normal
            holds, widths = defaultdict(list), defaultdict(list)
            for _ in range(table.n):
                between = abs(rng.normal(0, meta.TAU_SCALE)) if tau is None else tau
                arms = rng.integers(10, 31, (k, 2))
                df = arms.sum(axis=1) - 2
                true_se, true = np.sqrt((1 / arms).sum(axis=1)), rng.normal(0.8, between, k)
                estimate = rng.normal(true, true_se)
                se = true_se * np.sqrt(rng.chisquare(df) / df)
                common = meta.common_effect(estimate, se, df)
                aims = {
                    meta.COMMON: (common, float(common.weights @ true)),
                    front: (random_effects(estimate, se), 0.8),
                }
                for name, (found, aim) in aims.items():
                    holds[name].append(found.ci_low <= aim <= found.ci_high)
                    widths[name].append(found.ci_high - found.ci_low)
            for name, held in holds.items():
                how = "tau as the prior expects" if tau is None else f"tau {tau}"
                said = f"{name}, {k} cohorts, {how}"
                exact = name == meta.COMMON or (tau is None and name != meta.KNAPP_HARTUNG)
                target = COVER if exact else (0.93, 0.99)
                table.add("meta-analysis, coverage", said, np.mean(held), target, table.n)
                width = float(np.median(widths[name]))
                table.add("meta-analysis, width in SDs", said, width, (0.0, WIDE), table.n)


TASKS = {
    "fpr": error_rates,
    "coverage": coverage,
    "power": power,
    "pairs": pairs,
    "uniform": uniform,
    "meta": across,
    "axis": axis,
    "expression": expression_,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="TSV to write")
    parser.add_argument("--cohorts", type=int, default=1000, help="cohorts per scenario")
    parser.add_argument("--task", choices=TASKS, action="append", help="only these")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other cohorts")
    words = parser.parse_args()
    table = Table(Path(words.out), words.cohorts, words.seed)
    for name in words.task or TASKS:
        start = time.perf_counter()
        TASKS[name](table)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    table.report()


if __name__ == "__main__":
    main()
