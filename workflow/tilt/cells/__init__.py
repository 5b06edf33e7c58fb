"""Quality control, doublets, normalization, neighbors and embedding of cells."""
