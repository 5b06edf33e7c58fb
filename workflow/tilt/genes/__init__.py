"""Marker, signature and alias tables, and what they say of a gene."""
