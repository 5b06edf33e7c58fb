"""Every table that tilt writes: its file, its columns in their order, and what each holds.

:mod:`tilt.core.tables` reads and writes by these contracts. A new column, or a new table, is a line
here. Figures write what they show beside them (``FREE``): these tables have no fixed columns.
"""

import re
from functools import cache
from pathlib import Path

from tilt.core.columns import ANY, COUNT, NUMBER, Table, table
from tilt.core.mediator_tables import FACTOR_ACTIVITY as FACTOR_ACTIVITY
from tilt.core.mediator_tables import FACTOR_TESTS as FACTOR_TESTS
from tilt.core.mediator_tables import FACTORS as FACTORS
from tilt.core.mediator_tables import MEDIATORS as MEDIATORS
from tilt.core.mediator_tables import PERTURBATION_NULLS as PERTURBATION_NULLS
from tilt.core.mediator_tables import PERTURBATIONS as PERTURBATIONS
from tilt.core.receptor_tables import CLONES as CLONES
from tilt.core.receptor_tables import RECEPTOR_SAMPLES as RECEPTOR_SAMPLES
from tilt.core.receptor_tables import RECEPTORS as RECEPTORS

_IDENTIFIERS = "cell sample donor cohort batch condition subset quantity"
# What a figure shows, or a user's sample sheet: identifiers are text, also where all are digits.
FREE = table("figures/*/*.tsv", f"text {_IDENTIFIERS}", optional=_IDENTIFIERS, others=ANY)

# ------------------------------------------------------------------ samples and cells

CELLS_COLUMNS = """
text cell
count n_counts n_genes
number pct_mito pct_ribo pct_hb doublet_score
flag is_doublet kept
text reason lineage cohort sample donor condition batch
"""
SAMPLE_CELLS = table("samples/*.cells.tsv.gz", CELLS_COLUMNS)
QC_CELLS = table("qc_cells.tsv.gz", CELLS_COLUMNS)
QC_SAMPLES = table(
    "qc_samples.tsv",
    """
    text cohort sample donor condition status message
    count n_read n_kept
    number min_counts max_counts min_genes max_genes max_pct_mito
    text doublets notes
    """,
    optional="min_counts max_counts min_genes max_genes max_pct_mito notes",
)
QC_WATERFALL = table(
    "qc_waterfall.tsv", "text cohort sample donor condition step; count n_removed n_left"
)
LINEAGES = table("lineages.tsv", "text cohort sample donor lineage; count n")
INPUTS = table("inputs.tsv", "text sample file; count bytes; text sha256")
RETRIEVED = table("retrieved.tsv", "text file; count_or_na bytes; text sha256 url version")
DONORS = table(
    "donors.tsv",
    """
    text cohort donor condition
    count n_samples
    text batch
    """,
    optional="batch",
    others=ANY,
)
HVG = table(
    "hvg.tsv",
    """
    text gene gene_symbol
    number mean dispersion
    count n_batches
    text excluded
    flag highly_variable
    """,
)
PROTEINS = table(  # antibody tags: background and signal of each, batch by batch
    "proteins.tsv",
    """
    text cohort batch protein
    count n_cells
    number low_mean low_sd high_mean high_sd share_high separation median background
    flag apart
    text reason
    """,
)
EMPTY_DROPLETS = table(  # log counts of each protein in the empty droplets of a sample
    "empty_droplets.tsv",
    """
    text cohort sample protein
    number mean sd
    count n_droplets
    """,
)
PROTEIN_COUNTS = table(  # E4: cells of both poles by their proteins
    "protein_counts.tsv",
    """
    text cohort donor condition
    count n_cells n_tph n_th22 n_both
    text reason
    """,
)
PROTEIN_EVIDENCE = table(
    "protein_evidence.tsv",
    """
    text protein label sign
    count n_cells
    number median low high share_positive
    """,
)
CLUSTERS = table("clusters.tsv.gz", "text cell", others=COUNT)
UMAP = table("umap.tsv.gz", "text cell; number umap1 umap2 donors_near", "donors_near")

