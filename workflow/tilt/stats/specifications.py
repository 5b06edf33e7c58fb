"""Specifications of the imbalance: every reasonable other choice, and what chance alone would give.

:func:`curve` gives one row for each way of measuring the same difference (the specification
curve); :func:`random_sets` the effects of random gene-set pairs in place of the two poles.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.cells import groups
from tilt.core.contracts import RANDOM_SETS, SPECIFICATIONS
from tilt.core.terms import (
    INTERFERON_SET,
    ISG_HIGH,
    MEASURED,
    POLE_FLAGS,
    POLES,
    PROTEIN_AXIS,
    RATIOS,
    UNIT,
    UNIT_KEY,
    WORKING_SET,
)
from tilt.donors import activity, imbalance, pseudobulk
from tilt.stats import (
    contrast,
    design,
    inference,
    matched,
    methods,
    protein_specifications,
    readable,
)
from tilt.stats.protein_specifications import Proteins

if TYPE_CHECKING:
    import anndata as ad

log = logging.getLogger(__name__)

SWAPS = {"Th17": ("TH17", ("CD4_Th17",)), "Treg": ("TREG", ("CD4_Treg_naive", "CD4_Treg_eff"))}
STATES = (INTERFERON_SET, "HANDLING_IEG", "GLUCOCORTICOID_PROXY")
ANTIGEN_PRESENTING = ("HLA-DRA", "CD74")  # doublets with B cells or monocytes carry them
METHODS = {  # how the other methods of :mod:`tilt.stats.methods` are called here
    "permutation": "by permutation",
    "bootstrap_t": "by bootstrap",
    "mann_whitney": "by ranks",
    "wilcoxon": "by ranks",
}
FLOORS = (100, 200, 500)  # memory CD4 cells, of donors that stay
WOMEN = ("f", "female", "woman")


@dataclass(frozen=True)
class CohortInputs:
    """What the specifications of one cohort work on; ``bulk`` and ``cells`` are None for tables.

    ``cells``: donor, condition, tph_score, th22_score of the working set, for other thresholds,
    and, where the labels are tilt's own, the probability of each label; ``shares``: typical share
    of each memory CD4 subset among these; ``strata``: strata of every unit, indexed by (donor,
    condition), for standardizing genes; ``proteins``: what E4 is measured from.
    """

    donors: pd.DataFrame
    plan: contrast.Plan
    settings: imbalance.Settings
    composition: pd.DataFrame
    signatures: pd.DataFrame
    bulk: "ad.AnnData | None" = None
    cells: pd.DataFrame | None = None
    detectability: pd.DataFrame | None = None
    strata: pd.DataFrame | None = None
    shares: pd.Series | None = None
    proteins: Proteins | None = None

    @cached_property
    def measured(self) -> tuple[imbalance.Measured | None, str]:
        """Expression that the axis of any sets of genes is made from."""
        return imbalance.measure(self.bulk, self.strata, self.settings)


Maker = Callable[[CohortInputs], pd.DataFrame]


def _designs(cohort: CohortInputs) -> contrast.DesignCache:
    """Designs for main effects alone: neither permutations nor bootstraps."""
    plan = replace(cohort.plan, permutations=1, bootstraps=0)
    return contrast.DesignCache(cohort.donors.reset_index(drop=True), plan)


def ratio_table(cohort: CohortInputs, estimator: str, settings: imbalance.Settings) -> pd.DataFrame:
    """E1 or E2 of every unit under other settings or poles."""
    poles = settings.poles if estimator == "E1" else POLE_FLAGS
    counts = imbalance.pole_counts(cohort.composition, poles)
    problem = ""
    if estimator == "E1":
        problem = imbalance.e1_problem(counts, cohort.detectability, settings)
    return imbalance.ratio_rows(counts, estimator, settings.min_memory_cells, problem)


def threshold_table(cohort: CohortInputs, quantile: float, min_cells: int) -> pd.DataFrame:
    """E2 with another threshold: the quantile of the scores with every donor weighing the same."""
    cells = cohort.cells
    assert cells is not None  # only cohorts with cells have other thresholds
    counts = cohort.donors[UNIT].astype(str)
    key = pd.MultiIndex.from_frame(counts[UNIT_KEY])
    grouped = cells.groupby(UNIT_KEY)
    counts = counts.assign(n_cells=grouped.size().reindex(key).fillna(0).astype(int).to_numpy())
    for pole in POLES:
        score = cells[f"{pole}_score"].to_numpy(float)
        cut = groups.donor_quantile(score, cells["donor"].to_numpy(), quantile)
        above = cells[score > cut].groupby(UNIT_KEY).size()
        counts[f"n_{pole}"] = above.reindex(key).fillna(0).astype(int).to_numpy()
    return imbalance.ratio_rows(counts, "E2", min_cells, "")


def prior_table(cohort: CohortInputs, odds: pd.Series) -> pd.DataFrame:
    """E1 of every unit under other shares of the subsets beforehand.

    ``odds``: for each label of ``cohort.shares``, how many times as common as typical. The
    probabilities of each cell (rows of ``cohort.cells``) follow by Bayes' rule.
    """
    cells, settings = cohort.cells, cohort.settings
    assert cells is not None  # only cohorts with cells have probabilities
    labels = cells.columns.drop([*UNIT_KEY, *(f"{pole}_score" for pole in POLES)])
    chance = cells[labels] * odds.reindex(labels).fillna(1.0)
    chance = chance.div(chance.sum(axis=1), axis=0)
    sums = chance.groupby([cells[column] for column in UNIT_KEY]).sum()
    counts = imbalance.pole_counts(cohort.composition, settings.poles)
    key = pd.MultiIndex.from_frame(counts[UNIT_KEY])
    for pole, names in settings.poles.items():
        summed = sums[[name for name in names if name in sums]].sum(axis=1)
        counts[f"n_{pole}"] = summed.reindex(key).fillna(0.0).to_numpy()
    problem = imbalance.e1_problem(counts, cohort.detectability, settings)
    return imbalance.ratio_rows(counts, "E1", settings.min_memory_cells, problem)


def axis_table(
    cohort: CohortInputs,
    th22_set: str = "",
    without: tuple[str, ...] = (),
    depth: int = 0,
) -> pd.DataFrame:
    """E3 of every unit with another set, without some genes, or at a common depth."""
    settings = replace(cohort.settings, th22_set=th22_set or cohort.settings.th22_set)
    signatures = cohort.signatures[~cohort.signatures["gene"].isin(without)]
    measured = cohort.measured
    if depth:
        rows = pseudobulk.of_subset(cohort.bulk, WORKING_SET, settings.min_pseudobulk_cells)
        rng = np.random.default_rng(cohort.plan.seed)
        counts = pseudobulk.thin(pseudobulk.dense(rows), depth, rng).astype(float)
        measured = imbalance.measure(cohort.bulk, cohort.strata, settings, counts)
    sets = (settings.tph_set, settings.th22_set)
    made, reason = imbalance.axis_of(measured, signatures, sets, settings)
    return imbalance.axis_rows(cohort.donors, made, reason, settings)


def common_depth(cohort: CohortInputs) -> int:
    """Smallest library among the units that enter the axis."""
    settings = cohort.settings
    rows = pseudobulk.of_subset(cohort.bulk, WORKING_SET, settings.min_pseudobulk_cells)
    return int(pseudobulk.dense(rows).sum(axis=1).min()) if rows.n_obs else 0


def _choices(cohort: CohortInputs) -> list[tuple[str, str, str, str, Maker]]:
    """All (estimator, family, specification, unit, maker of the table) of a cohort."""
    settings = cohort.settings
    out: list[tuple[str, str, str, str, Maker]] = []

    def add(estimator: str, family: str, name: str, maker: Maker) -> None:
        out.append((estimator, family, name, MEASURED[estimator].unit, maker))

    labeled = WORKING_SET in set(cohort.composition["denominator"])
    if labeled:
        for estimator in RATIOS:
            as_declared = partial(ratio_table, estimator=estimator, settings=settings)
            add(estimator, "main", "as declared", as_declared)
            for cells in FLOORS:
                other = replace(settings, min_memory_cells=cells)
                name = f"donors with {cells} memory CD4 cells"
                made = partial(ratio_table, estimator=estimator, settings=other)
                add(estimator, "minimum of cells", name, made)
        only = replace(settings, poles=settings.poles | {"tph": settings.poles["tph"][:1]})
        add(
            "E1",
            "poles",
            f"{only.poles['tph'][0]} alone",
            partial(ratio_table, estimator="E1", settings=only),
        )
        for name, (_, labels) in SWAPS.items():
            other = replace(settings, poles=settings.poles | {"th22": labels}, min_median_th22=0)
            if set(labels) & set(cohort.composition["subset"]):
                add("E1", "specificity", f"{name} in place of Th22", partial(_swap, settings=other))
    if cohort.cells is not None:
        for q in (0.90, 0.975):
            made = partial(threshold_table, quantile=q, min_cells=settings.min_memory_cells)
            add("E2", "threshold", f"score above the {q:.1%} quantile", made)
    if cohort.shares is not None and not cohort.shares.empty:
        shares = cohort.shares
        rare = [name for names in settings.poles.values() for name in names if name in shares]
        flat, doubled = shares.mean() / shares, pd.Series(2.0, rare)
        for name, odds in (("all subsets as common", flat), ("poles twice as common", doubled)):
            add("E1", "priors", f"{name} beforehand", partial(prior_table, odds=odds))
    if cohort.bulk is not None:
        add("E3", "main", "as declared", axis_table)
        for name, (gene_set, _) in SWAPS.items():
            made = partial(axis_table, th22_set=gene_set)
            add("E3", "specificity", f"{name} in place of Th22", made)
        made = partial(axis_table, without=ANTIGEN_PRESENTING)
        add("E3", "genes", "without HLA-DRA and CD74", made)
        members = cohort.signatures["set"].isin((settings.tph_set, settings.th22_set))
        for gene in sorted(set(cohort.signatures.loc[members, "gene"])):
            made = partial(axis_table, without=(gene,))
            add("E3", "one gene out", f"without {gene}", made)
        depth = common_depth(cohort)
        if depth:
            add("E3", "depth", f"at {depth} counts per donor", partial(axis_table, depth=depth))
    if cohort.proteins is not None:
        ways = protein_specifications.choices(cohort.proteins, settings.min_memory_cells, FLOORS)
        for family, name, maker in ways:
            add(PROTEIN_AXIS, family, name, maker)
    return out


def _swap(cohort: CohortInputs, settings: imbalance.Settings) -> pd.DataFrame:
    """E1 against labels of any denominator (Treg are not in the working set)."""
    rows = cohort.composition
    counts = imbalance.pole_counts(rows, {"tph": settings.poles["tph"]})
    per_label = rows[rows["subset"].isin(settings.poles["th22"])]
    first = per_label.groupby([*UNIT, "subset"])["n"].first().groupby(UNIT).sum()
    key = pd.MultiIndex.from_frame(counts[UNIT])
    counts["n_th22"] = first.reindex(key).fillna(0).astype(int).to_numpy()
    return imbalance.ratio_rows(counts, "E1", settings.min_memory_cells, "")


def _subsets_of_donors(cohort: CohortInputs) -> list[tuple[str, str, CohortInputs]]:
    """(family, name, cohort) of the runs with some donors only."""
    donors, out = cohort.donors, []
    for donor in donors["donor"].unique():
        out.append(("one donor out", f"without {donor}", donors[donors["donor"] != donor]))
    for name in cohort.plan.contrast.strata:
        levels = donors[name].astype(str)
        if levels.nunique() > 1 and name != cohort.plan.contrast.pair:
            for level in sorted(levels.unique()):
                out.append((f"one {name} out", f"without {name} {level}", donors[levels != level]))
    if "sex" in donors:
        women = donors["sex"].astype(str).str.strip().str.lower().isin(WOMEN)
        if women.any() and not women.all():
            out.append(("women only", "women only", donors[women]))
    return [(family, name, replace(cohort, donors=some)) for family, name, some in out]


def _adjusted(cohort: CohortInputs) -> list[tuple[str, str, CohortInputs]]:
    """(family, name, cohort) with one more covariate each, and with none."""
    plan = cohort.plan
    out: list[tuple[str, str, CohortInputs]] = []
    if plan.contrast.pair:
        return out  # a pair is its own control
    if plan.contrast.covariates:
        bare = replace(plan, contrast=replace(plan.contrast, covariates=()))
        out.append(("covariates", "without covariates", replace(cohort, plan=bare)))
    extra: dict[str, pd.Series] = {}
    key = UNIT_KEY
    if cohort.bulk is not None:
        scores = activity.score(
            cohort.bulk,
            cohort.donors,
            cohort.signatures,
            (WORKING_SET,),
            STATES,
            cohort.settings.min_pseudobulk_cells,
            cohort.settings.min_genes,
        )
        for name, rows in scores.groupby("signature"):
            if rows["estimable"].any():
                extra[name] = rows.set_index(key)["value"]
    high = cohort.composition
    high = high[(high["subset"] == ISG_HIGH) & (high["denominator"] == WORKING_SET)]
    if len(high) and high["n"].sum():
        share = 100 * high["n"] / high["n_denominator"].where(high["n_denominator"] > 0)
        extra["share of ISG-high cells"] = pd.Series(
            share.to_numpy(), pd.MultiIndex.from_frame(high[key])
        )
    at = pd.MultiIndex.from_frame(cohort.donors[key].astype(str))
    for name, values in extra.items():
        donors = cohort.donors.assign(**{name: values.reindex(at).to_numpy()})
        covariates = (*plan.contrast.covariates, name)
        more = replace(plan, contrast=replace(plan.contrast, covariates=covariates))
        out.append(("covariates", f"with {name}", replace(cohort, donors=donors, plan=more)))
    return out


def curve(cohort: CohortInputs, lead: str) -> pd.DataFrame:
    """Specification curve: the effect under every choice, one row each (``SPECIFICATIONS``).

    ``lead``: the estimator that leads. A choice that cannot be made in this cohort keeps its row,
    with the reason. Families "main" are the declared estimators themselves; the choices about
    donors and covariates are made for each of these.
    """
    rows = []

    def keep(estimator: str, family: str, name: str, found: dict) -> None:
        rows.append(
            found
            | readable.folds(found)
            | {"estimator": estimator, "family": family, "specification": name}
            | {"leads": estimator == lead}
        )

    main: dict[str, tuple[pd.DataFrame, str]] = {}
    same = _designs(cohort)
    for estimator, family, name, unit, make in _choices(cohort):
        table = make(cohort)
        keep(estimator, family, name, contrast.main_effect(same, table, unit))
        if family == "main":
            main[estimator] = (table, unit)
    main = {name: one for name, one in main.items() if one[0]["estimable"].any()}
    others: dict[str, list] = {estimator: [] for estimator in main}
    for family, name, other in [*_subsets_of_donors(cohort), *_adjusted(cohort)]:
        made = _designs(other)  # for all estimators, and let go: a design holds donors x donors
        for estimator, (table, unit) in main.items():
            others[estimator].append((family, name, contrast.main_effect(made, table, unit)))
    for estimator, (table, unit) in main.items():
        designs = contrast.DesignCache(cohort.donors.reset_index(drop=True), cohort.plan)
        for row in contrast.value(designs, table, unit)[1:]:
            keep(estimator, "method", METHODS.get(row["method"], row["method"]), row)
        for family, name, effect in others[estimator]:
            keep(estimator, family, name, effect)
        if estimator in (*RATIOS, PROTEIN_AXIS):
            poles = cohort.settings.poles if estimator == "E1" else POLE_FLAGS
            counts = imbalance.pole_counts(cohort.composition, poles)
            if estimator == PROTEIN_AXIS and cohort.proteins is not None:
                counts = cohort.proteins.counts
            counts = counts[table["estimable"].to_numpy()]
            keep(estimator, "model", "logit-normal, no pseudocount", methods.ratio(designs, counts))
            keep(estimator, "model", "donors unweighted", methods.unweighted(designs, table, unit))
    out = pd.DataFrame(rows).reindex(columns=list(SPECIFICATIONS.columns))
    out["cohort"] = str(cohort.donors["cohort"].iloc[0])
    out["contrast"] = cohort.plan.contrast.name
    log.info("%d specifications, %d estimable", len(out), int(out["estimable"].fillna(False).sum()))
    return out


def random_sets(cohort: CohortInputs, n: int) -> pd.DataFrame:
    """Effects of ``n`` random set pairs matched gene by gene for expression, and of the axis.

    Each gene of a pole is replaced by a random gene of the same twentieth of mean expression,
    keeping its weight; genes of either pole are not drawn (:mod:`tilt.stats.matched`).

    Returns
    -------
    draw (0 = the axis itself), effect, t (HC2); empty when the axis is not estimable. The share of
    draws with |t| at least that of draw 0 is the p against random sets.
    """
    columns = list(RANDOM_SETS.columns)
    if cohort.bulk is None:
        return pd.DataFrame(columns=columns)
    settings = cohort.settings
    sets = (settings.tph_set, settings.th22_set)
    made, _ = imbalance.axis_of(cohort.measured, cohort.signatures, sets, settings)
    if made is None:
        return pd.DataFrame(columns=columns)
    units = made.units.assign(cohort=str(cohort.donors["cohort"].iloc[0]))
    designs = contrast.DesignCache(cohort.donors.reset_index(drop=True), cohort.plan)
    rng = np.random.default_rng(cohort.plan.seed)
    taken = np.concatenate([made.sets[s][0] for s in sets])
    pools = matched.pools(made.mean, made.z.std(axis=0) > 0, taken)
    if pools is None:
        return pd.DataFrame(columns=columns)
    first, second = (matched.scores(made.z, *made.sets[s], pools, n, rng) for s in sets)
    outcomes = first - second
    if cohort.plan.contrast.pair:
        pairs, problem, _ = design.pairs(designs.with_pair(units), cohort.plan.contrast)
        if problem:
            return pd.DataFrame(columns=columns)
        gaps = outcomes[:, pairs["case"]] - outcomes[:, pairs["control"]]
        effect, se = gaps.mean(axis=1), gaps.std(axis=1, ddof=1) / np.sqrt(len(pairs))
    else:
        built, rows = designs.design(units)
        if built.problem:
            return pd.DataFrame(columns=columns)
        effect, se = inference.hc2(outcomes[:, rows], built.fit)
    table = pd.DataFrame({"draw": np.arange(n + 1), "effect": effect, "t": effect / se})
    return table.assign(cohort=units["cohort"].iloc[0])[columns]


def random_p(table: pd.DataFrame) -> float:
    """Share of random set pairs at least as far from zero as the axis; nan without draws."""
    if table.empty:
        return np.nan
    t = table["t"].abs().to_numpy()
    return float((np.sum(t[1:] >= t[0]) + 1) / len(t))
