"""Figures: each function takes tidy tables and returns a Figure and the table of what it shows.

Nothing here computes a statistic that is not in the tables, reads a path, or knows Snakemake.
"""
