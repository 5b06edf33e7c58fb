"""Methods text, generated from the configuration, with the citation of every tool used."""

from collections.abc import Callable, Iterable

from tilt.config import jobs
from tilt.core.terms import MIN_COUNT
from tilt.figures.names import exposure, pretty
from tilt.report.answer import CohortResults

CITATIONS = {
    "snakemake": "Mölder F et al. Sustainable data analysis with Snakemake. F1000Research "
    "2021;10:33. "
    "doi:10.12688/f1000research.29032.2",
    "scanpy": "Wolf FA, Angerer P, Theis FJ. SCANPY. Genome Biol 2018;19:15. "
    "doi:10.1186/s13059-017-1382-0",
    "anndata": "Virshup I et al. anndata. J Open Source Softw 2024;9:4371. doi:10.21105/joss.04371",
    "scrublet": "Wolock SL, Lopez R, Klein AM. Scrublet. Cell Syst 2019;8:281. "
    "doi:10.1016/j.cels.2018.11.005",
    "harmony": "Korsunsky I et al. Harmony. Nat Methods 2019;16:1289. "
    "doi:10.1038/s41592-019-0619-0",
    "leiden": "Traag VA, Waltman L, van Eck NJ. From Louvain to Leiden. Sci Rep 2019;9:5233. "
    "doi:10.1038/s41598-019-41695-z",
    "umap": "McInnes L, Healy J, Melville J. UMAP. J Open Source Softw 2018;3:861. "
    "doi:10.21105/joss.00861",
    "hc2": "MacKinnon JG, White H. Some heteroskedasticity-consistent covariance matrix "
    "estimators. "
    "J Econom 1985;29:305. doi:10.1016/0304-4076(85)90158-7",
    "bm": "Imbens GW, Kolesár M. Robust standard errors in small samples. Rev Econ Stat "
    "2016;98:701. doi:10.1162/REST_a_00552",
    "maxt": "Westfall PH, Young SS. Resampling-Based Multiple Testing. Wiley 1993.",
    "bh": "Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B "
    "1995;57:289. "
    "doi:10.1111/j.2517-6161.1995.tb02031.x",
    "pydeseq2": "Muzellec B et al. PyDESeq2. Bioinformatics 2023;39:btad547. "
    "doi:10.1093/bioinformatics/btad547",
    "deseq2": "Love MI, Huber W, Anders S. DESeq2. Genome Biol 2014;15:550. "
    "doi:10.1186/s13059-014-0550-8",
    "decoupler": "Badia-i-Mompel P et al. decoupleR. Bioinform Adv 2022;2:vbac016. "
    "doi:10.1093/bioadv/vbac016",
    "pm": "Paule RC, Mandel J. Consensus values and weighting factors. J Res Natl Bur Stand "
    "1982;87:377. doi:10.6028/jres.087.022",
    "hksj": "Röver C, Knapp G, Friede T. Hartung-Knapp-Sidik-Jonkman approach and its "
    "modification. "
    "BMC Med Res Methodol 2015;15:99. doi:10.1186/s12874-015-0091-1",
    "bayesmeta": "Röver C. Bayesian random-effects meta-analysis using the bayesmeta R package. "
    "J Stat Softw 2020;93(6):1. doi:10.18637/jss.v093.i06",
    "friede": "Friede T, Röver C, Wandel S, Neuenschwander B. Meta-analysis of few small studies "
    "in orphan diseases. Res Synth Methods 2017;8:79. doi:10.1002/jrsm.1217",
    "fl": "Freedman D, Lane D. A nonstochastic interpretation of reported significance levels. "
    "J Bus Econ Stat 1983;1:292. doi:10.1080/07350015.1983.10509354",
    "kr": "Kenward MG, Roger JH. Small sample inference for fixed effects from restricted maximum "
    "likelihood. Biometrics 1997;53:983. doi:10.2307/2533558",
    "pbkrtest": "Halekoh U, Højsgaard S. A Kenward-Roger approximation and parametric bootstrap "
    "methods for tests in linear mixed models. J Stat Softw 2014;59(9):1. "
    "doi:10.18637/jss.v059.i09",
    "tost": "Schuirmann DJ. A comparison of the two one-sided tests procedure and the power "
    "approach. J Pharmacokinet Biopharm 1987;15:657. doi:10.1007/BF01068419",
    "law": "Law C et al. Interferon subverts an AHR-JUN axis to promote CXCL13+ T cells in lupus. "
    "Nature 2024;631:857. doi:10.1038/s41586-024-07627-2",
}


