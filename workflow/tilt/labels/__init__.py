"""Lineages and subsets of cells, states, and how sure they are."""
