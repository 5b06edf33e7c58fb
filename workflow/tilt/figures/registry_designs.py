"""Figures of designs beyond two arms: a part of :mod:`tilt.figures.registry`, in its order."""

from tilt.figures.entry import Figure

ENTRIES = (
    Figure(
        name="exposures",
        job="plot_exposures",
        title="the imbalance by exposure",
        category="2 Donors",
        alt="Scatter of each estimator of the imbalance against each exposure, a dot a donor",
        words="Each dot is a donor; line: slope by least squares (HC2, ratios with donors weighted "
        "by precision) at the average of what is adjusted for, with a pointwise 95% band. A row an "
        "exposure, a column an estimator; the slope is per SD of the exposure. p is adjusted over "
        "the exposures by Holm. Associations, no causes; n and missing values stand in the figure.",
        caption="report.designs.exposures_caption",
        draw="figures.exposures.draw",
        needs={
            "slopes": "exposures.tsv",
            "lines": "exposure_lines.tsv",
            "imbalance": "imbalance.tsv",
            "donors": "donors.tsv",
        },
        cohorts="exposed",
    ),
    Figure(
        name="groups",
        job="plot_groups",
        title="the imbalance by group",
        category="2 Donors",
        alt="Donors of each group by the three estimators, and a forest of the contrasts",
        words="(a to c) Each estimator by group, a dot a donor, with mean and 95% t interval; the "
        "color is that of the condition. (d) Contrasts of two groups and the trend over the "
        "ordered groups, of the leading estimator: least squares with HC2 and the covariates of "
        "the cohort, 95% CI; p by Holm over the contrasts. The trend: slope a step. "
        "Box: differences smaller than the smallest of interest, where one is set.",
        caption="report.designs.groups_caption",
        draw="figures.groups.draw",
        needs={
            "contrasts": "contrasts.tsv",
            "imbalance": "imbalance.tsv",
            "donors": "donors.tsv",
        },
        cohorts="grouped",
        settings={"groups": "groups", "pairs": "contrasts"},
    ),
    Figure(
        name="visits",
        job="plot_visits",
        title="the imbalance from visit to visit",
        category="2 Donors",
        alt="Lines of donors over their visits by estimator, and a forest of the changes",
        words="(a to c) Each estimator by visit, a line a donor in the color of its condition; "
        "black: means of cases (solid) and controls (dashed) with every visit. (d) Change within "
        "donors from the first visit (paired t) and its difference between the arms (least squares "
        "with HC2) of the leading estimator, 95% CI; p by Holm over the later visits.",
        caption="report.designs.visits_caption",
        draw="figures.visits.draw",
        needs={"changes": "changes.tsv", "imbalance": "imbalance.tsv"},
        cohorts="repeated",
        settings={"order": "visits.order"},
    ),
)
