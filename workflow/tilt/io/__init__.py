"""Raw formats to AnnData, the count store, retrieval."""
