"""Figures of fixed tables that include ugly ones, by name, for tests that draw them all."""

import made_up
import numpy as np
import pandas as pd
from tilt.figures import (
    activity,
    ambient,
    composition,
    confidence,
    embedding,
    factors,
    imbalance,
    labels,
    markers,
    meta,
    perturbations,
    qc,
    robustness,
    study,
    volcano,
)

COHORT = made_up.cohort()


def study_of(n_control: int, n_case: int, subsets=made_up.SUBSETS) -> dict:
    return made_up.study(n_control, n_case, [*subsets, *made_up.POLES], n_control > 1)


def imbalance_of(n_control: int, n_case: int):
    made = study_of(n_control, n_case)
    interferon = activity.donor_scores(made["activity"])
    shares, values, tests = (made[name] for name in ("composition", "imbalance", "tests"))
    null = made_up.permuted()
    return imbalance.draw(shares, values, tests, interferon, COHORT, made_up.LABELS, null)[0]


def composition_of(n_control: int, n_case: int, subsets):
    made = study_of(n_control, n_case, subsets)
    return composition.draw(made["composition"], made["tests"], COHORT)[0]


def factors_of_two_groups():
    found = {"memory_cd4": made_up.factors(), "CD4_Naive": made_up.factors()[:2]}
    headings = {"memory_cd4": "memory CD4 T cells, n = 10 SLE, 8 control", "CD4_Naive": "CD4 naive"}
    return factors.draw(made_up.factor_tests(), found, headings, COHORT)[0]


def responses():
    return perturbations.draw(*made_up.perturbations(), COHORT)[0]


def authors_labels():
    cells = made_up.umap(made_up.donors(2, 2), 200, made_up.SUBSETS[:8])
    cells["author_label"] = "T4 " + cells["subset"].str[-6:]
    cells.loc[::5, "author_label"] = "something long that the authors called T cells"
    return labels.draw(cells, COHORT)[0]


def interferon_with_gaps():
    """A missing arm in one group, a missing value, and an arm without variance."""
    made = study_of(4, 5)
    scores = made["activity"]
    interferon = scores["signature"] == "IFN1_T_CORE"
    case = scores["condition"] == "SLE"
    scores.loc[interferon & case & (scores["subset"] == "t"), "value"] = np.nan
    scores.loc[interferon & ~case & (scores["subset"] == "memory_cd4"), "value"] = 5.0
    scores.loc[scores.index[1], "value"] = np.nan
    return activity.draw_interferon(scores, made["tests"], COHORT)[0]


FORTY = [f"subset_with_a_long_name_{n}" for n in range(40)]
DRAWINGS = {
    "imbalance": lambda: imbalance_of(8, 10),
    "imbalance_one_donor": lambda: imbalance_of(1, 0),
    "imbalance_200_donors": lambda: imbalance_of(90, 110),
    "composition_one_arm": lambda: composition_of(5, 0, made_up.SUBSETS),
    "composition_40_subsets": lambda: composition_of(90, 110, FORTY),
    "interferon_with_gaps": interferon_with_gaps,
    "ambient": lambda: ambient.draw(made_up.ambient(made_up.donors(8, 10)), COHORT)[0],
    "ambient_one_arm": lambda: ambient.draw(made_up.ambient(made_up.donors(0, 2)), COHORT)[0],
    "factors": factors_of_two_groups,
    "perturbations": responses,
    "author_labels": authors_labels,
    "label_scores": lambda: confidence.draw_scores(made_up.sure(), COHORT)[0],
    "label_coverage": lambda: confidence.draw_coverage(made_up.coverage(), COHORT)[0],
    "detectability_across": lambda: markers.draw_detectability_across(
        pd.concat(made_up.detectability().assign(cohort=c) for c in "ab"), {"a": "A", "b": "B"}
    )[0],
    "waterfall": lambda: qc.draw_waterfall(made_up.waterfall(made_up.donors(8, 10)), COHORT)[0],
    "umap": lambda: embedding.draw(made_up.umap(made_up.donors(3, 3), 150), COHORT)[0],
    "markers": lambda: markers.draw_dots(made_up.expression(), COHORT)[0],
    "meta": lambda: meta.draw(made_up.meta(), {"demo": "Demo, simulated data"})[0],
    "robustness": lambda: robustness.draw(made_up.specifications(), made_up.random_sets(), COHORT)[
        0
    ],
    "volcano": lambda: volcano.draw({"memory_cd4": made_up.genes()}, COHORT)[0],
    "study": lambda: study.draw(
        made_up.samples(people := made_up.donors(8, 10)), made_up.waterfall(people), people, COHORT
    )[0],
}