# ------------------------------------------------------------------ labels

LABELS = table(
    "labels.tsv.gz",
    """
    text cell level1 subset
    number subset_score subset_margin
    text compartment known known_level
    number known_score
    flag isg_high proliferating tph_high th22_high
    text look_alike own_level1 own_subset own_compartment
    """,
    optional="own_level1 own_subset own_compartment",
)
SCORES = table("scores.tsv.gz", "text cell; number tph_score th22_score isg_score", others=NUMBER)
MARKERS_FOUND = table("markers_found.tsv", "count level; text label gene sign; flag found callable")
MARKER_EXPRESSION = table(
    "marker_expression.tsv", "text subset; count n_cells; text gene sign; number fraction mean"
)
DETECTABILITY = table(
    "detectability.tsv",
    """
    text gene
    count_or_na n_cells
    number pct_cells
    count_or_na n_donors
    number pct_donors
    """,
)
LABEL_SCORES = table(
    "label_scores.tsv", "text subset measure; number bin_low bin_high; count n_called n_unassigned"
)
LABEL_COVERAGE = table(
    "label_coverage.tsv",
    """
    text level rule
    number cut
    count n_cells n_called
    number coverage
    count n_truth n_truth_called
    number truth_coverage accuracy macro_f1
    """,
)
RELIABILITY = table(  # said against right: by bins of probability, and by label (label not "")
    "reliability.tsv", "text whose level label; number low high; count n; number said right"
)
AGREEMENT_COLUMNS = """
text level
count n
number ari macro_f1
"""
AGREEMENT = table("agreement.tsv", AGREEMENT_COLUMNS)
CONFUSION = table("confusion.tsv", "text author own; count n; number share")
CELLTYPIST = table("celltypist.tsv.gz", "text cell celltypist_label; number celltypist_confidence")
CELLTYPIST_AGREEMENT = table("celltypist_agreement.tsv", AGREEMENT_COLUMNS)
CELLTYPIST_CONFUSION = table(
    "celltypist_confusion.tsv", "text celltypist own; count n; number share"
)

# ------------------------------------------------------------------ donors

COMPOSITION = table(
    "composition.tsv",
    """
    text cohort donor condition subset
    count n
    text denominator
    count n_denominator
    text kind
    number n_expected
    """,
    optional="n_expected",
)
KNOWN = table(
    "known.tsv", "text cohort donor condition known known_level; count n n_t; number n_expected"
)
EXPECTED_CONFUSION = table("expected_confusion.tsv", "text subset other; number n")
IMBALANCE = table(
    "imbalance.tsv",
    """
    text cohort donor condition estimator
    number value variance
    count n_cells
    flag estimable
    text reason
    flag leads
    """,
)
ACTIVITY = table(
    "activity.tsv",
    """
    text cohort donor condition subset signature
    number value
    count n_cells n_genes_found n_genes
    flag estimable
    text reason
    """,
)
SIGNATURE_OVERLAPS = table("signature_overlaps.tsv", "text set_a set_b; count n_shared; text genes")

AMBIENT = table(  # kept in memory: the table of a figure has it
    "ambient.tsv", "text donor condition genes source; number n_counts n_total per_10k"
)

# ------------------------------------------------------------------ statistics

