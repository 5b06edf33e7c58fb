"""Calibration of every reported p and interval by simulation.

    python tests/benchmark/calibration.py --out calibration.tsv [--cohorts 1000] [--task fpr]

Writes rows of task, metric, value, target_low, target_high, cohorts, seed, note. Cohorts are
drawn at the level of donors (tests/truth/donor_cohorts.py); the tables go through the functions
that the workflow calls. Standard error of a rate of 0.05 over 1,000 cohorts: 0.007. The file is
written whenever a scenario is done; rows of an existing file stay unless they are made anew, so
tasks can be run one by one into the same file. resources/calibration.tsv is made by
``--out resources/calibration.tsv --cohorts 500 --seed 1``, the tasks meta and fpr with ``--cohorts
1000``, expression, which takes a fifth of them, with 2500; the cohorts of each row stand in it.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests" / "truth")]

import calibration_designs  # noqa: E402
import calibration_donors as many  # noqa: E402
import donor_cohorts as made  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pooled_cohorts as pooled  # noqa: E402
from calibration_table import COVER, RATE, Table  # noqa: E402
from scipy import stats  # noqa: E402
from tilt.config import check  # noqa: E402
from tilt.donors import activity, composition, factors, imbalance, pseudobulk  # noqa: E402
from tilt.simulate import cohort as simulate  # noqa: E402
from tilt.stats import (  # noqa: E402
    combined,
    contrast,
    design,
    expression,
    inference,
    meta,
    methods,
    specifications,
)
from tilt.stats import plan as plans  # noqa: E402

OTHER = 10**8  # permutations and replicates don't share the numbers the cohort was drawn with
BIAS = (0.9, 1.1)
WIDE = 2.0  # an interval as wide as the largest effects shows nothing
LOG_RATIO = float(np.log(made.STRONG[0] / made.TPH) - np.log(made.STRONG[1] / made.TH22))
POWER = {  # SCIENCE section 6: (strong, weak, Th22 alone strong) at SD 0.5 / 0.8
    "52+44": ((1.00, 1.00), (0.83, 0.48), (0.98, 0.81), 1100),
    "16+10": ((0.95, 0.70), (0.33, 0.19), (0.57, 0.31), 10_000),
    "33+11": ((0.98, 0.76), (0.42, 0.20), (0.69, 0.37), 1800),
    "7+5": ((0.62, 0.34), (0.15, 0.11), (0.22, 0.14), 1800),
    "19+19": ((1.00, 0.80), (0.53, 0.22), (0.79, 0.44), 3000),
}


def error_rates(table: Table, by: Callable = many.donor_methods) -> None:
    """Share of null cohorts with p < 0.05, and of intervals that hold zero."""
    for scenario in [*made.NULLS, *made.HARD]:
        found = many.measured(scenario, table.seeds, by)
        for name, estimates in found.items():
            value, k = many.rate(estimates)
            if k:
                table.add(f"false positives, {scenario.name}", name, value, RATE, k)
            value, k = many.held(estimates, 0.0)
            if k:
                table.add(f"coverage of 0, {scenario.name}", name, value, COVER, k)


def coverage(table: Table, by: Callable = many.donor_methods) -> None:
    """Intervals that hold the truth of the strong effect, and the bias of the estimates."""
    rare = made.RARE | {"case": (0.03, 0.0012)}
    scenarios = [
        made.Scenario("balanced", made.DESIGNS["12+12"], case=made.STRONG),
        made.Scenario("16+10, SD 0.8", made.DESIGNS["16+10"], 0.8, case=made.STRONG),
        made.Scenario("33+11", made.DESIGNS["33+11"], case=made.STRONG),
        made.Scenario("10+8, cells of 60 to 6,000", ((10, 8),), cells=600, cells_sd=1.2,
                      case=made.STRONG),
        made.Scenario("10+8, lymphopenia 3000 to 300", ((10, 8),), case_cells=300,
                      case=made.STRONG),
        made.Scenario("8+32, SLE spread x2", ((8, 32),), case_spread=2.0, case=made.STRONG),
        made.Scenario("16+10, rare Th22", ((16, 10),), cells=1200, **rare),
    ]  # fmt: skip
    for scenario in scenarios:
        truth = many.truths(scenario)
        for name, found in many.measured(scenario, table.seeds, by).items():
            if name not in truth:
                continue
            value, k = many.held(found, truth[name])
            if k:
                table.add(f"coverage, {scenario.name}", name, value, COVER, k)
                ratio = float(np.mean([e.effect for e in found]) / truth[name])
                table.add(f"effect / truth, {scenario.name}", name, ratio, BIAS, k)


def models(table: Table) -> None:
    """Error rates and intervals of the models of counts."""
    error_rates(table, many.models)
    coverage(table, many.models)


def subsets(table: Table) -> None:
    """Moderated variances of twelve null subsets: over all of them, and the worst of them."""
    for (arms, paired), how in {
        ((8, 8), True): "8 pairs",
        ((10, 8), False): "10+8",
        ((5, 4), False): "5+4",
    }.items():
        for spread in (0.0, 0.3):
            p = many.moderated(arms, paired, spread, table.n, table.seed)
            said = (
                f"{how}, biology alike" if not spread else f"{how}, biology differs by {spread:.0%}"
            )
            below = p < 0.05
            table.add("false positives, moderated subsets", said, below.mean(), RATE, table.n)
            worst = float(below.mean(axis=0).max())
            table.add(
                "false positives, moderated subsets", f"{said}, worst subset", worst, RATE, table.n
            )


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
    """p of the log-ratio and of the share of Th22-like cells, by ranks and by least squares."""
    cases, controls = scenario.batches[0]
    case = np.arange(cases + controls) < cases
    counts = made.draw_counts(scenario, np.random.default_rng(seed), case, 0 * case)
    matrix = np.column_stack([np.ones(len(case)), case])
    share = np.asarray(composition.arcsine(counts[2], counts[0]))
    plain = np.asarray(imbalance.log_ratio(counts[1], counts[2]))
    return {
        ("ratio", "wls_hc2"): inference.ols(*many.weighted(counts, matrix)).p,
        ("ratio", "mann_whitney"): stats.mannwhitneyu(plain[case], plain[~case]).pvalue,
        ("Th22 alone", "arcsine_ols_hc2"): inference.ols(share, matrix).p,
        ("Th22 alone", "mann_whitney"): stats.mannwhitneyu(share[case], share[~case]).pvalue,
    }


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
    genes, scores = [], []
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
        edges = factors.Regulon(regulon, {})
        scored = factors.of_statistic(statistic, edges, regulon["source"].unique())
        scores += list(scored["p"] < 0.05)
    table.add("false positives, expression", "PyDESeq2 genes", np.mean(genes), RATE, cohorts)
    table.add("false positives, expression", "ULM factors", np.mean(scores), RATE, cohorts)


def perturbations_(table: Table) -> None:
    """Null of responses along the imbalance, by donors and beside random sets of genes."""
    params = simulate.null(pooled.shipped()[0])
    for controls, cases in ((8, 10), (20, 20)):
        found = defaultdict(list)
        for seed in table.seeds:
            people = pooled.people(controls, cases, seed)
            rows, _ = pooled.compared(params, people, seed, 99)
            for row in rows[rows["estimable"]].itertuples():
                found[row.perturbation, "by donors"].append(row.p < 0.05)
                found[row.perturbation, "random sets"].append(row.p_random < 0.05)
        for (name, how), hits in found.items():
            task = f"false positives, perturbations {cases}+{controls}"
            table.add(task, f"{name} {how}", np.mean(hits), RATE, len(hits))


def across(table: Table) -> None:
    """Few cohorts combined: coverage and width of what is in front, two-sided.

    Standard errors come from donors (arms of 10 to 30), as in tests.tsv. The common effect is
    held to the average of the cohorts at hand. Random effects are held to the mean of such
    cohorts: to 95 % where cohorts differ as the prior expects, to 93 to 99 % at a fixed SD.
    """
    for k in (2, 3, 5):
        for tau in (0.0, 0.2, 0.3, 0.5, None):
            rng = np.random.default_rng((table.seed, k, int(10 * (9 if tau is None else tau))))
            front = combined.KNAPP_HARTUNG if k >= meta.MANY else f"{combined.HALF_NORMAL} 0.5"
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
                    combined.COMMON: (common, float(common.weights @ true)),
                    front: (random_effects(estimate, se), 0.8),
                }
                for name, (found, aim) in aims.items():
                    holds[name].append(found.ci_low <= aim <= found.ci_high)
                    widths[name].append(found.ci_high - found.ci_low)
            for name, held in holds.items():
                how = "tau as the prior expects" if tau is None else f"tau {tau}"
                said = f"{name}, {k} cohorts, {how}"
                exact = name == combined.COMMON or (tau is None and name != combined.KNAPP_HARTUNG)
                target = COVER if exact else (0.93, 0.99)
                table.add("meta-analysis, coverage", said, np.mean(held), target, table.n)
                width = float(np.median(widths[name]))
                table.add("meta-analysis, width in SDs", said, width, (0.0, WIDE), table.n)


TASKS = {
    "fpr": error_rates,
    "coverage": coverage,
    "models": models,
    "subsets": subsets,
    "power": power,
    "pairs": pairs,
    "uniform": uniform,
    "meta": across,
    "axis": axis,
    "expression": expression_,
    "perturbations": perturbations_,
} | calibration_designs.TASKS


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
