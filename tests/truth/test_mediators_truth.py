"""The states that the demo plants are found in most cohorts like it, and in few without them."""

import pandas as pd
import pooled_cohorts as pooled
from tilt.core import contracts, tables
from tilt.core.terms import WORKING_SET
from tilt.donors import activity
from tilt.simulate import cohort as simulate
from tilt.stats import contrast, design, mediators

ROOT = pooled.RESOURCES.parent
MEDIATORS, HANDLING = ["IFN1_T_CORE", "AHR_T_EXT", "AP1_JUN"], ["HANDLING_IEG"]
COHORTS = range(1, 9)


def sheet() -> pd.DataFrame:
    """First visits of the demo's donors."""
    table = tables.read(ROOT / "config/samples/demo_cd4.tsv", contracts.FREE)
    return table[table["visit"] == "first"].reset_index(drop=True)


def found(params: dict, adjusted: str) -> pd.DataFrame:
    """Cohorts x mediators: the slope by one adjustment where its q is below .05, else 0."""
    people, signatures = sheet(), pooled.shipped()[1]
    donors = people.assign(cohort="pooled")
    declared = design.Contrast("SLE", "control", ("age", "sex"), ("batch",))
    rows = []
    for seed in COHORTS:
        bulk, values = pooled.draw(params, people, seed, cells=450)
        scores = activity.score(
            bulk, donors, signatures, [WORKING_SET], [*MEDIATORS, *HANDLING], 5, 0.5
        )
        plan = contrast.Plan(declared, seed=seed, bootstraps=19)
        table = mediators.compare(donors, plan, values, scores, MEDIATORS, HANDLING)
        one = table[(table["question"] == "slope") & (table["adjusted"] == adjusted)]
        one = one.set_index("mediator")
        rows.append(one["effect"].where(one["q"] < 0.05, 0.0))
    return pd.DataFrame(rows)[MEDIATORS]


def test_most_cohorts_like_the_demo_show_interferon_and_ahr_with_their_signs():
    slopes = found(pooled.shipped()[0], "none")
    assert (slopes["IFN1_T_CORE"] > 0).sum() >= 6
    assert (slopes["AHR_T_EXT"] < 0).sum() >= 5
    assert not (slopes["IFN1_T_CORE"] < 0).any() and not (slopes["AHR_T_EXT"] > 0).any()


def test_few_show_anything_where_the_states_are_not_tracked():
    flat = simulate.override(pooled.shipped()[0], tracking={"interferon": 0.0, "ahr_jun": 0.0})
    poles = {"CD4_Tph_like": 0.3, "CD4_Tfh_circ": 0.3}  # SLEDAI moves the imbalance, no state
    flat["further"] = {"sledai": {"center": 5.4, "per_unit": poles}}
    assert (found(flat, "none") != 0).sum().sum() <= 3  # of 24