TESTS_COLUMNS = """
text cohort contrast quantity denominator role
count_or_na n_case n_control
number effect
text unit
number ci_low ci_high p q p_family
text method covariates
flag estimable
text reason
number fold fold_low fold_high points points_low points_high
number se df smd smd_se median_case median_control middle
count_or_na n_case_informative n_control_informative
number margin p_equivalence
"""
TESTS = table("tests.tsv", TESTS_COLUMNS)  # a row a quantity and denominator
METHODS = table("methods.tsv", TESTS_COLUMNS)  # the same comparisons by other methods
PERMUTED = table("permuted.tsv", "text cohort estimator; number bin_low bin_high; count n")
SPECIFICATIONS = table(
    "specifications.tsv",
    """
    text cohort contrast estimator family specification
    flag leads
    count_or_na n_case n_control
    number effect
    text unit
    number se ci_low ci_high p fold fold_low fold_high
    text covariates
    flag estimable
    text reason
    """,
)
RANDOM_SETS = table("random_sets.tsv", "text cohort; count draw; number effect t")
SLOPE_COLUMNS = """
number effect
text unit
number ci_low ci_high p p_holm p_permuted
number per_sd per_sd_low per_sd_high fold fold_low fold_high partial_r
text method covariates
flag estimable
text reason
number se df sd
"""
EXPOSURES = table(
    "exposures.tsv",
    f"""
    text cohort exposure among estimator
    flag leads
    count n n_missing
    {SLOPE_COLUMNS}
    """,
)
CONTRASTS = table(
    "contrasts.tsv",
    """
    text cohort contrast kind estimator
    flag leads
    text groups
    count_or_na n_case n_control
    number effect
    text unit
    number ci_low ci_high p p_holm
    text method covariates
    flag estimable
    text reason
    number fold fold_low fold_high se df p_permuted margin p_equivalence
    """,
)
CHANGES = table(
    "changes.tsv",
    """
    text cohort since visit among estimator
    flag leads
    count_or_na n n_case n_control
    number effect
    text unit
    number ci_low ci_high p p_holm p_permuted
    text method covariates
    flag estimable
    text reason
    number fold fold_low fold_high se df
    count_or_na n_any
    number mixed_effect mixed_ci_low mixed_ci_high mixed_p mixed_df
    """,
)
EXPOSURE_LINES = table("exposure_lines.tsv", "text exposure among estimator; number x fit low high")
EXPRESSION = table(
    "de/*.tsv",
    """
    text gene gene_symbol
    number base_mean log2fc se stat p q
    count_or_na n_case n_control
    text covariates
    flag estimable
    text reason
    """,
)
META = table(
    "meta.tsv",
    """
    text quantity denominator scale method model
    flag leads
    text cohort
    count_or_na n_cohorts n_case n_control
    number effect se ci_low ci_high fold fold_low fold_high points points_low points_high
    number p tau2 i2 pi_low pi_high weight
    text covariates
    flag estimable
    text reason
    """,
)

# Of resources, with comments; ``within`` and ``two_errors`` are made on reading.
CALIBRATION = table(
    "calibration.tsv",
    """
    text task metric
    number value target_low target_high two_errors
    flag within
    count cohorts
    text note
    """,
)

# ------------------------------------------------------------------ the truth of simulated cohorts

TRUE_CELLS = table(
    "truth/cells.tsv.gz",
    """
    text cell sample donor lineage subset
    flag isg_high proliferating is_doublet
    text partner
    flag is_low_quality
    number ambient_fraction
    """,
)
TRUE_DONORS = table(
    "truth/donors.tsv",
    """
    text sample donor condition
    number interferon_activity ahr_jun_activity log_ratio log_ratio_tph
    """,
    others=NUMBER,  # share_<label>
)
PLANTED = table("truth/planted.tsv", "text quantity; number effect; text meaning")

TABLES = [value for value in list(globals().values()) if isinstance(value, Table)]


@cache
def _patterns() -> list[tuple[re.Pattern, Table]]:
    """How the paths of each table end, those that name a folder first."""
    found = [
        (re.compile(r"(^|/)" + re.escape(one.file).replace(r"\*", "[^/]+") + "$"), one)
        for one in TABLES
        if one is not FREE
    ]
    return sorted(found, key=lambda pair: -pair[1].file.count("/"))


def of(path: str | Path) -> Table:
    """The contract of the table at ``path``, by the end of the path.

    Raises
    ------
    ValueError
        No table of this name is known.
    """
    for pattern, found in _patterns():
        if pattern.search(Path(path).as_posix()):
            return found
    raise ValueError(f"{path}: no table of this name in tilt.core.contracts")
