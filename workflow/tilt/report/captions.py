"""Captions of the figures, made from the numbers they show."""

import pandas as pd

from tilt.core.terms import ESTIMATORS, GROUPS, INTERFERON_SET, LEVELS, SECONDARY
from tilt.core.text import count, number
from tilt.figures.entry import Figure, load
from tilt.figures.names import pretty
from tilt.labels.reliability import error
from tilt.report.answer import (
    CohortResults,
    arms,
    corrected,
    find_test,
    interval,
    p_words,
    unchecked,
    used_covariates,
)


def donors_text(results: CohortResults) -> str:
    """``8 control and 10 SLE donors``."""
    n = arms(results)
    return " and ".join(f"{n[a]} {a}" for a in results.cohort.arms) + " donors"


def adjustment(results: CohortResults) -> str:
    """What the tests are adjusted for."""
    covariates = used_covariates(results.table("tests"))
    return f"adjusted for {covariates}" if covariates else "no covariates"


def caption(figure: Figure, results: CohortResults) -> str:
    """Caption of a figure of a cohort: n per arm, test, adjustment, denominator."""
    text = load(figure.caption)(results) if figure.caption else figure.words
    return f"Simulated data. {text}" if results.cohort.simulated else text


def imbalance(results: CohortResults) -> str:
    """Donors, the three estimators with interval and p of one method, and the model."""
    tests = results.table("tests")
    parts = []
    for name in ESTIMATORS:
        row = find_test(tests, name)
        if row is None:
            parts.append(f"{name} not estimable")
            continue
        n = f"n = {int(row.n_case)} + {int(row.n_control)}"
        parts.append(
            f"{name} {interval(row)}, {p_words(row)}, {n}{corrected(results, name)}{unchecked(row)}"
        )
    margins = len(tests) > 0 and "margin" in tests and bool(tests["margin"].notna().any())
    box = "; box, differences smaller than the smallest of interest" if margins else ""
    return (
        f"{donors_text(results)}. (a) Each dot a donor: share of memory CD4 T cells (naive and "
        "regulatory T cells left out) at the two poles, half a cell added; lines of equal ratio. "
        "(b) Standardized difference (Hedges g, 95% CI) and, in words, the effect in its own unit; "
        "gray, the same with the labels of donors permuted; hollow, E1 corrected for cells under a "
        f"wrong label, its interval holding what is not known of the labels' mistakes{box}. "
        "(c–e) Each estimator by condition, mean with 95% t interval. (f) Leading estimator "
        "against "
        "interferon score, Spearman's rho: an association. Least squares with HC2 "
        "standard errors and Bell-McCaffrey degrees of freedom, donors of a ratio weighted by "
        f"precision, {adjustment(results)}; joint p by max-T over the estimators. "
        + "; ".join(parts)
        + "."
    )


def composition(results: CohortResults) -> str:
    """Donors, the model and the size of the secondary family."""
    tests = results.table("tests")
    family = 0
    if len(tests):
        family = int(((tests["role"] == SECONDARY) & tests["q"].notna()).sum())
    return (
        f"{donors_text(results)}. (a) Share of each subset among the denominator named in bold, "
        "each "
        "dot a donor, bar the median, square-root axis. (b) Difference in percentage points "
        "(pp) of the typical donor, square-root axis, beside it as fold (×); tested on the "
        f"arcsine-root scale, OLS with HC2, 95% CI, {adjustment(results)}; q is "
        f"Benjamini-Hochberg over the secondary family ({count(family, 'test')}), "
        "the other p values are exploratory and not adjusted."
    )


def lineages(results: CohortResults) -> str:
    """Donors and denominators."""
    return (
        f"{donors_text(results)}. As for the subsets, with the denominator named in bold. "
        "Lymphopenia moves every share of all cells at once."
    )


def interferon(results: CohortResults) -> str:
    """Donors, the model and the effect in the first group of cells that has one."""
    row = None
    for subset in GROUPS:
        row = row or find_test(results.table("tests"), INTERFERON_SET, subset)
    effect = f" In {pretty(row.denominator)}: {interval(row)}." if row is not None else ""
    return (
        f"{donors_text(results)}. Mean log2 CPM of the T-cell interferon genes in the pseudobulk "
        "of "
        f"each donor; mean with 95% t interval; OLS with HC2, {adjustment(results)}.{effect}"
    )


def activity(results: CohortResults) -> str:
    """Donors, signatures and values that were not estimable."""
    rows = results.table("activity")
    n = rows["signature"].nunique() if len(rows) else 0
    told = int((~rows["estimable"]).sum()) if len(rows) else 0
    return (
        f"{donors_text(results)}. Difference between conditions of {count(n, 'signature')} over "
        "the "
        "standard deviation of donors; framed where the 95% CI leaves out zero (not adjusted for "
        f"multiplicity); {number(told)} donor values were not estimable. Genes of the imbalance "
        "are "
        "left out of every other signature."
    )


