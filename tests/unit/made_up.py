"""Made-up tables in the pipeline's formats, for the tests of figures and report."""

import numpy as np
import pandas as pd
from made_up_mediators import factor_tests as factor_tests
from made_up_mediators import factors as factors
from made_up_mediators import mediators as mediators
from made_up_mediators import perturbations as perturbations
from tilt.config import check
from tilt.core import columns, contracts, tables
from tilt.figures.names import SUBSET_COLORS, CohortLabel
from tilt.stats import meta_table, readable

SUBSETS = [name for name in SUBSET_COLORS if name not in ("T", "CD4", "CD8")][:24]
POLES = ["tph_high", "th22_high"]
LABELS = check.defaults()["imbalance"]["poles"]
MEMORY = [s for s in SUBSETS if s.startswith("CD4_") and "Naive" not in s and "Treg" not in s]
STEPS = ["read", "few_counts", "few_genes", "high_mito", "hemoglobin", "doublet"]


def cohort(simulated: bool = True) -> CohortLabel:
    return CohortLabel("demo", "Demo cohort of sorted CD4 T cells", "SLE", "control", simulated)


def donors(n_control: int, n_case: int) -> pd.DataFrame:
    names = [f"C{n + 1:02d}" for n in range(n_control)] + [f"S{n + 1:02d}" for n in range(n_case)]
    table = pd.DataFrame({"cohort": "demo", "donor": names})
    table["condition"] = ["control"] * n_control + ["SLE"] * n_case
    table["batch"] = [f"b{n % 3 + 1}" for n in range(len(table))]
    table["age"] = [20 + 3 * n % 40 for n in range(len(table))]
    table["sex"] = ["F" if n % 4 else "M" for n in range(len(table))]
    return table


