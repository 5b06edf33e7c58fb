"""Figures of what may set the imbalance: a part of :mod:`tilt.figures.registry`, in its order."""

from tilt.figures.entry import Figure

ENTRIES = (
    Figure(
        name="mediators",
        job="plot_donors",
        title="interferon, AHR and JUN beside the imbalance",
        category="2 Donors",
        alt="Forests of the difference of each mediator, of the slope of the imbalance on it, and "
        "of the share of the difference that goes with it",
        words="Signature scores of memory CD4 T cells without genes that define the imbalance, "
        "each alone, beside the others, and beside the others and the genes of sample handling. "
        "(a) Difference between conditions in SD of donors. (b) Change of the leading estimator of "
        "the imbalance per SD of the score, within the arms; OLS with HC2, 95% CI, q over the "
        "scores. (c) Share of the difference of the imbalance between conditions that goes with "
        "the score (bootstrap, Fieller's interval). Associations, no causes.",
        caption="report.captions.mediators",
        draw="figures.mediators.draw",
        needs={"mediators": "mediators.tsv"},
        cells_only=("mediators",),
    ),
    Figure(
        name="perturbations",
        job="plot_donors",
        title="responses to perturbations along the imbalance",
        category="2 Donors",
        alt="Projection of each response on the axis of the imbalance over histograms of random "
        "sets of genes",
        words="Genes that change when something is done to cells (interferon beta, an AHR agonist, "
        "or what the user's table names), projected on the cohort's own axis: the slopes of genes "
        "on the leading estimator of the imbalance, within the arms. Right of zero, donors further "
        "toward the Tph/Tfh end express more of the response. Point and line: least squares with "
        "HC2, 95% CI, q over the perturbations. Gray: random sets of as many genes of like "
        "expression with the same weights; their q is the share that goes as far, adjusted. Genes "
        "of the imbalance are left out. Associations between donors: nobody was treated.",
        caption="report.captions.perturbations",
        draw="figures.perturbations.draw",
        needs={"perturbations": "perturbations.tsv", "nulls": "perturbation_nulls.tsv"},
        cells_only=("perturbations", "nulls"),
    ),
)
