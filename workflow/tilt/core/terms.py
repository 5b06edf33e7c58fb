"""Words that tables, columns and settings share. Each stands here once and is taken from here."""

from dataclasses import dataclass

# A unit of the statistics: a donor in a condition (a donor has one, except in paired designs).
UNIT = ["cohort", "donor", "condition"]
UNIT_KEY = UNIT[1:]  # the same within a cohort
ABOUT_SAMPLE = ["cohort", "sample", "donor", "condition"]

# Columns of a sample sheet that say where files are, not who the donor is.
RECEPTORS_COLUMN = "vdj"
DROPLETS_COLUMN = "raw"
BESIDE = (RECEPTORS_COLUMN, DROPLETS_COLUMN)  # files that are not read with the counts
FILE_COLUMNS: tuple[str, ...]
FILE_COLUMNS = ("sample", "path", "prefix", "matrix", "barcodes", "features", "tags")
FILE_COLUMNS += BESIDE

UNASSIGNED = "unassigned"  # the label of a cell to which none is given
BRANCH = "level1"  # column of the branch of a T cell (CD4, CD8, MAIT, ...)
LEVELS = {BRANCH: "branch", "subset": "subset"}  # columns of a label, from coarse to fine: words
# How much is known of a cell, from fine to coarse (tilt.labels.known).
KNOWN_LEVELS = ("subset", "compartment", "branch", "t_cell")

# Groups of cells that shares are taken of. The working set is what the imbalance is measured in:
# memory CD4 T cells, regulatory and naive ones left out (tilt.cells.groups.masks).
WORKING_SET = "memory_cd4"
GROUPS = (WORKING_SET, "cd4", "t")  # from narrow to wide
DENOMINATORS = (*GROUPS, "pbmc")
TABLE_DENOMINATOR = "total"  # of a published table that names none

# The two poles of the imbalance; the labels counted at each (E1) are the setting imbalance: poles.
POLES = ("tph", "th22")
POLE_FLAGS = {pole: (f"{pole}_high",) for pole in POLES}  # counted at each pole for E2
POLE_SETS = {"tph": "TPH_BLOOD", "th22": "TH22_BLOOD"}  # signatures behind score and flag
ISG_HIGH = "isg_high"
FLAGS = ("tph_high", "th22_high", ISG_HIGH)  # states of a cell that are counted per donor
INTERFERON_SET = "IFN1_T_CORE"  # the signature of the type I interferon score


@dataclass(frozen=True)
class Estimator:
    """How an estimator of the imbalance is called in figures (title, axis) and text (phrase)."""

    title: str
    axis: str
    phrase: str
    unit: str  # of its value and effect
    fold: str = ""  # what there are times as many of, where the effect is a fold


ESTIMATORS = {
    "E1": Estimator(
        "E1 labeled cells",
        "ln(Tph + Tfh / Th22-like)",
        "the log-ratio of labeled Tph/Tfh to Th22-like cells (E1)",
        "ln ratio",
        "Tph/Tfh per Th22-like cell",
    ),
    "E2": Estimator(
        "E2 score-high cells",
        "ln(Tph-high / Th22-high)",
        "the log-ratio of Tph-score-high to Th22-score-high cells (E2)",
        "ln ratio",
        "Tph-high per Th22-high cell",
    ),
    "E3": Estimator(
        "E3 pseudobulk axis",
        "Tph − Th22 axis (SD)",
        "the pseudobulk axis Tph minus Th22 (E3)",
        "SD",
    ),
}
# Beside them, in cohorts with antibody tags; it never leads.
PROTEIN_AXIS = "E4"
MEASURED = {
    **ESTIMATORS,
    PROTEIN_AXIS: Estimator(
        "E4 protein axis",
        "ln(PD-1hi ICOS+ / CD96hi)",
        "the log-ratio of PD-1hi ICOS+ to CD96hi cells by their proteins (E4)",
        "ln ratio",
        "PD-1hi ICOS+ per CD96hi cell",
    ),
}
RATIOS = ("E1", "E2")  # estimators that are log-ratios of counts

# Measures of the clones of a donor in a subset (tilt.donors.clones), and of invariant chains.
CLONE_EXPANDED, CLONE_GINI, CLONE_D50 = "clone_expanded", "clone_gini", "clone_d50"
SHARED_CLONES = "clones_in_"  # before the name of the other subset
MAIT_CHAIN, NKT_CHAIN = "MAIT_chain", "iNKT_chain"
CLONE_MEASURES = (CLONE_EXPANDED, CLONE_GINI, CLONE_D50, MAIT_CHAIN, NKT_CHAIN)

# Role of a test, declared before the data are seen, in the order of the table.
PRIMARY, SECONDARY, SENSITIVITY, EXPLORATORY = (
    "primary",
    "secondary",
    "sensitivity",
    "exploratory",
)
ROLES = (PRIMARY, SECONDARY, SENSITIVITY, EXPLORATORY)
# One of them is the declared method of a quantity: its interval, its p, its verdict.
MODERATED = "_moderated"  # behind the method whose variance is moderated by other subsets
CORRECTED = "corrected_"  # before the method of a row that is corrected for mislabeled cells
MAIN_METHODS = (
    *("arcsine_ols_hc2", "wls_hc2", "ols_hc2", "paired_t"),
    *(f"{method}{MODERATED}" for method in ("arcsine_ols_hc2", "paired_t")),
)

# Counts that a gene needs in as many donors as the smaller arm has, the filter that DESeq2's
# vignette advises (doi:10.1186/s13059-014-0550-8); rarer genes cost time and cannot be told apart.
MIN_COUNT = 10
