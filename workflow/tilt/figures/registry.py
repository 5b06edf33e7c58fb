"""All figures, in the order of the report.

A new figure is one module that draws it and one entry here. Output files, items of Snakemake's
report, inputs and memory of its job (:mod:`tilt.figures.jobs`), its place, title, text for screen
readers and caption in ``results/report.html`` follow from the entry. Functions are named by their
path in tilt and loaded when they are called, so that reading the rules loads no plotting library.
"""

from tilt.figures import registry_designs, registry_labels, registry_mediators
from tilt.figures.entry import Figure

ACTIVITY = "figures.activity.SHOWN"
ENTRIES = (
    Figure(
        name="study",
        job="plot_quality",
        title="study flow and donors",
        category="1 Answer",
        alt="Flow of samples and donors, and a table of the donors by condition",
        words="(a) From the samples of the sheet to donors: what left at each step, and why. "
        "(b) Donors by condition: median and range of numbers, counts of words; unknown "
        "values are counted.",
        caption="report.captions.study",
        draw="figures.study.draw",
        needs={
            "samples": "qc_samples.tsv",
            "waterfall": "qc_waterfall.tsv",
            "donors": "donors.tsv",
        },
    ),
    Figure(
        name="imbalance",
        job="plot_donors",
        title="the Tph/Th22 imbalance",
        category="1 Answer",
        alt="Scatter of Tph-like against Th22-like cells per donor, forest of three "
        "estimators, and their values by condition",
        words="(a) Each dot is a donor: percent of memory CD4 T cells (not naive, not "
        "regulatory) at the two poles, on log axes with lines of equal ratio; half a cell is "
        "added to every count. (b) Standardized difference of the three estimators (Hedges g, "
        "95% CI) with the effect in its own unit in words; gray: the same with the labels of "
        "donors permuted within strata; hollow: E1 corrected for mislabeled cells. (c to e) E1 "
        "(log-ratio of labeled cells), E2 "
        "(log-ratio of score-high cells) and E3 (pseudobulk axis) by condition with mean and "
        "95% t interval. (f) The leading estimator against the interferon score: an "
        "association. least squares with HC2. n stands in the figure.",
        caption="report.captions.imbalance",
        draw="figures.imbalance.draw_cohort",
        needs={
            "composition": "composition.tsv",
            "imbalance": "imbalance.tsv",
            "tests": "tests.tsv",
            "activity": "activity.tsv",
            "permuted": "permuted.tsv",
            "methods": "methods.tsv",
        },
        cells_only=("activity",),
        cohorts="all",
        columns={"activity": ACTIVITY},
        settings={"poles": "imbalance.poles"},
        memory=(1000, 0),
    ),
    Figure(
        name="composition",
        job="plot_donors",
        title="subsets per donor",
        category="2 Donors",
        alt="Dots per donor of the share of each subset by condition, with a forest of effects",
        words="(a) Share of each subset among the denominator named in bold, each dot a donor, "
        "bar the median. (b) Difference in percentage points of the typical donor, root axis; "
        "tested on the arcsine-root scale by OLS with HC2, 95% CI; q within the declared "
        "secondary family by Benjamini-Hochberg, other p values not adjusted. n stands in the "
        "figure.",
        caption="report.captions.composition",
        draw="figures.composition.draw",
        needs={"composition": "composition.tsv", "tests": "tests.tsv"},
        cohorts="all",
        options={"kind": "subset"},
    ),
    Figure(
        name="lineages",
        job="plot_donors",
        title="lineages and groups per donor",
        category="2 Donors",
        alt="Dots per donor of the share of each lineage by condition, with a forest of effects",
        words="(a) Share of each lineage and group of T cells among the denominator named in "
        "bold, each dot a donor. (b) Difference in percentage points, tested on the "
        "arcsine-root scale by OLS with HC2, 95% CI. n stands in the figure.",
        caption="report.captions.lineages",
        draw="figures.composition.draw",
        needs={"composition": "composition.tsv", "tests": "tests.tsv"},
        options={"kind": "group"},
    ),
    Figure(
        name="interferon",
        job="plot_donors",
        title="type I interferon score",
        category="2 Donors",
        alt="Interferon score of donors by condition in several cell groups",
        words="Mean log2 CPM of the T-cell interferon genes in each donor's pseudobulk, by "
        "condition, with mean and 95% t interval; OLS with HC2. n stands below each group.",
        caption="report.captions.interferon",
        draw="figures.activity.draw_interferon",
        needs={"activity": "activity.tsv", "tests": "tests.tsv"},
        cells_only=("activity",),
        columns={"activity": ACTIVITY},
    ),
    Figure(
        name="activity",
        job="plot_donors",
        title="signature activity by subset",
        category="2 Donors",
        alt="Map of the difference between conditions of each signature in each cell group",
        words="Difference between conditions of each signature in each group of cells, over "
        "the standard deviation of donors; framed where the 95% CI leaves out zero, crossed "
        "where not estimable. Genes of the imbalance are left out of the other signatures.",
        caption="report.captions.activity",
        draw="figures.activity.draw_all",
        needs={"activity": "activity.tsv", "tests": "tests.tsv"},
        cells_only=("activity",),
        columns={"activity": ACTIVITY},
    ),
    *registry_mediators.ENTRIES,
    Figure(
        name="protein",
        job="plot_proteins",
        title="the protein axis and its antibodies",
        category="2 Donors",
        alt="Dots per donor of the protein axis by condition and against the leading estimator, "
        "separation of antibodies, and map of proteins by subset",
        words="(a) E4 by condition: log-ratio of PD-1hi ICOS+ to CD96hi memory CD4 T cells by "
        "their proteins, each dot a donor, with mean and 95% t interval; least squares with HC2, "
        "donors weighted by precision. (b) The leading estimator, from RNA, against E4; Spearman's "
        "rho with Fieller's interval. (c) How far signal and background of each antibody lie apart "
        "in each batch; only where they do (filled) does it speak in the labels. (d) Share of the "
        "cells of each subset that are likelier to have the protein than not, of those measured "
        "where it is told apart; + and − mark what is expected of the subset. n stands in the "
        "figure.",
        draw="figures.protein.draw",
        needs={
            "imbalance": "imbalance.tsv",
            "tests": "tests.tsv",
            "fits": "proteins.tsv",
            "evidence": "protein_evidence.tsv",
        },
        cohorts="tagged",
    ),
    Figure(
        name="receptors",
        job="plot_receptors",
        title="clones of T cells by their receptors",
        category="2 Donors",
        alt="Dots per donor of the share of expanded cells by subset and condition, a forest of "
        "effects, clones shared between subsets, and chains read in samples",
        words="(a) Cells whose clone is there at least twice, of a common number of cells of each "
        "subset with alpha and beta chain (rarefaction; the number in brackets), each dot a donor, "
        "bar the median; subsets with three donors of each condition. (b) Difference in percentage "
        "points, least squares with HC2, 95% CI. Then, by condition, cells whose clone is also "
        "among a common number of cells of another subset, with mean and 95% t interval; and the "
        "share of the T cells of each sample of which chains were read. More: two beta or three "
        "alpha chains, evidence of a doublet; such cells are in no clone. p values are not "
        "adjusted. n stands in the figure.",
        caption="report.receptors.caption",
        draw="figures.receptors.draw",
        needs={
            "clones": "clones.tsv",
            "tests": "tests.tsv",
            "samples": "receptor_samples.tsv",
        },
        cohorts="sequenced",
    ),
    *registry_designs.ENTRIES,
    Figure(
        name="volcano",
        job="plot_specifications",
        title="genes between conditions",
        category="3 Specifications",
        alt="Volcano plots of pseudobulk differential expression",
        words="Pseudobulk differential expression in each group of cells: PyDESeq2 Wald test, "
        "colored at q < 0.05 within the panel; the n of both conditions heads each panel.",
        caption="report.captions.volcano",
        draw="figures.volcano.draw",
        needs={"tables": "de/{subset}.tsv"},
        cells_only=("tables",),
    ),
    Figure(
        name="factors",
        job="plot_specifications",
        title="transcription factors between conditions",
        category="3 Specifications",
        alt="Activity of transcription factors between conditions, in donors and from the genes of "
        "groups of cells",
        words="Activity of transcription factors by a univariate linear model over their targets "
        "(decoupler), without targets that define the imbalance. (a) In the pseudobulk of each "
        "donor's memory CD4 T cells: difference between conditions, least squares with HC2, 95% "
        "CI, q over the factors by Benjamini-Hochberg. (b on) From the Wald statistics of the "
        "genes in each group of cells: genes are not independent, so p ranks the factors and "
        "proves nothing. Without a table of regulons the figure says so.",
        caption="report.captions.factors",
        draw="figures.factors.draw_cohort",
        needs={
            "donors": "factor_tests.tsv",
            "factors": "factors/{subset}.tsv",
            "genes": "de/{subset}.tsv",
        },
        cells_only=("donors", "factors", "genes"),
    ),
    Figure(
        name="robustness",
        job="plot_specifications",
        title="robustness of the imbalance",
        category="3 Specifications",
        alt="Effects of all specifications in order of size, and the random-set null",
        words="The same difference measured in every other reasonable way, by estimator in order "
        "of size, with 95% CI; the declared way is the dark diamond. Last: the pseudobulk axis "
        "with random pairs of gene sets matched for expression, by their t; the line is the "
        "observed one.",
        caption="report.captions.robustness",
        draw="figures.robustness.draw",
        needs={"curve": "specifications.tsv", "random": "random_sets.tsv"},
        cohorts="all",
    ),
    Figure(
        name="umap",
        job="plot_cells",
        title="UMAP of T cells",
        category="4 Cells",
        alt="UMAP of T cells by subset, density by condition, batch, and mixing of donors",
        words="T cells after batch correction. (a) By subset, the rarest drawn last. (b, c) "
        "Density of each condition on one scale, every donor weighing the same. (d) By batch, "
        "where there are several. Last: effective number of donors among each cell's nearest "
        "cells (median; inverse Simpson index, as LISI), against that of cells drawn from all. "
        "Distances in a UMAP are no measure of anything; it is shown to find faults.",
        draw="figures.embedding.draw_cohort",
        needs={
            "places": "umap.tsv.gz",
            "labels": "labels.tsv.gz",
            "obs": "counts.zarr",
            "samples": "qc_samples.tsv",
        },
        columns=registry_labels.OF_CELLS,
        settings={"seed": "seed", "n_neighbors": "embed.n_neighbors"},
        memory=(1000, 0.8),
    ),
    Figure(
        name="markers",
        job="plot_markers",
        title="markers of the subsets",
        category="4 Cells",
        alt="Dot plot of marker genes by subset with negative markers crossed",
        words="Share of cells with at least one UMI (area) and mean log1p of counts per 10,000 "
        "(color) of every marker in every subset; ring: positive marker of that subset, cross: "
        "negative marker.",
        caption="report.captions.markers",
        draw="figures.markers.draw_dots",
        needs={"expression": "marker_expression.tsv"},
    ),
    Figure(
        name="detectability",
        job="plot_markers",
        title="detection in memory CD4 T cells",
        category="4 Cells",
        alt="Heat map of how often the genes of the question are detected",
        words="Share of memory CD4 T cells, and of donors, with at least one UMI of each gene "
        "of the question. Genes near zero are reported and never used as a threshold.",
        caption="report.captions.detectability",
        draw="figures.markers.draw_detectability",
        needs={"table": "detectability.tsv"},
    ),
    *registry_labels.ENTRIES,
    Figure(
        name="qc_waterfall",
        job="plot_quality",
        title="cells left after quality control",
        category="5 Quality",
        alt="Bars of barcodes left after each filter, in all and by sample",
        words="(a) Barcodes left after each filter. (b) Share of each sample kept and removed "
        "at each filter; a cell is counted at the first filter that removes it.",
        caption="report.captions.qc_waterfall",
        draw="figures.qc.draw_waterfall",
        needs={"waterfall": "qc_waterfall.tsv"},
    ),
    Figure(
        name="qc_metrics",
        job="plot_quality",
        title="quality metrics before and after",
        category="5 Quality",
        alt="Quantile bars of quality metrics by sample before and after filtering",
        words="Distribution of each metric by sample, before (pale) and after (colored) "
        "filtering: thin bar 5–95%, thick 25–75%, dot median. Limits of each sample are in its "
        "quality table.",
        draw="figures.qc.draw_distributions",
        needs={"cells": "qc_cells.tsv.gz"},
        columns={"cells": "figures.qc.CELL_COLUMNS"},
        memory=(900, 10),
    ),
    Figure(
        name="ambient",
        job="plot_markers",
        title="ambient RNA in T cells",
        category="5 Quality",
        alt="Dots per donor of counts of genes of other blood cells in T cells, by condition",
        words="Genes that T cells do not transcribe, in the summed counts of each donor's T "
        "cells: a dot is a donor, half a count is added, the axis is logarithmic. × is the "
        "ratio of the geometric means of the conditions with its 95% interval. A ratio away "
        "from one means that ambient RNA differs between the conditions; where SIGLEC1 rises "
        "with it, so may the interferon score.",
        caption="report.captions.ambient",
        draw="figures.ambient.draw_cohort",
        needs={"pseudobulk": "pseudobulk.h5ad"},
        memory=(900, 3.4),
    ),
    Figure(
        name="across/meta",
        job="plot_across",
        title="effects across cohorts",
        category="1 Answer",
        alt="Effects across cohorts",
        words="Effects of the cohorts with 95% CI (n: cases + controls), their average weighted by "
        "precision (open diamond: these cohorts alone), and the mean of such cohorts by random "
        "effects (filled; half-normal prior on the SD between cohorts for two to four, modified "
        "Knapp-Hartung from five on) with the prediction interval for a new cohort in orange. "
        "Counts of cohorts are never pooled.",
        caption="report.captions.across_meta",
        draw="figures.meta.draw",
        needs={"table": "meta.tsv"},
        memory=(800, 0),
    ),
    Figure(
        name="across/detectability",
        job="plot_across",
        title="detection in memory CD4 T cells, cells (%) by cohort",
        category="4 Cells",
        alt="Detectability by cohort",
        words="Share of memory CD4 T cells (without regulatory T cells) with at least one UMI.",
        draw="figures.markers.draw_across",
        needs={"tables": "{cohort}/detectability.tsv"},
        memory=(800, 0),
    ),
)
FIGURES = {figure.name: figure for figure in ENTRIES}


def title(name: str) -> str:
    """Title of a figure as it is written in the figure."""
    return FIGURES[name].title
