"""The words of meta.tsv, and its rows in front: what is read of effects that are combined."""

import pandas as pd

from tilt.core.terms import MAIN_METHODS, RATIOS

COMMON = "common effect"
HALF_NORMAL = "half-normal"
KNAPP_HARTUNG = "modified Knapp-Hartung"
ONE_STAGE = "one stage"
RATIO_MODEL = "logit_normal"


def front(table: pd.DataFrame) -> pd.DataFrame:
    """The combination in front of each quantity and denominator, an index a quantity.

    Of the methods of a quantity the main one; for a ratio its model without pseudocount where
    that can be had in more cohorts. Combinations of pairs only where there is nothing else.
    """
    rows = table[(table["cohort"] == "all") & table["leads"].astype(str).str.lower().eq("true")]
    base = rows["method"].astype(str)
    wanted = base.isin(MAIN_METHODS) | ((base == RATIO_MODEL) & rows["quantity"].isin(RATIOS))
    rows = rows[wanted].assign(model_rank=(base == RATIO_MODEL)[wanted])
    rows = rows.assign(few=-rows["n_cohorts"].fillna(0).astype(float))
    rows = rows.sort_values(["few", "model_rank"], kind="stable")
    return rows.drop_duplicates(["quantity", "denominator"]).drop(columns=["few", "model_rank"])
