"""tilt: T-cell Imbalance in Lupus, from Transcriptomes.

All logic of the workflow lives in this package and knows nothing of Snakemake. Modules call
downwards only: tables, files and gene names below; quality control, embedding and annotation
above them; donor tables and their tests above those; figures and the report on top.
"""

__version__ = "0.1.0"