def waterfall(people: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = []
    for person in people.itertuples():
        left = int(random.integers(600, 3000))
        rows.append((person.donor, person.condition, "read", 0, left))
        for step in STEPS[1:]:
            out = int(left * random.uniform(0, 0.12))
            left -= out
            rows.append((person.donor, person.condition, step, out, left))
    table = pd.DataFrame(rows, columns=["donor", "condition", "step", "n_removed", "n_left"])
    table.insert(0, "sample", table["donor"] + "_lib1")
    table.insert(0, "cohort", "demo")
    return table


def cells(people: pd.DataFrame, n: int = 200, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    who = people.loc[people.index.repeat(n)].reset_index(drop=True)
    total = len(who)
    table = who[["donor", "condition", "batch"]].copy()
    table.insert(0, "sample", table["donor"] + "_lib1")
    table.insert(0, "cell", [f"{s}_{n}" for n, s in enumerate(table["sample"])])
    table["n_counts"] = random.lognormal(8, 0.6, total).round()
    table["n_genes"] = (table["n_counts"] ** 0.85).round()
    table["pct_mito"] = random.gamma(2, 2.5, total)
    table["pct_hb"] = random.gamma(0.3, 0.2, total)
    table["doublet_score"] = random.beta(1.5, 12, total)
    table["kept"] = (table["n_counts"] > 1000) & (table["pct_mito"] < 12)
    table["reason"] = np.where(table["kept"], "", "high_mito")
    return table


def umap(people: pd.DataFrame, n: int = 300, subsets=SUBSETS, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    table = cells(people, n, seed)[["cell", "donor", "condition", "batch"]]
    shares = random.dirichlet(np.ones(len(subsets)) * 0.8)
    code = random.choice(len(subsets), len(table), p=shares)
    center = random.normal(0, 5, (len(subsets), 2))
    table["subset"] = np.array(subsets)[code]
    table[["x", "y"]] = center[code] + random.normal(0, 0.9, (len(table), 2))
    return table


def expression(subsets=SUBSETS, n_genes: int = 80, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = []
    for n, subset in enumerate(subsets):
        for gene in range(n_genes):
            own = gene * len(subsets) // n_genes == n
            against = gene % len(subsets) == (n + 5) % len(subsets) and not own
            share = random.uniform(0.3, 0.95) if own else random.uniform(0, 0.25)
            sign = "+" if own else "-" if against else ""
            rows.append((subset, 10 + 97 * n, f"GENE{gene}", sign, share, 2.5 * share**1.2))
    return pd.DataFrame(rows, columns=["subset", "n_cells", "gene", "sign", "fraction", "mean"])


def detectability(n_cells: int = 4000, n_donors: int = 18) -> pd.DataFrame:
    genes = [
        "CXCL13",
        "IL22",
        "IL21",
        "IL26",
        "CCR10",
        "CXCR5",
        "PDCD1",
        "ICOS",
        "MAF",
        "TOX",
        "CD96",
        "AHR",
        "AHRR",
        "TIPARP",
        "JUN",
    ]
    table = pd.DataFrame({"gene": genes})
    table["pct_cells"] = [0, 0.02, 0.05, 0, 0.6, 3, 9, 14, 22, 11, 48, 17, 0.4, 5, 81]
    table["n_cells"] = (table["pct_cells"] * n_cells / 100).round().astype(int)
    table["pct_donors"] = np.minimum(100, table["pct_cells"] * 30)
    table["n_donors"] = (table["pct_donors"] * n_donors / 100).round().astype(int)
    return table


def composition(people: pd.DataFrame, subsets=SUBSETS, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    parts = []
    for subset in subsets:
        memory = subset in MEMORY or subset.endswith("_high")
        table = people[["cohort", "donor", "condition"]].copy()
        table["subset"] = subset
        table["n_denominator"] = random.integers(150, 900, len(table))
        level = random.uniform(0.002, 0.25)
        share = np.clip(level * random.lognormal(0, 0.4, len(table)), 0, 0.9)
        table["n"] = random.binomial(table["n_denominator"], share)
        table["denominator"] = "memory_cd4" if memory else "cd4" if "CD4" in subset else "t"
        table["kind"] = "pole" if subset.endswith("_high") else "subset"
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def tests(people: pd.DataFrame, shares: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    table = shares.drop_duplicates(["subset", "denominator"])[["cohort", "subset", "denominator"]]
    table = table.rename(columns={"subset": "quantity"}).reset_index(drop=True)
    table.insert(1, "contrast", "SLE vs control")
    n = people["condition"].value_counts()
    table["role"] = "secondary"
    table["n_case"], table["n_control"] = n.get("SLE", 0), n.get("control", 0)
    return effects(table, random, "arcsine")


def effects(table: pd.DataFrame, random, unit: str) -> pd.DataFrame:
    table["effect"] = random.normal(0, 0.08, len(table))
    half = random.uniform(0.03, 0.15, len(table))
    table["unit"] = unit
    table["ci_low"], table["ci_high"] = table["effect"] - half, table["effect"] + half
    table["p"] = random.uniform(0, 1, len(table)) ** 3
    table["q"] = np.minimum(1, table["p"] * 3)
    table["method"], table["covariates"] = "ols_hc2", "age, sex"
    table["smd"], table["smd_se"] = table["effect"] / 0.1, 0.45
    table["estimable"], table["reason"] = True, ""
    few = table["n_case"].clip(upper=3) + table["n_control"].clip(upper=3) < 6
    few |= np.arange(len(table)) % 9 == 8
    table.loc[few, ["effect", "ci_low", "ci_high", "p", "q"]] = np.nan
    table.loc[few, "estimable"] = False
    table.loc[few, "reason"] = "median of 2 cells per donor; 5 are needed for a log-ratio of counts"
    return table


def meta(cohorts=("demo", "pbmc", "third"), seed: int = 2) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    parts = []
    for quantity in ("E1", "E2", "E3", "CD4_Th22_like"):
        table = pd.DataFrame({"cohort": list(cohorts), "quantity": quantity})
        table["n_case"], table["n_control"], table["df"] = 10, 8, 16
        table = effects(table, random, "ln ratio")
        table["method"] = "arcsine_ols_hc2" if quantity[0] == "C" else "ols_hc2"
        table["se"] = (table["ci_high"] - table["ci_low"]) / 4.2
        if quantity == "E1":
            table.loc[0, ["effect", "ci_low", "ci_high", "p"]] = np.nan
            table.loc[0, ["estimable", "reason"]] = [False, "median Th22-like count below 5"]
        parts.append(table.assign(denominator="memory_cd4", contrast="SLE vs control"))
    return meta_table.across(pd.concat(parts, ignore_index=True))


def imbalance(people: pd.DataFrame, seed: int = 3, e1: bool = True) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    parts = []
    for estimator in ("E1", "E2", "E3"):
        table = people[["cohort", "donor", "condition"]].copy()
        table["estimator"] = estimator
        shift = 0.8 * (table["condition"] == "SLE")
        table["value"] = random.normal(0.2, 0.6, len(table)) + shift
        table["n_cells"] = random.integers(150, 900, len(table))
        table["estimable"], table["reason"] = True, ""
        if estimator == "E1" and not e1:
            table[["value", "estimable"]] = [np.nan, False]
            table["reason"] = "median of 2 Th22-like cells per donor; 5 are needed"
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def imbalance_tests(people: pd.DataFrame, values: pd.DataFrame, seed: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    n = people["condition"].value_counts()
    table = pd.DataFrame({"cohort": "demo", "quantity": ["E1", "E2", "E3"]})
    table["contrast"], table["denominator"] = "SLE vs control", "memory_cd4"
    table["role"] = ["secondary", "secondary", "primary"]
    table["n_case"], table["n_control"] = n.get("SLE", 0), n.get("control", 0)
    table = effects(table, random, "ln ratio")
    means = values.groupby(["estimator", "condition"])["value"].mean().unstack()
    for row, name in enumerate(table["quantity"]):
        if table.loc[row, "estimable"] and means.loc[name].notna().all() and "SLE" in means:
            effect = means.loc[name, "SLE"] - means.loc[name, "control"]
            table.loc[row, ["effect", "ci_low", "ci_high"]] = [effect, effect - 0.5, effect + 0.5]
            table.loc[row, "smd"] = effect / 0.7
        else:
            table.loc[row, ["effect", "ci_low", "ci_high", "p", "q", "smd"]] = np.nan
            table.loc[row, "estimable"] = False
            table.loc[row, "reason"] = "fewer than 3 donors in an arm"
    table.loc[2, "unit"] = "SD"
    return table


def corrected(tests: pd.DataFrame) -> pd.DataFrame:
    row = tests[tests["quantity"] == "E1"].assign(method="corrected_ols_hc2")
    return row.assign(effect=1.5 * row.effect, ci_low=row.ci_low - 0.5, ci_high=row.ci_high + 0.5)


def permuted(seed: int = 9) -> pd.DataFrame:
    """Histogram of 2,000 permuted effects of each estimator."""
    parts = []
    for place, estimator in enumerate(("E1", "E2", "E3")):
        null = np.random.default_rng(seed + place).normal(0, 0.3, 2000)
        n, edges = np.histogram(null, 40)
        part = pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:], "n": n})
        parts.append(part.assign(cohort="demo", estimator=estimator))
    return pd.concat(parts, ignore_index=True)


def ambient(people: pd.DataFrame, seed: int = 10) -> pd.DataFrame:
    """Sentinel genes in the T cells of each donor; SIGLEC1 is not in the matrix."""
    random = np.random.default_rng(seed)
    parts = []
    sources = ["red blood cells", "platelets", "myeloid cells", "monocytes", "B, plasma cells"]
    genes = ["HBB", "PPBP", "S100A8 + S100A9", "LYZ", "IGKC", "SIGLEC1"]
    for place, gene in enumerate(genes):
        table = people[["donor", "condition"]].copy()
        table["genes"], table["source"] = gene, [*sources, "interferon monocytes"][place]
        table["n_total"] = random.integers(500_000, 3_000_000, len(table))
        mean = table["n_total"] * 10.0 ** (-place) * 1e-4 * (1 + (table["condition"] == "SLE"))
        table["n_counts"] = np.nan if gene == "SIGLEC1" else random.poisson(mean).astype(float)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def activity(people: pd.DataFrame, seed: int = 4) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    parts = []
    for signature in ("IFN1_T_CORE", "AHR_T_CORE", "AP1_JUN", "HANDLING_IEG"):
        for subset in ["memory_cd4", "t", *SUBSETS[:12]]:
            table = people[["cohort", "donor", "condition"]].copy()
            table["subset"], table["signature"] = subset, signature
            shift = 1.5 * (table["condition"] == "SLE") * (signature == "IFN1_T_CORE")
            table["value"] = random.normal(5, 0.7, len(table)) + shift
            table["n_cells"], table["n_genes_found"], table["n_genes"] = 120, 18, 20
            table["estimable"], table["reason"] = True, ""
            parts.append(table)
    return pd.concat(parts, ignore_index=True)


def activity_tests(people: pd.DataFrame, values: pd.DataFrame, seed: int = 5) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    n = people["condition"].value_counts()
    keys = values.drop_duplicates(["signature", "subset"])[["cohort", "signature", "subset"]]
    table = keys.rename(columns={"signature": "quantity", "subset": "denominator"})
    table = table.reset_index(drop=True).assign(contrast="SLE vs control", role="exploratory")
    table["n_case"], table["n_control"] = n.get("SLE", 0), n.get("control", 0)
    return effects(table, random, "log2 CPM")


def study(n_control: int, n_case: int, subsets=SUBSETS, e1: bool = True) -> dict:
    """Tables of one cohort that belong together."""
    people = donors(n_control, n_case)
    shares = composition(people, subsets)
    values = imbalance(people, e1=e1)
    scores = activity(people)
    parts = [imbalance_tests(people, values), tests(people, shares), activity_tests(people, scores)]
    return {
        "donors": people,
        "composition": shares,
        "imbalance": values,
        "activity": scores,
        "tests": pd.concat(parts, ignore_index=True),
    }


def genes(n: int = 3000, seed: int = 6) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"gene_symbol": [f"GENE{i}" for i in range(n)]})
    table["log2fc"] = random.normal(0, 0.4, n) + np.where(np.arange(n) < 60, 1.2, 0)
    table["p"] = np.where(
        np.arange(n) < 60, 10 ** -random.uniform(3, 20, n), random.uniform(size=n)
    )
    table["q"] = np.minimum(1, table["p"] * 50)
    table["n_case"], table["n_control"], table["estimable"], table["reason"] = 10, 8, True, ""
    return table


def specifications(n: int = 14, seed: int = 7) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    parts = []
    for estimator in ("E1", "E2", "E3"):
        table = pd.DataFrame({"specification": [f"another way number {i}" for i in range(n)]})
        table["estimator"], table["family"] = estimator, "alternative"
        table.loc[0, "family"] = "main"
        table["leads"] = estimator == "E3"
        table["n_case"], table["n_control"] = 10, 8
        table = effects(table, random, "SD" if estimator == "E3" else "ln ratio")
        parts.append(table)
    table = pd.concat(parts, ignore_index=True)
    return table.join(pd.DataFrame([readable.folds(row) for row in table.to_dict("records")]))


def random_sets(n: int = 500, seed: int = 8) -> pd.DataFrame:
    effect = np.append(0.9, np.random.default_rng(seed).normal(0, 0.3, n))
    table = pd.DataFrame({"cohort": "demo", "draw": np.arange(n + 1), "effect": effect})
    return table.assign(t=effect / 0.28)


def samples(people: pd.DataFrame, skipped: int = 1) -> pd.DataFrame:
    table = people[["cohort", "donor", "condition"]].copy()
    table.insert(0, "sample", table["donor"] + "_lib1")
    table["status"], table["message"] = "ok", ""
    table.loc[table.index[:skipped], "status"] = "skipped"
    table.loc[table.index[:skipped], "message"] = "no cells left after few genes"
    table["n_read"], table["n_kept"] = 1500, 1100
    return table


def sure(subsets=SUBSETS, seed: int = 11) -> pd.DataFrame:
    """Histograms of score and margin; the first subset has unassigned cells."""
    random = np.random.default_rng(seed)
    edges = np.append(1 - 10.0 ** -np.linspace(0, 4.8, 25), 1.0)
    parts = []
    for n, subset in enumerate(subsets):
        for measure in ("score", "margin"):
            table = pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:]})
            table["n_called"] = random.binomial(20 + 40 * n, np.linspace(0.02, 0.3, 25) ** 2 * 4)
            table["n_unassigned"] = np.where((n == 0) & (table.index < 3), 6, 0)
            parts.append(table.assign(subset=subset, measure=measure))
    columns = ["subset", "measure", "bin_low", "bin_high", "n_called", "n_unassigned"]
    return pd.concat(parts, ignore_index=True)[columns]