def mediators(results: CohortResults) -> str:
    """Donors, what was adjusted for, and how far it can be read."""
    rows = results.table("mediators")
    names = [pretty(name) for name in dict.fromkeys(rows["mediator"])] if len(rows) else []
    return (
        f"{donors_text(results)}. {', '.join(names)}: scores of memory CD4 T cells without genes "
        "that define the imbalance, each alone, beside the others, and beside the others and the "
        "genes of sample handling. (a) Difference in SD of donors. (b) Change of the imbalance per "
        f"SD of the score within the arms; OLS with HC2, {adjustment(results)}; q by "
        "Benjamini-Hochberg over the scores. (c) Share of the difference that goes with the score "
        "(donors drawn again; Fieller's interval). Blood taken at one time cannot show what drives "
        "what."
    )


def markers(results: CohortResults) -> str:
    """Cells drawn and what the signs mean."""
    rows = results.table("marker_expression")
    n = int(rows.drop_duplicates("subset")["n_cells"].sum()) if len(rows) else 0
    return (
        f"{number(n)} T cells. Area: share of cells with at least one UMI; color: mean log1p of "
        "counts per 10,000; ring: positive marker of the subset; cross: negative marker."
    )


def label_scores(results: CohortResults) -> str:
    """Cells with and without a label, and how to read the probabilities."""
    rows = results.table("label_scores")
    rows = rows[rows["measure"] == "score"] if len(rows) else rows
    left, called = (int(rows[c].sum()) if len(rows) else 0 for c in ("n_unassigned", "n_called"))
    return (
        f"{number(left + called)} T cells, {number(left)} unassigned. (a) Probability of the label "
        "of each cell, by subset; (b) how far it is above that of the next subset. The axis "
        "spreads values near 1. Names carry n and the share unassigned; an unassigned cell (dark) "
        "stands with the subset it was nearest to. Probabilities rank cells; they are too sure of "
        "themselves as frequencies, since genes are not independent."
    )


def label_coverage(results: CohortResults) -> str:
    """Shares of labeled cells and, where the authors' labels are known, how right they are."""
    rows = results.table("label_coverage")
    text = "Share of T cells that have a label, as the least margin rises; dotted, as given out"
    usual = rows[rows["rule"] == "default"] if len(rows) else rows
    shares = [f"{LEVELS[r.level]} {100 * r.coverage:.1f}%" for r in usual.itertuples()]
    text += f" ({', '.join(shares)})." if shares else "."
    known = usual[usual["accuracy"].notna()] if len(usual) else usual
    if not len(known):
        return f"(a) {text} (b) Accuracy needs labels of the authors and a map of what they mean."
    found = "; ".join(
        f"{LEVELS[r.level]}: accuracy {100 * r.accuracy:.1f}%, macro-F1 {r.macro_f1:.2f}, "
        f"n = {number(r.n_truth_called)}"
        for r in known.itertuples()
    )
    return (
        f"(a) {text} (b) Our labels against the authors', among T cells called at each margin: "
        f"accuracy and mean F1 over the authors' labels. Diamonds, as given out ({found})."
    )


def reliability(results: CohortResults) -> str:
    """How far probabilities are from the share that is right, by level and whose labels."""
    rows = results.table("reliability")
    bins = rows[rows["label"] == ""] if len(rows) else rows
    if not len(bins):
        return "No cell has a label of the authors, or of tags, that tilt could be held against."
    found = []
    for (whose, level), part in bins.groupby(["whose", "level"], sort=False):
        n, right = part["n"].sum(), (part["n"] * part["right"]).sum() / part["n"].sum()
        said = (part["n"] * part["said"]).sum() / n
        found.append(
            f"{LEVELS[level]} against {whose}: {number(n)} cells, said {said:.2f}, right "
            f"{right:.2f}, mean distance in the bins {error(part):.2f}"
        )
    return (
        f"Probability said of a label against the share that is right ({'; '.join(found)}). A dot "
        "is a bin of probability, its area the cells in it; then each label of ten cells or more, "
        "with n. No interval: cells of a donor are not independent. A label that the others never "
        "give counts as wrong. "
        "Labels held against tags are made without them; labels of authors can be wrong, too."
    )


def detectability(results: CohortResults) -> str:
    """The denominator, and the genes seen in so few cells that they are never a threshold."""
    rows = results.table("detectability")
    low = rows[rows["pct_cells"] < 0.1]["gene"].tolist() if len(rows) else []
    text = (
        "Share of memory CD4 T cells (without regulatory T cells), and of donors, with at least "
        "one "
        "UMI of the gene."
    )
    if low:
        text += f" Below 0.1% of cells, hence never a threshold: {', '.join(low)}."
    return text


