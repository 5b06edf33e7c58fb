"""Contracts of the tables of T-cell receptors: a part of :mod:`tilt.core.contracts`."""

from tilt.core.columns import table

RECEPTORS = table(  # a row a T cell; "" where it has no such chain
    "receptors.tsv.gz",
    """
    text cell tra_v tra_j tra_cdr3
    count n_tra
    text trb_v trb_j trb_cdr3
    count n_trb
    flag many_chains
    text invariant clone
    count clone_size
    """,
)
RECEPTOR_SAMPLES = table(  # what became of the contigs of each sample
    "receptor_samples.tsv",
    """
    text cohort sample donor condition file sha256
    count n_contigs n_productive n_barcodes n_no_cell
    count n_t n_t_alpha n_t_beta n_t_both n_t_many
    count n_single_beta n_several_beta
    number pct_doublets_single pct_doublets_several
    text notes
    """,
)
CLONES = table(  # a row a measure of a subset in a unit
    "clones.tsv",
    """
    text cohort donor condition subset measure
    number value
    count n_cells n_clones depth
    flag estimable
    text reason
    """,
)