def several(values: Iterable[object]) -> str:
    """Words joined by commas and a final "and"."""
    words = [str(v) for v in values]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def quality_text(qc: dict) -> str:
    """Filters of one cohort in a sentence."""
    parts = [f"at least {qc['min_counts']:,} UMIs and {qc['min_genes']:,} genes"]
    if qc.get("max_counts"):
        parts.append(f"at most {qc['max_counts']:,} UMIs")
    if qc.get("max_genes"):
        parts.append(f"at most {qc['max_genes']:,} genes")
    parts.append(f"at most {qc['max_pct_mito']:g}% mitochondrial UMIs")
    text = f"cells with {several(parts)}"
    if qc.get("n_mads"):
        text += (
            f" and within {qc['n_mads']:g} median absolute deviations of their sample's median "
            "(log UMIs, log genes, % mitochondrial)"
        )
    return text


def methods(config: dict, cohorts: list[CohortResults]) -> list[str]:
    """Paragraphs of the methods, ready to paste; what did not run is not mentioned."""
    who = "; ".join(cohort_sentence(c) for c in cohorts)
    paragraphs = [f"Cohorts: {who}.", samples_text(cohorts)]
    with_cells = [c for c in cohorts if has_cells(c)]
    if with_cells:
        paragraphs.append(" ".join([cells_text(config), *beside_text(with_cells)]))
    paragraphs.append(imbalance_text(config, cohorts))
    paragraphs.append(statistics_text(config, cohorts))
    further = designs_text(config, cohorts)
    return [*paragraphs, further] if further else paragraphs


def of_those(cohorts: list[CohortResults], used: list[CohortResults]) -> str:
    """Names of the cohorts in which a design was used, where it was not in all."""
    names = several(c.cohort.name for c in used)
    return f" ({names})" if len(used) < len(cohorts) else ""


def designs_text(config: dict, cohorts: list[CohortResults]) -> str:
    """Designs beyond two arms that cohorts declare, and equivalence; "" without any."""
    told = []
    exposed = [c for c in cohorts if jobs.exposures(c.settings)]
    if exposed:
        names = dict.fromkeys(
            exposure(name) for c in exposed for key in jobs.EXPOSURES for name in c.settings[key]
        )
        told.append(
            f"Exposures, {several(names)}{of_those(cohorts, exposed)}: slope of each estimator, "
            "among the cases or, with the condition adjusted for, among all donors, by the same "
            "least squares with the same weights and covariates; p adjusted by Holm over the "
            "exposures; residuals permuted within strata (Freedman and Lane) as sensitivity."
        )
    grouped = [c for c in cohorts if jobs.groups(c.settings)]
    if grouped:
        told.append(
            f"Further groups{of_those(cohorts, grouped)}: contrasts of two groups each in one "
            "model with all groups, p adjusted by Holm over the contrasts; a trend is the slope on "
            "the place of a group in the order that was declared."
        )
    repeated = [c for c in cohorts if jobs.visits(c.settings)]
    if repeated:
        told.append(
            f"Repeated samples{of_those(cohorts, repeated)}: arms were compared at the first "
            "visit; changes from it within donors by a t test of the differences, and their "
            "difference between the arms by least squares with HC2, ratios weighted by precision, "
            "p adjusted by Holm over later visits. As sensitivity: a linear mixed model with a "
            "random donor (restricted maximum likelihood, Kenward and Roger's standard error and "
            "degrees of freedom), which takes donors who came once, and whole donors permuted."
        )
    margins = config["stats"]["smallest_effect"]
    if margins:
        sizes = several(f"{value:g} in {name}" for name, value in margins.items())
        told.append(
            f"Equivalence: two one-sided t tests against a smallest effect of interest ({sizes}), "
            "from the effect, standard error and degrees of freedom of the comparison."
        )
    return " ".join(told)


