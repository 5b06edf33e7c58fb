"""What the script of a rule does, as functions that know nothing of Snakemake."""
