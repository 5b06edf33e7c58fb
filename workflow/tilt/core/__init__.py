"""Words, contracts of tables, logs and provenance: what every room knows."""