def coverage(known: bool = True) -> pd.DataFrame:
    """Cells called by margin, with or without a truth for 3,000 of 4,000 cells."""
    parts = []
    for level, drop in (("level1", 0.1), ("subset", 0.4)):
        cuts = 1 - 10.0 ** -np.linspace(0, 4.8, 25)
        table = pd.DataFrame({"level": level, "rule": "margin", "cut": cuts})
        table["coverage"] = 1 - drop * np.linspace(0, 1, 25)
        table.loc[25] = [level, "default", np.nan, 0.97]
        table["n_cells"], table["n_truth"] = 4000, 3000 if known else 0
        table["n_called"] = (4000 * table["coverage"]).astype(int)
        table["n_truth_called"] = (table["n_truth"] * table["coverage"]).astype(int)
        table["truth_coverage"] = table["coverage"] if known else np.nan
        table["accuracy"] = 1.3 - drop - 0.3 * table["coverage"] if known else np.nan
        table["macro_f1"] = table["accuracy"] - 0.05
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def write(table: pd.DataFrame, path) -> None:
    """Write a made-up table with the columns of its contract that it lacks."""
    contract = contracts.of(path)
    empty = {columns.TEXT: "", columns.COUNT: 0, columns.FLAG: False}
    for name in contract.required:
        if name not in table:
            table = table.assign(**{name: empty.get(contract.columns[name], np.nan)})
    others = [name for name in table if contract.kind(name) and name not in contract.required]
    tables.write(table[[*contract.required, *others]], path)
