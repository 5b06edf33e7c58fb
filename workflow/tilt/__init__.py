"""tilt: T-cell Imbalance in Lupus, from Transcriptomes.

All logic of the workflow lives in these packages and knows nothing of Snakemake. They call
downwards only, from the top: stages; report; figures; stats, simulate; donors, labels; cells,
config; io; core, genes.
"""

__version__ = "0.1.0"