def has_cells(one: CohortResults) -> bool:
    """Whether cells were read, and not only a published table of counts."""
    return one.settings["format"] != "composition_table"


def samples_text(cohorts: list[CohortResults]) -> str:
    """What was done with each sample, or which tables were taken."""
    groups: dict[str, list[str]] = {}
    for one in cohorts:
        if has_cells(one):
            groups.setdefault(quality_text(one.settings["qc"]), []).append(one.cohort.name)
    kept = "; ".join(
        f"{text} were kept" + (f" ({several(names)})" if len(groups) > 1 else "")
        for text, names in groups.items()
    )
    doublets = [c for c in cohorts if c.settings["qc"]["doublets"]["method"] == "scrublet"]
    first = [f"Each sample was read and filtered alone: {kept}."] if kept else []
    if doublets and kept:
        first.append(
            "Doublets were called by the algorithm of Scrublet in samples of at least "
            f"{doublets[0].settings['qc']['doublets']['min_cells']} cells."
        )
    if kept:
        first.append(
            "Ambient RNA was not removed; genes of other blood cells in T cells were compared "
            "between conditions (ratio of geometric means, Welch's interval)."
        )
    tables = [c.cohort.name for c in cohorts if not has_cells(c)]
    if tables:
        first.append(f"For {several(tables)} a published table of cells per donor was used.")
    return " ".join(first)


def cells_text(config: dict) -> str:
    """How the T cells of a cohort were embedded, clustered and named."""
    embed = config["embed"]
    harmony = "corrected for batch by Harmony, " if embed["harmony"] else ""
    card = ", with rapids-singlecell on a graphics card" if embed["device"] == "gpu" else ""
    return (
        "T cells of a cohort were gathered; counts were scaled to "
        f"{config['normalize']['target_sum']:,} per cell and log1p-transformed; "
        f"{config['normalize']['n_hvgs']:,} highly variable genes were chosen over batches, "
        "leaving out "
        "antigen-receptor, mitochondrial, ribosomal, interferon-induced, immediate-early, "
        "heat-shock, "
        f"sex-linked and cell-cycle genes; {embed['n_pcs']} principal components were {harmony}"
        f"joined in a graph of {embed['n_neighbors']} neighbors and clustered by Leiden at "
        f"resolution {several(embed['resolutions'])}{card}. Lineages, subsets and states were "
        "named from tables of positive and negative markers, without sight of the condition; "
        "interferon-high and proliferating are states laid over subsets."
    )


def beside_text(cohorts: list[CohortResults]) -> list[str]:
    """What was done with antibody tags and with receptors; no sentence without any."""
    tagged = [c for c in cohorts if c.settings.get("protein")]
    sequenced = [c for c in cohorts if len(c.table("receptor_samples"))]
    told = []
    if tagged:
        level = "log counts over the geometric mean of the cell's tags"
        if over := [c for c in tagged if jobs.with_droplets(c.settings)]:
            dsb = "log counts less their mean in the empty droplets of the sample, over their SD "
            dsb += "there (Mulè 2022, doi:10.1038/s41467-022-29356-8)"
            names = several(c.cohort.name for c in over)
            level = dsb if len(over) == len(tagged) else f"{level}, of {names} {dsb}"
        told.append(
            f"Antibody tags{of_those(cohorts, tagged)}: {level}; signal and background told apart "
            "by a mixture of two normal distributions for each protein in each batch, as evidence "
            "of its own in the labels; "
            "E4, the log-ratio of PD-1hi ICOS+ to CD96hi memory CD4 cells, by quantiles of all "
            "donors without sight of the condition."
        )
    if sequenced:
        told.append(
            f"T-cell receptors{of_those(cohorts, sequenced)}: a clone is all cells of a donor with "
            "the same beta chain and a common alpha chain (V, J and nucleotides of CDR3); clones "
            "were measured at a number of cells common to the donors (rarefaction). Invariant "
            "chains of MAIT cells, and alpha with beta chains against gamma-delta T cells, are "
            "evidence in the labels; cells with more chains than a T cell has are in no clone."
        )
    return told