def qc_waterfall(results: CohortResults) -> str:
    """Barcodes read and kept."""
    rows = results.table("qc_waterfall")
    if rows.empty:
        return ""
    read = rows.groupby("sample")["n_left"].max().sum()
    left = rows.groupby("sample").tail(1)["n_left"].sum()
    return (
        f"{number(read)} barcodes read in {count(rows['sample'].nunique(), 'sample')}, "
        f"{number(left)} kept ({100 * left / max(read, 1):.0f}%). (a) Left after each filter in "
        "turn. "
        "(b) Share of each sample; a cell is counted at the first filter that removes it."
    )


def volcano(results: CohortResults) -> str:
    """Donors and the model."""
    return (
        f"{donors_text(results)}. Pseudobulk of each group of cells, PyDESeq2 Wald test, "
        f"{adjustment(results)}; q by Benjamini-Hochberg within each panel; fold change not shrunk."
    )


def factors(results: CohortResults) -> str:
    """Donors, the model and what its p is worth."""
    rows = results.table("factor_tests")
    removed = int(rows["n_removed"].sum()) if len(rows) else 0
    return (
        f"{donors_text(results)}. Univariate linear model (decoupler) on the targets of a factor, "
        f"without targets that define the imbalance ({removed} left out). (a) Of each donor's "
        "memory CD4 T cells, genes standardized over donors: difference by OLS with HC2, "
        f"{adjustment(results)}; q by Benjamini-Hochberg over the factors. (b on) Of the Wald "
        "statistics of each group of cells. Genes are not independent: p ranks the factors and "
        "proves nothing."
    )


def perturbations(results: CohortResults) -> str:
    """Donors, the axis, both tests and how far it can be read."""
    rows = results.table("perturbations")
    n = len(rows)
    return (
        f"{donors_text(results)}. {count(n, 'response')} to perturbations, without genes that "
        "define the imbalance, projected on the slopes of genes on the leading estimator within "
        "the arms; each gene beside genes of like expression. OLS with HC2, "
        f"{adjustment(results)}; q by Benjamini-Hochberg over the perturbations. Gray: random sets "
        "of as many genes matched for expression. An association: blood taken at one time cannot "
        "show what would move the imbalance."
    )


def ambient(results: CohortResults) -> str:
    """Donors, the interval and what a ratio away from one means."""
    return (
        f"{donors_text(results)}. Genes that T cells do not transcribe, in the summed counts of "
        "each donor's T cells, half a count added; mean with 95% t interval; ×: ratio of the "
        "geometric means with Welch's 95% CI, not adjusted. A ratio away from one means that "
        "ambient RNA differs between the conditions; where SIGLEC1 rises, monocytes in interferon "
        "may lend T cells a part of their interferon score."
    )


def robustness(results: CohortResults) -> str:
    """How many other ways were estimable."""
    rows = results.table("specifications")
    n = 0
    if len(rows):
        n = int((rows["estimable"] & (rows["family"] != "main")).sum())
    return (
        f"The same difference measured in {count(n, 'other way')}, by estimator and in order of "
        "size, with 95% CI, ratios also as folds (×); the dark diamond is the declared one, and "
        "runs with one donor, batch or gene left out share a row of ticks. Last panel: the "
        "pseudobulk axis with random pairs of gene sets matched for expression, by their t; the "
        "line is the axis of the question."
    )


def celltypist(results: CohortResults) -> str:
    """Which model gave the labels."""
    name = str(results.settings.get("celltypist_model", "")).rpartition("/")[2]
    return (
        f"Share of each label of the CellTypist model {name} (Dominguez Conde 2022 Science "
        "376:eabl5197; best match in each cell alone, without majority voting) that got each of "
        "our labels (rows sum to 100%). Beside ours, never in their place."
    )


def study(results: CohortResults) -> str:
    """Donors and skipped samples."""
    skipped = results.table("qc_samples")
    n = int((skipped["status"] == "skipped").sum()) if len(skipped) else 0
    return f"{donors_text(results)}; {count(n, 'sample') if n else 'no sample'} skipped."


def across_meta(meta: pd.DataFrame, n_cohorts: int) -> str:
    """Which cohorts and models the effects come from."""
    models = set(meta.loc[meta["leads"], "model"].dropna()) - {""} if len(meta) else ()
    mean = "not combined"
    if models:
        mean = f"the mean of such cohorts by random effects ({'; '.join(sorted(models))})"
    said = ""
    if any(model.startswith("half-normal") for model in models):
        said = (
            "Half-normal: prior on the SD between cohorts with the scale named, interval and "
            "P(other sign) of the posterior; other scales are in meta.tsv. "
        )
    return (
        f"{count(n_cohorts, 'cohort')}. Effect of each cohort with 95% CI (n: cases + "
        "controls), their average weighted by precision as an open diamond (common effect: it "
        f"speaks of these cohorts alone), and as a filled one: {mean}; orange: prediction "
        f"interval for a new cohort. {said}E3 is combined as Hedges g because its unit "
        "differs between cohorts."
    )
