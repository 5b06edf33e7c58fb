"""Figures of how sure and how right labels are: a part of :mod:`tilt.figures.registry`."""

from tilt.figures.entry import Figure

OF_CELLS = {
    "labels": "figures.embedding.LABEL_COLUMNS",
    "obs": "figures.embedding.OBS_COLUMNS",
}
ENTRIES = (
    Figure(
        name="label_scores",
        job="plot_markers",
        title="how sure the labels are",
        category="4 Cells",
        alt="Histograms of score and margin of the cells of each subset",
        words="Probability of the label of each cell by subset (a) and how far it is above "
        "that of the next subset (b), on an axis that spreads values near 1. Names carry n and "
        "the share left unassigned.",
        caption="report.captions.label_scores",
        draw="figures.confidence.draw_scores",
        needs={"table": "label_scores.tsv"},
    ),
    Figure(
        name="label_coverage",
        job="plot_markers",
        title="coverage against accuracy of the labels",
        category="4 Cells",
        alt="Curves of the share of cells called by the least margin, and of accuracy by that "
        "share",
        words="Share of T cells with a label as the least margin rises (a); accuracy and "
        "macro-F1 of these labels against the authors' (b), where a map says what those mean. "
        "Dotted line and diamonds: as given out.",
        caption="report.captions.label_coverage",
        draw="figures.confidence.draw_coverage",
        needs={"table": "label_coverage.tsv"},
    ),
    Figure(
        name="reliability",
        job="plot_reliability",
        title="are probabilities of labels true?",
        category="4 Cells",
        alt="Share of labels that are right by the probability said of them, and by label",
        words="Probability said of the label of each cell against the share that is right: in ten "
        "bins of probability (area of a dot: its cells) at the level of branches and of subsets, "
        "and for each label. Right is what agrees with the authors' label, where a map says what "
        "it means, or with the antibody tags, where these tell; labels held against tags are made "
        "without them. n in the figure; no interval, as cells of a donor are not independent.",
        caption="report.captions.reliability",
        draw="figures.reliability.draw",
        needs={"table": "reliability.tsv"},
        cohorts="checked",
        memory=(800, 0),
    ),
    Figure(
        name="author_labels",
        job="plot_cells",
        title="own against authors' labels",
        category="4 Cells",
        alt="Confusion of own and authors' labels",
        words="Share of each of the authors' labels that got each of our labels (rows sum to "
        "100%).",
        draw="figures.labels.draw_cohort",
        needs={
            "places": "umap.tsv.gz",
            "labels": "labels.tsv.gz",
            "obs": "counts.zarr",
            "samples": "qc_samples.tsv",
        },
        columns=OF_CELLS,
    ),
    Figure(
        name="celltypist",
        job="plot_celltypist",
        title="own against CellTypist's labels",
        category="4 Cells",
        alt="Confusion of own and CellTypist's labels",
        words="Share of each label of the CellTypist model (rows, n of cells in brackets) that "
        "got each of our labels (columns); rows sum to 100%.",
        caption="report.captions.celltypist",
        draw="figures.labels.draw_celltypist",
        needs={"pairs": "celltypist_confusion.tsv"},
        cohorts="modeled",
        memory=(1000, 0),
    ),
)