def poles_text(cohorts: list[CohortResults], name: Callable[[str], str]) -> str:
    """What E1 counts at each end, by cohort where they differ; ``name`` writes a label."""
    ends: dict[str, list[str]] = {}
    for one in cohorts:
        poles = one.settings["imbalance"]["poles"]
        tph, th22 = several(map(name, poles["tph"])), several(map(name, poles["th22"]))
        words = f"{tph} to {th22} cells" if name is pretty else f"{tph} to those of {th22}"
        ends.setdefault(words, []).append(one.cohort.name)
    if len(ends) == 1:
        return next(iter(ends))
    return "; ".join(f"{words} ({several(names)})" for words, names in ends.items())


def imbalance_text(config: dict, cohorts: list[CohortResults]) -> str:
    """How the imbalance was measured in cohorts with cells, and in published tables."""
    with_cells = [c for c in cohorts if has_cells(c)]
    tables = [c for c in cohorts if not has_cells(c)]
    told = []
    if with_cells:
        told.append(estimators_text(config["imbalance"], poles_text(with_cells, pretty)))
    if tables:
        told.append(
            f"{'In published tables' if with_cells else 'The imbalance was measured per donor as'} "
            f"{'the imbalance was ' if with_cells else ''}E1, the natural log-ratio of the "
            f"published counts of {poles_text(tables, str)}, 0.5 added to each and its expected "
            f"pull toward equal poles taken out{floor_text(config['imbalance'])}."
        )
    return " ".join(told)


def floor_text(imbalance: dict) -> str:
    """The least number of cells of a donor, where one was asked for."""
    least = imbalance["min_memory_cells"]
    return f", in donors with {least} such cells" if least > 1 else ""


def estimators_text(imbalance: dict, poles: str) -> str:
    """The three estimators and which leads; ``poles``: what E1 counts at each end."""
    return (
        "The imbalance was measured per donor among memory CD4 T cells (not naive, not regulatory) "
        "in "
        "three ways agreed beforehand: E1, the natural log-ratio of labeled "
        f"{poles}, 0.5 added to each count and its expected pull toward equal poles taken "
        f"out{floor_text(imbalance)}, only where {imbalance['min_median_th22']:g} Th22-like cells "
        "are expected in the median donor, from its cells and the typical share of blood "
        f"({imbalance['typical_th22']:.1%}); E2, the same ratio of cells "
        "above a score threshold set without sight of the condition, every donor weighing the "
        "same; "
        f"E3, the mean weighted z of {imbalance['tph_set']} minus that of {imbalance['th22_set']} "
        "in the "
        f"donor's pseudobulk ({imbalance['min_pseudobulk_cells']} cells or more). Which leads "
        "follows "
        "from detectability: E1 if estimable in half of the donors, else E3, else E2."
    )


