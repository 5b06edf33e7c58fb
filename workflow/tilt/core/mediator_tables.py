"""Tables on what may set the imbalance: a part of :mod:`tilt.core.contracts`."""

from tilt.core.columns import table

MEDIATORS = table(
    "mediators.tsv",
    """
    text cohort contrast estimator mediator question adjusted
    count_or_na n_case n_control
    number effect
    text unit
    number ci_low ci_high p q
    text method covariates
    flag estimable
    text reason
    number se df e_value e_value_limit
    """,
)
FACTORS = table(  # from the genes between the conditions, in a group of cells
    "factors/*.tsv",
    """
    text factor
    count n_targets n_removed
    number score p
    flag estimable
    text reason
    """,
)
FACTOR_ACTIVITY = table(  # in the pseudobulk of each donor
    "factor_activity.tsv",
    """
    text cohort donor condition factor
    number value
    count n_cells n_targets
    flag estimable
    text reason
    """,
)
FACTOR_TESTS = table(
    "factor_tests.tsv",
    """
    text cohort contrast factor
    count n_targets n_removed
    count_or_na n_case n_control
    number effect
    text unit
    number ci_low ci_high p q
    text method covariates
    flag estimable
    text reason
    number se df
    """,
)
PERTURBATIONS = table(
    "perturbations.tsv",
    """
    text cohort contrast estimator perturbation
    count_or_na rank
    count_or_na n_case n_control
    count n_genes n_genes_found
    number effect
    text unit
    number ci_low ci_high p q null_low null_high p_random q_random
    text method covariates
    flag estimable
    text reason
    number se df
    """,
)
PERTURBATION_NULLS = table(  # effects of random sets of genes in place of the perturbation's
    "perturbation_nulls.tsv", "text cohort perturbation; number bin_low bin_high; count n"
)