def statistics_text(config: dict, cohorts: list[CohortResults]) -> str:
    """How donors were compared and cohorts combined."""
    stats = config["stats"]
    factors = genes = combined = corrected = ""
    with_cells = [c for c in cohorts if has_cells(c)]
    if stats["regulon"] and with_cells:
        tested = (c.table("factor_tests") for c in with_cells)
        removed = max((int(t["n_removed"].sum()) for t in tested if len(t)), default=0)
        factors = (
            "Activity of transcription factors: decoupler's univariate linear model of the Wald "
            "statistics, and of each donor's standardized log2 CPM, compared between the arms like "
            f"any value per donor; {removed} targets that define the imbalance were left out. "
        )
    if with_cells:
        corrected = (
            "E1 was also corrected for mislabeled cells, by what the probabilities of the labels "
            "say of mistakes and how far these were from true in simulated cohorts. "
        )
        genes = (
            "Differential expression: PyDESeq2 on pseudobulk, genes with "
            f"{MIN_COUNT} counts in as many donors as the smaller arm has. {factors}"
            "Responses to perturbations (log fold changes, without genes that define the "
            "imbalance) were projected on the slopes of all genes on the leading estimator within "
            "the arms, each gene beside genes of like expression, tested by donors and against "
            f"{stats['random_sets']:,} random sets of as many genes matched for expression. "
        )
    if len(cohorts) > 1:
        combined = (
            "Effects of cohorts were combined in three ways: their average weighted by precision "
            "(common effect), random effects with a half-normal prior on the SD between cohorts "
            f"(scale {stats['tau_scale']:g} on standardized and log scales, half and twice of it "
            "as sensitivity; in front with two to four cohorts), and random effects by "
            "Paule-Mandel with the modified Knapp-Hartung interval (in front from five cohorts "
            "on). Cohorts were never pooled at the level of cells. "
        )
    return (
        "The donor is the unit. Effect, interval and p of a statement come from one method: least "
        "squares with HC2 standard errors, the degrees of freedom of Bell and McCaffrey and the "
        "covariates of each cohort (shares after the arcsine square root; ratios of cells with "
        "donors weighted by precision, the variance between donors by Paule and Mandel). Folds "
        "and percentage points are that effect and interval carried over. As sensitivity, in "
        "methods.tsv and the robustness figure: "
        f"{stats['permutations']:,} permutations within strata, {stats['bootstraps']:,} bootstrap "
        "samples, ranks, and models of counts, each with its own interval and p. "
        f"{corrected}At least "
        f"{stats['min_donors']} donors an arm were required. One endpoint a cohort is primary; the "
        "other estimators are sensitivity, with a joint p over all of them (max-T of permuted "
        "labels); the secondary family is adjusted by Benjamini-Hochberg; all else is "
        "exploratory. "
        f"{genes}{combined}All tests are two-sided. Seed {config['seed']}."
    )


def cohort_sentence(one: CohortResults) -> str:
    """A cohort with its source, contrast and adjustment."""
    settings = one.settings
    text = f"{one.cohort.label} ({one.cohort.case} against {one.cohort.control}"
    if settings.get("covariates"):
        text += f", covariates {several(settings['covariates'])}"
    if settings.get("strata"):
        text += f", strata {several(settings['strata'])}"
    text += ")"
    return text + (f"; {settings['source']}" if settings.get("source") else "")


def citations(config: dict, cohorts: list[CohortResults]) -> list[str]:
    """References of the tools used in this run, of the question, and of the data sets."""
    with_cells = [c for c in cohorts if has_cells(c)]
    keys = ["law", "snakemake", "scanpy", "anndata"]
    keys += ["leiden", "umap"] if with_cells else []
    keys += ["hc2", "bm", "pm", "maxt", "bh"]
    keys += ["fl"] if any(jobs.exposures(c.settings) for c in cohorts) else []
    keys += ["kr", "pbkrtest"] if any(jobs.visits(c.settings) for c in cohorts) else []
    keys += ["tost"] if config["stats"]["smallest_effect"] else []
    if any(c.settings["qc"]["doublets"]["method"] == "scrublet" for c in with_cells):
        keys.append("scrublet")
    if with_cells and config["embed"]["harmony"]:
        keys.append("harmony")
    if with_cells and config["stats"]["de_subsets"]:
        keys += ["pydeseq2", "deseq2"]
    if with_cells and config["stats"]["regulon"]:
        keys.append("decoupler")
    if len(cohorts) > 1:
        keys += ["bayesmeta", "friede", "hksj"]
    data = [
        f"{c.cohort.title}: {c.settings['citation']}"
        + (f" License: {c.settings['licence']}." if c.settings.get("licence") else "")
        for c in cohorts
        if c.settings.get("citation") and not c.cohort.simulated
    ]
    return [CITATIONS[k] for k in keys] + data
